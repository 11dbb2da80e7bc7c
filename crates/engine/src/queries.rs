//! Everything the product can be asked: each query reads an open store and answers with a type of
//! `views`.
//!
//! Invariant: a query appends nothing. Deliberately absent: how an answer is shown.

mod canaries;
mod drift;
mod events;
mod incidents;
mod log_requests;
mod mail_logs;
mod mailbox;
mod notices;
mod plan;
mod probe;
mod status;
mod vouchers;

pub use events::{EventSink, EventsQuery};
pub use mail_logs::MailLogsLeft;
pub use mailbox::{AsOf, MailboxAsOf};
pub use notices::NoticeDetails;
pub use plan::{PlanInForce, plan_in_force};
pub(crate) use status::no_plan;
