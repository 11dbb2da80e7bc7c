//! The metrics of a process, under the names that Prometheus users expect: units in the name,
//! totals ending in `_total`.
//!
//! Metrics of the state are computed at each scrape, so that they are never older than the scrape;
//! counters count where things happen. Deliberately absent: anything about one mailbox.

mod catalogue;

use std::sync::{Arc, OnceLock, Weak};

use bus::WorkQueue;
use chrono::{DateTime, Utc};
use eventstore::Journal;
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use projections::{Projections, incidents, phase_progress};
use tokio::sync::RwLock;

use crate::Error;

pub use catalogue::{Kind, METRICS, Metric};

/// The upper bounds of the buckets of every duration, in seconds.
const DURATIONS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// The bounds for an answer to a mail server, which is computed in memory.
const ANSWERS: [f64; 9] = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2];
/// The bounds for the number of events in an append.
const EVENTS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// One recorder for the process: the `metrics` crate has one, as `tracing` has.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// What the gauges of the state are computed from.
#[derive(Clone)]
pub struct MetricSources {
    /// The log, and the state folded from it.
    pub journal: Arc<Journal>,
    /// The queue of orders.
    pub queue: Arc<dyn WorkQueue>,
    /// The projections of an embedded engine, which closes them; services measure their own.
    pub projections: Weak<Projections>,
}

/// The metrics of this process.
pub struct Metrics {
    handle: PrometheusHandle,
    sources: RwLock<Option<MetricSources>>,
}

impl Metrics {
    /// Installs the recorder.
    pub fn begin() -> Result<Self, Error> {
        let handle = if let Some(handle) = RECORDER.get() {
            handle.clone()
        } else {
            let handle = install()?;
            RECORDER.get_or_init(|| handle).clone()
        };
        catalogue::describe();
        let version = env!("CARGO_PKG_VERSION");
        gauge!("tramonto_build_info", "version" => version).set(1.0);
        Ok(Self { handle, sources: RwLock::default() })
    }

    /// Sets what the gauges of the state are computed from.
    pub async fn observe(&self, sources: MetricSources) {
        *self.sources.write().await = Some(sources);
    }

    /// Keeps the last values from now on: the sources are being closed.
    pub async fn stop_observing(&self) {
        *self.sources.write().await = None;
    }

    /// Computes the gauges of the state.
    pub async fn refresh(&self) {
        let Some(MetricSources { journal, queue, projections }) = self.sources.read().await.clone()
        else {
            return;
        };
        if let Err(error) = of_the_state(&journal).await {
            tracing::debug!(%error, "could not refresh state metrics");
        }
        if let Some(projections) = projections.upgrade()
            && let Err(error) = of_the_projections(&projections, journal.now()).await
        {
            tracing::debug!(%error, "could not refresh projection metrics");
        }
        match queue.backlog().await {
            Ok(backlog) => {
                let states = [
                    ("waiting", backlog.waiting),
                    ("delayed", backlog.delayed),
                    ("in_flight", backlog.in_flight),
                ];
                for (state, count) in states {
                    gauge!("tramonto_orders", "state" => state).set(number(count));
                }
            }
            Err(error) => tracing::debug!(%error, "could not refresh queue metrics"),
        }
    }

