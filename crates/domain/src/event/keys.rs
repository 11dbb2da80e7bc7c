use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Another of the programme's keys signs tokens and extracts. The keys themselves are never in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRotated {
    /// The key that signs since: its thumbprint (RFC 7638), as it stands in tokens.
    pub kid: String,
    /// The key that signed before.
    pub retired: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// From this instant on what the old key signed counts no more.
    pub verifies_until: DateTime<Utc>,
}
