//! Which crate may know which.

use crate::workspace::{crates, manifest, named, root, sources};

/// The crates in the order of the flow: each may know only those above it.
const ORDER: &[&str] = &[
    "domain",
    "compression",
    "sql",
    "eventstore",
    "bus",
    "registry",
    "projections",
    "keyring",
    "mail",
    "platform",
    "scheduler",
    "workers",
    "vouchers",
    "archive",
    "intake",
    "policy",
    "views",
    "engine",
    "rehearsal",
    "tramonto",
];

/// What `domain` may use: nothing that reads, writes, waits, or throws dice.
const PURE: &[&str] = &[
    "base64",
    "chrono",
    "chrono-tz",
    "roaring",
    "serde",
    "serde_json",
    "strsim",
    "thiserror",
    "toml",
    "uuid",
];

/// What the code of `domain` never names.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "now_v7",
    "new_v4",
];

/// Crates with databases of their own.
const WITH_SQL: &[&str] = &["sql", "eventstore", "registry", "platform", "engine", "rehearsal"];

#[test]
fn each_crate_knows_only_those_above_it() {
    let mut broken = Vec::new();
    for name in crates() {
        let place = ORDER.iter().position(|known| *known == name);
        let place = place.unwrap_or_else(|| panic!("{name} has no place in the order"));
        let manifest = manifest(&format!("crates/{name}"));
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for below in named(&manifest, section) {
                let downwards = ORDER.iter().skip(place).any(|later| *later == below);
                if downwards {
                    broken.push(format!("{name} -> {below}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "edges that point downwards: {broken:?}");
}

#[test]
fn only_the_binary_knows_clap() {
    for name in crates().iter().filter(|name| *name != "tramonto") {
        let manifest = manifest(&format!("crates/{name}"));
        for clap in ["clap", "clap_complete", "clap_mangen"] {
            assert!(!named(&manifest, "dependencies").contains(clap), "{name} may not use {clap}");
        }
    }
}

#[test]
fn the_domain_is_pure() {
    for used in named(&manifest("crates/domain"), "dependencies") {
        assert!(PURE.contains(&used.as_str()), "domain may not use {used}");
    }
    let domain = root().join("crates/domain/src");
    for (path, source) in sources().iter().filter(|(path, _)| path.starts_with(&domain)) {
        for impure in IMPURE {
            assert!(!source.code.contains(impure), "{} names {impure}", path.display());
        }
    }
}

#[test]
fn sql_stays_in_the_crates_that_own_a_database() {
    for name in crates().iter().filter(|name| !WITH_SQL.contains(&name.as_str())) {
        let manifest = manifest(&format!("crates/{name}"));
        assert!(!named(&manifest, "dependencies").contains("sqlx"), "{name} may not use sqlx");
    }
}
