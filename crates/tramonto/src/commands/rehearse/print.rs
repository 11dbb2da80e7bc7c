//! The report of a rehearsal.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use domain::PhaseId;

use crate::Error;
use crate::output::Output;
use crate::output::progress::per_second;
use crate::output::text::{count, table};
use rehearsal::{HolderOutcome, Outcome};

/// The outcome of a rehearsal, and how long it took.
pub(super) struct Report {
    pub(super) outcome: Outcome,
    pub(super) speeds: BTreeMap<PhaseId, Duration>,
    pub(super) took: Duration,
    pub(super) kept: Option<PathBuf>,
}

impl Report {
    pub(super) fn print(&self, json: bool) -> Result<(), Error> {
        let mut out = Output::open();
        if json {
            return out.document(&serde_json::json!({
                "phases": self.outcome.phases,
                "proof": self.outcome.proof,
                "holders": self.outcome.holders,
                "rejected": self.outcome.imported.balance.rejected,
                "crashes": self.outcome.crashes,
                "events": self.outcome.events,
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
        if self.outcome.imported.balance.rejected > 0 {
            let rejected = self.outcome.imported.balance.rejected;
            writeln!(out, "{rejected} rows of the registry were rejected")?;
        }
        if self.outcome.crashes > 0 {
            writeln!(out, "The engine crashed and recovered {} times", self.outcome.crashes)?;
        }
        let (engine, all) = (self.outcome.engine_took.as_secs_f64(), self.took.as_secs_f64());
        writeln!(out, "{} events; engine {engine:.1} s, total {all:.1} s", self.outcome.events)?;
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
        let rows = self.outcome.phases.iter().map(|report| {
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
        let HolderOutcome { asked, granted, redeemed, logs, turned_away, wrong } =
            &self.outcome.holders;
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
        if self.outcome.proof.holds() {
            writeln!(
                out,
                "Verified: every mailbox accounted for. {} activated mailboxes and {} effects in \
                 the log agree with the {} mailboxes of the directory, which was read \
                 independently",
                self.outcome.proof.activated,
                self.outcome.proof.effects,
                self.outcome.proof.in_directory
            )
        } else {
            writeln!(out, "NOT verified:")?;
            self.outcome
                .proof
                .problems
                .iter()
                .try_for_each(|problem| writeln!(out, "  - {problem}"))
        }
    }
}
