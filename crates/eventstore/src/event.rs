use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StreamName;

/// An event as its writer hands it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Names this fact for ever. The same id again with the same stream, kind, schema version and payload
    /// changes nothing, and the times, actor and causes of the first stand; with others it is refused.
    /// Ids that grow with time (UUID version 7) keep the index on them written in order.
    pub id: Uuid,
    /// The stable name of what happened, e.g. `phase-started`.
    pub kind: String,
    /// The version of the payload's shape, from 1.
    pub schema_version: u16,
    /// When it took effect, which may be long before it was recorded.
    pub effective_at: DateTime<Utc>,
    /// Who did it: `operator:anna`, `scheduler`, `worker`.
    pub actor: String,
    /// Why, in the words of the operator who did it.
    pub reason: Option<String>,
    /// What it belongs to: the same for everything that follows from one command or one date.
    pub correlation_id: Uuid,
    /// The event that directly led to it.
    pub causation_id: Option<Uuid>,
    /// What happened, as a JSON document.
    pub payload: String,
}

/// An event as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the whole log: dense, from 1.
    pub position: u64,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in the stream: dense, from 0.
    pub version: u64,
    /// When the store took it, by the store's clock.
    pub recorded_at: DateTime<Utc>,
    /// What was handed in.
    pub event: NewEvent,
}
