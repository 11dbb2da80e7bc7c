//! Manifests, and the recipes.

use std::collections::BTreeSet;
use std::process::Command;

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

/// Otherwise the benchmark would not link what was built for the program, but build it once more.
#[test]
fn development_dependencies_of_the_program_add_no_feature() {
    let built = |edges: &str| -> BTreeSet<String> {
        let shape = ["tree", "--offline", "--prefix", "none", "--format", "{p} {f}"];
        let mut tree = Command::new(env!("CARGO"));
        tree.args(shape).args(["--package", "tramonto", "--edges", edges]).current_dir(root());
        let tree = tree.output().unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let text = String::from_utf8(tree.stdout).unwrap();
        text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
    };
    let (program, with_tests) = (built("normal,build"), built("normal,build,dev"));
    assert!(program.len() > 100, "{program:?}");
    let other: Vec<_> = program.difference(&with_tests).collect();
    assert!(other.is_empty(), "built with other features for its tests: {other:?}");
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
