//! Manifests, and the recipes.

use crate::workspace::{manifest, members, read, root};

#[test]
fn versions_stand_in_the_workspace_only_and_each_member_keeps_the_lints() {
    for member in members() {
        let manifest = manifest(&member);
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{member}");
        for section in ["dependencies", "dev-dependencies"] {
            let Some(section) = manifest.get(section).and_then(|section| section.as_table()) else {
                continue;
            };
            for (name, dependency) in section {
                let states_version = dependency.get("version").is_some() || dependency.is_str();
                assert!(!states_version, "{member}: {name}");
            }
        }
    }
}

#[test]
fn every_recipe_says_what_it_does() {
    let text = read(&root().join("justfile"));
    let lines: Vec<_> = text.lines().collect();
    let mut recipes = 0;
    for (above, line) in lines.iter().zip(lines.iter().skip(1)) {
        let is_recipe =
            line.contains(':') && !line.starts_with([' ', '\t', '#']) && !line.contains(":=");
        if is_recipe {
            recipes += 1;
            assert!(above.starts_with("# "), "{line:?} has no comment above it");
        }
    }
    assert!(recipes > 5, "the recipes were not found");
}
