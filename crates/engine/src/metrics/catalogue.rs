//! Every metric of the product: its name, its labels and its help, in one table.
//!
//! The parts that measure name a metric and its labels only; the exporter describes them from
//! here. Invariant, held by a test: every name in the sources is in the table, and none else.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// How a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rises only.
    Counter,
    /// Rises and falls.
    Gauge,
    /// The distribution of a value.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it measures, with its unit.
    pub help: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

/// Every metric, by what it is about.
pub const METRICS: &[Metric] = &[
    gauge("tramonto_build_info", &["version"], "Version of the running program; always 1"),
    gauge("tramonto_log_head_position", &[], "Position of the newest event of the log"),
    histogram(
        "tramonto_append_duration_seconds",
        &["store", "outcome"],
        "Duration of an append, including the wait for its turn, in seconds",
    ),
    histogram("tramonto_append_events", &["store"], "Events per append"),
    gauge("tramonto_projection_lag_events", &["projection"], "Events not yet read by a projection"),
    gauge("tramonto_relay_lag_events", &[], "Events not yet mirrored to the message bus"),
    counter("tramonto_relay_published_total", &[], "Messages published to the message bus"),
    counter("tramonto_relay_lost_total", &[], "Messages lost by the message bus"),
    counter(
        "tramonto_dead_letters_total",
        &["subject"],
        "Messages moved to the dead-letter stream",
    ),
    counter("tramonto_commands_total", &["kind", "answer"], "Commands from the message bus"),
    gauge("tramonto_leader", &["of"], "Whether this process holds a lease: 1 or 0"),
    gauge("tramonto_mailboxes", &["lifecycle"], "Mailboxes by lifecycle state"),
    gauge("tramonto_holds", &[], "Holds not yet released"),
    gauge("tramonto_paused", &[], "Whether the programme is paused: 1 or 0"),
    gauge(
        "tramonto_phase_due_timestamp_seconds",
        &["phase"],
        "Instant at which a phase is due, in seconds since 1970",
    ),
    gauge(
        "tramonto_phase_started_timestamp_seconds",
        &["phase"],
        "Instant at which a phase started, in seconds since 1970",
    ),
    gauge(
        "tramonto_phase_completed_timestamp_seconds",
        &["phase"],
        "Instant at which a phase completed, in seconds since 1970",
    ),
    gauge("tramonto_phase_late_seconds", &["phase"], "Delay of a phase's start, in seconds"),
    gauge(
        "tramonto_phase_mailboxes",
        &["phase", "set"],
        "Mailboxes of a phase's population, by outcome",
    ),
    gauge(
        "tramonto_overdue_mailboxes",
        &["phase"],
        "Mailboxes not yet processed by an overdue phase",
    ),
    gauge(
        "tramonto_overdue_age_seconds",
        &["phase"],
        "Time since the due instant of an incomplete phase, in seconds",
    ),
    gauge("tramonto_orders", &["state"], "Orders in the queue, by state"),
    counter("tramonto_outcomes_total", &["effect", "outcome"], "Mailboxes by effect and outcome"),
    gauge(
        "tramonto_incidents_open_mailboxes",
        &[],
        "Mailboxes that failed permanently and wait for an operator",
    ),
    histogram(
        "tramonto_platform_call_duration_seconds",
        &["call", "result"],
        "Duration of a call to the mail platform, in seconds",
    ),
    counter(
        "tramonto_platform_mailboxes_total",
        &["outcome"],
        "Mailboxes set by calls to the mail platform",
    ),
    counter("tramonto_webhook_requests_total", &["result"], "Requests to the provider's API"),
    gauge(
        "tramonto_webhook_breaker_open",
        &[],
        "Whether calls to the provider's API are suspended after failures: 1 or 0",
    ),
    gauge("tramonto_drift_open_rights", &[], "Rights known to differ on the mail platform"),
    gauge(
        "tramonto_drift_checked_timestamp_seconds",
        &[],
        "Instant of the last complete comparison with the platform, in seconds since 1970",
    ),
    gauge(
        "tramonto_canary_contradictions",
        &[],
        "Capabilities of canaries whose latest probe contradicts the plan",
    ),
    counter("tramonto_canary_probes_total", &["capability", "result"], "Probes of canaries"),
    gauge(
        "tramonto_vouchers",
        &["state"],
        "Vouchers: requested, pending, retrying, failed, issued or delivered",
    ),
    gauge("tramonto_notice_mailboxes", &["notice", "set"], "Mailboxes of a notice, by outcome"),
    gauge("tramonto_notice_stalled", &["notice"], "Whether a notice is due and not sent: 1 or 0"),
    counter("tramonto_notices_total", &["notice", "outcome"], "Attempts to send a notice"),
    counter(
        "tramonto_notices_relay_failures_total",
        &[],
        "Failures of the mail relay that suspended sending",
    ),
    counter("tramonto_intake_messages_total", &["verdict"], "Messages received over LMTP"),
    histogram(
        "tramonto_intake_keep_duration_seconds",
        &[],
        "Time to store a batch of received messages, in seconds",
    ),
    counter("tramonto_intake_decisions_total", &["reason"], "Decisions about received messages"),
    gauge("tramonto_intake_held_messages", &[], "Messages in quarantine"),
    gauge("tramonto_intake_letters", &["state"], "Letters waiting for the relay or in doubt"),
    counter("tramonto_policy_answers_total", &["action"], "Answers to mail servers"),
    histogram(
        "tramonto_policy_answer_duration_seconds",
        &[],
        "Time from a complete request of a mail server to its answer, in seconds",
    ),
    gauge("tramonto_policy_connections", &[], "Open connections of mail servers"),
    counter(
        "tramonto_policy_connections_turned_away_total",
        &[],
        "Connections of mail servers beyond the limit",
    ),
    counter("tramonto_policy_garbage_total", &[], "Connections that sent an invalid request"),
    gauge("tramonto_policy_addresses", &[], "Addresses in the policy server's memory"),
    gauge(
        "tramonto_policy_addresses_bytes",
        &[],
        "Memory of the policy server's addresses, in bytes",
    ),
    gauge(
        "tramonto_policy_contact_timestamp_seconds",
        &[],
        "Instant up to which the policy server has read the store, in seconds since 1970",
    ),
];

impl Metric {
    /// Its unit, by the ending of its name.
    fn unit(&self) -> Unit {
        let name = self.name;
        if name.ends_with("_seconds") {
            Unit::Seconds
        } else if name.ends_with("_bytes") {
            Unit::Bytes
        } else {
            Unit::Count
        }
    }
}

/// Describes every metric to the exporter of this process.
pub(super) fn describe() {
    for metric in METRICS {
        let (name, unit, help) = (metric.name, metric.unit(), metric.help);
        match metric.kind {
            Kind::Counter => describe_counter!(name, unit, help),
            Kind::Gauge => describe_gauge!(name, unit, help),
            Kind::Histogram => describe_histogram!(name, unit, help),
        }
    }
}
