use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Another of the programme's keys signs tokens and extracts, from an instant on that may be to come: a key is published
/// before it signs. It is told again where the end of the old one was brought forward, or its instant was. The keys
/// themselves are never in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRotated {
    /// The key that signs since: its thumbprint (RFC 7638), as it stands in tokens.
    pub kid: String,
    /// The key that signed before.
    pub retired: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// From this instant on what the old key signed counts no more; absent where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifies_until: Option<DateTime<Utc>>,
}
