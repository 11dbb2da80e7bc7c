//! Commands that messages print: each parses as printed, once its placeholders are replaced.

use std::fs;
use std::path::Path;

use tramonto::cli::command;

/// The text of the Rust sources under a folder, without comments and line continuations.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let mut joined = String::new();
            for line in code {
                match line.trim_start().strip_suffix('\\') {
                    Some(continued) => joined.push_str(continued),
                    None => joined.extend([line.trim_start(), "\n"]),
                }
            }
            found.push(joined);
        }
    }
}

/// A valid value for a placeholder; any other word stands for itself.
fn value(word: &str) -> &str {
    match word {
        "ID" | "{request}" => "0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11",
        "{retired}" => "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "INCIDENT" => "receive-only:unknown-mailbox",
        "MAILBOX" => "17",
        "TEXT" => "file 12",
        "FILE" | "FILE.csv" | "DIR" | "FOLDER" => "name",
        "{}" => "receive-only",
        other => other,
    }
}

#[test]
fn every_printed_command_parses() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut texts = Vec::new();
    for entry in fs::read_dir(crates).expect("the crates") {
        let folder = entry.expect("an entry").path().join("src");
        if folder.is_dir() {
            sources(&folder, &mut texts);
        }
    }
    let mut tried = 0;
    let mut wrong = Vec::new();
    for text in &texts {
        for (start, _) in text.match_indices("`tramonto ") {
            let printed = text[start + 1..].split('`').next().unwrap_or_default();
            let parsed = command().try_get_matches_from(printed.split_whitespace().map(value));
            tried += 1;
            if let Err(error) = parsed
                && error.kind() != clap::error::ErrorKind::DisplayHelp
            {
                wrong.push(format!("{printed}: {error}"));
            }
        }
    }
    assert!(tried >= 60, "{tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
