use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StreamName;

/// An event to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Identifies this fact permanently. The same id with the same stream, kind, schema version and
    /// payload changes nothing, and the times, actor and causes of the first stand; with others it
    /// is rejected. Ids that grow with time (UUID version 7) keep their index sorted as it is
    /// written.
    pub id: Uuid,
    /// The stable name of what happened, e.g. `phase-started`.
    pub kind: String,
    /// The version of the payload's shape, from 1.
    pub schema_version: u16,
    /// When it took effect, which may be long before it was recorded.
    pub effective_at: DateTime<Utc>,
    /// Who caused it: `operator:anna`, `scheduler`, `worker`.
    pub actor: String,
    /// The reason given by the operator.
    pub reason: Option<String>,
    /// The same for everything that follows from one command or one date.
    pub correlation_id: Uuid,
    /// The event that directly led to it.
    pub causation_id: Option<Uuid>,
    /// What happened, as a JSON document.
    pub payload: String,
}

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its position in the whole log: dense, from 1.
    pub position: u64,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its version in the stream: dense, from 0.
    pub version: u64,
    /// When it was appended, by the store's clock.
    pub recorded_at: DateTime<Utc>,
    /// The event as it was appended.
    pub event: NewEvent,
}
