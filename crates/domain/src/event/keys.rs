use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Payload, Subjects, utc};

/// The key that signs tokens and exports was rotated.
///
/// The rotation may lie in the future, because a key is published before it signs. The event is
/// recorded again if its instant or the end of the old key is brought forward. The log never holds
/// a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRotated {
    /// The new signing key: its thumbprint (RFC 7638), as in tokens.
    pub kid: String,
    /// The thumbprint of the previous signing key.
    pub retired: String,
    /// When the new key starts to sign.
    pub at: DateTime<Utc>,
    /// When signatures of the old key become invalid; absent if they never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifies_until: Option<DateTime<Utc>>,
}

payloads! {
    KeysRotated { kid, retired, at, verifies_until }: programme {
        all: "{}", match verifies_until.map(utc) {
            Some(end) => format!(
                "signatures of {retired} are invalid from {end}; its successor is {kid}, from {}",
                utc(*at)
            ),
            None => format!(
                "key {kid} signs from {}; signatures of {retired} are valid without end",
                utc(*at)
            ),
        };
    }
}
