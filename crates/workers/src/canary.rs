//! Canaries: mailboxes of our own that are probed before and after each boundary; the transcripts
//! are the evidence.
//!
//! Invariants: a probe changes nothing (no message is sent, no flag set); a transcript contains no
//! password and no address; a probe ends within its timeout and its transcript is bounded, whatever
//! a server does. Deliberately absent: a mail library, because the transcript must be exactly what
//! was on the wire.

mod endpoints;
mod imap;
mod mask;
mod prober;
mod session;
mod smtp;

pub use endpoints::{Canary, ProbeEndpoints, ProbeResult, ProbeSettings, ServerAddress};
pub use prober::{CanaryLookup, Prober, expected, judged};
