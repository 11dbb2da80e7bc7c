//! Every fact that the log can hold, by kind.
//!
//! A new kind is a row of the table below, a payload that implements [`Payload`], a golden file and
//! its transition. The name of a kind and the shape of its payload never change: `tests/golden/`
//! holds one JSON file for each. An unknown kind or schema version is an error that names it.

mod canary;
mod column;
mod describe;
mod drift;
mod erasure;
mod keys;
mod log_request;
mod notice;
mod outcome;
mod programme;
mod registry;
mod subjects;
mod voucher;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use canary::{CanaryProbed, Finding, ProbeAnswer, Protocol, Side, Transcript};
pub use column::DateColumn;
pub use describe::{late, mailboxes, utc};
pub use drift::{Compared, DriftChecked, DriftFound, DriftSettled, Standing};
pub use erasure::{ErasureGround, ErasureOrdered, HoldersErased};
pub use keys::KeysRotated;
pub use log_request::{
    ExportAccess, LogExportAccessed, LogExportExpired, LogExportPrepared, LogRequestRefused,
    LogRequested, LogRequesterVerified, LogsDestroyed, Requester,
};
pub use notice::{
    NoticesBounced, NoticesClaimed, NoticesDeferred, NoticesFailed, NoticesInDoubt,
    NoticesReleased, NoticesRetried, NoticesSent,
};
pub use outcome::{
    EffectFailed, IncidentOpened, IncidentResolved, IncidentRetried, Outcome, RightsArmed,
    RightsRestored, Verdict,
};
pub use programme::{
    AmendmentDropped, FailedMailboxes, PaceChanged, PhaseCompleted, PhaseStarted, PlanAdopted,
    ProgrammePaused, ProgrammeResumed, RecurringWorkDue,
};
pub use registry::{
    HoldPlaced, HoldReleased, MailboxWithdrawn, MailboxesActivated, MailboxesRegistered,
    RegistrationsCorrected, RegistryImported,
};
pub use subjects::Subjects;
pub use voucher::{
    Verification, VoucherRedeemed, VoucherReissued, VoucherRemindersClaimed, VoucherRevoked,
    VouchersDelivered, VouchersExpired, VouchersIssued, VouchersRefused, VouchersRequested,
    VouchersVerified,
};

/// An event with its place in the log and its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Global position in the log.
    pub position: u64,
    /// Event id; later events name it as their cause.
    pub id: Uuid,
    /// When the event took effect.
    pub effective_at: DateTime<Utc>,
    /// When the event was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What happened.
    pub event: Event,
}

/// Why a recorded event cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Decoding {
    /// No kind has this name.
    #[error("unknown event kind {0:?}; upgrade tramonto")]
    UnknownKind(String),
    /// This program does not support the schema version.
    #[error("schema version {found} of {kind} is not supported ({supported} is); upgrade tramonto")]
    Version {
        /// The kind.
        kind: &'static str,
        /// The schema version of the recorded event.
        found: u16,
        /// The schema version that this program supports.
        supported: u16,
    },
    /// The payload does not match the kind's schema.
    #[error("invalid payload of {kind}: {problem}")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// What the payload of an event states about itself, so that no other code lists all kinds.
trait Payload {
    /// The mailboxes that the event concerns.
    fn subjects(&self) -> Subjects<'_>;

    /// The event in one line, with the sizes of its sets.
    fn describe(&self) -> String;

    /// What the event means for one of its mailboxes.
    fn describe_for(&self, _number: u32) -> String {
        self.describe()
    }

    /// The log request that the event belongs to.
    fn log_request(&self) -> Option<Uuid> {
        None
    }
}

/// The description of an event about one mailbox.
fn one(payload: &impl Payload, number: u32) -> String {
    format!("mailbox {number}: {}", payload.describe_for(number))
}

/// Defines a pattern that matches every event of a group, for matches that treat the group as one.
macro_rules! group {
    ([$group:ident] $($variant:ident)*) => {
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $group {
            () => { $($crate::Event::$variant(_))|* };
        }
    };
    ([] $($variant:ident)*) => {};
}

