//! Notices: hands what may go out to a mail relay, and records what became of each.
//!
//! Invariant: nobody is told twice by one notice, whatever crashes. Before a handful leaves, a *claim* with
//! its mailboxes and a deadline is in the log; after the deadline nothing of it is handed over any more. Of
//! whom no outcome is recorded by then, nobody knows whether the relay took it: they are *in doubt*, which is
//! recorded and left to an operator. Deliberately absent: addresses in anything but the letter itself, and
//! any timer per mailbox.

mod bounce;
mod courier;
mod letter;
mod mailer;
mod sender;
mod sink;
mod smtp;

pub use bounce::{Bounce, NoBounce, read_bounce};
pub use courier::Courier;
pub use letter::ReturnPath;
pub use mailer::{AddressBook, Answer, Contact, Errand, Mailer, Posted};
pub use sender::Sender;
pub use sink::Sink;
pub use smtp::{Relay, RelaySettings, Smtp};
