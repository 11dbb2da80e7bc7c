//! Log requests: each rule at its boundary, and random scenarios.

use chrono::TimeDelta;
use domain::{
    Capability, CatchUp, Event, ExportAccess, HoldPlaced, LogCommand, LogExportAccessed,
    LogExportPrepared, LogRequested, LogStanding, LogsDestroyed, MailboxSet, MailboxWithdrawn,
    MessageLogRules, Plan, Requester, Verification,
};
use proptest::prelude::*;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::history::{History, at, day, restored};

const FIRST: &str = "2015-09-17T22:00:00Z";
const LAST: &str = "2018-03-17T22:59:59.999999999Z";
const ENDED: &str = "2018-03-17T23:00:00Z";

struct World {
    history: History,
    /// How many requests were made.
    made: u128,
}

impl World {
    /// Four mailboxes, the even ones activated; the last of these withdrawn.
    fn new() -> Self {
        let mut history = History::adopted(Plan::cec_pac().unwrap(), "2014-12-01T12:00:00Z");
        let asked = day("2012-05-01");
        history.register((0..4).map(|number| (asked, (number % 2 == 0).then_some(asked))));
        history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 2 }));
        Self { history, made: 0 }
    }

    fn ask(&mut self, when: &str, command: LogCommand) -> Result<Vec<Event>, String> {
        self.history.now = at(when);
        let events = self.history.state.decide_log_request(command, self.history.now);
        let events = events.map_err(|why| why.to_string())?;
        for event in events.clone() {
            self.history.record(event);
        }
        Ok(events)
    }

    /// Answers with the request's id.
    fn request(&mut self, when: &str, number: u32, by: Requester) -> Result<Uuid, String> {
        self.made += 1;
        let request = Uuid::from_u128(self.made);
        self.ask(when, LogCommand::Request(asked(request, number, by))).map(|_| request)
    }

    /// A request whose export lies ready until then.
    fn served(&mut self, when: &str, until: &str) -> Uuid {
        let request = self.request(when, 0, Requester::Holder).unwrap();
        self.ask(when, verify(request)).unwrap();
        self.ask(when, prepare(request, until)).unwrap();
        request
    }

    fn standing(&self, request: Uuid) -> Option<&LogStanding> {
        self.history.state.log_requests.open.get(&request).map(|open| &open.standing)
    }
}

fn asked(request: Uuid, number: u32, by: Requester) -> LogRequested {
    LogRequested { request, number, by, from: None, through: None, received_on: None }
}

fn verify(request: Uuid) -> LogCommand {
    LogCommand::Verify { request, proof: Verification::Officer }
}

fn refuse(request: Uuid) -> LogCommand {
    LogCommand::Refuse { request, cause: "not-the-holder".to_owned() }
}

fn prepare(request: Uuid, until: &str) -> LogCommand {
    LogCommand::Prepare(LogExportPrepared {
        request,
        number: 0,
        files: 4,
        rows: 2,
        first: None,
        last: None,
        sha256: "00".repeat(32),
        expires_at: at(until),
    })
}

fn open(request: Uuid, outcome: ExportAccess) -> LogCommand {
    LogCommand::Access(LogExportAccessed { request, number: 0, outcome })
}

fn destroy() -> LogCommand {
    let digest = "00".repeat(32);
    let kept = MailboxSet::new();
    LogCommand::Destroy(LogsDestroyed { messages: 1, addresses: 2, extracts: 0, digest, kept })
}

fn outcome(events: &[Event]) -> ExportAccess {
    let [Event::LogExportAccessed(event)] = events else { panic!("{events:?}") };
    event.outcome
}

#[test]
fn logs_can_be_asked_for_from_the_first_instant_of_the_window_to_its_last() {
    let reads = "the mailbox can still be read; its log can be requested from 2015-09-18 on";
    let early = "message logs can be requested from 2015-09-18 on";
    let over = "the last day for log requests was 2018-03-17";
    for (when, holder, authority) in [
        ("2014-12-20T12:00:00Z", Err(reads), Err(early)),
        ("2015-09-17T21:59:59.999999999Z", Err(reads), Err(early)),
        (FIRST, Ok(()), Ok(())),
        (LAST, Ok(()), Ok(())),
        (ENDED, Err(over), Err(over)),
        ("2024-01-01T00:00:00Z", Err(over), Err(over)),
    ] {
        for (by, answer) in [(Requester::Holder, holder), (Requester::Authority, authority)] {
            let asked = World::new().request(when, 0, by).map(|_| ());
            assert_eq!(asked, answer.map_err(str::to_owned), "{when} {by:?}");
        }
    }
}

