//! Every fact that the log can hold, by kind.
//!
//! A new kind is a row of the table below, a payload with its texts, a golden file and its
//! transition. A group of kinds is one pattern for code that treats them alike
//! (`voucher_events!()`). The name of a kind and the shape of its payload never change:
//! `tests/golden/` holds one JSON file for each. An unknown kind or schema version is an error that
//! names it.

#[macro_use]
mod payload;

mod canary;
mod column;
mod describe;
mod drift;
mod erasure;
mod incident;
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

use self::describe::attempts;
use self::payload::Payload;

pub use canary::*;
pub use column::DateColumn;
pub use describe::{late, utc};
pub use drift::*;
pub use erasure::*;
pub use incident::IncidentKey;
pub use keys::KeysRotated;
pub use log_request::*;
pub use notice::*;
pub use outcome::*;
pub use programme::*;
pub use registry::*;
pub use subjects::Subjects;
pub use voucher::*;

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

/// The payload of a variant: the type of its name, unless the table names another.
macro_rules! payload_of {
    ($variant:ident) => {
        $variant
    };
    ($variant:ident $payload:ident) => {
        $payload
    };
}

macro_rules! events {
    ($($(group $group:ident)? {
        $($variant:ident $(($payload:ident))? =
            $kind:literal v $version:literal: $meaning:literal,)*
    })*) => {
        /// What happened.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $($(
                #[doc = concat!("`", $kind, "`: ", $meaning, ".")]
                $variant(payload_of!($variant $($payload)?)),
            )*)*
        }

        impl Event {
            /// Every kind with its schema version.
            pub const KINDS: &[(&'static str, u16)] = &[$($(($kind, $version)),*),*];

            /// Every kind with what it means, in one line.
            pub const MEANINGS: &[(&'static str, &'static str)] =
                &[$($(($kind, $meaning)),*),*];

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
        PlanAdopted = "plan-adopted" v 1: "The first plan of the programme was adopted",
        PlanAmended(PlanAdopted) = "plan-amended" v 1: "An amended plan took effect",
        AmendmentProposed(PlanAdopted) = "amendment-proposed" v 1:
            "An amended plan waits until the platform has disarmed what it moves",
        AmendmentDropped = "amendment-dropped" v 1: "A proposed amendment was dropped",
        ProgrammePaused = "programme-paused" v 1: "Dispatching of work was paused",
        ProgrammeResumed = "programme-resumed" v 1: "Dispatching of work was resumed",
        PaceChanged = "pace-changed" v 1: "The limits of calls for one capability were changed",
        RecurringWorkDue = "recurring-work-due" v 1: "Recurring work came due by its schedule",
    }
    {
        PhaseStarted = "phase-started" v 1: "A phase started, with its population frozen",
        PhaseCompleted = "phase-completed" v 1: "Every mailbox of a phase is accounted for",
    }
    {
        MailboxesRegistered = "mailboxes-registered" v 1: "Mailboxes were registered",
        MailboxesActivated = "mailboxes-activated" v 1: "Mailboxes were activated",
        MailboxWithdrawn = "mailbox-withdrawn" v 1: "A holder withdrew a mailbox",
        HoldPlaced = "hold-placed" v 1: "A hold was placed on capabilities of a mailbox",
        HoldReleased = "hold-released" v 1: "A hold was released",
    }
    group informational_events {
        RegistrationsCorrected = "registrations-corrected" v 1:
            "Personal data of registrations was corrected",
        RegistryImported = "registry-imported" v 1: "The import of a registry file completed",
        KeysRotated = "keys-rotated" v 1: "A signing key was created, rotated or retired",
    }
    {
        RegistrationsLapsed(Outcome) = "registrations-lapsed" v 1:
            "Registrations never activated lapsed",
        SendingDisabled(Outcome) = "sending-disabled" v 1: "Mailboxes lost the capability to send",
        ModifyingDisabled(Outcome) = "modifying-disabled" v 1:
            "Mailboxes lost the capability to modify",
        ReceivingDisabled(Outcome) = "receiving-disabled" v 1:
            "Mailboxes lost the capability to receive",
        AccessClosed(Outcome) = "access-closed" v 1: "Mailboxes lost access",
        RightsRestored = "rights-restored" v 1: "Mailboxes regained a capability",
        RightsArmed = "rights-armed" v 1: "The platform was armed, or disarmed, for mailboxes",
    }
    group failure_events {
        EffectFailed = "effect-failed" v 1: "An effect failed and will be retried",
        IncidentOpened = "incident-opened" v 1:
            "Mailboxes failed permanently and wait for an operator",
        IncidentRetried = "incident-retried" v 1:
            "An operator retried mailboxes of an incident",
        IncidentResolved = "incident-resolved" v 1:
            "An operator resolved an incident by other means",
    }
    {
        DriftFound = "drift-found" v 1: "The platform was found to differ from the log",
        DriftSettled = "drift-settled" v 1: "A difference of the platform was repaired or is gone",
        DriftChecked = "drift-checked" v 1: "A comparison of the platform with the log completed",
    }
    group notice_events {
        NoticesReleased = "notices-released" v 1: "A batch of a notice may be sent",
        NoticesClaimed = "notices-claimed" v 1: "Notices were claimed for sending",
        NoticesSent = "notices-sent" v 1: "The mail relay accepted notices",
        NoticesDeferred = "notices-deferred" v 1: "Notices could not be sent and will be retried",
        NoticesFailed = "notices-failed" v 1: "Notices failed permanently",
        NoticesInDoubt = "notices-in-doubt" v 1: "It is unknown whether the relay accepted notices",
        NoticesRetried = "notices-retried" v 1: "An operator retried notices",
        NoticesBounced = "notices-bounced" v 1: "Notices bounced",
    }
    group canary_events {
        CanaryProbed = "canary-probed" v 1: "A canary was probed near a phase boundary",
    }
    group voucher_events {
        VouchersRequested = "vouchers-requested" v 1: "Holders requested vouchers",
        VouchersVerified = "vouchers-verified" v 1: "Requesters of vouchers were verified",
        VouchersRefused = "vouchers-refused" v 1: "Requests for vouchers were refused",
        VouchersIssued = "vouchers-issued" v 1: "Vouchers were issued",
        VouchersDelivered = "vouchers-delivered" v 1: "Codes of vouchers were delivered",
        VoucherRedeemed = "voucher-redeemed" v 1: "A voucher was redeemed for a provider",
        VouchersExpired = "vouchers-expired" v 1: "Vouchers expired unused",
        VoucherRevoked = "voucher-revoked" v 1: "A voucher was revoked",
        VoucherReissued = "voucher-reissued" v 1: "The code of a voucher was replaced",
        VoucherRemindersClaimed = "voucher-reminders-claimed" v 1:
            "Reminders of unused vouchers were claimed for sending",
    }
    group erasure_events {
        ErasureOrdered = "erasure-ordered" v 1: "The erasure of personal data was ordered",
        HoldersErased = "holders-erased" v 1: "Personal data of holders was erased",
    }
    group log_request_events {
        LogRequested = "log-requested" v 1: "The log of a mailbox's messages was requested",
        LogRequesterVerified = "log-requester-verified" v 1: "The requester of a log was verified",
        LogExportPrepared = "log-export-prepared" v 1:
            "The export of a log was prepared, with its link",
        LogExportAccessed = "log-export-accessed" v 1: "The link of an export was opened",
        LogExportExpired = "log-export-expired" v 1: "The link of an export expired",
        LogRequestRefused = "log-request-refused" v 1: "A request for a log was refused",
        LogsDestroyed = "logs-destroyed" v 1:
            "The index of mail logs and all exports were destroyed",
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
        self.statements().describe(None)
    }

    /// What the event means for one of its mailboxes.
    pub fn describe_for(&self, number: u32) -> String {
        match self.as_removal() {
            Some((capability, outcome)) => outcome.describe_for(capability),
            None => self.statements().describe(Some(number)),
        }
    }

    /// The log request that the event belongs to; `None` for any other event.
    pub fn log_request(&self) -> Option<Uuid> {
        if let Self::LogRequested(LogRequested { request, .. })
        | Self::LogRequesterVerified(LogRequesterVerified { request, .. })
        | Self::LogExportPrepared(LogExportPrepared { request, .. })
        | Self::LogExportAccessed(LogExportAccessed { request, .. })
        | Self::LogExportExpired(LogExportExpired { request, .. })
        | Self::LogRequestRefused(LogRequestRefused { request, .. }) = self
        {
            Some(*request)
        } else {
            None
        }
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
