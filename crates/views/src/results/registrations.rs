//! Results of actions on registrations.

use std::fmt;

use serde::Serialize;

/// A registration is recorded.
#[derive(Debug, Clone, Serialize)]
pub struct RegistrationRecorded {
    /// Whether anything was recorded now; `false` if it was known without a change.
    pub new: bool,
}

impl fmt::Display for RegistrationRecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.new {
            "the registration is recorded"
        } else {
            "the registration was recorded before"
        })
    }
}
