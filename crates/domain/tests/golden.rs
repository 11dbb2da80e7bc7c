//! Every kind of event, in every schema version it ever had, is read for ever.
//!
//! `golden/KIND.vN.json` holds a payload as version N wrote it. A file is never changed: a new shape gets a
//! new version and a file of its own.

#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;

use domain::{Decoding, Event};
use serde_json::Value;

/// The files: kind, version and text.
fn golden() -> BTreeMap<(String, u16), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (kind, version) = name.strip_suffix(".json").unwrap().rsplit_once(".v").unwrap();
        ((kind.to_owned(), version.parse().unwrap()), std::fs::read_to_string(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(file).collect()
}

#[test]
fn there_is_one_for_every_kind_and_version_and_no_other() {
    let versions = Event::KINDS
        .iter()
        .flat_map(|(kind, newest)| (1..=*newest).map(|version| ((*kind).to_owned(), version)));
    let expected: Vec<_> =
        versions.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    assert_eq!(golden().into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn each_is_read_and_the_newest_is_written_as_it_was() {
    for ((kind, version), text) in golden() {
        let event = Event::decode(&kind, version, &text).unwrap();
        let newest = event.kind();
        assert_eq!(newest.0, kind);
        let written = event.payload().unwrap();
        if newest.1 == version {
            // Texts, not values: the order of the keys is part of what is read by people.
            let compact: String = compact(&text);
            assert_eq!(written, compact, "{kind} version {version}");
        }
        assert_eq!(Event::decode(&kind, newest.1, &written).unwrap(), event);
    }
}

/// A JSON text without the white space between its parts.
fn compact(text: &str) -> String {
    let mut inside = false;
    let mut escaped = false;
    text.chars()
        .filter(|character| {
            if *character == '"' && !escaped {
                inside = !inside;
            }
            escaped = inside && *character == '\\' && !escaped;
            inside || !character.is_whitespace()
        })
        .collect()
}

#[test]
fn a_completed_phase_of_version_1_held_and_gave_up_nobody() {
    let golden = golden();
    let old = golden.get(&("phase-completed".to_owned(), 1)).unwrap();
    let Event::PhaseCompleted(completed) = Event::decode("phase-completed", 1, old).unwrap() else {
        panic!("another kind");
    };
    assert_eq!(completed.phase.as_str(), "receive-only");
    assert_eq!((completed.population, completed.done, completed.already_so), (200, 198, 2));
    assert!(completed.held.is_empty() && completed.given_up.is_empty());
}

#[test]
fn an_unknown_kind_and_a_newer_version_say_so() {
    let unknown = Event::decode("phase-postponed", 1, "{}").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "this program knows no event kind \"phase-postponed\"; run a newer version of it"
    );
    for ((kind, _), text) in golden() {
        let newest = Event::KINDS.iter().find(|(name, _)| *name == kind).unwrap().1;
        let newer = Event::decode(&kind, newest + 1, &text).unwrap_err();
        let (found, known) = (newest + 1, newest);
        assert_eq!(
            newer.to_string(),
            format!(
                "schema version {found} of {kind} is newer than {known}; run a newer version of this \
                 program"
            )
        );
    }
}

#[test]
fn a_payload_that_lacks_any_of_its_fields_is_refused_by_kind() {
    for ((kind, version), text) in golden() {
        let Value::Object(whole) = serde_json::from_str(&text).unwrap() else {
            panic!("{kind} is no object")
        };
        // A field that may be null may be left out too.
        for field in whole.iter().filter(|(_, value)| !value.is_null()).map(|(field, _)| field) {
            let mut part = whole.clone();
            part.remove(field);
            let read = Event::decode(&kind, version, &Value::Object(part).to_string());
            let optional =
                ["phase", "until", "calls_per_second", "scheduled_for", "verifies_until"]
                    .contains(&field.as_str());
            match read {
                Err(Decoding::Payload { kind: named, problem }) => {
                    assert_eq!(named, kind);
                    assert!(problem.contains(field.as_str()), "{kind}: {problem}");
                }
                Err(other) => panic!("{kind} without {field}: {other}"),
                Ok(_) => assert!(optional, "{kind} is read without its {field}"),
            }
        }
    }
}