macro_rules! events {
    ($($(group $group:ident)? {
        $($variant:ident($payload:ty) = $kind:literal v $version:literal,)*
    })*) => {
        /// What happened.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $($(
                #[doc = concat!("`", $kind, "`: see [`", stringify!($payload), "`].")]
                $variant($payload),
            )*)*
        }

        impl Event {
            /// Every kind with its schema version.
            pub const KINDS: &[(&'static str, u16)] = &[$($(($kind, $version)),*),*];

            /// The stable name of the kind, and its schema version.
            pub fn kind(&self) -> (&'static str, u16) {
                match self { $($(Self::$variant(_) => ($kind, $version),)*)* }
            }

            /// The payload as JSON.
            pub fn payload(&self) -> Result<String, Decoding> {
                match self { $($(Self::$variant(payload) => encode($kind, payload),)*)* }
            }

            /// Decodes a payload.
            pub fn decode(kind: &str, version: u16, payload: &str) -> Result<Self, Decoding> {
                match kind {
                    $($($kind => decode($kind, version, $version, payload).map(Self::$variant),)*)*
                    unknown => Err(Decoding::UnknownKind(unknown.chars().take(80).collect())),
                }
            }

            fn statements(&self) -> &dyn Payload {
                match self { $($(Self::$variant(payload) => payload,)*)* }
            }
        }

        $(group! { [$($group)?] $($variant)* })*
    };
}

