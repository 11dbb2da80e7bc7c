//! Canaries: mailboxes of our own that are probed beside each boundary, with the conversation kept as evidence.
//!
//! Invariants: a probe leaves nothing behind (no message is sent, no flag set); no password and no address gets
//! into a transcript; whatever a server says or does not say, a probe ends within its patience and its
//! transcript has a bounded size. Deliberately absent: a mail library. What stands on the wire is the evidence,
//! so what is written down must be what was said, and a library keeps that to itself.

mod dialogue;
mod doors;
mod imap;
mod mask;
mod prober;
mod smtp;

pub use doors::{Canary, DoorPlace, Doors, DoorsSettings, Seen};
pub use prober::{CanaryBook, Prober, expected, judged};
