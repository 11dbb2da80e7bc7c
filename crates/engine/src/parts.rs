//! The parts of the engine: each acts on the difference between the log and what it keeps.
//!
//! Purpose: the list of what an engine or a bus service runs ([`PartKind`]), and how each part is
//! built. The embedded engine runs the list without leases; a service runs some of it side by side,
//! with leases; intake and portal build their own part. Invariant: state is the only input of a
//! tick, so a restart is another tick, and a part may be dropped at any await. Deliberately absent:
//! loops and sleeping, which are the [runner](crate::runner)'s.

mod answers;
mod canaries;
mod commands;
mod context;
mod discard;
mod export_links;
mod leased;
mod letters;
mod notices;
mod projections;
mod provision;
mod reconcile;
mod relay;
mod schedule;
mod sequence;
mod sessions;
mod sweep;
mod table;
mod work;

use ::projections::{Relay, Table};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Tick;
use futures::future::BoxFuture;

pub use answers::{AnswerServer, AnswerSettings, Answers, NAME as ANSWERS};
pub use canaries::RegistryNumbers;
pub use context::{Context, LeaseSettings};
pub use discard::Discard;
pub use export_links::ExportLinks;
pub use leased::{Lease, Leased};
pub use letters::{Letters, NAME as LETTERS, intake_address};
pub use notices::{NoticeDelivery, RelayDelivery};
pub use sequence::Sequence;
pub use sessions::Sessions;
pub use work::WorkerSettings;

use crate::Error;
use crate::health::PartStatus;

/// One part of the engine.
#[async_trait]
pub trait Part: Send {
    /// Does what there is to do at `now`, in one bounded pass.
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error>;

    /// Forgets what only the holder of the lease may remember.
    fn lease_lost(&mut self) {}

    /// Updates the metrics that a standby reports too.
    async fn measure(&mut self, _now: DateTime<Utc>) -> Result<(), Error> {
        Ok(())
    }
}

/// What a tick did, and when the next one is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// How much was done; 0 where there was nothing to do.
    pub done: u64,
    /// When time alone makes new work; an append to the log wakes a part anyway.
    pub next_wake: Option<DateTime<Utc>>,
    /// What the health report shows.
    pub status: PartStatus,
}

impl Progress {
    /// Nothing was done; time alone makes new work at that instant, if ever.
    pub fn idle(next_wake: Option<DateTime<Utc>>) -> Self {
        Self { done: 0, next_wake, status: PartStatus::Working }
    }
}

impl From<Tick> for Progress {
    fn from(Tick { progress, next_wake }: Tick) -> Self {
        Self { done: progress, next_wake, status: PartStatus::Working }
    }
}

/// Every part there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// Gives the mail directory its mailboxes and its refusal texts.
    Provision,
    /// Carries orders out, and applies the rate limits of the log.
    Work,
    /// Starts phases on their dates.
    Schedule,
    /// Dispatches orders.
    Sweep,
    /// Compares the platform with the log.
    Reconcile,
    /// Sends the plan's notices.
    Notices,
    /// Probes the plan's canaries beside each boundary.
    Canaries,
    /// Keeps the projections of an embedded store up to date.
    Projections,
    /// Keeps the table with one row per mailbox of a shared store up to date.
    Table,
    /// Mirrors the log to the bus.
    Relay,
    /// Takes commands from the bus.
    Commands,
    /// Ends open sessions when access closes.
    Sessions,
    /// Answers mail servers.
    Answers,
    /// Deletes message-log exports whose links have expired.
    Discard,
}

impl PartKind {
    /// The part's name in logs and in the health report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provision => "provisioner",
            Self::Work => "worker",
            Self::Schedule => "scheduler",
            Self::Sweep => "sweep",
            Self::Reconcile => "drift",
            Self::Notices => "notices",
            Self::Canaries => "canaries",
            Self::Projections => "projections",
            Self::Table => "table",
            Self::Relay => "relay",
            Self::Commands => "commands",
            Self::Sessions => "sessions",
            Self::Answers => ANSWERS,
            Self::Discard => "exports",
        }
    }

    /// The lease that limits it to one process; `None` where any number of processes may act.
    pub(crate) fn lease(self) -> Option<&'static str> {
        match self {
            Self::Provision => Some("directory"),
            // Their own leases, claimed here too, tell a standby from an idle process.
            Self::Table => Some(Table::LEASE),
            Self::Relay => Some(Relay::LEASE),
            Self::Sweep | Self::Reconcile | Self::Notices | Self::Canaries | Self::Sessions => {
                Some(self.name())
            }
            Self::Work
            | Self::Schedule
            | Self::Projections
            | Self::Commands
            | Self::Answers
            | Self::Discard => None,
        }
    }

    /// Builds the part in one attempt; `None` where the settings leave it nothing to do.
    ///
    /// Fails while a store or server is unavailable; a failed attempt leaves nothing behind, so it
    /// may be repeated.
    pub fn build(self, context: &Context) -> BoxFuture<'_, Result<Option<Box<dyn Part>>, Error>> {
        Box::pin(async move {
            Ok(match self {
                Self::Provision => provision::build(context).await?.map(boxed),
                Self::Work => Some(boxed(work::build(context).await?)),
                Self::Schedule => Some(boxed(schedule::build(context))),
                Self::Sweep => Some(boxed(sweep::build(context).await?)),
                Self::Reconcile => Some(boxed(reconcile::build(context).await?)),
                Self::Notices => notices::build(context).await?.map(boxed),
                Self::Canaries => canaries::build(context).await?.map(boxed),
                Self::Projections => Some(boxed(projections::build(context)?)),
                Self::Table => Some(boxed(table::build(context).await?)),
                Self::Relay => Some(boxed(relay::build(context).await?)),
                Self::Commands => Some(boxed(commands::build(context).await?)),
                Self::Sessions => sessions::build(context).await?.map(boxed),
                Self::Answers => answers::build(context).await?.map(boxed),
                Self::Discard => Some(boxed(discard::build(context)?)),
            })
        })
    }
}

fn boxed(part: impl Part + 'static) -> Box<dyn Part> {
    Box::new(part)
}
