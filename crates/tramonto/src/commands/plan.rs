//! `tramonto plan`: check, show, adopt, amend.

use std::sync::Arc;

use domain::{Command, Event, Plan};
use eventstore::{Clock, Decision, programme_stream, voucher_stream};
use serde_json::json;
use views::{AmendmentPreview, PhaseChange};

use super::decide::{decide, origin};
use super::plan_file;
use super::reading::Reading;
use crate::cli::{AdoptArgs, AmendArgs, CheckArgs, Global, PlanCommand, Reason, ShowPlanArgs};
use crate::embedded::{self, Store};
use crate::log::Log;
use crate::output::Output;
use crate::output::text::{count, local, table, utc};
use crate::{Error, Home, RealClock, StorePlace};

pub(super) async fn execute(command: PlanCommand, global: &Global) -> Result<(), Error> {
    match command {
        PlanCommand::Check(args) => check(&args, global),
        PlanCommand::Show(args) => show(&args, global).await,
        PlanCommand::Adopt(args) => adopt(args, global).await,
        PlanCommand::Amend(args) => amend(args, global).await,
    }
}

fn check(args: &CheckArgs, global: &Global) -> Result<(), Error> {
    let (plan, notices) = plan_file::read(&args.file)?;
    let mut out = Output::open();
    if global.json {
        let notices: Vec<_> = notices
            .iter()
            .map(|notice| json!({ "line": notice.line, "message": notice.message }))
            .collect();
        return out.document(&json!({ "plan": plan, "notices": notices }));
    }
    let file = args.file.display();
    for notice in &notices {
        out.line(format!("{file}:{}: note: {}", notice.line, notice.message))?;
    }
    let phases = plan.phases.len();
    out.line(format!("{file} is a plan for {} with {phases} phases", plan.programme))
}

async fn show(args: &ShowPlanArgs, global: &Global) -> Result<(), Error> {
    let is_there = match &global.store {
        StorePlace::Folder(folder) => Home::new(folder).exists(),
        StorePlace::Postgres(_) => true,
    };
    let mut waiting = None;
    let (plan, revision) = if is_there {
        let reading = Reading::open(global).await?;
        let snapshot = reading.journal.state().await?;
        let programme = &snapshot.programme;
        let plan = programme.plan().cloned();
        waiting = programme.proposed().map(|(_, proposed)| proposed.revision);
        (plan.map_or_else(Plan::cec_pac, Ok)?, programme.revision())
    } else {
        (Plan::cec_pac()?, 0)
    };
    let mut out = Output::open();
    if args.file {
        return out.text(plan_file::write(&plan)?);
    }
    if global.json {
        let starts: Vec<_> =
            (0..plan.phases.len()).map(|place| utc(plan.starts_at(place))).collect();
        return out.document(&json!({
            "revision": revision,
            "proposed": waiting,
            "plan": plan,
            "starts_at": starts,
        }));
    }
    out.text(words(&plan, revision))?;
    match waiting {
        Some(next) => out.line(format!(
            "revision {next} is proposed: it is adopted once the platform has called off what it moves"
        )),
        None => Ok(()),
    }
}

fn words(plan: &Plan, revision: u32) -> String {
    let standing = match revision {
        0 => "as it ships; this store has adopted none yet".to_owned(),
        revision => format!("revision {revision}"),
    };
    let mut lines = vec![
        format!("{} ({}), {standing}", plan.title, plan.programme),
        format!("dates are civil in {}", plan.zone),
    ];
    lines.extend(plan.sources.iter().map(|source| format!("  source: {source}")));
    lines.push(format!("\nin service: allows {}", plan.in_service));
    for (place, phase) in plan.phases.iter().enumerate() {
        let at = plan.starts_at(place);
        lines.push(format!("\n{} {} ({})", phase.from, phase.title, phase.id));
        lines.push(format!("  from {} {} = {}", local(at, plan.zone), plan.zone, utc(at)));
        lines.push(format!("  takes away {}; allows {}", plan.removes(place), phase.allows));
        lines.extend(phase.sources.iter().map(|source| format!("  source: {source}")));
    }
    if let Some(rules) = &plan.vouchers {
        let whom = match rules.eligible {
            domain::Eligible::Registered => "whoever asked for a mailbox",
            domain::Eligible::Activated => "whoever activated a mailbox asked for",
        };
        lines.push(format!("\nvouchers: {whom} before {}", rules.registered_before));
        lines.push(format!("  requests to {}", rules.intake));
        lines.extend(rules.last_day.map(|day| format!("  through {day}")));
        lines.extend(rules.redeem_by.map(|day| format!("  redeemed through {day}")));
        lines.extend(rules.max_issued.map(|most| format!("  {most} at most")));
        lines.extend(rules.sweep.as_ref().map(|cron| format!("  ended at {cron:?}")));
        lines.extend(rules.sources.iter().map(|source| format!("  source: {source}")));
    }
    for work in &plan.recurring {
        lines.push(format!("\nrecurring: {} at {:?}", work.name, work.cron));
    }
    if let Some(rules) = &plan.drift {
        let then = if rules.repair { "put right" } else { "only reported" };
        lines.push(format!(
            "\nthe platform is compared at {:?}; what differs is {then}",
            rules.cron
        ));
    }
    let retry = plan.retry;
    lines.push(format!(
        "\nfailed effects: {} attempts, the first again within {} s, no wait over {} s\n",
        retry.attempts, retry.first_delay_seconds, retry.longest_delay_seconds
    ));
    lines.join("\n")
}

