//! The names of a programme's streams.

use domain::{MailboxId, PhaseId, ProgrammeId};

use crate::{Error, StreamName};

fn named(category: &str, id: impl std::fmt::Display) -> Result<StreamName, Error> {
    Ok(StreamName::new(format!("{category}-{id}"))?)
}

/// The streams that a programme has one of, by their categories.
macro_rules! streams {
    ($($(#[$doc:meta])+ $name:ident: $category:literal,)+) => {$(
        $(#[$doc])+
        pub fn $name(programme: &ProgrammeId) -> Result<StreamName, Error> {
            named($category, programme)
        }
    )+};
}

streams! {
    /// The stream of a programme's own decisions: its plan, its phases, whether it is paused.
    programme_stream: "programme",
    /// The stream of a programme's recurring work.
    schedule_stream: "schedule",
    /// The stream of a programme's registry.
    registry_stream: "registry",
    /// The stream of a programme's notices to its holders.
    notice_stream: "notice",
    /// The stream of the canary probes around each boundary.
    canary_stream: "canary",
    /// The stream of a programme's vouchers. Every decision about a voucher is appended to it at
    /// its expected version, which guarantees one voucher for each holder, and the plan's limit.
    voucher_stream: "voucher",
    /// The stream of a programme's key rotations.
    keys_stream: "keys",
    /// The stream of a programme's erasures: decided and completed.
    erasure_stream: "erasure",
    /// The stream of a programme's message logs: log requests, exports delivered, logs destroyed.
    archive_stream: "archive",
    /// The stream of operators' decisions about incidents.
    incident_stream: "incident",
    /// The stream of drift between platform and log.
    drift_stream: "drift",
}

/// The stream of the outcomes of a phase, or of outcomes that belong to no phase.
pub fn outcome_stream(
    programme: &ProgrammeId,
    phase: Option<&PhaseId>,
) -> Result<StreamName, Error> {
    match phase {
        Some(phase) => named("outcome", format!("{programme}.{phase}")),
        None => named("outcome", programme),
    }
}

/// The stream of one mailbox.
pub fn mailbox_stream(programme: &ProgrammeId, number: u32) -> Result<StreamName, Error> {
    named("mailbox", MailboxId::new(programme, number))
}
