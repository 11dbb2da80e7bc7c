use chrono::{DateTime, Utc};
use eventstore::{EventStore, Filter};
use serde::Serialize;

use crate::error::Error;
use sql::Tables;

/// The status of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Which projection.
    pub name: &'static str,
    /// The last event that it includes.
    pub checkpoint: u64,
    /// The last event of the log.
    pub head: u64,
    /// The events that it lacks.
    pub lag_events: u64,
    /// The age of the oldest event that it lacks, in seconds.
    pub lag_seconds: u64,
    /// It cannot be read and must be rebuilt; it lacks every event.
    pub damaged: bool,
}

impl Status {
    /// The status that was read, or that of a projection which only a rebuild repairs.
    pub(crate) fn or_damaged(
        name: &'static str,
        read: Result<Self, Error>,
        head: u64,
    ) -> Result<Self, Error> {
        let damaged = matches!(
            read,
            Err(Error::Damaged(_) | Error::OtherLog { .. } | Error::LogShorter { .. })
        );
        if !damaged {
            return read;
        }
        Ok(Self { name, checkpoint: 0, head, lag_events: head, lag_seconds: 0, damaged })
    }
}

/// The position of a projection's checkpoint.
pub(crate) async fn position(tables: &Tables) -> Result<u64, Error> {
    let read = |(position,): (i64,)| u64::try_from(position).map_err(|error| error.to_string());
    let row = tables.all("SELECT position FROM checkpoint", Vec::new(), read).await?;
    Ok(row.into_iter().sum())
}

/// The status of a projection, from its checkpoint.
pub(crate) async fn status(
    name: &'static str,
    tables: &Tables,
    log: &dyn EventStore,
    now: DateTime<Utc>,
) -> Result<Status, Error> {
    let checkpoint = position(tables).await?;
    let page = log.read_all(checkpoint, &Filter::default(), 1).await;
    let page = page.map_err(|error| Error::reading(name, error))?;
    let waits = page.events.first().map_or(0, |oldest| (now - oldest.recorded_at).num_seconds());
    Ok(Status {
        name,
        checkpoint,
        head: page.head,
        lag_events: page.head.saturating_sub(checkpoint),
        lag_seconds: u64::try_from(waits).unwrap_or(0),
        damaged: false,
    })
}
