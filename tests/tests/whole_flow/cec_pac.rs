//! The real plan over a population with a mailbox of every kind, checked on every date of the
//! sources, one second before it and at it, with the queries of the mail servers.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{Capabilities, Capability, MailboxCommand};
use engine::EngineSettings;
use rehearsal::{phases, prove};
use uuid::Uuid;
use whole_flow::{Nobody, World, command, kinds};

const ALL: Capabilities = Capabilities::OF_PLATFORM;

/// From 2015-03-18, 2015-07-18 and 2015-09-18, each 00:00 in Rome.
const RECEIVE_ONLY: &str = "2015-03-17T23:00:00Z";
const CONSULTATION: &str = "2015-07-17T22:00:00Z";
const CLOSED: &str = "2015-09-17T22:00:00Z";

fn allowed(capabilities: &[Capability]) -> Capabilities {
    capabilities.iter().copied().collect()
}

async fn every_date_holds(arm_ahead: Option<Duration>) {
    let world = World::with(400).await;
    let kinds = kinds(&world.home()).await;
    let (withdrawn, held) = (kinds.others[0], kinds.others[1]);
    let settings = EngineSettings { arm_ahead, ..EngineSettings::default() };
    let mut running = world.rehearsing(settings, None).await;
    running.run_until("2015-02-01T00:00:00Z".parse().unwrap(), &mut Nobody).await.unwrap();
    command(&running, withdrawn, MailboxCommand::Withdraw).await;
    let court_order = MailboxCommand::PlaceHold {
        hold: Uuid::from_u128(7),
        capabilities: allowed(&[Capability::Receive, Capability::Access]),
        until: NaiveDate::from_ymd_opt(2015, 10, 31),
    };
    command(&running, held, court_order).await;

    let nothing = Capabilities::NONE;
    let receiving = allowed(&[Capability::Receive, Capability::Access]);
    let reading = allowed(&[Capability::Access]);
    // instant, rights of an ordinary mailbox before it, from it, and rights of the held one from it
    let dates = [
        (RECEIVE_ONLY, ALL, receiving, receiving),
        (CONSULTATION, receiving, reading, receiving),
        (CLOSED, reading, nothing, receiving),
        ("2015-10-31T23:00:00Z", nothing, nothing, nothing),
        ("2018-03-17T23:00:00Z", nothing, nothing, nothing),
    ];
    for (instant, before, from, held_from) in dates {
        let instant: DateTime<Utc> = instant.parse().unwrap();
        running.run_until(instant - Duration::seconds(1), &mut Nobody).await.unwrap();
        for number in [kinds.used, kinds.activated_late] {
            assert_eq!(world.actual(number).await, Some(before), "a second before {instant}");
        }
        running.run_until(instant, &mut Nobody).await.unwrap();
        for number in [kinds.used, kinds.activated_late] {
            assert_eq!(world.actual(number).await, Some(from), "at {instant}");
        }
        assert_eq!(world.actual(held).await, Some(held_from), "the held one at {instant}");
        assert_eq!(world.actual(withdrawn).await, Some(nothing), "the withdrawn one at {instant}");
        assert_eq!(world.actual(kinds.never_activated).await, None);
    }
    running.run(&mut Nobody).await.unwrap();
    let snapshot = running.engine.journal.state().await.unwrap();
    let state = &*snapshot;
    assert!(state.rights.lapsed.contains(kinds.never_activated));
    let reports = phases(state, running.engine.journal.now());
    drop(snapshot);
    assert_eq!(reports.len(), 5);
    for report in &reports {
        assert_eq!(report.started_at, Some(report.due_at), "{} started on time", report.phase);
        assert!(report.completed_at.is_some(), "{} completed", report.phase);
        let accounted = report.done + report.already_so + report.held + report.incidents;
        assert_eq!(accounted, report.population, "{} adds up", report.phase);
    }
    assert_eq!(reports[4].population, 0, "the last phase has no effect and completes all the same");
    running.engine.stop().await.unwrap();
    assert_eq!(prove(&world.home()).await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn every_date_holds_for_every_kind_of_mailbox_when_changed_at_the_date() {
    every_date_holds(None).await;
}

#[tokio::test]
async fn every_date_holds_for_every_kind_of_mailbox_when_armed() {
    every_date_holds(Some(Duration::days(14))).await;
}
