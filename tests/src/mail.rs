//! Real mail servers, used over the network as citizens and their correspondents use them.
//!
//! A walk ([`walk`]) takes one mailbox of each kind through the whole plan and checks every right
//! with Postfix and Dovecot, a second before and after each boundary. An [`Enforcement`] defines
//! how the servers learn the rights: in each of three ways one pair of servers is started, and all
//! that is to be seen on it is checked in its walk. Deliberately absent: a mail library.
//! Assertions are about the protocol itself.

mod canaries;
mod check;
mod dialogue;
mod enforcement;
mod imap;
mod kick;
mod logged;
mod people;
mod policy_service;
mod pop3;
mod servers;
mod shared;
mod smtp;
mod walk;

pub use enforcement::{Enforcement, FileDirectory};
pub use imap::Imap;
pub use policy_service::PolicyService;
pub use pop3::Pop3;
pub use servers::{Lookups, MailServers};
pub use shared::SharedDirectory;
pub use smtp::Smtp;
pub use walk::walk;
