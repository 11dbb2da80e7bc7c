//! The vouchers of a programme: requests, issuing, codes, redemptions.
//!
//! Invariants: every change is an event on the programme's voucher stream, appended at the version
//! it was decided at; each issue of a voucher has one code, generated once, and only the latest
//! code of a voucher can be redeemed; a code is only ever returned to the caller who has it
//! generated, and the store keeps its keyed hash. Deliberately absent: the rules, which are in
//! `domain`, and how requests and codes travel.

mod code_store;
mod decide;
mod deliver;
mod error;
mod issue;
mod redeem;
mod report;
mod request;
mod token;
mod vouchers;

pub use code_store::{CodeId, CodeStore, FORMAT, NewCode, SCHEMA};
pub use deliver::{Credentials, Undelivered};
pub use error::Error;
pub use issue::Issuer;
pub use redeem::Redemption;
pub use report::{Month, ProviderMonth, Report};
pub use token::{TYP, Token, VoucherId};
pub use vouchers::{Status, Vouchers};