#[test]
fn a_request_received_on_the_last_day_is_served_after_it() {
    let mut world = World::new();
    let request = world.request(LAST, 0, Requester::Holder).unwrap();
    assert!(world.request(ENDED, 0, Requester::Holder).is_err());
    world.ask("2018-03-20T09:00:00Z", verify(request)).unwrap();
    world.ask("2018-03-20T10:00:00Z", prepare(request, "2018-04-19T10:00:00Z")).unwrap();
    let download = open(request, ExportAccess::Delivered);
    let last = world.ask("2018-04-19T09:59:59Z", download.clone()).unwrap();
    assert_eq!(outcome(&last), ExportAccess::Delivered);
    let late = world.ask("2018-04-19T10:00:00Z", download).unwrap();
    assert_eq!(outcome(&late), ExportAccess::Expired);
}

#[test]
fn who_never_activated_has_no_log_and_who_gave_up_the_mailbox_asks_for_none() {
    let failed = "the mailbox was withdrawn; only an authority can request its log";
    for (number, by, answer) in [
        (1, Requester::Holder, Err("the mailbox was never activated; it has no messages")),
        (1, Requester::Authority, Err("the mailbox was never activated; it has no messages")),
        (2, Requester::Holder, Err(failed)),
        (2, Requester::Authority, Ok(())),
        (9, Requester::Holder, Err("the mailbox is not registered")),
    ] {
        let asked = World::new().request(FIRST, number, by).map(|_| ());
        assert_eq!(asked, answer.map_err(str::to_owned), "{number} {by:?}");
    }
}

#[test]
fn a_hold_takes_nothing_away_from_who_may_ask() {
    let mut world = World::new();
    world.history.record(Event::HoldPlaced(HoldPlaced {
        hold: Uuid::from_u128(7),
        number: 0,
        capabilities: Capability::Access.into(),
        until: None,
    }));
    assert!(world.request(FIRST, 0, Requester::Holder).is_ok());
    let zone = world.history.state.plan().unwrap().zone;
    let kept = world.history.state.rights.under_hold(at(ENDED), zone);
    assert_eq!(kept, RoaringBitmap::from([0]));
}

#[test]
fn nothing_is_prepared_before_it_is_sure_who_asked() {
    let mut world = World::new();
    let request = world.request(FIRST, 0, Requester::Holder).unwrap();
    let unsure = "the requester has not been verified; verify the request first";
    let until = "2015-10-18T00:00:00Z";
    assert_eq!(world.ask(FIRST, prepare(request, until)), Err(unsure.to_owned()));
    world.ask(FIRST, verify(request)).unwrap();
    assert_eq!(world.ask(FIRST, verify(request)), Ok(Vec::new()));
    let past = "the link would expire before it exists";
    assert_eq!(world.ask(FIRST, prepare(request, FIRST)), Err(past.to_owned()));
    assert_eq!(world.ask(FIRST, prepare(request, until)).unwrap().len(), 1);
    let name = world.standing(request).map(LogStanding::name);
    assert_eq!(name, Some("prepared"));
}

#[test]
fn a_refused_request_is_over_and_may_be_made_again() {
    let mut world = World::new();
    let request = world.request(FIRST, 0, Requester::Holder).unwrap();
    world.ask(FIRST, refuse(request)).unwrap();
    assert_eq!(world.standing(request), None);
    let gone = world.ask(FIRST, verify(request)).unwrap_err();
    assert!(gone.ends_with("is not open; list them with `log-request list`"), "{gone}");
    let again = world.served(FIRST, "2015-10-18T00:00:00Z");
    let ready = "the export is already prepared; its link expires by itself".to_owned();
    assert_eq!(world.ask(FIRST, refuse(again)), Err(ready));
}

#[test]
fn every_look_at_an_export_is_an_event_also_of_one_that_is_gone() {
    let mut world = World::new();
    let until = "2015-10-18T00:00:00Z";
    let request = world.served(FIRST, until);
    for asked in [ExportAccess::Viewed, ExportAccess::NotTheHolder, ExportAccess::Viewed] {
        assert_eq!(outcome(&world.ask(FIRST, open(request, asked)).unwrap()), asked);
    }
    assert_eq!(world.standing(request).map(LogStanding::name), Some("prepared"));
    world.ask(FIRST, open(request, ExportAccess::Delivered)).unwrap();
    assert_eq!(world.standing(request).map(LogStanding::name), Some("delivered"));
    assert_eq!(world.ask("2015-10-17T23:59:59Z", LogCommand::Expire), Ok(Vec::new()));
    assert_eq!(world.ask(until, LogCommand::Expire).unwrap().len(), 1);
    assert_eq!(world.ask(until, LogCommand::Expire), Ok(Vec::new()));
    let late = world.ask(until, open(request, ExportAccess::Delivered)).unwrap();
    assert_eq!(outcome(&late), ExportAccess::Expired);
}

