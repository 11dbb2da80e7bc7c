//! Progress of long work, on standard error and only if that is a terminal.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Redraws while nothing is reported, so that a slow step does not look stuck.
const REDRAW: Duration = Duration::from_millis(200);

/// A bar for work of known size: what is done, the rate and the time left.
pub(crate) fn bar(what: &'static str, unit: &'static str, total: u64, quiet: bool) -> ProgressBar {
    let template =
        format!("{what} {{wide_bar}} {{human_pos}}/{{human_len}}  {{rate}}  {{eta}} left");
    begun(ProgressBar::with_draw_target(Some(total), target(quiet)), &template, unit)
}

/// A bar for work that reports how much of how much is done: drawn from the first report on, and
/// cleared when dropped.
pub(crate) struct Reported {
    what: &'static str,
    unit: &'static str,
    quiet: bool,
    bar: Option<ProgressBar>,
}

impl Reported {
    pub(crate) fn new(what: &'static str, unit: &'static str, quiet: bool) -> Self {
        Self { what, unit, quiet, bar: None }
    }

    pub(crate) fn report(&mut self, done: u64, all: u64) {
        let begin = || bar(self.what, self.unit, all, self.quiet);
        self.bar.get_or_insert_with(begin).set_position(done);
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar for a file that is read; [`show_read`] moves it.
pub(crate) fn file(what: &'static str, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target(quiet));
    bar.set_style(style(&format!(
        "{what} {{wide_bar}} {{bytes}}/{{total_bytes}}  {{msg}}  {{eta}} left"
    )));
    bar
}

/// Shows how many bytes of a file were read, of how many, and how many rows they held.
pub(crate) fn show_read(bar: &ProgressBar, bytes: u64, total: Option<u64>, rows: u64) {
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar.set_position(bytes);
    let rate = per_second(rows, bar.elapsed());
    bar.set_message(format!("{} rows, {} rows/s", HumanCount(rows), HumanCount(rate)));
}

/// A spinner for work of unknown size: what is done and the rate.
pub(crate) fn spinner(what: &'static str, unit: &'static str, quiet: bool) -> ProgressBar {
    let template = format!("{{spinner}} {what}: {{human_pos}} {unit}, {{rate}}");
    begun(ProgressBar::with_draw_target(None, target(quiet)), &template, unit)
}

/// The draw target: standard error. indicatif draws nothing where that is no terminal.
pub(crate) fn target(quiet: bool) -> ProgressDrawTarget {
    if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

/// The style of a template; a wrong template falls back to a plain bar.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn begun(bar: ProgressBar, template: &str, unit: &'static str) -> ProgressBar {
    bar.set_style(style(template).with_key(
        "rate",
        move |state: &ProgressState, out: &mut dyn Write| {
            let rate = per_second(state.pos(), state.elapsed());
            // Writing to the bar's own text cannot fail.
            write!(out, "{} {unit}/s", HumanCount(rate)).unwrap_or_default();
        },
    ));
    bar.enable_steady_tick(REDRAW);
    bar
}

/// A count by the time it took, per second.
pub(crate) fn per_second(count: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000) / millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_per_second_and_survives_no_time_at_all() {
        assert_eq!(per_second(1_500, Duration::from_millis(500)), 3_000);
        assert_eq!(per_second(7, Duration::ZERO), 7_000);
    }
}
