//! Where things are: the members of the workspace, their manifests and sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::source::Source;

/// The folder of the workspace. `TRAMONTO_LAWS_ROOT` names another checkout to be judged instead.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("TRAMONTO_LAWS_ROOT").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned(),
        PathBuf::from,
    )
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A path as it is named from the root of the workspace.
pub(crate) fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every file below a folder with one of these endings, in order, without hidden folders and build
/// results.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
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
    found.sort();
    found
}

/// The names of the crates in `crates/`.
pub(crate) fn crates() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("crates")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The members of the workspace, as its manifest lists them.
pub(crate) fn members() -> Vec<String> {
    let members = manifest("")["workspace"]["members"].as_array().unwrap().clone();
    members.iter().map(|member| member.as_str().unwrap().to_owned()).collect()
}

/// The manifest of a member.
pub(crate) fn manifest(member: &str) -> Table {
    read(&root().join(member).join("Cargo.toml")).parse().unwrap()
}

/// The names in a section of a manifest, e.g. `dependencies`.
pub(crate) fn named(manifest: &Table, section: &str) -> BTreeSet<String> {
    let section = manifest.get(section).and_then(|section| section.as_table());
    section.map(|section| section.keys().cloned().collect()).unwrap_or_default()
}

/// What a source file belongs to: the name of its crate, or `tests`.
pub(crate) fn owner(path: &Path) -> String {
    let path = short(path);
    let mut parts = path.split('/');
    match (parts.next(), parts.next()) {
        (Some("crates"), Some(name)) => name.to_owned(),
        (first, _) => first.unwrap_or_default().to_owned(),
    }
}

/// Every Rust source, read; this package itself, which holds what it forbids, is left out.
pub(crate) fn sources() -> Vec<(PathBuf, Source)> {
    let all = ["crates", "tests"].map(|folder| files(&root().join(folder), &[".rs"]));
    let ours = root().join("tests/laws");
    let others = all.into_iter().flatten().filter(|path| !path.starts_with(&ours));
    others.map(|path| (path.clone(), Source::read(&read(&path)))).collect()
}
