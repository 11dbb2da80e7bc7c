//! Every compiled-in library may be used and distributed under Apache-2.0.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that require attribution at most.
const PERMISSIVE: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Does an expression offer a permissive choice? `/` is the old form of `OR`.
fn is_permissive(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    // `A OR B AND C` is parsed as `(A OR B) AND C`, which is the narrower reading here.
    plain.split(" AND ").all(|all| all.split(" OR ").any(|one| PERMISSIVE.contains(&one.trim())))
}

#[test]
fn every_dependency_is_permissively_licensed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let platform = "x86_64-unknown-linux-gnu";
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", platform])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let nodes = told["resolve"]["nodes"].as_array().unwrap();
    let used: BTreeSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert!(used.len() > 100, "most dependencies were not found");
    let packages = told["packages"].as_array().unwrap();
    let used = packages.iter().filter(|package| used.contains(package["id"].as_str().unwrap()));
    let refused: Vec<_> = used
        .filter(|package| !package["license"].as_str().is_some_and(is_permissive))
        .map(|package| format!("{}: {}", package["name"], package["license"]))
        .collect();
    assert_eq!(refused, [""; 0]);
}

#[test]
fn a_more_restrictive_licence_is_detected() {
    for (expression, permissive) in [
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("AGPL-3.0-or-later", false),
        ("BUSL-1.1", false),
    ] {
        assert_eq!(is_permissive(expression), permissive, "{expression}");
    }
}
