//! `tramonto status`: where the programme stands.

use console::style;
use domain::VoucherProgress;
use views::{PhaseProgress, Population, Status};

use super::act::{query, show};
use super::notices;
use crate::Error;
use crate::cli::Global;
use crate::output::text::{count, mailboxes, table, utc};

pub(super) async fn execute(global: &Global) -> Result<(), Error> {
    let status = query(global, async |store| store.status().await).await?;
    show(&status, words, global)
}

fn words(status: &Status) -> String {
    let mut lines = vec![
        format!("{} ({}), plan revision {}", status.title, status.programme, status.revision),
        match &status.phase {
            Some(phase) => format!(
                "current phase: {} ({}) since {}{}",
                phase.phase,
                phase.title,
                utc(phase.since),
                if phase.started { "" } else { "; no engine has started it yet" }
            ),
            None => "current phase: none has started yet".to_owned(),
        },
    ];
    let Population { registered, activated, lapsed, withdrawn, held } = status.population;
    let [registered, activated, lapsed, withdrawn, held] =
        [registered, activated, lapsed, withdrawn, held].map(count);
    lines.push(format!(
        "{registered} registered, {activated} activated, {lapsed} lapsed, {withdrawn} withdrawn, \
         {held} held"
    ));
    if status.paused {
        let paused = "PAUSED: no work is dispatched until `tramonto phase resume --reason TEXT`";
        lines.push(style(paused).yellow().to_string());
    }
    let header = "phase | due | state | >population | >done | >already applied | >held | \
                  >incidents | >retrying | >pending";
    lines.push(String::new());
    lines.push(table(header, status.phases.iter().map(row)));
    if !status.notices.is_empty() {
        lines.push(notices::overview(&status.notices));
        lines.extend(status.notices.iter().flat_map(notices::problems));
    }
    if let Some(vouchers) = status.vouchers {
        let VoucherProgress { unverified, pending, retrying, failed, issued, delivered } = vouchers;
        let [unverified, pending, retrying, failed, issued, delivered] =
            [unverified, pending, retrying, failed, issued, delivered].map(count);
        lines.push(format!(
            "vouchers: {unverified} requested, {pending} pending, {retrying} retrying, {failed} \
             failed, {issued} issued, {delivered} delivered"
        ));
    }
    if status.drift.open > 0 {
        lines.push(format!(
            "{} rights on the platform differ from the log; repair them with `tramonto drift \
             repair --reason TEXT`",
            count(status.drift.open)
        ));
    }
    for wrong in &status.canaries {
        lines.push(format!(
            "CANARY {} contradicts the plan: {} was {} {} {} ({}); see `tramonto canary show {}`",
            wrong.number,
            wrong.finding.capability,
            if wrong.finding.expected { "refused" } else { "allowed" },
            wrong.side.name(),
            wrong.phase,
            utc(wrong.began_at),
            wrong.phase
        ));
    }
    if let Some(revision) = status.proposed {
        lines.push(format!(
            "revision {revision} of the plan takes effect once the platform has disarmed what it \
             moves"
        ));
    }
    match status.open_incidents() {
        0 => {}
        open => lines
            .push(format!("{} failed permanently; see `tramonto incident list`", mailboxes(open))),
    }
    if let Some(next) = &status.next {
        lines.push(format!("next: {} ({})", next.what, utc(next.at)));
    }
    let behind = status.projections.iter().map(|one| match one.lag_events {
        _ if one.damaged => format!("{} damaged: run `tramonto store rebuild`", one.name),
        0 => format!("{} up to date", one.name),
        lag => format!("{} {} events behind", one.name, count(lag)),
    });
    let behind: Vec<_> = behind.collect();
    let derived =
        if behind.is_empty() { String::new() } else { format!("; {}", behind.join(", ")) };
    lines.push(format!("log: {} events{derived}", count(status.log)));
    lines.push(String::new());
    lines.join("\n")
}

fn row(phase: &PhaseProgress) -> Vec<String> {
    let late = domain::late(phase.late_seconds);
    let state = match (phase.started_at, phase.completed_at) {
        (_, Some(_)) => format!("completed{late}"),
        (Some(_), None) => format!("in progress{late}"),
        (None, None) => "pending".to_owned(),
    };
    let numbers = [
        phase.population,
        phase.done,
        phase.already_so,
        phase.held,
        phase.incident,
        phase.retrying,
        phase.pending,
    ];
    let mut row = vec![phase.phase.to_string(), utc(phase.due_at), state];
    let started = phase.started_at.is_some();
    row.extend(numbers.map(|number| if started { count(number) } else { "-".to_owned() }));
    row
}
