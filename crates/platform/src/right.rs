use chrono::{DateTime, Utc};
use domain::{Capabilities, MailboxSet, PhaseId, ProgrammeId};

/// The reason of a change of rights; with the position at which it was decided, a mailbox and a
/// capability it is the idempotency key of one effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EffectKey {
    /// The programme.
    pub programme: ProgrammeId,
    /// The revision of the plan in force.
    pub revision: u32,
    /// The phase; `None` for a hold, a withdrawal, or another decision about single mailboxes.
    pub phase: Option<PhaseId>,
}

/// The new state of a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Allowed, without an end.
    Allowed,
    /// Allowed until this instant, exclusive: removed if it is past, armed if it is in the future.
    Until(DateTime<Utc>),
}

/// One right for a set of mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRights {
    /// The reason; makes retried calls recognizable.
    pub key: EffectKey,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
    /// The capabilities; they all get the same right.
    pub capabilities: Capabilities,
    /// The right.
    pub right: Right,
    /// The position of the log up to which the caller had read when it decided this. A platform
    /// that stores it changes nothing for a mailbox with a later decision, and answers
    /// [`Cause::SUPERSEDED`](super::Cause::SUPERSEDED). Position 0 precedes every event.
    pub decided_at: u64,
}
