//! The report of a rehearsal.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use domain::PhaseId;
use registry::Summary;

use super::bars::rate;
use crate::Error;
use crate::output::Output;
use crate::rehearse::{PhaseReport, Proof, Told};

/// What a rehearsal came to.
pub(super) struct Outcome {
    pub(super) reports: Vec<PhaseReport>,
    pub(super) speeds: BTreeMap<PhaseId, Duration>,
    pub(super) proof: Proof,
    pub(super) holders: Told,
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
                "rejected": self.imported.rejected,
                "crashes": self.crashes,
                "events": self.events,
                "seconds": self.took.as_secs_f64(),
            }));
        }
        let mut text = String::new();
        self.lines(&mut text).map_err(|error| Error::Usage(error.to_string()))?;
        out.text(text)
    }

    fn lines(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}", self.table())?;
        writeln!(out)?;
        self.sum_check(out)?;
        self.asked(out)?;
        if self.imported.rejected > 0 {
            writeln!(out, "{} rows of the registry were rejected.", self.imported.rejected)?;
        }
        if self.crashes > 0 {
            writeln!(out, "The engine was dropped and opened again {} times.", self.crashes)?;
        }
        let (engine, all) = (self.engine_took.as_secs_f64(), self.took.as_secs_f64());
        writeln!(
            out,
            "{} events; the engine took {engine:.1} s, everything {all:.1} s.",
            self.events
        )?;
        if let Some(folder) = &self.kept {
            writeln!(
                out,
                "The store is kept: explore it with `tramonto --store {} status`.",
                folder.display()
            )?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "phase",
            "due (UTC)",
            "started",
            "completed",
            "population",
            "done",
            "already so",
            "held",
            "incidents",
            "mailboxes/s",
        ]);
        for report in &self.reports {
            let speed = self.speeds.get(&report.phase);
            let speed = speed.filter(|_| report.population > 0);
            let late = |instant: Option<chrono::DateTime<chrono::Utc>>| match instant {
                None => "-".to_owned(),
                Some(instant) => match (instant - report.due_at).num_seconds() {
                    0 => "on time".to_owned(),
                    seconds => format!("+{seconds} s"),
                },
            };
            let mut row = vec![
                Cell::new(&report.phase),
                Cell::new(report.due_at.format("%Y-%m-%d %H:%M")),
                Cell::new(late(report.started_at)),
                Cell::new(late(report.completed_at)),
            ];
            let numbers =
                [report.population, report.done, report.already_so, report.held, report.incidents];
            row.extend(numbers.map(number));
            row.push(speed.map_or(Cell::new("-"), |took| number(rate(report.population, *took))));
            table.add_row(row);
        }
        table
    }

    /// What the holders asked for, and what came of it.
    fn asked(&self, out: &mut String) -> std::fmt::Result {
        let Told { asked, granted, redeemed, logs, turned_away, wrong } = &self.holders;
        if asked + turned_away + logs == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "Holders asked for {asked} vouchers: {granted} were granted, one each, and {redeemed} redeemed. \
             {logs} logs of messages were handed out. {turned_away} times somebody was turned away \
             who had to be.",
        )?;
        wrong.iter().try_for_each(|wrong| writeln!(out, "  - {wrong}"))
    }

    fn sum_check(&self, out: &mut String) -> std::fmt::Result {
        if self.proof.holds() {
            writeln!(
                out,
                "Proof: nobody is left behind. {} activated mailboxes and {} effects in the log \
                 agree with the {} mailboxes of the directory, read independently.",
                self.proof.activated, self.proof.effects, self.proof.in_directory
            )
        } else {
            writeln!(out, "The sums do NOT add up:")?;
            self.proof.problems.iter().try_for_each(|problem| writeln!(out, "  - {problem}"))
        }
    }
}

fn number(number: u64) -> Cell {
    Cell::new(number).set_alignment(CellAlignment::Right)
}
