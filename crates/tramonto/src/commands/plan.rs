//! `tramonto plan`: check, show, adopt, amend.

use std::path::Path;

use domain::Plan;
use engine::actions::plan;
use engine::queries::plan_in_force;
use engine::store::Store;
use serde_json::json;
use views::{AmendmentPreview, PhaseChange};

use super::act::{answer, decide_on};
use super::plan_file;
use crate::Error;
use crate::cli::{Global, PlanCommand, Reason};
use crate::output::Output;
use crate::output::text::{count, local, table, utc};

pub(super) async fn execute(command: PlanCommand, global: &Global) -> Result<(), Error> {
    match command {
        PlanCommand::Check { file } => check(&file, global),
        PlanCommand::Show { file: as_file } => show(as_file, global).await,
        PlanCommand::Adopt { file, reason } => {
            let (plan, _) = plan_file::read(&file)?;
            let caller = global.caller(Some(&reason));
            let done = Box::pin(plan::adopt(global.settings()?, plan, &caller)).await?;
            answer(&done, global)
        }
        PlanCommand::Amend { file, dry_run, reason } => {
            amend(&file, reason.filter(|_| !dry_run), global).await
        }
    }
}

fn check(file: &Path, global: &Global) -> Result<(), Error> {
    let (plan, notices) = plan_file::read(file)?;
    let mut out = Output::open();
    if global.json {
        let notices: Vec<_> = notices
            .iter()
            .map(|notice| json!({ "line": notice.line, "message": notice.message }))
            .collect();
        return out.document(&json!({ "plan": plan, "notices": notices }));
    }
    let file = file.display();
    for notice in &notices {
        out.line(format!("{file}:{}: note: {}", notice.line, notice.message))?;
    }
    let phases = plan.phases.len();
    out.line(format!("{file} is a plan for {} with {phases} phases", plan.programme))
}

async fn show(as_file: bool, global: &Global) -> Result<(), Error> {
    let shown = plan_in_force(global.settings()?).await?;
    let mut out = Output::open();
    if as_file {
        return out.text(plan_file::write(&shown.plan)?);
    }
    if global.json {
        return out.document(&shown);
    }
    out.text(words(&shown.plan, shown.revision))?;
    match shown.proposed {
        Some(next) => out.line(format!(
            "revision {next} is proposed: it is adopted once the platform has disarmed what it \
             moves"
        )),
        None => Ok(()),
    }
}

fn words(plan: &Plan, revision: u32) -> String {
    let standing = match revision {
        0 => "the built-in plan; this store has adopted none yet".to_owned(),
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
        lines.push(format!("  removes {}; allows {}", plan.removes(place), phase.allows));
        lines.extend(phase.sources.iter().map(|source| format!("  source: {source}")));
    }
    if let Some(rules) = &plan.vouchers {
        let whom = match rules.eligible {
            domain::Eligible::Registered => "holders who requested a mailbox",
            domain::Eligible::Activated => "holders who activated a mailbox requested",
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
        let then = if rules.repair { "repaired" } else { "only reported" };
        lines.push(format!(
            "\nthe platform is compared at {:?}; differences are {then}",
            rules.cron
        ));
    }
    let retry = plan.retry;
    lines.push(format!(
        "\nfailed effects: {} attempts, the first retry within {} s, the longest delay {} s\n",
        retry.attempts, retry.first_delay_seconds, retry.longest_delay_seconds
    ));
    lines.join("\n")
}

/// Shows what an amendment would change, and makes it if there is a reason.
async fn amend(file: &Path, reason: Option<Reason>, global: &Global) -> Result<(), Error> {
    let (plan, _) = plan_file::read(file)?;
    let store = match &reason {
        Some(_) => decide_on(global).await?,
        None => Store::open_to_read(global.settings()?).await?,
    };
    let amendment = store.amendment(plan).await?;
    let mut out = Output::open();
    if global.json {
        out.document(&amendment.preview)?;
    } else {
        out.text(preview_words(&amendment.preview))?;
    }
    let done = match &reason {
        Some(_) => Box::pin(store.amend(amendment, &global.caller(reason.as_ref()))).await,
        None => amendment.check().map(|()| None),
    };
    store.close().await?;
    match done? {
        Some(done) if !global.json => out.line(done.result.to_string()),
        Some(_) | None => Ok(()),
    }
}

fn preview_words(preview: &AmendmentPreview) -> String {
    if preview.same {
        return "the plan is the one in force; there is nothing to amend\n".to_owned();
    }
    let header = "phase | from now | from then | >touches now | >then | >added | >removed |";
    let mut lines = vec![table(header, preview.phases.iter().map(row))];
    if !preview.changes_phases() {
        lines.push("no phase changes its population or its date".to_owned());
    }
    for phase in preview.phases.iter().filter(|phase| phase.removes_now != phase.removes_then) {
        lines.push(format!(
            "phase {} removes {} now, and {} then",
            phase.phase, phase.removes_now, phase.removes_then
        ));
    }
    lines.extend(preview.cannot_be_undone.iter().map(|done| format!("cannot be undone: {done}")));
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
    let mut row = vec![phase.phase.to_string(), day(phase.from_now), day(phase.from_then)];
    row.extend([touches.now, touches.then, touches.added, touches.removed].map(count));
    row.push(note.to_owned());
    row
}
