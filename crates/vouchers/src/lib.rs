//! The office of the vouchers: where what is decided about one is carried out, and where codes are made.
//!
//! Invariants: whoever is granted one, or has a code replaced, is so by an event on the stream of the
//! programme's vouchers, appended at the version that it was decided at; for each of these events one code is
//! made, once, and it works only while it is the last of its voucher; a code is nowhere but in the answer to
//! who had it made, what is kept is its keyed hash. Deliberately absent: the rules, which are the domain's,
//! and how a request or a code travels.

mod book;
mod error;
mod issue;
mod office;
mod report;
mod token;

pub use book::{CodeBook, FORMAT, Kept, SCHEMA};
pub use error::Error;
pub use issue::Issuer;
pub use office::{Grant, Minted, Office, Redemption, Shown, Undelivered};
pub use report::{Month, ProviderMonth, Report};
pub use token::{TYP, Token, VoucherId};
