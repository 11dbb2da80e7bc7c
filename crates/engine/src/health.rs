//! The health of each part of a process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A part that has not reported for this long hangs: the longest rest of a part is a minute.
const SILENCE: Duration = Duration::from_mins(5);

/// The state of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "because")]
pub enum PartStatus {
    /// A dependency is missing.
    Waiting(String),
    /// The part works.
    Working,
    /// Another process holds the lease; this one would take over.
    Standby,
    /// The last tick failed; it will be retried.
    Failing(String),
}

/// The health of every part of one process.
#[derive(Debug, Default)]
pub struct Health {
    parts: Mutex<BTreeMap<&'static str, (PartStatus, Instant)>>,
}

impl Health {
    /// Reports the state of a part.
    pub fn report(&self, part: &'static str, status: PartStatus) {
        self.parts().insert(part, (status, Instant::now()));
    }

    /// Removes a part that turned out to have nothing to do.
    pub fn remove(&self, part: &'static str) {
        self.parts().remove(part);
    }

    /// Reports a part without ticks as working, again and again: it ends with its process.
    pub async fn keep_working(&self, part: &'static str) {
        loop {
            self.report(part, PartStatus::Working);
            tokio::time::sleep(SILENCE / 5).await;
        }
    }

    /// Whether every part works or is a standby.
    pub fn is_ready(&self) -> bool {
        let parts = self.parts();
        let ready = |status: &PartStatus| match status {
            PartStatus::Working | PartStatus::Standby => true,
            PartStatus::Waiting(_) | PartStatus::Failing(_) => false,
        };
        !parts.is_empty() && parts.values().all(|(status, _)| ready(status))
    }

    /// Whether every part still reports. A process in which one does not should be restarted.
    pub fn is_alive(&self) -> bool {
        self.parts().values().all(|(_, reported)| reported.elapsed() < SILENCE)
    }

    /// The state of each part.
    pub fn statuses(&self) -> BTreeMap<&'static str, PartStatus> {
        self.parts().iter().map(|(part, (status, _))| (*part, status.clone())).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<&'static str, (PartStatus, Instant)>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_each_of_its_parts_works_or_is_a_standby() {
        let health = Health::default();
        assert!(!health.is_ready() && health.is_alive());
        health.report("sweep", PartStatus::Standby);
        health.report("scheduler", PartStatus::Working);
        assert!(health.is_ready());
        health.report("scheduler", PartStatus::Failing("the store is unavailable".to_owned()));
        assert!(!health.is_ready() && health.is_alive());
    }
}
