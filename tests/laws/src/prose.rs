//! Plain English in comments, strings and helps, in lines of at most 100 columns.

use std::collections::BTreeMap;

use crate::workspace::{files, owner, read, root, short, sources};

/// Metaphors and paraphrases that once had to be decoded, each with the word of the field.
const BANNED: &[(&str, &str)] = &[
    ("a handful", "batch"),
    ("anew", "again, re-"),
    ("be sure who", "verify"),
    ("became of", "outcome"),
    ("begun with", "started"),
    ("came of it", "outcome"),
    ("canary tells", "canary reports"),
    ("desk", "command handler, request processor"),
    ("doors", "probe endpoints"),
    ("errand", "task"),
    ("extract of the log", "message-log export"),
    ("for ever", "forever, permanently"),
    ("forgotten", "erased"),
    ("given up", "failed permanently"),
    ("growing rests", "backoff"),
    ("hand out", "dispatch"),
    ("hand over", "deliver"),
    ("handed out", "dispatched"),
    ("handed over", "delivered"),
    ("in hand", "in flight"),
    ("is sure who", "verified"),
    ("left behind", "unaccounted for"),
    ("look into", "inspect"),
    ("looked into", "inspected"),
    ("needles", "search terms"),
    ("nobody left", "every mailbox accounted for"),
    ("obeying", "enforcing"),
    ("on record", "recorded"),
    ("otherwise on the platform", "differs on the platform"),
    ("otherwise than", "differs from, contradicts"),
    ("patience", "wait_for"),
    ("put aside", "dead-lettered"),
    ("put right", "repaired, corrected"),
    ("scour", "scan"),
    ("tell ahead", "arm"),
    ("telling ahead", "arming"),
    ("told ahead", "armed"),
    ("turn over", "rotate"),
    ("turned over", "rotated"),
    ("vitals", "health"),
    ("what is known", "state, snapshot"),
    ("who asked", "requester"),
    ("who asks", "requester"),
];

/// The endings of documents and of files that operators install.
const DOCUMENTS: &[&str] = &[
    ".md",
    ".yaml",
    ".yml",
    ".env",
    ".service",
    ".target",
    ".conf",
    ".cf",
    ".sql",
    ".example",
    "openapi.json",
    "tramonto.json",
];

/// Names of types that say less than the field's word.
const BANNED_NAMES: &[(&str, &str)] = &[
    ("Came", "Outcome"),
    ("Desk", "CommandHandler, RequestProcessor or AppState"),
    ("Doors", "Probes"),
    ("Errand", "Task"),
    ("Gates", "Eligibility"),
    ("Ground", "Context"),
    ("Handful", "Batch"),
    ("Lanes", "Connections"),
    ("Office", "the aggregate's module"),
    ("Patience", "WaitFor"),
    ("Pile", "Queue"),
    ("Place", "StoreUrl, or what place"),
    ("Vitals", "Health"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Phrases,
    Names,
    Columns,
    Summaries,
}

/// What was found, by crate.
type Found = BTreeMap<String, Vec<String>>;

/// Fails where a crate breaks a rule.
fn judge(rule: Rule, found: &Found) {
    let counts: Vec<_> = found.iter().map(|(owner, all)| (owner, all.len())).collect();
    assert!(found.is_empty(), "{rule:?}: {counts:?} {found:#?}");
}

#[test]
fn comments_and_strings_have_none_of_the_banned_phrases() {
    let mut found = Found::new();
    for (path, source) in sources() {
        for piece in source.comments.iter().chain(&source.strings) {
            let text = piece.text.to_lowercase();
            for (phrase, better) in BANNED.iter().filter(|(phrase, _)| has_words(&text, phrase)) {
                let place = format!("{}:{}: {phrase} ({better})", short(&path), piece.line);
                found.entry(owner(&path)).or_default().push(place);
            }
        }
    }
    judge(Rule::Phrases, &found);
}

#[test]
fn documents_and_deployment_files_have_none_of_the_banned_phrases() {
    let mut found = Found::new();
    for path in files(&root(), DOCUMENTS) {
        for (line, text) in read(&path).to_lowercase().lines().enumerate() {
            for (phrase, better) in BANNED.iter().filter(|(phrase, _)| has_words(text, phrase)) {
                let place = format!("{}:{}: {phrase} ({better})", short(&path), line + 1);
                found.entry(owner(&path)).or_default().push(place);
            }
        }
    }
    judge(Rule::Phrases, &found);
}

#[test]
fn types_are_not_named_by_metaphors() {
    let mut found = Found::new();
    for (path, source) in sources() {
        for (line, code) in source.code.lines().enumerate() {
            let declares = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| {
                let (before, after) = code.split_once(kind)?;
                (before.is_empty() || before.ends_with(' ')).then_some(after)
            });
            let Some(name) = declares else { continue };
            let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            if let Some((_, better)) = BANNED_NAMES.iter().find(|(banned, _)| *banned == name) {
                let place = format!("{}:{}: {name} ({better})", short(&path), line + 1);
                found.entry(owner(&path)).or_default().push(place);
            }
        }
    }
    judge(Rule::Names, &found);
}

#[test]
fn lines_have_at_most_100_columns() {
    let mut found = Found::new();
    for (path, source) in sources() {
        for (line, text) in source.lines.iter().enumerate() {
            if text.chars().count() > 100 {
                found.entry(owner(&path)).or_default().push(format!(
                    "{}:{}",
                    short(&path),
                    line + 1
                ));
            }
        }
    }
    judge(Rule::Columns, &found);
}

#[test]
fn summaries_of_commands_are_imperatives_under_80_characters() {
    let mut found = Found::new();
    for (path, source) in sources() {
        for (line, summary) in summaries(&source.lines) {
            let first = summary.split_whitespace().next().unwrap_or_default().to_lowercase();
            let third_person = first.ends_with('s') && !first.ends_with("ss");
            if third_person || summary.chars().count() >= 80 {
                let place = format!("{}:{line}: {summary}", short(&path));
                found.entry(owner(&path)).or_default().push(place);
            }
        }
    }
    judge(Rule::Summaries, &found);
}

/// The first line of the help of each command: of the variants of an enum that clap parses.
fn summaries(lines: &[String]) -> Vec<(usize, String)> {
    let (mut found, mut within) = (Vec::new(), false);
    let mut derived = false;
    for (at, line) in lines.iter().enumerate() {
        if line.contains("derive(") && line.contains("Subcommand") {
            derived = true;
        } else if derived && line.contains("enum ") {
            (derived, within) = (false, true);
        } else if line == "}" {
            within = false;
        }
        let begins = at == 0 || !lines[at - 1].trim_start().starts_with("///");
        let of_variant = line.starts_with("    /// ") && within && begins;
        if of_variant {
            found.push((at + 1, line.trim_start_matches("    /// ").to_owned()));
        }
    }
    found
}

/// Does a text have this phrase, as whole words?
fn has_words(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let (before, after) = (&text[..at], &text[at + phrase.len()..]);
        !before.ends_with(word) && !after.starts_with(word)
    })
}

#[test]
fn a_phrase_is_found_as_whole_words_and_a_summary_at_its_variant() {
    assert!(has_words("what was in hand is given back", "in hand"));
    assert!(!has_words("within handling", "in hand") && !has_words("desktop", "desk"));
    let lines = ["#[derive(Debug, Subcommand)]", "enum Command {", "    /// Shows it.", "    ///"];
    let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(summaries(&lines), [(3, "Shows it.".to_owned())]);
}