#[test]
fn logs_are_kept_through_the_last_day_and_while_a_request_received_in_time_is_open() {
    let mut world = World::new();
    let keep = "logs must be kept: requests are accepted through 2018-03-17".to_owned();
    assert_eq!(world.ask(FIRST, destroy()), Err(keep.clone()));
    assert_eq!(world.ask(LAST, destroy()), Err(keep));
    let request = world.served(LAST, "2018-04-19T10:00:00Z");
    let open = "1 log request is open; serve or refuse it, and wait until its link expires";
    assert_eq!(world.ask(ENDED, destroy()), Err(open.to_owned()));
    assert!(world.history.state.may_index_logs(at(ENDED)).is_ok());
    world.ask("2018-04-19T10:00:00Z", LogCommand::Expire).unwrap();
    assert_eq!(world.standing(request), None);
    let over =
        world.history.state.may_index_logs(at("2018-04-19T10:00:00Z")).unwrap_err().to_string();
    assert!(over.contains("destroy the logs"), "{over}");
    assert_eq!(world.ask("2018-04-20T08:00:00Z", destroy()).unwrap().len(), 1);
    let gone = "the logs were destroyed on 2018-04-20; no log can be indexed any more";
    let indexing = world.history.state.may_index_logs(at("2018-04-21T08:00:00Z"));
    assert_eq!(indexing.unwrap_err().to_string(), gone);
}

#[test]
fn a_period_ends_after_it_begins() {
    let mut world = World::new();
    let (from, through) = ("2014-02-01".parse().ok(), "2014-01-31".parse().ok());
    let asked = LogRequested { from, through, ..asked(Uuid::from_u128(1), 0, Requester::Holder) };
    let wrong = "the period ends on 2014-01-31, before its first day 2014-02-01".to_owned();
    assert_eq!(world.ask(FIRST, LogCommand::Request(asked)), Err(wrong));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Request(u32, bool),
    Verify(u128),
    Prepare(u128, i64),
    Open(u128),
    Refuse(u128),
    Expire,
    Destroy,
    Days(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u32..5, any::<bool>()).prop_map(|(number, holder)| Step::Request(number, holder)),
        3 => (1_u128..12).prop_map(Step::Verify),
        3 => (1_u128..12, 1_i64..60).prop_map(|(id, days)| Step::Prepare(id, days)),
        3 => (1_u128..12).prop_map(Step::Open),
        1 => (1_u128..12).prop_map(Step::Refuse),
        2 => Just(Step::Expire),
        1 => Just(Step::Destroy),
        3 => (0_i64..200).prop_map(Step::Days),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn no_scenario_serves_a_late_request_or_destroys_a_log_requested_in_time(
        steps in steps(),
    ) {
        let window = at(FIRST)..at(ENDED);
        let mut world = World::new();
        world.history.now = at("2015-08-01T12:00:00Z");
        // Counted from the events, not from the state.
        let (mut received, mut verified) = (Vec::new(), Vec::new());
        let mut until = std::collections::BTreeMap::new();
        let mut over = Vec::new();
        let mut destroyed = false;
        for step in steps {
            let command = match step {
                Step::Request(number, holder) => {
                    world.made += 1;
                    let by = if holder { Requester::Holder } else { Requester::Authority };
                    LogCommand::Request(asked(Uuid::from_u128(world.made), number, by))
                }
                Step::Verify(id) => verify(Uuid::from_u128(id)),
                Step::Prepare(id, days) => {
                    let until = (world.history.now + TimeDelta::days(days)).to_rfc3339();
                    prepare(Uuid::from_u128(id), &until)
                }
                Step::Open(id) => open(Uuid::from_u128(id), ExportAccess::Delivered),
                Step::Refuse(id) => refuse(Uuid::from_u128(id)),
                Step::Expire => LogCommand::Expire,
                Step::Destroy => destroy(),
                Step::Days(days) => {
                    world.history.now += TimeDelta::days(days);
                    continue;
                }
            };
            let (state, now) = (&world.history.state, world.history.now);
            let events = state.decide_log_request(command, now).unwrap_or_default();
            for event in events {
                if let Event::LogRequested(event) = &event {
                    prop_assert!(window.contains(&now), "received outside the window");
                    prop_assert!(event.number == 0 || event.number == 2, "never activated");
                    prop_assert!(!destroyed);
                    received.push(event.request);
                } else if let Event::LogRequesterVerified(event) = &event {
                    prop_assert!(received.contains(&event.request));
                    verified.push(event.request);
                } else if let Event::LogExportPrepared(event) = &event {
                    prop_assert!(verified.contains(&event.request));
                    prop_assert!(!over.contains(&event.request));
                    until.insert(event.request, event.expires_at);
                } else if let Event::LogExportAccessed(event) = &event {
                    let delivered = event.outcome == ExportAccess::Delivered;
                    let may = until.get(&event.request).is_some_and(|until| now < *until);
                    prop_assert_eq!(delivered, may && !over.contains(&event.request));
                } else if let Event::LogExportExpired(event) = &event {
                    let until = until.get(&event.request);
                    prop_assert!(until.is_some_and(|until| *until <= now));
                    over.push(event.request);
                } else if let Event::LogRequestRefused(event) = &event {
                    over.push(event.request);
                } else if let Event::LogsDestroyed(_) = &event {
                    prop_assert!(world.history.now >= window.end);
                    prop_assert!(received.iter().all(|request| over.contains(request)));
                    destroyed = true;
                }
                world.history.record(event);
            }
        }
        prop_assert_eq!(restored(&world.history.state), world.history.state);
    }
}

