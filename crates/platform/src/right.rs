use chrono::{DateTime, Utc};
use domain::{Capabilities, Capability, MailboxSet, PhaseId, ProgrammeId};

/// Why rights are changed; with a mailbox and a capability it is the idempotency key of one effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EffectKey {
    /// The programme.
    pub programme: ProgrammeId,
    /// The plan's revision in force.
    pub revision: u32,
    /// The phase; `None` for a hold, a withdrawal, or another decision about single mailboxes.
    pub phase: Option<PhaseId>,
    /// The position of the log at which drift was found that this puts right: another effect than
    /// the one that somebody undid. `None` for an effect for the first time.
    pub repairs: Option<u64>,
}

impl EffectKey {
    /// The idempotency key of one effect, e.g. `cec-pac/1/receive-only/send/4711`, and of one that
    /// puts drift right `cec-pac/1/receive-only/send/4711/815`.
    ///
    /// No part can hold a slash, and no phase is named `-`, so different effects have different
    /// keys.
    pub fn key(&self, number: u32, capability: Capability) -> String {
        let phase = self.phase.as_ref().map_or("-", PhaseId::as_str);
        let key = format!("{}/{}/{phase}/{capability}/{number}", self.programme, self.revision);
        self.repairs.map_or_else(|| key.clone(), |found_at| format!("{key}/{found_at}"))
    }
}

/// What a capability is to be from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Allowed, with no end.
    Allowed,
    /// Allowed until this instant and not from it on: taken away where it is past, armed where it
    /// is to come.
    Until(DateTime<Utc>),
}

/// One right for a set of mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRights {
    /// Why; makes repeated calls known as one.
    pub key: EffectKey,
    /// Whose.
    pub mailboxes: MailboxSet,
    /// Which capabilities; they all get the same right.
    pub capabilities: Capabilities,
    /// What they are to be.
    pub right: Right,
    /// The position of the log that the caller had read up to when it decided this. A platform that
    /// remembers it changes nothing for a mailbox about which something later was decided, and
    /// answers [`Cause::SUPERSEDED`](super::Cause::SUPERSEDED). Position 0 is before every event.
    pub decided_at: u64,
}
