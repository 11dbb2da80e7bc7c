//! The engine's answers and their wording, shared by the command line and the bus.
//!
//! Pure: an answer is derived from a state, the relevant events and an instant. Invariant: no
//! answer contains personal data; a mailbox is its id and its number. Deliberately absent: output.

mod amendment;
mod canaries;
mod certificate;
mod event;
mod gates;
mod log_request;
mod mailbox;
mod next;
mod notices;
mod results;
mod rights;
mod status;
mod words;

pub use amendment::{AmendmentPreview, PhaseChange, Touched};
pub use canaries::{
    CanaryFindings, CanaryStanding, Contradiction, ProbeState, canaries, contradictions,
};
pub use certificate::{CheckView, DriftCertificate, OpenDrift};
pub use event::EventView;
pub use log_request::LogRequestView;
pub use mailbox::{Happened, HoldView, MailboxView};
pub use next::Next;
pub use notices::{NoticeProgress, notice_progress};
pub use projections::{IncidentGroup, PhaseProgress, Status as Projection};
pub use results::*;
pub use rights::RightView;
pub use status::{Current, DriftStatus, Population, Status};
pub use words::{count, mailboxes, utc};
