//! Results of actions on incidents.

use std::fmt;

use domain::IncidentKey;
use serde::Serialize;

use crate::words::mailboxes;

/// Mailboxes of an incident are retried.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentRetry {
    /// The incident.
    pub incident: IncidentKey,
    /// The number of mailboxes.
    pub mailboxes: u64,
}

impl fmt::Display for IncidentRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incident, mailboxes: count } = self;
        write!(f, "incident {incident}: {} will be retried", mailboxes(*count))
    }
}

/// An incident was resolved.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentResolution {
    /// The incident.
    pub incident: IncidentKey,
    /// The number of mailboxes.
    pub mailboxes: u64,
}

impl fmt::Display for IncidentResolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incident, mailboxes: count } = self;
        write!(f, "incident {incident} is resolved for {}; they stay failed", mailboxes(*count))
    }
}