events! {
    group programme_events {
        PlanAdopted(PlanAdopted) = "plan-adopted" v 1,
        PlanAmended(PlanAdopted) = "plan-amended" v 1,
        AmendmentProposed(PlanAdopted) = "amendment-proposed" v 1,
        AmendmentDropped(AmendmentDropped) = "amendment-dropped" v 1,
        ProgrammePaused(ProgrammePaused) = "programme-paused" v 1,
        ProgrammeResumed(ProgrammeResumed) = "programme-resumed" v 1,
        PaceChanged(PaceChanged) = "pace-changed" v 1,
        RecurringWorkDue(RecurringWorkDue) = "recurring-work-due" v 1,
    }
    {
        PhaseStarted(PhaseStarted) = "phase-started" v 1,
        PhaseCompleted(PhaseCompleted) = "phase-completed" v 1,
    }
    {
        MailboxesRegistered(MailboxesRegistered) = "mailboxes-registered" v 1,
        MailboxesActivated(MailboxesActivated) = "mailboxes-activated" v 1,
        MailboxWithdrawn(MailboxWithdrawn) = "mailbox-withdrawn" v 1,
        HoldPlaced(HoldPlaced) = "hold-placed" v 1,
        HoldReleased(HoldReleased) = "hold-released" v 1,
    }
    group informational_events {
        RegistrationsCorrected(RegistrationsCorrected) = "registrations-corrected" v 1,
        RegistryImported(RegistryImported) = "registry-imported" v 1,
        KeysRotated(KeysRotated) = "keys-rotated" v 1,
    }
    {
        RegistrationsLapsed(Outcome) = "registrations-lapsed" v 1,
        SendingDisabled(Outcome) = "sending-disabled" v 1,
        ModifyingDisabled(Outcome) = "modifying-disabled" v 1,
        ReceivingDisabled(Outcome) = "receiving-disabled" v 1,
        AccessClosed(Outcome) = "access-closed" v 1,
        RightsRestored(RightsRestored) = "rights-restored" v 1,
        RightsArmed(RightsArmed) = "rights-armed" v 1,
    }
    group failure_events {
        EffectFailed(EffectFailed) = "effect-failed" v 1,
        IncidentOpened(IncidentOpened) = "incident-opened" v 1,
        IncidentRetried(IncidentRetried) = "incident-retried" v 1,
        IncidentResolved(IncidentResolved) = "incident-resolved" v 1,
    }
    {
        DriftFound(DriftFound) = "drift-found" v 1,
        DriftSettled(DriftSettled) = "drift-settled" v 1,
        DriftChecked(DriftChecked) = "drift-checked" v 1,
    }
    group notice_events {
        NoticesReleased(NoticesReleased) = "notices-released" v 1,
        NoticesClaimed(NoticesClaimed) = "notices-claimed" v 1,
        NoticesSent(NoticesSent) = "notices-sent" v 1,
        NoticesDeferred(NoticesDeferred) = "notices-deferred" v 1,
        NoticesFailed(NoticesFailed) = "notices-failed" v 1,
        NoticesInDoubt(NoticesInDoubt) = "notices-in-doubt" v 1,
        NoticesRetried(NoticesRetried) = "notices-retried" v 1,
        NoticesBounced(NoticesBounced) = "notices-bounced" v 1,
    }
    group canary_events {
        CanaryProbed(CanaryProbed) = "canary-probed" v 1,
    }
    group voucher_events {
        VouchersRequested(VouchersRequested) = "vouchers-requested" v 1,
        VouchersVerified(VouchersVerified) = "vouchers-verified" v 1,
        VouchersRefused(VouchersRefused) = "vouchers-refused" v 1,
        VouchersIssued(VouchersIssued) = "vouchers-issued" v 1,
        VouchersDelivered(VouchersDelivered) = "vouchers-delivered" v 1,
        VoucherRedeemed(VoucherRedeemed) = "voucher-redeemed" v 1,
        VouchersExpired(VouchersExpired) = "vouchers-expired" v 1,
        VoucherRevoked(VoucherRevoked) = "voucher-revoked" v 1,
        VoucherReissued(VoucherReissued) = "voucher-reissued" v 1,
        VoucherRemindersClaimed(VoucherRemindersClaimed) = "voucher-reminders-claimed" v 1,
    }
    group erasure_events {
        ErasureOrdered(ErasureOrdered) = "erasure-ordered" v 1,
        HoldersErased(HoldersErased) = "holders-erased" v 1,
    }
    group log_request_events {
        LogRequested(LogRequested) = "log-requested" v 1,
        LogRequesterVerified(LogRequesterVerified) = "log-requester-verified" v 1,
        LogExportPrepared(LogExportPrepared) = "log-export-prepared" v 1,
        LogExportAccessed(LogExportAccessed) = "log-export-accessed" v 1,
        LogExportExpired(LogExportExpired) = "log-export-expired" v 1,
        LogRequestRefused(LogRequestRefused) = "log-request-refused" v 1,
        LogsDestroyed(LogsDestroyed) = "logs-destroyed" v 1,
    }
}

impl Event {
    /// The mailboxes that the event concerns.
    pub fn subjects(&self) -> Subjects<'_> {
        self.statements().subjects()
    }

    /// The event in one line, with the sizes of its sets.
    pub fn describe(&self) -> String {
        if let Self::AmendmentProposed(amendment) = self {
            return amendment.describe_proposal();
        }
        self.statements().describe()
    }

    /// What the event means for one of its mailboxes.
    pub fn describe_for(&self, number: u32) -> String {
        match self.as_removal() {
            Some((capability, outcome)) => outcome.describe_for(capability),
            None => self.statements().describe_for(number),
        }
    }

    /// The log request that the event belongs to; `None` for any other event.
    pub fn log_request(&self) -> Option<Uuid> {
        self.statements().log_request()
    }
}

fn encode<T: Serialize>(kind: &'static str, payload: &T) -> Result<String, Decoding> {
    serde_json::to_string(payload)
        .map_err(|error| Decoding::Payload { kind, problem: error.to_string() })
}

fn decode<T: DeserializeOwned>(
    kind: &'static str,
    found: u16,
    supported: u16,
    payload: &str,
) -> Result<T, Decoding> {
    if found != supported {
        return Err(Decoding::Version { kind, found, supported });
    }
    serde_json::from_str(payload)
        .map_err(|error| Decoding::Payload { kind, problem: error.to_string() })
}
