//! Every query of the product: each reads an open store and answers with a type of
//! `views`.
//!
//! Invariant: a query appends nothing. Deliberately absent: how an answer is shown.

mod canaries;
mod drift;
mod events;
mod incidents;
mod keys;
mod log_requests;
mod mail_logs;
mod mail_settings;
mod mailbox;
mod messages;
mod notices;
mod plan;
mod platform;
mod probe;
mod status;
mod vouchers;

pub use self::platform::{PlatformCheck, PlatformQuery, check_platform};
pub use events::{EventSink, EventsQuery};
pub use keys::{keys, published_keys};
pub use mail_logs::MailLogsLeft;
pub use mailbox::{AsOf, MailboxAsOf};
pub use messages::{LetterCount, MessageCount, MessageDetails, MessageList, MessageView};
pub use messages::{message, messages};
pub use notices::NoticeDetails;
pub use plan::{PlanInForce, plan_in_force};
pub(crate) use status::no_plan;
