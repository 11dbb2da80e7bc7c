//! Results of actions on incidents.

use domain::IncidentKey;
use serde::Serialize;

use crate::words;

/// Mailboxes of an incident are retried.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentRetry {
    /// The incident.
    pub incident: IncidentKey,
    /// The number of mailboxes.
    pub mailboxes: u64,
}

sentence!(
    IncidentRetry { incident, mailboxes },
    "incident {incident}: {} will be retried",
    words::mailboxes(*mailboxes)
);

/// An incident was resolved.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentResolution {
    /// The incident.
    pub incident: IncidentKey,
    /// The number of mailboxes.
    pub mailboxes: u64,
}

sentence!(
    IncidentResolution { incident, mailboxes },
    "incident {incident} is resolved for {}; they stay failed",
    words::mailboxes(*mailboxes)
);