    /// Every metric in the text format of Prometheus.
    pub fn text(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// Sorts recent samples into their buckets, so that they do not accumulate without a scrape.
pub(crate) fn upkeep() {
    if let Some(handle) = RECORDER.get() {
        handle.run_upkeep();
    }
}

fn install() -> Result<PrometheusHandle, Error> {
    let answers = Matcher::Full("tramonto_policy_answer_duration_seconds".to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(answers, &ANSWERS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATIONS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)
        });
    let installed = builder.and_then(PrometheusBuilder::install_recorder);
    installed
        .map_err(|error| Error::Refused(format!("cannot install the metrics recorder: {error}")))
}

async fn of_the_state(journal: &Journal) -> Result<(), eventstore::Error> {
    let head = journal.store().head().await?;
    gauge!("tramonto_log_head_position").set(number(head));
    let snapshot = journal.state().await?;
    let (state, now) = (&snapshot, journal.now());
    let people = &state.rights;
    let lifecycles = [
        ("registered", people.registered.len()),
        ("activated", people.activated.len()),
        ("lapsed", people.lapsed.len()),
        ("withdrawn", people.withdrawn.len()),
    ];
    for (lifecycle, count) in lifecycles {
        gauge!("tramonto_mailboxes", "lifecycle" => lifecycle).set(number(count));
    }
    gauge!("tramonto_holds").set(number(state.rights.holds.len().try_into().unwrap_or(u64::MAX)));
    gauge!("tramonto_paused").set(f64::from(u8::from(state.programme.paused)));
    for phase in phase_progress(state, now) {
        let name = phase.phase.to_string();
        let at = |metric: &'static str, instant: Option<DateTime<Utc>>| {
            if let Some(instant) = instant {
                gauge!(metric, "phase" => name.clone()).set(seconds(instant));
            }
        };
        at("tramonto_phase_due_timestamp_seconds", Some(phase.due_at));
        at("tramonto_phase_started_timestamp_seconds", phase.started_at);
        at("tramonto_phase_completed_timestamp_seconds", phase.completed_at);
        gauge!("tramonto_phase_late_seconds", "phase" => name.clone())
            .set(number(phase.late_seconds));
        let sets = [
            ("population", phase.population),
            ("done", phase.done),
            ("already_so", phase.already_so),
            ("held", phase.held),
            ("incident", phase.incident),
            ("retrying", phase.retrying),
            ("pending", phase.pending),
        ];
        for (set, count) in sets {
            gauge!("tramonto_phase_mailboxes", "phase" => name.clone(), "set" => set)
                .set(number(count));
        }
        // A due phase that has not started has no frozen population: its age shows it.
        let due = now >= phase.due_at && phase.completed_at.is_none();
        let overdue = if due { phase.pending + phase.retrying } else { 0 };
        let age = if due { seconds(now) - seconds(phase.due_at) } else { 0.0 };
        gauge!("tramonto_overdue_mailboxes", "phase" => name.clone()).set(number(overdue));
        gauge!("tramonto_overdue_age_seconds", "phase" => name).set(age);
    }
    for notice in views::notice_progress(state, now) {
        let name = notice.notice.to_string();
        let sets = [
            ("sent", notice.sent),
            ("bounced", notice.bounced),
            ("failed", notice.failed),
            ("in_doubt", notice.in_doubt),
            ("waiting", notice.waiting),
            ("left", notice.left),
            ("never_told", notice.never_told),
        ];
        for (set, count) in sets {
            gauge!("tramonto_notice_mailboxes", "notice" => name.clone(), "set" => set)
                .set(number(count));
        }
        gauge!("tramonto_notice_stalled", "notice" => name)
            .set(f64::from(u8::from(notice.stalled)));
    }
    if state.plan().is_some_and(|plan| plan.vouchers.is_some()) {
        let progress = state.voucher_progress();
        let states = [
            ("requested", progress.unverified),
            ("pending", progress.pending),
            ("retrying", progress.retrying),
            ("failed", progress.failed),
            ("issued", progress.issued),
            ("delivered", progress.delivered),
        ];
        for (state, count) in states {
            gauge!("tramonto_vouchers", "state" => state).set(number(count));
        }
    }
    let groups = incidents(state);
    let open: u64 = groups.iter().map(|group| group.open).sum();
    gauge!("tramonto_incidents_open_mailboxes").set(number(open));
    gauge!("tramonto_drift_open_rights").set(number(state.drift.open_rights()));
    let wrong = state.canaries.contradictions().len();
    gauge!("tramonto_canary_contradictions").set(number(wrong.try_into().unwrap_or(u64::MAX)));
    if let Some((at, _)) = state.drift.last_check() {
        gauge!("tramonto_drift_checked_timestamp_seconds").set(seconds(*at));
    }
    Ok(())
}

async fn of_the_projections(
    projections: &Projections,
    now: DateTime<Utc>,
) -> Result<(), projections::Error> {
    let (sets, table) = (&projections.sets, &projections.table);
    let kept = [("sets", sets.status(now).await?), ("mailboxes", table.status(now).await?)];
    for (name, status) in kept {
        gauge!("tramonto_projection_lag_events", "projection" => name)
            .set(number(status.lag_events));
    }
    Ok(())
}

/// A count as a gauge holds it: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "no count of ours is that large"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// An instant in seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "to the microsecond until 2112"
)]
fn seconds(instant: DateTime<Utc>) -> f64 {
    instant.timestamp_micros() as f64 / 1e6
}
