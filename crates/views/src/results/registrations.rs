//! Results of actions on registrations.

use serde::Serialize;

/// A registration is recorded.
#[derive(Debug, Clone, Serialize)]
pub struct RegistrationRecorded {
    /// Whether anything was recorded now; `false` if it was known without a change.
    pub new: bool,
}

sentence!(
    RegistrationRecorded { new },
    "the registration {}",
    if *new { "is recorded" } else { "was recorded before" }
);
