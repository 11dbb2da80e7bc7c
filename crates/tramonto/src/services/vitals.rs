//! How each part of a service fares, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A part that has not shown itself for so long hangs: the longest sleep is a minute.
const SILENCE: Duration = Duration::from_mins(5);

/// How a part fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "because")]
pub(crate) enum Condition {
    /// It waits for what it needs to begin.
    Waiting(String),
    /// It works.
    Working,
    /// Another process works at this; it would take over.
    Standby,
    /// Its last pass failed; it is tried again.
    Failing(String),
}

/// The parts of one process.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    parts: Mutex<BTreeMap<&'static str, (Condition, Instant)>>,
}

impl Vitals {
    /// A part shows itself.
    pub(crate) fn show(&self, part: &'static str, condition: Condition) {
        self.parts().insert(part, (condition, Instant::now()));
    }

    /// Shows again and again that a part works which has no passes of its own: it ends with its process.
    pub(crate) async fn keep(&self, part: &'static str) {
        loop {
            self.show(part, Condition::Working);
            tokio::time::sleep(SILENCE / 5).await;
        }
    }

    /// Can it do its work, or stand by for it?
    pub(crate) fn is_ready(&self) -> bool {
        let parts = self.parts();
        let fit = |condition: &Condition| match condition {
            Condition::Working | Condition::Standby => true,
            Condition::Waiting(_) | Condition::Failing(_) => false,
        };
        !parts.is_empty() && parts.values().all(|(condition, _)| fit(condition))
    }

    /// Does every part still show itself? A process in which one does not is best started anew.
    pub(crate) fn is_alive(&self) -> bool {
        self.parts().values().all(|(_, shown)| shown.elapsed() < SILENCE)
    }

    /// Each part and how it fares.
    pub(crate) fn parts_now(&self) -> BTreeMap<&'static str, Condition> {
        self.parts().iter().map(|(part, (condition, _))| (*part, condition.clone())).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<&'static str, (Condition, Instant)>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_each_of_its_parts_works_or_stands_by() {
        let vitals = Vitals::default();
        assert!(!vitals.is_ready() && vitals.is_alive());
        vitals.show("sweep", Condition::Standby);
        vitals.show("scheduler", Condition::Working);
        assert!(vitals.is_ready());
        vitals.show("scheduler", Condition::Failing("the store is away".to_owned()));
        assert!(!vitals.is_ready() && vitals.is_alive());
    }
}
