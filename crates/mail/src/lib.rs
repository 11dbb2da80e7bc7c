//! E-mail in and out: letters and the relay that carries them, messages and delivery reports.
//!
//! Invariants: for every letter it is known at which SMTP stage delivery failed; any bytes are read
//! in bounded time and memory; no cause or error text repeats an address or a server's words.
//! Deliberately absent: what a message asks for and what a letter says, which are the callers'
//! (requests in `intake`, notices in `workers`).

mod authentication;
mod automatic;
mod certified;
mod client;
mod connection;
mod letter;
mod message_id;
mod mime;
mod outcome;
mod relay;
mod report;
mod return_path;
mod status;
mod templates;
mod text;

pub use authentication::Authentication;
pub use automatic::Automatic;
pub use certified::{is_envelope, is_receipt};
pub use client::{RelayClient, Transport};
pub use letter::{AutoSubmitted, Draft, Letter, MARK, compose};
pub use message_id::{NoticeId, open_number, seal_number};
pub use mime::Headers;
pub use outcome::Outcome;
pub use relay::Relay;
pub use report::{DeliveryReport, NotAReport};
pub use return_path::ReturnPath;
pub use templates::{Catalogue, TemplateError, Templates};
pub use text::{Bounds, TextError, Texts, extract, extract_all};
