//! Results of actions on messages in quarantine.

use serde::Serialize;

/// A message is processed again.
#[derive(Debug, Clone, Serialize)]
pub struct MessageReleased {
    /// Its number.
    pub number: i64,
    /// Whether the operator named the holder.
    #[serde(skip)]
    pub for_holder: bool,
}

sentence!(
    MessageReleased { number, for_holder },
    "message {number} is processed again, as {}",
    if *for_holder { "that holder's request" } else { "written by a person" }
);

/// A message was refused.
#[derive(Debug, Clone, Serialize)]
pub struct MessageRefused {
    /// Its number.
    pub number: i64,
}

sentence!(MessageRefused { number }, "message {number} is refused, and kept");
