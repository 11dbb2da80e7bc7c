//! Files of the repository, and the programs that validate them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file by its path in the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of the files with this ending in a folder of the repository, sorted.
pub(crate) fn listed(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<_> = names
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "nothing in {folder} ends in {ending}");
    found
}

/// The output of a program, both streams, and whether it succeeded.
pub(crate) fn told(output: &Output) -> (bool, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

/// A program needed by the tests, installed if missing.
pub(crate) fn program(name: &str) -> PathBuf {
    let installed = Command::new(root().join("tests/servers/install")).arg(name).output().unwrap();
    let (ok, said) = told(&installed);
    assert!(ok, "{name} can't be had; run tests/run, which installs what it needs\n{said}");
    String::from_utf8(installed.stdout).unwrap().trim().into()
}

/// The output of a Python script beside this file.
pub(crate) fn python(script: &str, arguments: &[String], input: &str) -> String {
    let python = std::env::var("TRAMONTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut running = Command::new(&python)
        .arg(root().join("tests/tests/whole_flow/deploy").join(script))
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("can't run {python}: {error}; run tests/run"));
    // If the script exited before it read this, its output tells why.
    drop(running.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{python} {script} failed; tests/run installs what it needs\n{said}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The documents of YAML files, grouped by file.
pub(crate) fn yaml(paths: &[String]) -> Vec<Vec<Value>> {
    serde_json::from_str(&python("read_yaml.py", paths, "")).unwrap()
}

/// A settings file with all commented-out options enabled: a `#` directly followed by text is an
/// option, not a remark.
pub(crate) fn offered(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().map(|line| match line.trim_start().strip_prefix('#') {
        Some(offer) if !offer.starts_with([' ', '!']) => line.replacen('#', "", 1),
        Some(_) | None => line.to_owned(),
    });
    let all = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(all, text.trim_end(), "{path} offers nothing");
    all
}

/// The documents of a YAML file with all commented-out options enabled.
pub(crate) fn offered_yaml(path: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offered.yaml");
    std::fs::write(&file, offered(path)).unwrap();
    yaml(&[file.to_str().unwrap().to_owned()]).remove(0)
}

/// The value at a path such as `/spec/replicas`, which must exist.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or_else(|| panic!("there is no {path} in {value}"))
}

/// A required text.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    let found = at(value, path);
    found.as_str().unwrap_or_else(|| panic!("{path} is no text: {found}"))
}

/// A required list.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    let found = at(value, path);
    found.as_array().unwrap_or_else(|| panic!("{path} is no list: {found}"))
}

/// The texts of a list.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap_or_else(|| panic!("{value} is no list"));
    items.iter().map(|item| item.as_str().unwrap_or_else(|| panic!("{item}")).to_owned()).collect()
}

/// An image is named without its registry host, and with a version, so that it is reproducible.
pub(crate) fn assert_pinned(image: &str) {
    let (name, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no version"));
    assert!(!name.contains('/'), "{image} names the host that it comes from");
    assert!(tag.starts_with(|first: char| first.is_ascii_digit()), "{image}: what is {tag}?");
}
