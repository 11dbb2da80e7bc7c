//! `tramonto mailbox`: one mailbox, for the helpdesk and for the auditor.

use chrono::{DateTime, Utc};
use domain::{
    Event, Fact, Lifecycle, MailboxCommand as Decision, MailboxId, Plan, State, last_instant_of,
};
use eventstore::{Direction, RecordedEvent, programme_stream};
use projections::{Cutoff, Entry};
use views::MailboxView;

use super::holds::mailbox as decide_for;
use super::mailbox_words::words;
use super::programme::answer;
use super::reading::Reading;
use crate::Error;
use crate::cli::{AsOf, Global, MailboxCommand, ShowMailboxArgs, WithdrawArgs};
use crate::output::Output;

pub(super) async fn execute(command: MailboxCommand, global: &Global) -> Result<(), Error> {
    match command {
        MailboxCommand::Show(args) => show(args, global).await,
        MailboxCommand::Withdraw(args) => withdraw(args, global).await,
    }
}

async fn withdraw(args: WithdrawArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let decision = Decision::Withdraw;
    let number = decide_for(&reading, &args.mailbox, &decision, &args.reason, global).await?;
    let id = MailboxId::new(reading.programme(), number);
    reading.close().await;
    let words = format!("mailbox {id} is withdrawn: it is closed, and out of every later phase");
    answer(global, "mailbox-withdrawn", &words)
}

async fn show(args: ShowMailboxArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let number = reading.number_of(&args.mailbox).await?;
    let now = reading.now().await?;
    let known_at = args.known_at.unwrap_or(now);
    let programme = programme_facts(&reading, known_at).await?;
    let zone = plan_of(&programme, now)?.zone;
    let as_of = match args.as_of {
        Some(AsOf::Day(day)) => last_instant_of(day, zone),
        Some(AsOf::Instant(instant)) => instant,
        None => known_at,
    };
    let cutoff = Cutoff { as_of, known_at, zone };
    let (mailbox, entries) = reading.history().await?.mailbox_as_of(number, cutoff).await?;
    if mailbox.lifecycle == Lifecycle::Unknown && args.known_at.is_some() && entries.is_empty() {
        return Err(Error::Usage(
            "nothing had been recorded of this mailbox by then; ask with a later --known-at"
                .to_owned(),
        ));
    }
    let plan = plan_of(&programme, as_of)?;
    let failures = failed(&entries).failures;
    let view = MailboxView::of(&mailbox, &entries, plan, &failures, (as_of, known_at));
    let mut out = Output::open();
    if global.json { out.document(&view) } else { out.text(words(&view, plan)) }
}

/// What was decided of the programme as a whole, as far as it was recorded by then.
async fn programme_facts(reading: &Reading, known_at: DateTime<Utc>) -> Result<Vec<Fact>, Error> {
    let stream = programme_stream(reading.programme())?;
    let events = reading.log.read_stream(&stream, 0, Direction::Forwards, usize::MAX).await?;
    let is_plan = |kind: &str| kind == "plan-adopted" || kind == "plan-amended";
    let facts: Result<Vec<Fact>, _> = events
        .iter()
        .filter(|event| event.recorded_at <= known_at && is_plan(&event.event.kind))
        .map(RecordedEvent::fact)
        .collect();
    Ok(facts?)
}

/// The plan in force at an instant. Before the first was adopted, the first: its dates were law already.
fn plan_of(facts: &[Fact], as_of: DateTime<Utc>) -> Result<&Plan, Error> {
    let plans = facts.iter().filter_map(|fact| {
        let (Event::PlanAdopted(event) | Event::PlanAmended(event)) = &fact.event else {
            return None;
        };
        Some((fact.effective_at, &event.plan))
    });
    let mut before = plans.clone().filter(|(at, _)| *at <= as_of);
    before.next_back().or_else(|| plans.clone().next()).map(|(_, plan)| plan).ok_or_else(|| {
        Error::Usage("no plan had been recorded by then; ask with a later --known-at".to_owned())
    })
}

/// What had failed by then: the events of one mailbox are all it takes.
fn failed(entries: &[Entry]) -> State {
    let mut state = State::default();
    for entry in entries {
        state.evolve(&entry.fact);
    }
    state
}
