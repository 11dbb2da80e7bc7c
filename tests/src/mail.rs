//! Real mail servers, used over the network as citizens and their correspondents use them.
//!
//! A walk ([`walk`]) takes one mailbox of each kind through the whole plan and checks every right
//! with Postfix and Dovecot, a second before and after each boundary. An [`Enforcement`] defines
//! how the servers learn the rights. Deliberately absent: a mail library. Assertions are about the
//! protocol itself.

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
