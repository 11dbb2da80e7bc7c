//! What is measured, under the names that Prometheus users expect: units in the name, totals ending in
//! `_total`.
//!
//! What follows from the state is worked out when it is asked for, so that it is never older than the
//! question; what happens is counted where it happens. Deliberately absent: anything about one mailbox.

use std::sync::{Arc, OnceLock, Weak};

use bus::WorkQueue;
use chrono::{DateTime, Utc};
use eventstore::Journal;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use projections::{Projections, incidents, phase_progress};
use tokio::sync::RwLock;

use crate::Error;

/// The upper bounds of the buckets of every duration, in seconds.
const DURATIONS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Those of an answer to a mail server, which waits for nothing but memory.
const ANSWERS: [f64; 9] = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2];
/// Those of the number of events in an append.
const EVENTS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// One recorder for the process: the `metrics` crate has one, as `tracing` has.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Where the gauges get their values from, once that is there.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The log and what is known from it.
    pub(crate) journal: Arc<Journal>,
    /// Work on its way.
    pub(crate) queue: Arc<dyn WorkQueue>,
    /// What an embedded engine keeps; a service tells what it keeps itself. Held weakly: it is the engine's to
    /// close.
    pub(crate) projections: Weak<Projections>,
}

/// All that is measured.
pub(crate) struct Gauges {
    handle: PrometheusHandle,
    sources: RwLock<Option<Sources>>,
}

impl Gauges {
    /// Begins to measure.
    pub(crate) fn begin() -> Result<Self, Error> {
        let handle = if let Some(handle) = RECORDER.get() {
            handle.clone()
        } else {
            let handle = install()?;
            RECORDER.get_or_init(|| handle).clone()
        };
        describe();
        let version = env!("CARGO_PKG_VERSION");
        gauge!("tramonto_build_info", "version" => version).set(1.0);
        Ok(Self { handle, sources: RwLock::default() })
    }

    /// From now on there is something to look at.
    pub(crate) async fn look_at(&self, sources: Sources) {
        *self.sources.write().await = Some(sources);
    }

    /// From now on there is nothing to look at: it is being closed.
    pub(crate) async fn look_away(&self) {
        *self.sources.write().await = None;
    }

    /// Works out what follows from the state.
    pub(crate) async fn refresh(&self) {
        let Some(Sources { journal, queue, projections }) = self.sources.read().await.clone()
        else {
            return;
        };
        if let Err(error) = of_the_state(&journal).await {
            tracing::debug!("the gauges of the state are as they were: {error}");
        }
        if let Some(projections) = projections.upgrade()
            && let Err(error) = of_the_projections(&projections, journal.now()).await
        {
            tracing::debug!("the gauges of the projections are as they were: {error}");
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
            Err(error) => tracing::debug!("the gauges of the queue are as they were: {error}"),
        }
    }

