//! Projections: read models derived from the event log, which can be dropped and rebuilt.
//!
//! Each projection follows the log in passes (`tick`) and commits its checkpoint in the transaction
//! of its rows, so a restart is just another tick. Deliberately absent: decisions. The log is the
//! truth, and no component that acts waits for a projection.

mod as_of;
mod current;
mod error;
mod history;
mod progress;
mod projections;
mod relay;
mod sets;
mod status;
mod stored;
mod table;

pub use as_of::Cutoff;
pub use current::mailbox_now;
pub use error::Error;
pub use history::{Entry, History, Recorded};
pub use progress::{IncidentGroup, PhaseProgress, incidents, phase_progress};
pub use projections::{Digests, Projections, Rebuilt};
pub use relay::{Expand, Relay, RelaySettings};
pub use sets::Sets;
pub use status::Status;
pub use table::{Table, TableRebuilt};
