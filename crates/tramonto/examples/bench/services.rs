//! The engine as services on PostgreSQL and JetStream, every one a process of its own and the relay
//! on, beside the bare script on the same PostgreSQL.

mod deployment;
mod phase;
mod population;
mod process;
mod rates;
mod script;
mod shifted;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Plan;

use crate::report::{Report, milliseconds, seconds, whole};
use crate::{Args, Fallible, median, percentile, rate, ratio};
use deployment::Deployment;
use phase::{Times, Timing};

/// Registrations of a small population: some hundred mailboxes.
const SMALL: u32 = 540;
const PLAN: &str = include_str!("../../../../deploy/plans/cec-pac.toml");
const SMALL_PLAN: &str = include_str!("small.toml");
/// The phase of the plan that is timed: it takes two rights from every mailbox.
const PHASE: &str = "receive-only";
/// How long before a phase its services start; longer where that was too late.
const LEAD: TimeDelta = TimeDelta::seconds(8);
const SMALL_LEAD: TimeDelta = TimeDelta::seconds(3);

/// One of the times of a phase.
type By = fn(&Times) -> Duration;

pub(crate) async fn measure(args: &Args, report: &mut Report) -> Fallible<()> {
    let (plan, small_plan) =
        (Plan::parse("plan", PLAN)?.0, Plan::parse("small plan", SMALL_PLAN)?.0);
    let mut deployment = Deployment::begin(plan.programme.clone())?;
    report.section(format!(
        "Services: PostgreSQL with fsync on, JetStream, every service a process of its own, {} \
         registrations, medians of {}.",
        whole(f64::from(args.registrations)),
        args.rounds
    ));
    large(args, &plan, &mut deployment, report).await?;
    small(args, &small_plan, &mut deployment, report).await
}

/// One phase of the whole population, beside the script.
async fn large(
    args: &Args,
    plan: &Plan,
    deployment: &mut Deployment,
    report: &mut Report,
) -> Fallible<()> {
    let (_, instant) =
        phases(plan).find(|(phase, _)| *phase == PHASE).ok_or("the plan lacks it")?;
    let before = instant - TimeDelta::days(8);
    let registrations = args.registrations;
    let mailboxes =
        population::make(deployment, "made", PLAN, registrations, before, Some(&mut *report))
            .await?;
    deployment.show(before + TimeDelta::hours(6)).await?;
    population::arm(deployment, "made", "armed").await?;
    script::make(deployment, mailboxes).await?;
    let (mut script, mut at_date, mut two, mut armed) = (vec![], vec![], vec![], vec![]);
    for round in 1..=args.rounds {
        script.push(script::run(deployment).await?);
        for (from, workers, arm_ahead, times) in [
            ("made", 1, "off", &mut at_date),
            ("made", 2, "off", &mut two),
            ("armed", 1, "14d", &mut armed),
        ] {
            let timing =
                Timing { database: "run", phase: PHASE, instant, lead: LEAD, workers, arm_ahead };
            let timed = on_a_copy(deployment, from, timing).await?;
            let took = seconds(timed.took());
            report.tell(format_args!("round {round}: {from}, worker processes {workers}: {took}"));
            times.push(timed);
        }
    }
    let script = median(script);
    report.row(format!("bare script, {} mailboxes", of(mailboxes)), seconds(script), "");
    let mut beside = |what: &str, times: &[Times]| {
        let took = middle(times, Times::took);
        let against = format!("the script: ratio {:.2}", ratio(took, script));
        report.row(what, seconds(took), against);
    };
    beside(
        "one phase at its date, from `phase-started` to the proven completion (two rights)",
        &at_date,
    );
    beside("the same with a second worker process", &two);
    beside("the same armed ahead and confirmed, one worker process", &armed);
    let done = whole(rate(mailboxes, middle(&at_date, Times::took)));
    report.row("mailboxes done, at the date, one worker process", format!("{done} a second"), "");
    for (what, times) in [("at the date", &at_date), ("armed ahead", &armed)] {
        let behind = |by: By| seconds(middle(times, by));
        let what = format!("from the instant to the first and the last mailbox done, {what}");
        report.row(what, format!("{} and {}", behind(|t| t.first), behind(|t| t.last)), "");
    }
    let events = at_date.first().map_or(0, |times| times.events);
    let behind = |by: By| seconds(middle(&at_date, by));
    let projected = behind(|times| times.projected.saturating_sub(times.completed));
    let relayed = behind(|times| times.relayed.saturating_sub(times.completed));
    report.row(
        "row-per-mailbox table",
        format!("{projected} behind the completion"),
        "nothing waits for it",
    );
    let what = format!("the phase's {events} events on the bus");
    report.row(what, format!("{relayed} behind the completion"), "nothing waits for it");
    rates::expanded(deployment, "made", report).await
}

