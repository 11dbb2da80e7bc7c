//! The report of a rehearsal.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use domain::PhaseId;
use registry::Summary;

use crate::Error;
use crate::output::Output;
use crate::output::progress::per_second;
use crate::output::text::{count, table};
use rehearsal::{HolderOutcome, PhaseReport, Proof};

/// The outcome of a rehearsal.
pub(super) struct Outcome {
    pub(super) reports: Vec<PhaseReport>,
    pub(super) speeds: BTreeMap<PhaseId, Duration>,
    pub(super) proof: Proof,
    pub(super) holders: HolderOutcome,
    pub(super) imported: Summary,
    pub(super) crashes: u64,
    pub(super) events: u64,
    pub(super) engine_took: Duration,
    pub(super) took: Duration,
    pub(super) kept: Option<PathBuf>,
}

impl Outcome {
    pub(super) fn print(&self, json: bool) -> Result<(), Error> {
        let mut out = Output::open();
        if json {
            return out.document(&serde_json::json!({
                "phases": self.reports,
                "proof": self.proof,
                "holders": self.holders,
                "rejected": self.imported.balance.rejected,
                "crashes": self.crashes,
                "events": self.events,
                "seconds": self.took.as_secs_f64(),
            }));
        }
        let mut text = String::new();
        self.lines(&mut text).map_err(|error| Error::Invalid(error.to_string()))?;
        out.text(text)
    }

    fn lines(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}", self.table())?;
        self.sum_check(out)?;
        self.asked(out)?;
        if self.imported.balance.rejected > 0 {
            writeln!(out, "{} rows of the registry were rejected", self.imported.balance.rejected)?;
        }
        if self.crashes > 0 {
            writeln!(out, "The engine crashed and recovered {} times", self.crashes)?;
        }
        let (engine, all) = (self.engine_took.as_secs_f64(), self.took.as_secs_f64());
        writeln!(out, "{} events; engine {engine:.1} s, total {all:.1} s", self.events)?;
        if let Some(folder) = &self.kept {
            writeln!(
                out,
                "Store kept; explore it with `tramonto --store {} status`",
                folder.display()
            )?;
        }
        Ok(())
    }

    fn table(&self) -> String {
        let header = "phase | due (UTC) | started | completed | >population | >done \
                      | >already applied | >held | >incidents | >mailboxes/s";
        let rows = self.reports.iter().map(|report| {
            let late = |instant: Option<chrono::DateTime<chrono::Utc>>| match instant {
                None => "-".to_owned(),
                Some(instant) => match (instant - report.due_at).num_seconds() {
                    0 => "on time".to_owned(),
                    seconds => format!("+{seconds} s"),
                },
            };
            let took = self.speeds.get(&report.phase).filter(|_| report.population > 0);
            let speed = took.map(|took| count(per_second(report.population, *took)));
            let numbers =
                [report.population, report.done, report.already_so, report.held, report.incidents];
            let mut row = vec![
                report.phase.to_string(),
                report.due_at.format("%Y-%m-%d %H:%M").to_string(),
                late(report.started_at),
                late(report.completed_at),
            ];
            row.extend(numbers.map(count));
            row.push(speed.unwrap_or_else(|| "-".to_owned()));
            row
        });
        table(header, rows)
    }

    /// The requests of the holders, and their outcome.
    fn asked(&self, out: &mut String) -> std::fmt::Result {
        let HolderOutcome { asked, granted, redeemed, logs, turned_away, wrong } = &self.holders;
        if asked + turned_away + logs == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "Vouchers: {asked} requested, {granted} issued (one per holder), {redeemed} redeemed; \
             message logs: {logs} delivered; {turned_away} ineligible requests refused, as \
             required",
        )?;
        wrong.iter().try_for_each(|wrong| writeln!(out, "  - {wrong}"))
    }

    fn sum_check(&self, out: &mut String) -> std::fmt::Result {
        if self.proof.holds() {
            writeln!(
                out,
                "Verified: every mailbox accounted for. {} activated mailboxes and {} effects in \
                 the log agree with the {} mailboxes of the directory, which was read \
                 independently",
                self.proof.activated, self.proof.effects, self.proof.in_directory
            )
        } else {
            writeln!(out, "NOT verified:")?;
            self.proof.problems.iter().try_for_each(|problem| writeln!(out, "  - {problem}"))
        }
    }
}
