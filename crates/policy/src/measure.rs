//! Metrics of the answers. No label identifies a mailbox.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::answer::Answer;
use crate::snapshot::Snapshot;

/// The metrics of an answer, registered once.
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

/// Records the size and age of the snapshot.
pub(crate) fn snapshot(snapshot: &Snapshot) {
    let (addresses, bytes) = snapshot.size();
    gauge!("tramonto_policy_addresses").set(number(addresses));
    gauge!("tramonto_policy_addresses_bytes").set(number(bytes));
    gauge!("tramonto_policy_contact_timestamp_seconds").set(snapshot.contact_seconds());
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "far below 2^53")]
fn number(count: usize) -> f64 {
    count as f64
}
