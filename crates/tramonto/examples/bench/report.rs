//! The one place where results are printed: a table in Markdown for each way to run, all at the
//! end.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::fmt::Display;
use std::time::{Duration, Instant};

/// What was measured, in the order of its measuring.
#[derive(Debug)]
pub(crate) struct Report {
    begun: Instant,
    sections: Vec<(String, Vec<Row>)>,
}

#[derive(Debug)]
struct Row {
    what: String,
    measured: String,
    against: String,
}

impl Report {
    /// Nothing is measured yet.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), sections: Vec::new() }
    }

    /// What follows was measured under these conditions.
    pub(crate) fn section(&mut self, conditions: String) {
        self.sections.push((conditions, Vec::new()));
    }

    /// One figure, and what it is to be compared with.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        measured: impl Into<String>,
        against: impl Into<String>,
    ) {
        let row = Row { what: what.into(), measured: measured.into(), against: against.into() };
        self.tell(format_args!("{}: {} {}", row.what, row.measured, row.against));
        if let Some((_, rows)) = self.sections.last_mut() {
            rows.push(row);
        }
    }

    /// How far it is, for whoever waits: the whole takes minutes.
    pub(crate) fn tell(&self, what: impl Display) {
        eprintln!("{:>4} s  {what}", self.begun.elapsed().as_secs());
    }

    /// Prints all of it.
    pub(crate) fn print(self) {
        for (conditions, rows) in self.sections {
            println!("\n{conditions}\n\n| what | measured | against |\n|---|---|---|");
            for Row { what, measured, against } in rows {
                println!("| {what} | {measured} | {against} |");
            }
        }
        println!("\nmeasured in {:.0} s", self.begun.elapsed().as_secs_f64());
    }
}

/// Thousands apart, for people.
pub(crate) fn whole(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut apart = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}

pub(crate) fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}
