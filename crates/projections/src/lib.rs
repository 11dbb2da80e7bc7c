//! What is known: derived from the log, kept in files that can be dropped and built again.
//!
//! Each projection follows the log by one pass, `tick`, with its checkpoint in the same transaction
//! as its rows; state is the input, so a restart is just another tick. Deliberately absent:
//! decisions. Nothing here is the truth, the log is; and nothing that acts waits for anything here.

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
pub use relay::{Error as RelayError, Expand, Relay, RelaySettings};
pub use sets::Sets;
pub use status::Status;
pub use table::{PostgresTable, Table};