async fn adopt(args: AdoptArgs, global: &Global) -> Result<(), Error> {
    let (plan, _) = plan_file::read(&args.file)?;
    let origin = origin(global, &args.reason);
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    if let StorePlace::Folder(folder) = &global.store
        && !Home::new(folder).exists()
    {
        let store = Store::open(global.home()?, Arc::clone(&clock), false, &plan.programme).await?;
        drop(store.adopt(&plan, clock, &origin).await?);
        store.close().await?;
        return adopted(&plan, global);
    }
    let log = Log::open_to_decide(global, Arc::clone(&clock)).await?;
    if Store::programme(&*log.port()).await?.is_none() {
        drop(embedded::adopt(log.port(), &global.store, &plan, clock, &origin).await?);
        log.close().await;
        return adopted(&plan, global);
    }
    log.close().await;
    let reading = Reading::open_to_decide(global).await?;
    refuse_other(&reading, &plan)?;
    let stream = programme_stream(reading.programme())?;
    let command = Command::Adopt(plan.clone());
    let now = reading.journal.now();
    decide(&reading, &stream, &origin, |state| Ok(state.decide(command.clone(), now)?)).await?;
    reading.close().await;
    adopted(&plan, global)
}

fn refuse_other(reading: &Reading, plan: &Plan) -> Result<(), Error> {
    let theirs = reading.programme();
    if *theirs == plan.programme {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the store at {} belongs to programme {theirs}, not {}; name another with --store",
        reading.place(),
        plan.programme
    )))
}

fn adopted(plan: &Plan, global: &Global) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "plan-adopted", "programme": plan.programme }));
    }
    out.line(format!("the plan of {} is in force", plan.programme))
}

async fn amend(args: AmendArgs, global: &Global) -> Result<(), Error> {
    let (plan, _) = plan_file::read(&args.file)?;
    let reading = match &args.reason {
        Some(_) if !args.dry_run => Reading::open_to_decide(global).await?,
        _ => Reading::open(global).await?,
    };
    let now = reading.now().await?;
    let (preview, waits) = {
        let snapshot = reading.journal.state().await?;
        let state = &*snapshot;
        (AmendmentPreview::of(state, &plan, now), state.programme.proposed().is_some())
    };
    let preview = preview.ok_or_else(|| {
        Error::Usage("there is no plan to amend; run `tramonto plan adopt FILE` first".to_owned())
    })?;
    let mut out = Output::open();
    if global.json {
        out.document(&preview)?;
    } else {
        out.text(preview_words(&preview))?;
    }
    if !preview.refused.is_empty() {
        let problems = preview.refused.join("; ");
        return Err(Error::Usage(format!("the amendment is refused: {problems}")));
    }
    // Asking for the plan in force takes an amendment back that waits.
    let decides = !args.dry_run && (waits || !preview.same);
    let Some(reason) = args.reason.filter(|_| decides) else {
        return Ok(());
    };
    let events = append(&reading, &plan, &reason, global).await?;
    if global.json {
        return Ok(());
    }
    out.line(made(&events, preview.revision))
}

/// What asking for an amendment came to.
fn made(events: &[Event], revision: u32) -> String {
    let any = |of: fn(&Event) -> bool| events.iter().any(of);
    if any(|event| matches!(event, Event::PlanAmended(_))) {
        return format!("the plan is amended: revision {revision} is in force");
    }
    if any(|event| matches!(event, Event::AmendmentDropped(_))) {
        return "the amendment that waited is taken back; the plan in force stays".to_owned();
    }
    let is = if events.is_empty() { "was proposed before" } else { "is proposed" };
    format!(
        "the amendment {is}: revision {revision} is adopted once the platform has called off the instants \
         that it moves; until then the plan in force stays, look at `tramonto plan show`"
    )
}

async fn append(
    reading: &Reading,
    plan: &Plan,
    reason: &Reason,
    global: &Global,
) -> Result<Vec<Event>, Error> {
    let programme = reading.programme();
    // Vouchers that are granted meanwhile may be more than the amended plan allows.
    let on = Decision::on(programme_stream(programme)?).depends_on(voucher_stream(programme)?);
    let command = Command::Amend(plan.clone());
    let now = reading.journal.now();
    let events = decide(reading, on, &origin(global, reason), |state| {
        Ok(state.decide(command.clone(), now)?)
    })
    .await?;
    reading.close().await;
    Ok(events)
}

fn preview_words(preview: &AmendmentPreview) -> String {
    if preview.same {
        return "the plan is the one in force; there is nothing to amend\n".to_owned();
    }
    let header = ["phase", "from now", "from then", "touches now", "then", "added", "removed", ""];
    let rows = preview.phases.iter().map(row).collect();
    let mut lines = vec![table(&header, &[3, 4, 5, 6], rows)];
    if !preview.changes_phases() {
        lines.push("no phase changes whom it touches or when".to_owned());
    }
    for phase in preview.phases.iter().filter(|phase| phase.removes_now != phase.removes_then) {
        lines.push(format!(
            "phase {} takes away {} now, and {} then",
            phase.phase, phase.removes_now, phase.removes_then
        ));
    }
    lines.extend(preview.cannot_be_undone.iter().map(|done| format!("can't be undone: {done}")));
    lines.extend(preview.notices.iter().map(|notice| format!("note: {notice}")));
    lines.push(String::new());
    lines.join("\n")
}

fn row(phase: &PhaseChange) -> Vec<String> {
    let day = |day: Option<chrono::NaiveDate>| day.map_or("-".to_owned(), |day| day.to_string());
    let touches = phase.touches;
    let note = match (phase.started, phase.changes()) {
        (true, _) => "started",
        (false, true) => "changes",
        (false, false) => "",
    };
    vec![
        phase.phase.to_string(),
        day(phase.from_now),
        day(phase.from_then),
        count(touches.now),
        count(touches.then),
        count(touches.added),
        count(touches.removed),
        note.to_owned(),
    ]
}
