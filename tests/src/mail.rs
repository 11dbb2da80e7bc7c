//! Real mail servers, asked over the network as citizens and their correspondents ask them.
//!
//! A walk ([`walk`]) takes one mailbox of each kind through the whole plan and has Postfix and
//! Dovecot answer for every right, a second before and after each boundary. How the servers come to
//! know the rights is an [`Enforcement`]'s. Deliberately absent: a mail library. What is asserted
//! is what stands on the wire.

mod asked;
mod canaries;
mod dialogue;
mod enforcement;
mod imap;
mod kick;
mod logged;
mod look;
mod people;
mod pop3;
mod servers;
mod shared;
mod smtp;
mod walk;

pub use asked::AskedForEachMail;
pub use canaries::a_right_given_back_by_hand;
pub use enforcement::{Enforcement, FileDirectory};
pub use imap::Imap;
pub use kick::open_sessions_end;
pub use logged::what_postfix_logs_is_read;
pub use pop3::Pop3;
pub use servers::{Lookups, MailServers};
pub use shared::SharedDirectory;
pub use smtp::Smtp;
pub use walk::walk;
