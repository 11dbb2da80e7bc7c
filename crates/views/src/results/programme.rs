//! Results of actions on the programme as a whole.

use std::fmt;

use domain::Capability;
use serde::Serialize;

/// The programme was paused.
#[derive(Debug, Clone, Serialize)]
pub struct Paused {}

sentence!(
    Paused {},
    "paused: no work is dispatched until `tramonto phase resume --reason TEXT`; phases still \
     start on their \
     dates, and rights already armed still end"
);

/// The programme was resumed.
#[derive(Debug, Clone, Serialize)]
pub struct Resumed {}

sentence!(Resumed {}, "resumed: a running engine dispatches work again within a second");

/// Calls to the platform for one capability were limited.
#[derive(Debug, Clone, Serialize)]
pub struct PaceSet {
    /// The capability.
    pub capability: Capability,
    /// Calls per second; `None` without a limit.
    pub calls_per_second: Option<u32>,
    /// Concurrent calls; `None` without a limit.
    pub concurrent_calls: Option<u32>,
}

impl fmt::Display for PaceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit =
            |limit: Option<u32>| limit.map_or("no limit".to_owned(), |limit| limit.to_string());
        let (second, at_once) = (limit(self.calls_per_second), limit(self.concurrent_calls));
        write!(
            f,
            "pace of {}: calls per second {second}, concurrent calls {at_once}",
            self.capability
        )
    }
}
