//! What is measured of the answers. No label says anything of a mailbox.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};

use crate::answer::Answer;
use crate::known::Known;

/// What an answer is counted by, looked up once.
pub(crate) struct Measures {
    dunno: Counter,
    refused: Counter,
    deferred: Counter,
    duration: Histogram,
    pub(crate) connections: Gauge,
    pub(crate) turned_away: Counter,
    pub(crate) garbage: Counter,
}

impl Measures {
    pub(crate) fn begin() -> Self {
        let answers =
            |action: &'static str| counter!("tramonto_policy_answers_total", "action" => action);
        Self {
            dunno: answers("dunno"),
            refused: answers("refused"),
            deferred: answers("deferred"),
            duration: histogram!("tramonto_policy_answer_duration_seconds"),
            connections: gauge!("tramonto_policy_connections"),
            turned_away: counter!("tramonto_policy_connections_turned_away_total"),
            garbage: counter!("tramonto_policy_garbage_total"),
        }
    }

    pub(crate) fn answered(&self, answer: &Answer, took: Duration) {
        match answer {
            Answer::Dunno => self.dunno.increment(1),
            Answer::Refuse(_) => self.refused.increment(1),
            Answer::Defer => self.deferred.increment(1),
        }
        self.duration.record(took.as_secs_f64());
    }
}

/// What is known, and since when.
pub(crate) fn known(known: &Known) {
    let (addresses, bytes) = known.size();
    gauge!("tramonto_policy_addresses").set(number(addresses));
    gauge!("tramonto_policy_addresses_bytes").set(number(bytes));
    gauge!("tramonto_policy_contact_timestamp_seconds").set(known.contact_seconds());
}

/// Says what each figure is.
pub fn describe_metrics() {
    describe_counter!(
        "tramonto_policy_answers_total",
        "Answers to mail servers, by action: dunno, refused, deferred."
    );
    describe_histogram!(
        "tramonto_policy_answer_duration_seconds",
        Unit::Seconds,
        "From a whole request to its answer being sent."
    );
    describe_gauge!("tramonto_policy_connections", "Connections of mail servers.");
    describe_counter!(
        "tramonto_policy_connections_turned_away_total",
        "Connections beyond what is allowed at once."
    );
    describe_counter!("tramonto_policy_garbage_total", "Connections that sent what is no request.");
    describe_gauge!("tramonto_policy_addresses", "Addresses that are known.");
    describe_gauge!("tramonto_policy_addresses_bytes", Unit::Bytes, "Memory that they take.");
    describe_gauge!(
        "tramonto_policy_contact_timestamp_seconds",
        Unit::Seconds,
        "When the store was last read to its end; what is known is as old as that."
    );
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "far below 2^53")]
fn number(count: usize) -> f64 {
    count as f64
}
