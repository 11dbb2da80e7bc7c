//! The rules of the workspace that no compiler knows, run as a test.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Table;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder with one of these endings, hidden folders and build results left out.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let skipped = name.starts_with('.') || name.starts_with("target");
        if path.is_dir() && !skipped {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

/// The names in a section of a manifest, e.g. `dependencies`.
fn named(manifest: &Table, section: &str) -> BTreeSet<String> {
    let section = manifest.get(section).and_then(|section| section.as_table());
    section.map(|section| section.keys().cloned().collect()).unwrap_or_default()
}

fn manifest(member: &str) -> Table {
    read(&root().join(member).join("Cargo.toml")).parse().unwrap()
}

/// Who may know whom. The binary, and the whole-flow tests, may know everyone.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("eventstore", &["domain"]),
    ("sql", &["eventstore"]),
    ("bus", &["domain"]),
    ("scheduler", &["eventstore", "domain"]),
    ("registry", &["sql", "eventstore", "domain"]),
    ("projections", &["bus", "sql", "eventstore", "domain"]),
    ("keyring", &[]),
    ("mail", &["keyring", "domain"]),
    ("platform", &["eventstore", "domain"]),
    ("workers", &["platform", "mail", "bus", "eventstore", "domain"]),
    ("vouchers", &["keyring", "registry", "projections", "sql", "eventstore", "domain"]),
    ("archive", &["keyring", "sql", "eventstore", "domain"]),
    ("policy", &["registry", "projections", "eventstore", "domain"]),
    (
        "intake",
        &["vouchers", "mail", "keyring", "sql", "registry", "projections", "eventstore", "domain"],
    ),
    ("views", &["projections", "eventstore", "domain"]),
    (
        "engine",
        &[
            "views",
            "archive",
            "bus",
            "domain",
            "eventstore",
            "intake",
            "keyring",
            "mail",
            "platform",
            "policy",
            "projections",
            "registry",
            "scheduler",
            "sql",
            "vouchers",
            "workers",
        ],
    ),
];

#[test]
fn each_crate_knows_only_those_before_it_in_the_flow() {
    let ours: BTreeSet<_> =
        EDGES.iter().map(|(name, _)| *name).chain(["tramonto"]).map(str::to_owned).collect();
    let members = std::fs::read_dir(root().join("crates")).unwrap();
    let members = members.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(members.collect::<BTreeSet<_>>(), ours, "a crate without an edge in the table");
    for (name, allowed) in EDGES {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for known in named(&manifest(&format!("crates/{name}")), section).intersection(&ours) {
                assert!(allowed.contains(&known.as_str()), "{name} may not know {known}");
            }
        }
    }
}

#[test]
fn the_domain_is_pure_and_sql_stays_where_it_may_be() {
    let domain = named(&manifest("crates/domain"), "dependencies");
    for impure in ["tokio", "sqlx", "rand", "rand_chacha", "tracing", "futures", "async-trait"] {
        assert!(!domain.contains(impure), "domain may not use {impure}");
    }
    let with_sql = [
        "eventstore",
        "sql",
        "registry",
        "projections",
        "platform",
        "workers",
        "engine",
        "tramonto",
    ];
    for (name, _) in EDGES.iter().filter(|(name, _)| !with_sql.contains(name)) {
        let manifest = manifest(&format!("crates/{name}"));
        assert!(!named(&manifest, "dependencies").contains("sqlx"), "{name} may not use sqlx");
    }
}

#[test]
fn versions_stand_in_the_workspace_only_and_each_crate_keeps_the_lints() {
    let members: Vec<_> = EDGES.iter().map(|(name, _)| format!("crates/{name}")).collect();
    for member in
        members.iter().map(String::as_str).chain(["crates/tramonto", "tests", "tests/fuzz"])
    {
        let manifest = manifest(member);
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{member}");
        for section in ["dependencies", "dev-dependencies"] {
            let Some(section) = manifest.get(section).and_then(|section| section.as_table()) else {
                continue;
            };
            for (name, dependency) in section {
                assert!(
                    dependency.get("version").is_none() && !dependency.is_str(),
                    "{member}: {name}"
                );
            }
        }
    }
}

#[test]
fn every_kind_of_event_has_a_golden_file_for_every_version() {
    for (kind, newest) in domain::Event::KINDS {
        for version in 1..=*newest {
            let file = format!("crates/domain/tests/golden/{kind}.v{version}.json");
            assert!(root().join(&file).is_file(), "{file} is missing");
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

#[test]
fn source_files_are_small_finished_and_at_home_on_any_machine() {
    // Put together here, so that this file does not hold what it looks for.
    let refused = [["/work", "/"].concat(), ["/root", "/"].concat(), ["todo", "!("].concat()];
    let ignored = ["#[ig", "nore"].concat();
    for file in files(&root(), &[".rs", ".toml", ".md", "justfile", "run", ".py", ".sh"]) {
        let text = read(&file);
        let name = file.display();
        for word in refused.iter().chain([&ignored]) {
            let starts = |at: usize| {
                !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            };
            let found = text.match_indices(word.as_str()).any(|(at, _)| starts(at));
            assert!(!found, "{name} holds {word:?}");
        }
        let in_source = name.to_string().contains("/src/");
        assert!(!in_source || text.lines().count() <= 500, "{name} is two ideas: split it");
    }
}

#[test]
fn every_lint_that_is_switched_off_says_why() {
    for file in files(&root(), &[".rs"]) {
        let text = read(&file);
        for form in ["allow", "expect"] {
            for opening in [format!("#[{form}("), format!("#![{form}(")] {
                for (at, _) in text.match_indices(&opening) {
                    let rest = text.get(at..).unwrap();
                    let attribute = rest.split(")]").next().unwrap();
                    assert!(attribute.contains("reason = "), "{}: {attribute}", file.display());
                }
            }
        }
    }
}

#[test]
fn links_in_the_documents_point_to_files_that_exist() {
    let mut links: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for file in files(&root(), &[".md"]) {
        let text = read(&file);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
        links.insert(file.clone(), local.map(str::to_owned).collect());
    }
    for (file, targets) in links {
        for target in targets {
            let path = target.split('#').next().unwrap();
            let found = file.parent().unwrap().join(path).exists();
            assert!(found, "{} points to {target}, which does not exist", file.display());
        }
    }
}
