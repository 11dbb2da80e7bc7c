//! Every kind of event keeps its name and the shape of its payload forever.
//!
//! `golden/KIND.vN.json` holds a payload of schema version N. A golden file never changes: a new
//! shape needs a new schema version and a new file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::{Decoding, Event, MailboxSet};
use serde_json::Value;

/// The files: kind, version and text.
pub(crate) fn golden() -> BTreeMap<(String, u16), String> {
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
    let kinds = Event::KINDS.iter().map(|(kind, version)| ((*kind).to_owned(), *version));
    let expected: BTreeSet<_> = kinds.collect();
    assert_eq!(golden().into_keys().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn each_decodes_and_encodes_to_the_same_text() {
    for ((kind, version), text) in golden() {
        let event = Event::decode(&kind, version, &text).unwrap();
        assert_eq!(event.kind(), (kind.as_str(), version));
        // Texts, not values: operators read payloads, so the order of the keys counts.
        assert_eq!(event.payload().unwrap(), compact(&text), "{kind}");
    }
}

/// A set named `mailboxes` is the subject of its event, whatever else the payload holds.
#[test]
fn the_mailboxes_and_numbers_of_a_payload_are_its_subjects() {
    for ((kind, version), text) in golden() {
        let event = Event::decode(&kind, version, &text).unwrap();
        let payload: Value = serde_json::from_str(&text).unwrap();
        let named = payload.get("mailboxes").filter(|mailboxes| !mailboxes.is_u64());
        let named = named.map(|set| serde_json::from_value::<MailboxSet>(set.clone()).unwrap());
        let one = payload.get("number").and_then(Value::as_u64);
        let one = one.map(|number| MailboxSet::from(u32::try_from(number).unwrap()));
        if let Some(expected) = named.or(one) {
            let subjects = event.subjects();
            assert!(expected.iter().all(|number| subjects.contains(number)), "{kind}");
            assert_eq!(*subjects.into_set().unwrap(), *expected, "{kind}");
        }
    }
}

#[test]
fn descriptions_are_short_and_name_no_kind() {
    for ((kind, version), text) in golden() {
        let event = Event::decode(&kind, version, &text).unwrap();
        let number = event.subjects().into_set().and_then(|set| set.min()).unwrap_or_default();
        for description in [event.describe(), event.describe_for(number)] {
            assert!((3..200).contains(&description.chars().count()), "{kind}: {description}");
            assert!(!description.contains(&kind), "{kind}: {description}");
        }
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
fn an_unknown_kind_or_version_is_an_error_that_names_it() {
    let unknown = Event::decode("phase-postponed", 1, "{}").unwrap_err();
    assert_eq!(unknown.to_string(), "unknown event kind \"phase-postponed\"; upgrade tramonto");
    for ((kind, version), text) in golden() {
        let error = Event::decode(&kind, version + 1, &text).unwrap_err();
        let expected = format!(
            "schema version {} of {kind} is not supported ({version} is); upgrade tramonto",
            version + 1
        );
        assert_eq!(error.to_string(), expected);
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
