//! Every fact the log can hold, by kind.
//!
//! A kind's name and the shape of each of its schema versions are for ever: `tests/golden/` holds one
//! JSON file for each. An older version is upcast when it is read ([`upcast`]); an unknown kind or a
//! newer version is an error that names it.

mod canary;
mod column;
mod drift;
mod erasure;
mod keys;
mod log_request;
mod notice;
mod outcome;
mod programme;
mod registry;
mod upcast;
mod voucher;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

pub use canary::{CanaryProbed, Door, Finding, Found, Side, Transcript};
pub use column::DateColumn;
pub use drift::{Compared, DriftChecked, DriftFound, DriftSettled, Standing};
pub use erasure::{ErasureOrdered, Ground, HoldersErased};
pub use keys::KeysRotated;
pub use log_request::{
    ExtractAccess, LogExtractAccessed, LogExtractExpired, LogExtractPrepared, LogRequestRefused,
    LogRequested, LogRequesterVerified, LogsDestroyed, Requester,
};
pub use notice::{
    NoticesBounced, NoticesClaimed, NoticesDeferred, NoticesFailed, NoticesInDoubt,
    NoticesReleased, NoticesRetried, NoticesSent,
};
pub use outcome::{
    IncidentOpened, IncidentResolved, IncidentRetried, Outcome, RightsArmed, RightsRestored,
    TransientFailure, Verdict,
};
pub use programme::{
    AmendmentDropped, GivenUp, PaceChanged, PhaseCompleted, PhaseStarted, PlanAdopted,
    ProgrammePaused, ProgrammeResumed, RecurringWorkDue,
};
pub use registry::{
    HoldPlaced, HoldReleased, MailboxWithdrawn, MailboxesActivated, MailboxesRegistered,
    RegistrationsCorrected, RegistryImported,
};
pub use voucher::{
    Proof, VoucherRedeemed, VoucherReissued, VoucherRemindersClaimed, VoucherRevoked,
    VouchersDelivered, VouchersExpired, VouchersIssued, VouchersRefused, VouchersRequested,
    VouchersVerified,
};

/// An event as the domain sees it: what happened, when it took effect and where it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its place in the log.
    pub position: u64,
    /// Its id, which what follows from it names as its cause.
    pub id: Uuid,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What happened.
    pub event: Event,
}

/// Why a recorded event can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Decoding {
    /// No kind of that name.
    #[error("this program knows no event kind {0:?}; run a newer version of it")]
    UnknownKind(String),
    /// The schema version is newer than this program's.
    #[error(
        "schema version {found} of {kind} is newer than {known}; run a newer version of this program"
    )]
    Newer {
        /// The kind.
        kind: &'static str,
        /// The version that was found.
        found: u16,
        /// The newest version this program knows.
        known: u16,
    },
    /// The payload is not of the kind's shape.
    #[error("the payload of {kind} is not of its shape: {problem}")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

