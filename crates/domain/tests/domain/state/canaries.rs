//! Canaries: when they are probed, and which probe counts.

use domain::{
    CanaryProbed, CanaryRules, Capability, Command, Event, Finding, PROBED_CAPABILITIES, Plan,
    ProbeAnswer, Side, Window, probes_due, windows,
};

use crate::history::{at, restored};
use crate::state::world::{UNARMED, World};

fn plan() -> Plan {
    let mut plan = Plan::cec_pac().unwrap();
    let addresses = vec!["canary@mail.example".to_owned()];
    plan.canaries = Some(Box::new(CanaryRules { addresses, recipient: None }));
    plan
}

fn world(plan: Plan) -> World {
    let mut world = World::adopted(plan, "2014-12-01T00:00:00Z", UNARMED);
    world.register(&[true]);
    world
}

impl World {
    /// Which windows are open for canary 0 at an instant, and when the next opens.
    fn due(&self, when: &str) -> (Vec<(String, Side)>, Option<String>) {
        let due = probes_due(&self.state, &[0], at(when));
        let now = due.now.into_iter().map(|(window, _)| (window.phase.to_string(), window.side));
        (now.collect(), due.next_wake.map(|at| at.to_rfc3339()))
    }

    fn window(&self, phase: &str, side: Side) -> Window {
        let all = windows(&self.plan());
        let is = |window: &Window| window.phase.as_str() == phase && window.side == side;
        all.into_iter().find(is).unwrap()
    }

    fn probe(&mut self, window: &Window, when: &str, found: ProbeAnswer) {
        let finding = Finding { capability: Capability::Send, expected: false, found };
        self.record(Event::CanaryProbed(CanaryProbed {
            phase: window.phase.clone(),
            revision: 1,
            side: window.side,
            due_at: window.due_at,
            began_at: at(when),
            ended_at: at(when),
            number: 0,
            findings: vec![finding],
            transcripts: Vec::new(),
        }));
    }

    fn wrong(&self) -> usize {
        self.state.canaries.contradictions().len()
    }
}

fn refused() -> ProbeAnswer {
    ProbeAnswer::Refused("550 5.7.1 this mailbox can no longer send".to_owned())
}

#[test]
fn a_window_is_a_second_before_and_from_a_second_after_until_the_next_phase() {
    let world = world(plan());
    let (before, after) = (Side::Before, Side::After);
    for (at, open) in [
        ("2014-12-01T00:00:00Z", vec![]),
        ("2015-03-17T22:59:58.999Z", vec![("activations-closed", after)]),
        ("2015-03-17T22:59:59Z", vec![("activations-closed", after), ("receive-only", before)]),
        ("2015-03-17T22:59:59.999Z", vec![("activations-closed", after), ("receive-only", before)]),
        // The instant itself belongs to neither side: clocks may differ a little.
        ("2015-03-17T23:00:00Z", vec![]),
        ("2015-03-17T23:00:01Z", vec![("receive-only", after)]),
        ("2030-01-01T00:00:00Z", vec![("ended", after)]),
    ] {
        let open: Vec<_> = open.into_iter().map(|(phase, side)| (phase.to_owned(), side)).collect();
        assert_eq!(world.due(at).0, open, "{at}");
    }
    let wake = |at| world.due(at).1;
    assert_eq!(wake("2015-03-17T22:00:00Z").as_deref(), Some("2015-03-17T22:59:59+00:00"));
    assert_eq!(wake("2015-03-17T22:59:59Z").as_deref(), Some("2015-03-17T23:00:01+00:00"));
    assert_eq!(wake("2030-01-01T00:00:00Z"), None);
}

#[test]
fn a_plan_without_canaries_has_nothing_to_probe() {
    let world = world(Plan::cec_pac().unwrap());
    assert_eq!(world.due("2015-03-17T22:59:59Z"), (vec![], None));
}

#[test]
fn the_latest_probe_counts_and_the_earlier_ones_are_counted() {
    let mut world = world(plan());
    let window = world.window("receive-only", Side::After);
    world.probe(&window, "2015-03-17T23:00:01Z", ProbeAnswer::Allowed);
    assert_eq!(world.wrong(), 1);
    assert_eq!(world.due("2015-03-17T23:00:30Z").0, []);
    assert_eq!(world.due("2015-03-17T23:00:31Z").0.len(), 1, "it is probed again");
    world.probe(&window, "2015-03-17T23:00:31Z", ProbeAnswer::Unknown("timeout".to_owned()));
    assert_eq!(world.wrong(), 0, "nobody knows");
    world.probe(&window, "2015-03-17T23:02:00Z", refused());
    let probe = world.state.canaries.probe(&window, 0).unwrap();
    assert_eq!((probe.attempts, probe.contradicted, probe.agrees()), (3, 1, true));
    assert_eq!(world.due("2015-04-01T00:00:00Z").0, [], "it agrees");
}

#[test]
fn what_is_unknown_is_given_up_and_what_contradicts_never() {
    for (found, again) in
        [(ProbeAnswer::Unknown("timeout".to_owned()), 0), (ProbeAnswer::Allowed, 1)]
    {
        let mut world = world(plan());
        let window = world.window("receive-only", Side::After);
        for _ in 0..world.plan().retry.attempts {
            world.probe(&window, "2015-03-17T23:00:01Z", found.clone());
        }
        assert_eq!(world.due("2015-05-01T00:00:00Z").0.len(), again, "{found:?}");
    }
}

#[test]
fn a_phase_that_was_moved_is_probed_at_its_new_instant() {
    let mut world = world(plan());
    let window = world.window("receive-only", Side::Before);
    world.probe(&window, "2015-03-17T22:59:59Z", ProbeAnswer::Unknown("timeout".to_owned()));
    assert_eq!(world.due("2015-03-17T22:59:59.5Z").0.len(), 1, "before is probed once");
    let mut next = plan();
    next.phases[1].from = "2015-04-18".parse().unwrap();
    world.command(Command::Amend(next)).unwrap();
    let due = world.due("2015-04-17T21:59:59Z").0;
    assert!(due.contains(&("receive-only".to_owned(), Side::Before)), "{due:?}");
}

#[test]
fn what_is_known_of_canaries_is_kept_with_the_rest_of_the_state() {
    let mut world = world(plan());
    let window = world.window("receive-only", Side::After);
    world.probe(&window, "2015-03-17T23:00:01Z", refused());
    assert_eq!(restored(&world.state), world.state);
    assert_eq!(PROBED_CAPABILITIES.len(), 4);
}
