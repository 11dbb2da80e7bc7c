//! The pace of notices: one batch at each occurrence, none before their first day, none made up
//! for.

use domain::{DateColumn, Event, MailboxesRegistered, NoticesSent, Plan};
use eventstore::{ExpectedVersion, Filter, Origin, notice_stream};
use scheduler::check_recurring;

use crate::support::{World, utc};

/// Sending ends on 18 March 2015; it is announced from Monday, 16 February, two mailboxes an hour.
fn plan(cron: &str) -> Plan {
    let mut plan = Plan::cec_pac().unwrap();
    plan.recurring.clear();
    plan.drift = None;
    plan.notices.truncate(1);
    for rule in &mut plan.notices {
        cron.clone_into(&mut rule.cron);
        rule.batch = 2;
    }
    plan
}

const WORKING_HOURS: &str = "0 0 9-17 * * Mon-Fri";

/// So many working mailboxes, from 1 January 2015.
async fn world(plan: Plan, mailboxes: u32) -> World {
    let world = World::adopted(plan, "2015-01-01T00:00:00Z").await;
    let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
    for _ in 0..mailboxes {
        requested_on.push("2010-05-01".parse().ok()).unwrap();
        activated_on.push("2010-05-01".parse().ok()).unwrap();
    }
    let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
    world.record(Event::MailboxesRegistered(registered)).await;
    world
}

/// The batches that went out so far: when they were due, and for whom.
async fn batches(world: &World) -> Vec<String> {
    let page = world.store.read_all(0, &Filter::default(), usize::MAX).await.unwrap();
    let batch = |event: &eventstore::RecordedEvent| {
        let fact = event.fact().unwrap();
        let Event::NoticesReleased(released) = fact.event else { return None };
        assert_eq!(fact.effective_at, released.scheduled_for);
        let members: Vec<_> = released.mailboxes.iter().collect();
        Some(format!("{} {members:?}", fact.effective_at.format("%m-%dT%H:%M")))
    };
    page.events.iter().filter_map(batch).collect()
}

/// All that may go out went out.
async fn sent(world: &World) {
    let journal = world.journal();
    let mailboxes = {
        let snapshot = journal.state().await.unwrap();
        let outgoing = domain::outgoing(&snapshot, journal.now()).pop().unwrap();
        outgoing.mailboxes.into()
    };
    let notice = "sending-ends".parse().unwrap();
    let event = Event::NoticesSent(NoticesSent { notice, mailboxes });
    let stream = notice_stream(journal.programme()).unwrap();
    let origin = Origin::part("test");
    journal.append(stream, ExpectedVersion::Any, &[event], &origin).await.unwrap();
}

#[tokio::test]
async fn the_first_batch_waits_for_the_first_occurrence_of_the_first_day() {
    let world = world(plan(WORKING_HOURS), 5).await;
    let mut scheduler = world.scheduler();
    world.set_clock(utc("2015-02-15T22:59:59Z"));
    let mut wake = scheduler.tick().await.unwrap().next_wake;
    let mut wakes = Vec::new();
    while let Some(at) = wake.filter(|at| *at < utc("2015-03-17T23:00:00Z")) {
        wakes.push(at.format("%m-%dT%H:%M").to_string());
        world.set_clock(at);
        scheduler.tick().await.unwrap();
        sent(&world).await;
        wake = scheduler.tick().await.unwrap().next_wake;
    }
    assert_eq!(
        wakes,
        ["02-16T08:00", "02-16T09:00", "02-16T10:00"],
        "nine o'clock in Rome is 8:00"
    );
    assert_eq!(
        batches(&world).await,
        ["02-16T08:00 [0, 1]", "02-16T09:00 [2, 3]", "02-16T10:00 [4]"]
    );
    assert_eq!(wake, Some(utc("2015-03-17T23:00:00Z")), "everyone was told: the phase is next");
}

#[tokio::test]
async fn an_hour_that_was_missed_is_not_made_up_for() {
    let world = world(plan(WORKING_HOURS), 5).await;
    // Saturday: Friday's last occurrence was missed, and nothing goes out on a week-end.
    world.tick_at("2015-02-21T12:00:00Z").await.unwrap();
    assert_eq!(batches(&world).await, [""; 0]);
    let tick = world.tick_at("2015-02-23T07:59:59Z").await.unwrap();
    assert_eq!(tick.next_wake, Some(utc("2015-02-23T08:00:00Z")));
    world.tick_at("2015-02-23T08:00:40Z").await.unwrap();
    world.tick_at("2015-02-23T08:00:41Z").await.unwrap();
    assert_eq!(batches(&world).await, ["02-23T08:00 [0, 1]"], "a loop may sleep for a minute");
}

#[tokio::test]
async fn two_schedulers_let_one_batch_out() {
    let world = world(plan(WORKING_HOURS), 5).await;
    world.set_clock(utc("2015-02-16T08:00:00Z"));
    let (mut one, mut other) = (world.scheduler(), world.scheduler());
    let (one, other) = tokio::join!(one.tick(), other.tick());
    one.unwrap();
    other.unwrap();
    assert_eq!(batches(&world).await, ["02-16T08:00 [0, 1]"]);
}

#[test]
fn a_pace_that_can_not_be_read_is_named_with_its_notice() {
    let error = check_recurring(&plan("0 0 25 * * *")).unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with("notice sending-ends has cron = \"0 0 25 * * *\", which"), "{told}");
    assert!(told.ends_with("in the plan"), "{told}");
}