macro_rules! events {
    ($($variant:ident($payload:ty) = $kind:literal v $version:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $(#[doc = concat!("`", $kind, "`: see [`", stringify!($payload), "`].")] $variant($payload),)*
        }

        impl Event {
            /// Every kind with its newest schema version.
            pub const KINDS: &[(&'static str, u16)] = &[$(($kind, $version)),*];

            /// The stable name of its kind and the schema version it is written in.
            pub fn kind(&self) -> (&'static str, u16) {
                match self { $(Self::$variant(_) => ($kind, $version),)* }
            }

            /// The payload as JSON.
            pub fn payload(&self) -> Result<String, Decoding> {
                match self { $(Self::$variant(payload) => written($kind, payload),)* }
            }

            /// Reads a payload of any schema version up to the newest.
            pub fn decode(kind: &str, version: u16, payload: &str) -> Result<Self, Decoding> {
                match kind {
                    $($kind => upcast::read($kind, version, $version, payload).map(Self::$variant),)*
                    unknown => Err(Decoding::UnknownKind(unknown.chars().take(80).collect())),
                }
            }
        }
    };
}

events! {
    PlanAdopted(PlanAdopted) = "plan-adopted" v 1,
    PlanAmended(PlanAdopted) = "plan-amended" v 1,
    AmendmentProposed(PlanAdopted) = "amendment-proposed" v 1,
    AmendmentDropped(AmendmentDropped) = "amendment-dropped" v 1,
    PhaseStarted(PhaseStarted) = "phase-started" v 1,
    PhaseCompleted(PhaseCompleted) = "phase-completed" v 2,
    ProgrammePaused(ProgrammePaused) = "programme-paused" v 1,
    ProgrammeResumed(ProgrammeResumed) = "programme-resumed" v 1,
    PaceChanged(PaceChanged) = "pace-changed" v 1,
    RecurringWorkDue(RecurringWorkDue) = "recurring-work-due" v 1,
    MailboxesRegistered(MailboxesRegistered) = "mailboxes-registered" v 1,
    MailboxesActivated(MailboxesActivated) = "mailboxes-activated" v 1,
    RegistrationsCorrected(RegistrationsCorrected) = "registrations-corrected" v 1,
    RegistryImported(RegistryImported) = "registry-imported" v 1,
    MailboxWithdrawn(MailboxWithdrawn) = "mailbox-withdrawn" v 1,
    HoldPlaced(HoldPlaced) = "hold-placed" v 1,
    HoldReleased(HoldReleased) = "hold-released" v 1,
    RegistrationsLapsed(Outcome) = "registrations-lapsed" v 1,
    SendingDisabled(Outcome) = "sending-disabled" v 1,
    ModifyingDisabled(Outcome) = "modifying-disabled" v 1,
    ReceivingDisabled(Outcome) = "receiving-disabled" v 1,
    AccessClosed(Outcome) = "access-closed" v 1,
    RightsRestored(RightsRestored) = "rights-restored" v 1,
    RightsArmed(RightsArmed) = "rights-armed" v 1,
    TransientFailure(TransientFailure) = "effect-failed" v 1,
    IncidentOpened(IncidentOpened) = "incident-opened" v 1,
    IncidentRetried(IncidentRetried) = "incident-retried" v 1,
    IncidentResolved(IncidentResolved) = "incident-resolved" v 1,
    DriftFound(DriftFound) = "drift-found" v 1,
    DriftSettled(DriftSettled) = "drift-settled" v 1,
    DriftChecked(DriftChecked) = "drift-checked" v 1,
    NoticesReleased(NoticesReleased) = "notices-released" v 1,
    NoticesClaimed(NoticesClaimed) = "notices-claimed" v 1,
    NoticesSent(NoticesSent) = "notices-sent" v 1,
    NoticesDeferred(NoticesDeferred) = "notices-deferred" v 1,
    NoticesFailed(NoticesFailed) = "notices-failed" v 1,
    NoticesInDoubt(NoticesInDoubt) = "notices-in-doubt" v 1,
    NoticesRetried(NoticesRetried) = "notices-retried" v 1,
    NoticesBounced(NoticesBounced) = "notices-bounced" v 1,
    CanaryProbed(CanaryProbed) = "canary-probed" v 1,
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
    ErasureOrdered(ErasureOrdered) = "erasure-ordered" v 1,
    HoldersErased(HoldersErased) = "holders-erased" v 1,
    LogRequested(LogRequested) = "log-requested" v 1,
    LogRequesterVerified(LogRequesterVerified) = "log-requester-verified" v 1,
    LogExtractPrepared(LogExtractPrepared) = "log-extract-prepared" v 1,
    LogExtractAccessed(LogExtractAccessed) = "log-extract-accessed" v 1,
    LogExtractExpired(LogExtractExpired) = "log-extract-expired" v 1,
    LogRequestRefused(LogRequestRefused) = "log-request-refused" v 1,
    LogsDestroyed(LogsDestroyed) = "logs-destroyed" v 1,
    KeysRotated(KeysRotated) = "keys-rotated" v 1,
}

fn written<T: Serialize>(kind: &'static str, payload: &T) -> Result<String, Decoding> {
    serde_json::to_string(payload)
        .map_err(|error| Decoding::Payload { kind, problem: error.to_string() })
}
