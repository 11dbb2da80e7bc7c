//! Results of actions on messages in quarantine.

use std::fmt;

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

impl fmt::Display for MessageReleased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read_as = if self.for_holder { "that holder's request" } else { "written by a person" };
        write!(f, "message {} is processed again, as {read_as}", self.number)
    }
}

/// A message was refused.
#[derive(Debug, Clone, Serialize)]
pub struct MessageRefused {
    /// Its number.
    pub number: i64,
}

sentence!(MessageRefused { number }, "message {number} is refused, and kept");