#[test]
fn the_plan_says_how_long_links_last_and_when_those_that_are_over_end() {
    let parsed = |section: &str| {
        let text = include_str!("../../../../deploy/plans/cec-pac.toml");
        let text = text.replacen("[vouchers]\n", &format!("{section}\n[vouchers]\n"), 1);
        Plan::parse("trial.toml", &text).map(|(plan, _)| plan).map_err(|error| error.to_string())
    };
    assert_eq!(parsed("").unwrap().link_days(), 30);
    let plan = parsed("[message-logs]\nlink-days = 7\nsweep = \"0 0 3 * * *\"").unwrap();
    assert_eq!(plan.link_days(), 7);
    let work = plan
        .all_recurring()
        .into_iter()
        .find(|work| work.name == MessageLogRules::recurring_name())
        .unwrap();
    assert_eq!((work.cron.as_str(), work.catch_up), ("0 0 3 * * *", CatchUp::Once));
    for (section, problem) in [
        ("[message-logs]\nlink-days = 91", "write a number from 1 to 90"),
        ("[message-logs]\nsweep = \"0 3 * * *\"", "lacks the seconds"),
        ("[message-logs]\nlink-day = 3", "did you mean link-days?"),
        (
            "[message-logs]\nsweep = \"0 0 3 * * *\"\n[[recurring]]\nname = \"message-logs\"\n\
             cron = \"0 0 3 * * *\"\ncatch-up = \"once\"",
            "is taken by the section [message-logs]",
        ),
    ] {
        let told = parsed(section).unwrap_err();
        assert!(told.contains(problem) && told.contains("trial.toml:"), "{section}: {told}");
    }
    let text =
        include_str!("../../../../deploy/plans/cec-pac.toml").replace("\"request-logs\", ", "");
    let text = text.replace(", \"request-logs\"", "").replace("\"request-logs\"", "");
    let text = text.replacen("[vouchers]\n", "[message-logs]\n[vouchers]\n", 1);
    let told = Plan::parse("trial.toml", &text).unwrap_err().to_string();
    assert!(told.contains("no phase allows request-logs"), "{told}");
}

#[test]
fn a_letter_that_came_on_the_last_day_is_in_time_whenever_it_is_entered() {
    let mut world = World::new();
    let mut on = |when: &str, day: &str| {
        let received_on = Some(day.parse().unwrap());
        world.made += 1;
        let asked = asked(Uuid::from_u128(world.made), 0, Requester::Holder);
        let came = LogRequested { received_on, ..asked };
        world.ask(when, LogCommand::Request(came.clone())).map(|events| {
            assert_eq!(events, [Event::LogRequested(came)], "the day is recorded");
        })
    };
    on(ENDED, "2018-03-17").unwrap();
    on("2018-03-20T10:00:00Z", "2018-03-17").unwrap();
    on("2018-03-20T10:00:00Z", "2015-09-18").unwrap();
    assert_eq!(
        on(ENDED, "2018-03-18").unwrap_err(),
        "the last day for log requests was 2018-03-17"
    );
    assert!(on(ENDED, "2018-03-19").unwrap_err().contains("2018-03-19 is in the future"));
    assert!(on(ENDED, "2015-09-17").unwrap_err().contains("from 2015-09-18 on"));
}

#[test]
fn nobody_asks_for_the_log_of_who_is_erased() {
    let mut world = World::new();
    let mailboxes = MailboxSet::from_iter([0]);
    world.history.record(Event::ErasureOrdered(domain::ErasureOrdered {
        ground: domain::ErasureGround::Demand,
        mailboxes,
    }));
    for by in [Requester::Holder, Requester::Authority] {
        let refused = world.request(FIRST, 0, by).unwrap_err();
        assert_eq!(
            refused,
            "the holder's personal data were erased, and the message log with them"
        );
    }
}
