//! Notices to holders: sends what is due through a mail relay and records every outcome.
//!
//! Invariant: no holder gets a notice twice, whatever crashes. Before a batch is sent, a *claim*
//! with its mailboxes and a deadline is appended to the log; after the deadline nothing of the
//! batch is sent. Mailboxes without a recorded outcome by then are *in doubt*: nobody knows whether
//! the relay accepted their notice, which is recorded and left to an operator. Deliberately absent:
//! addresses anywhere but in the letters, and timers per mailbox.

mod bounce;
mod letter;
mod mailer;
mod relay;
mod sender;
mod sink;

pub use bounce::{Bounce, NotABounce};
pub use mailer::{Batch, Contact, ContactLookup, Mailer, Outcomes};
pub use relay::{RelayMailer, RelaySettings};
pub use sender::Sender;
pub use sink::Sink;
