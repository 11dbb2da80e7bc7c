//! The proof of a rehearsal accepts no exception without a reason: hand-written logs, each with one
//! mailbox that still has what a completed phase removed from all others.

use std::sync::Arc;

use chrono::NaiveDate;
use domain::{
    Capabilities, Capability, DateColumn, Event, HoldPlaced, HoldReleased, IncidentOpened,
    IncidentRetried, MailboxSet, MailboxesRegistered, Outcome, PhaseCompleted, PhaseId,
    PhaseStarted, Plan, ProgrammePaused, Verdict,
};
use engine::Home;
use engine::store::Store;
use eventstore::{Clock, ExpectedVersion, Origin, programme_stream};
use rehearsal::VirtualClock;
use rehearsal::prove;
use uuid::Uuid;

const HOLD: Uuid = Uuid::from_u128(7);

fn receive_only() -> PhaseId {
    "receive-only".parse().unwrap()
}

fn removed() -> Capabilities {
    Capabilities::NONE.with(Capability::Send).with(Capability::Modify)
}

fn hold(capabilities: Capabilities, until: Option<NaiveDate>) -> Event {
    Event::HoldPlaced(HoldPlaced { hold: HOLD, number: 1, capabilities, until })
}

fn incident() -> Event {
    Event::IncidentOpened(IncidentOpened {
        phase: Some(receive_only()),
        capabilities: removed(),
        cause: "broken".to_owned(),
        attempts: 8,
        mailboxes: 1.into(),
    })
}

/// Mailboxes 0 and 1; the phase was completed, 0 lost its rights, and 1 has these events.
async fn problems(of_the_second: Vec<Event>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("store"));
    let plan = Plan::cec_pac().unwrap();
    let clock = Arc::new(VirtualClock::at("2014-12-01T00:00:00Z".parse().unwrap()));
    let handed: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&clock);
    let store = Store::open_to_rehearse(&home, &plan, handed).await.unwrap();
    let (journal, origin) = (store.journal(), Origin::part("test"));
    let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
    for _ in 0..2 {
        requested_on.push(NaiveDate::from_ymd_opt(2010, 4, 26)).unwrap();
        activated_on.push(NaiveDate::from_ymd_opt(2010, 5, 1)).unwrap();
    }
    let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
    let due_at = "2015-03-17T23:00:00Z".parse().unwrap();
    let started = PhaseStarted {
        phase: receive_only(),
        revision: 1,
        due_at,
        late_seconds: 0,
        removes: removed(),
        population: MailboxSet::from_iter([0, 1]),
        frozen_at: 2,
    };
    let mut events = vec![Event::MailboxesRegistered(registered), Event::PhaseStarted(started)];
    events.extend(of_the_second);
    for capability in removed().iter() {
        let (phase, mailboxes) = (Some(receive_only()), MailboxSet::from(0));
        let verdict = Verdict::Applied;
        let outcome = Outcome { phase, revision: 1, due_at, verdict, mailboxes };
        events.extend(Event::removal(capability, outcome));
    }
    events.push(Event::PhaseCompleted(PhaseCompleted {
        phase: receive_only(),
        population: 2,
        done: 1,
        already_so: 0,
        held: MailboxSet::from(1),
        failed: Vec::new(),
    }));
    let stream = programme_stream(journal.programme()).unwrap();
    clock.set(due_at);
    journal.append(stream.clone(), ExpectedVersion::Any, &events, &origin).await.unwrap();
    // The proof is about the day of the newest event.
    clock.set("2015-06-01T00:00:00Z".parse().unwrap());
    let later = [Event::ProgrammePaused(ProgrammePaused {})];
    journal.append(stream, ExpectedVersion::Any, &later, &origin).await.unwrap();
    let rows = [
        (0, "zero@postacertificata.example".to_owned()),
        (1, "one@postacertificata.example".to_owned()),
    ];
    let directory = store.directory().await.unwrap();
    directory.provision(&rows, 0).await.unwrap();
    let call = platform::SetRights {
        decided_at: 0,
        key: platform::EffectKey {
            programme: plan.programme.clone(),
            revision: 1,
            phase: Some(receive_only()),
        },
        mailboxes: 0.into(),
        capabilities: removed(),
        right: platform::Right::Until(due_at),
    };
    platform::Platform::set(&**directory, &call).await.unwrap();
    store.close().await.unwrap();
    prove(&home).await.unwrap().problems
}

async fn is_excused(of_the_second: Vec<Event>) -> bool {
    let problems = problems(of_the_second).await;
    let left = problems
        .iter()
        .filter(|problem| problem.contains("did not account for 1 mailboxes with"))
        .count();
    assert_eq!(problems.len(), left, "another problem: {problems:?}");
    assert!(left == 0 || left == 2, "each right is a problem of its own: {problems:?}");
    left == 0
}

#[tokio::test]
async fn no_exception_without_a_reason() {
    assert!(!is_excused(Vec::new()).await);
}

#[tokio::test]
async fn a_hold_in_force_excuses_for_what_it_names() {
    assert!(is_excused(vec![hold(removed(), None)]).await);
    assert!(is_excused(vec![hold(removed(), NaiveDate::from_ymd_opt(2015, 12, 31))]).await);
    assert!(!is_excused(vec![hold(Capability::Access.into(), None)]).await);
}

#[tokio::test]
async fn a_hold_that_is_over_excuses_nobody() {
    assert!(!is_excused(vec![hold(removed(), NaiveDate::from_ymd_opt(2015, 5, 30))]).await);
    let released = Event::HoldReleased(HoldReleased { hold: HOLD, number: 1 });
    assert!(!is_excused(vec![hold(removed(), None), released]).await);
}

#[tokio::test]
async fn an_incident_excuses_until_it_is_tried_again() {
    assert!(is_excused(vec![incident()]).await);
    let retried = IncidentRetried {
        phase: Some(receive_only()),
        cause: "broken".to_owned(),
        mailboxes: 1.into(),
    };
    assert!(!is_excused(vec![incident(), Event::IncidentRetried(retried)]).await);
}
