//! Results of actions: the same fields for every front end, and one sentence for people.
//!
//! Invariant: no personal data, except a secret that the action created for its caller.

/// Displays a result as one sentence, which may name its fields.
macro_rules! sentence {
    ($result:ident { $($field:ident),* }, $($sentence:tt)*) => {
        impl std::fmt::Display for $result {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($field,)* .. } = self;
                write!(f, $($sentence)*)
            }
        }
    };
}

mod erasure;
mod incidents;
mod keys;
mod logs;
mod mailboxes;
mod messages;
mod notices;
mod plan;
mod programme;
mod registrations;
mod vouchers;

pub use erasure::HoldersErased;
pub use incidents::{IncidentResolution, IncidentRetry};
pub use keys::{KeyRetired, KeyRotation};
pub use logs::{
    ExportPrepared, ExportsPrepared, LinksExpired, LogRequestCreated, LogRequestRefused,
    LogRequestVerified, MailLogsDestroyed,
};
pub use mailboxes::{HoldPlaced, HoldReleased, MailboxWithdrawn};
pub use messages::{MessageRefused, MessageReleased};
pub use notices::{NoticeBounced, NoticeRetry};
pub use plan::{Amended, Migrations, PlanAdopted, PlanAmendment, Rebuilt};
pub use programme::{PaceSet, Paused, Resumed};
pub use registrations::RegistrationRecorded;
pub use vouchers::{
    RemindersClaimed, VoucherRedeemed, VoucherRefused, VoucherRevoked, VouchersExpired,
    VouchersRequested, VouchersVerified,
};
