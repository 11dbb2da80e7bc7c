//! The diagram of a mailbox's lifecycle in ARCHITECTURE.md agrees with `Mailbox::evolve`.

use std::collections::BTreeSet;

use domain::{Event, Lifecycle, Mailbox};

use crate::golden::golden;

const STATES: [Lifecycle; 5] = [
    Lifecycle::Unknown,
    Lifecycle::Registered,
    Lifecycle::Activated,
    Lifecycle::Lapsed,
    Lifecycle::Withdrawn,
];

fn name(state: Lifecycle) -> String {
    serde_json::to_value(state).unwrap().as_str().unwrap().to_owned()
}

/// The edges of the diagram: from, event kind, to.
fn diagram() -> BTreeSet<(String, String, String)> {
    let page = include_str!("../../../../ARCHITECTURE.md");
    let mut edges = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("    ") && line.contains("-->")) {
        let parts: Vec<&str> = line.split("--").map(|part| part.trim_matches([' ', '>'])).collect();
        for step in parts.windows(3).step_by(2) {
            let [from, kind, to] = step else { continue };
            if STATES.iter().any(|state| from.contains(&name(*state))) {
                let from = from.split(", ").map(str::to_owned);
                edges.extend(from.map(|from| (from, (*kind).to_owned(), (*to).to_owned())));
            }
        }
    }
    edges
}

/// The lifecycles that an event of a golden file leads to, one for each of its mailboxes.
fn outcomes(event: &Event, from: Lifecycle) -> BTreeSet<String> {
    let numbers = event.subjects().into_set().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let evolve = |number| {
        let mut mailbox = Mailbox { lifecycle: from, ..Mailbox::new(number) };
        mailbox.evolve(event);
        name(mailbox.lifecycle)
    };
    numbers.into_iter().map(evolve).collect()
}

#[test]
fn every_edge_of_the_diagram_is_a_transition_and_no_other_event_changes_a_lifecycle() {
    let diagram = diagram();
    assert!(diagram.len() >= 7, "{diagram:?}");
    for ((kind, version), text) in golden() {
        let event = Event::decode(&kind, version, &text).unwrap();
        for from in STATES {
            let after = outcomes(&event, from);
            let drawn = diagram.iter().filter(|(_, of, _)| *of == kind);
            if drawn.clone().count() == 0 {
                let unchanged = after.iter().all(|to| *to == name(from));
                assert!(unchanged, "{kind} changes {from:?} to {after:?}");
            }
            for (_, _, to) in drawn.filter(|(state, _, _)| *state == name(from)) {
                assert!(after.contains(to), "{kind} changes {from:?} to {after:?}, not to {to}");
            }
        }
    }
}