/// Many phases of few mailboxes, each from its instant.
async fn small(
    args: &Args,
    plan: &Plan,
    deployment: &mut Deployment,
    report: &mut Report,
) -> Fallible<()> {
    let phases: Vec<_> = phases(plan).collect();
    let before = plan.starts_at(0) - TimeDelta::hours(12);
    let mailboxes = population::make(deployment, "small", SMALL_PLAN, SMALL, before, None).await?;
    let mut times = Vec::new();
    let wanted = usize::try_from(args.small_phases)?;
    let mut lead = SMALL_LEAD;
    while times.len() < wanted {
        deployment.create("run", Some("small")).await?;
        deployment.fresh_bus().await?;
        for (phase, instant) in phases.iter().take(wanted - times.len()) {
            let (database, instant) = ("run", *instant);
            let timing = Timing { database, phase, instant, lead, workers: 1, arm_ahead: "off" };
            let Some(one) = phase::time(deployment, &timing).await? else {
                lead = later(lead)?;
                break;
            };
            times.push(one);
        }
        deployment.drop("run").await?;
    }
    let count = times.len();
    let what = format!("{count} phases of {} mailboxes, from the instant to", of(mailboxes));
    let moments: [(&str, By); 4] = [
        ("`phase-started`", |times| times.started),
        ("the first mailbox done", |times| times.first),
        ("the last mailbox done", |times| times.last),
        ("the proven completion", |times| times.completed),
    ];
    for (which, by) in moments {
        let (p50, p99) = (quantile(&times, by, 50), quantile(&times, by, 99));
        let measured = format!("{} at p50, {} at p99", milliseconds(p50), milliseconds(p99));
        report.row(format!("{what} {which}"), measured, "");
    }
    rates::measure(deployment, "small", report).await
}

/// A phase timed on a copy of a database, and again with a longer lead where the services came too
/// late.
async fn on_a_copy(
    deployment: &mut Deployment,
    from: &str,
    mut timing: Timing<'_>,
) -> Fallible<Times> {
    loop {
        deployment.create(timing.database, Some(from)).await?;
        deployment.fresh_bus().await?;
        let timed = phase::time(deployment, &timing).await?;
        deployment.drop(timing.database).await?;
        match timed {
            Some(timed) => return Ok(timed),
            None => timing.lead = later(timing.lead)?,
        }
    }
}

/// Twice the time for services to start, up to a minute.
fn later(lead: TimeDelta) -> Fallible<TimeDelta> {
    if lead > TimeDelta::minutes(1) {
        return Err("the services do not start in a minute: the machine is too busy".into());
    }
    Ok(lead * 2)
}

fn phases(plan: &Plan) -> impl Iterator<Item = (&str, DateTime<Utc>)> {
    let named = plan.phases.iter().enumerate();
    named.map(|(place, phase)| (phase.id.as_str(), plan.starts_at(place)))
}

fn of(mailboxes: u64) -> String {
    whole(rate(mailboxes, Duration::from_secs(1)))
}

fn middle(times: &[Times], by: By) -> Duration {
    median(times.iter().map(by).collect())
}

fn quantile(times: &[Times], by: By, percent: usize) -> Duration {
    percentile(&mut times.iter().map(by).collect::<Vec<_>>(), percent)
}