    /// All of it in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// Puts what was recorded since into its buckets, lest it pile up where nobody asks for it.
pub(super) fn upkeep() {
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
    installed.map_err(|error| Error::Usage(format!("nothing can be measured: {error}")))
}

async fn of_the_state(journal: &Journal) -> Result<(), eventstore::Error> {
    let head = journal.store().head().await?;
    gauge!("tramonto_log_head_position").set(number(head));
    let snapshot = journal.state().await?;
    let (state, now) = (&snapshot, journal.now());
    let people = &state.rights;
    let lifecycles = [
        ("registered", people.registered().len()),
        ("activated", people.activated().len()),
        ("lapsed", people.lapsed().len()),
        ("withdrawn", people.withdrawn().len()),
    ];
    for (lifecycle, count) in lifecycles {
        gauge!("tramonto_mailboxes", "lifecycle" => lifecycle).set(number(count));
    }
    gauge!("tramonto_holds").set(number(state.rights.holds().len().try_into().unwrap_or(u64::MAX)));
    gauge!("tramonto_paused").set(f64::from(u8::from(state.programme.is_paused())));
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
        // A phase that is due and was not started leaves nobody counted: its age tells.
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
    let (sets, table) = (projections.sets(), projections.table());
    let kept = [("sets", sets.status(now).await?), ("mailboxes", table.status(now).await?)];
    for (name, status) in kept {
        gauge!("tramonto_projection_lag_events", "projection" => name)
            .set(number(status.lag_events));
    }
    Ok(())
}

fn describe() {
    eventstore::describe_metrics();
    policy::describe_metrics();
    describe_gauge!("tramonto_build_info", "The version that runs; always 1.");
    describe_gauge!("tramonto_log_head_position", "Position of the newest event.");
    describe_gauge!("tramonto_mailboxes", "Mailboxes by lifecycle.");
    describe_gauge!("tramonto_holds", "Holds that were not released.");
    describe_gauge!("tramonto_paused", "1 while the programme is paused.");
    describe_gauge!("tramonto_phase_due_timestamp_seconds", Unit::Seconds, "When a phase is due.");
    describe_gauge!(
        "tramonto_phase_started_timestamp_seconds",
        Unit::Seconds,
        "When a phase was started."
    );
    describe_gauge!(
        "tramonto_phase_completed_timestamp_seconds",
        Unit::Seconds,
        "When everyone of a phase was accounted for."
    );
    describe_gauge!("tramonto_phase_late_seconds", Unit::Seconds, "How late a phase was started.");
    describe_gauge!(
        "tramonto_phase_mailboxes",
        "Mailboxes of a phase's frozen population, by what became of them."
    );
    describe_gauge!(
        "tramonto_overdue_mailboxes",
        "Mailboxes of a phase that is due, to whom it has not happened."
    );
    describe_gauge!(
        "tramonto_overdue_age_seconds",
        Unit::Seconds,
        "For how long a phase that is not complete has been due."
    );
    describe_gauge!("tramonto_orders", "Work orders in the queue, by what they wait for.");
    describe_gauge!("tramonto_incidents_open_mailboxes", "Mailboxes that wait for an operator.");
    describe_gauge!(
        "tramonto_drift_open_rights",
        "Rights that the platform was found to have otherwise and that are not put right yet."
    );
    describe_gauge!(
        "tramonto_drift_checked_timestamp_seconds",
        Unit::Seconds,
        "When the platform was last compared with the log to the end."
    );
    describe_gauge!(
        "tramonto_canary_contradictions",
        "Rights of our own mailboxes that their latest probes found other than expected."
    );
    describe_counter!(
        "tramonto_canary_probes_total",
        "What probes of our own mailboxes found, by capability and result."
    );
    describe_gauge!("tramonto_projection_lag_events", "Events that a projection has not read yet.");
    describe_gauge!("tramonto_relay_lag_events", "Events that are not on the bus yet.");
    describe_gauge!("tramonto_leader", "1 where this process is the one that works at it.");
    describe_counter!("tramonto_relay_published_total", "Messages put on the bus.");
    describe_counter!(
        "tramonto_outcomes_total",
        "Mailboxes by effect and outcome: applied, already-so, confirmed, transient, permanent."
    );
    describe_gauge!(
        "tramonto_notice_mailboxes",
        "Mailboxes whom a notice concerns, by what became of it."
    );
    describe_gauge!("tramonto_notice_stalled", "1 while nobody hands over what may go out.");
    describe_counter!("tramonto_notices_total", "Notices by outcome of an attempt.");
    describe_counter!(
        "tramonto_notices_relay_failures_total",
        "How often the mail relay took nothing and was left alone for a while."
    );
    describe_gauge!("tramonto_intake_held_messages", "E-mails that wait for an operator.");
    describe_gauge!(
        "tramonto_intake_letters",
        "Letters that wait for the mail relay, and those of which nobody knows whether they left."
    );
    describe_counter!("tramonto_commands_total", "Commands from outside, by kind and answer.");
    describe_histogram!(
        "tramonto_platform_call_duration_seconds",
        Unit::Seconds,
        "How long a call of the mail platform took."
    );
}

/// A count as a gauge holds it: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "no count of ours is that large"
)]
pub(super) fn number(count: u64) -> f64 {
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
