//! The progress bars of a rehearsal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::{PhaseId, State};
use indicatif::{MultiProgress, ProgressBar};
use registry::Progress;

use crate::output::progress::{self, show_read, style};
use rehearsal::Observer;

/// The interval at which the account of a phase is computed for its bar.
const REFRESH_EVERY: Duration = Duration::from_millis(200);

/// A bar for each phase that has started.
pub(super) struct Bars {
    all: MultiProgress,
    import: Option<ProgressBar>,
    phases: BTreeMap<PhaseId, PhaseBar>,
    refreshed: Option<Instant>,
}

struct PhaseBar {
    bar: ProgressBar,
    begun: Instant,
    took: Option<Duration>,
}

impl Bars {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            all: MultiProgress::with_draw_target(progress::target(quiet)),
            import: None,
            phases: BTreeMap::new(),
            refreshed: None,
        }
    }

    /// Ends the bars; returns how long each phase took from its start to its completion.
    pub(super) fn finish(self) -> BTreeMap<PhaseId, Duration> {
        let took = |(phase, bar): (PhaseId, PhaseBar)| {
            bar.bar.finish();
            Some((phase, bar.took?))
        };
        self.phases.into_iter().filter_map(took).collect()
    }
}

impl Observer for Bars {
    fn generating(&mut self, registrations: u32) {
        // A terminal that is gone is no reason to stop.
        self.all.println(format!("generating {registrations} registrations")).unwrap_or_default();
    }

    fn imported(&mut self, read: Progress) {
        let bar = self.import.get_or_insert_with(|| self.all.add(progress::file("import", false)));
        show_read(bar, read.bytes_read, read.bytes_total, read.rows);
    }

    fn observe(&mut self, now: DateTime<Utc>, state: &State) {
        self.import = None;
        let Some(plan) = state.plan() else { return };
        let due = self.refreshed.is_none_or(|last| last.elapsed() >= REFRESH_EVERY);
        for phase in &plan.phases {
            let Some(started) = state.phases.get(&phase.id) else { continue };
            let population = started.event.population.len();
            let all = &self.all;
            let bar = self.phases.entry(phase.id.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(population));
                bar.set_style(style(
                    "{msg} {wide_bar} {human_pos}/{human_len}  {per_sec}  {eta} left",
                ));
                bar.set_message(format!("{}  {}", phase.from, phase.title));
                PhaseBar { bar, begun: Instant::now(), took: None }
            });
            if bar.took.is_some() {
                continue;
            }
            if started.completed.is_some() {
                bar.took = Some(bar.begun.elapsed());
                bar.bar.set_position(population);
                bar.bar.abandon();
            } else if due {
                let account = started.account(&state.rights, &state.failures, now, plan.zone);
                bar.bar.set_position(population - account.pending.len() - account.retrying.len());
            }
        }
        if due {
            self.refreshed = Some(Instant::now());
        }
    }
}
