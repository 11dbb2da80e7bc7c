use chrono::{DateTime, Utc};
use eventstore::{Error, RecordedEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// An event of the log.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    /// Its position in the log.
    pub position: u64,
    /// Its stream.
    pub stream: String,
    /// Its version in the stream.
    pub version: u64,
    /// Its kind.
    pub kind: String,
    /// The version of the payload's schema.
    pub schema_version: u16,
    /// Its id.
    pub id: Uuid,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Its actor.
    pub actor: String,
    /// The operator's reason.
    pub reason: Option<String>,
    /// The correlation id.
    pub correlation_id: Uuid,
    /// The event that directly caused it.
    pub causation_id: Option<Uuid>,
    /// A summary in one line, with the sizes of sets.
    pub summary: String,
    /// The payload, exactly as stored.
    pub payload: Box<RawValue>,
}

impl EventView {
    /// The view of an event; an event that cannot be decoded is an error that names it.
    pub fn of(recorded: &RecordedEvent) -> Result<Self, Error> {
        let fact = recorded.fact()?;
        let RecordedEvent { position, stream, version, recorded_at, event: written } = recorded;
        let payload = RawValue::from_string(written.payload.clone()).map_err(|problem| {
            Error::Undecodable {
                position: *position,
                kind: written.kind.clone(),
                schema_version: written.schema_version,
                problem: problem.to_string(),
            }
        })?;
        Ok(Self {
            position: *position,
            stream: stream.to_string(),
            version: *version,
            kind: written.kind.clone(),
            schema_version: written.schema_version,
            id: written.id,
            effective_at: written.effective_at,
            recorded_at: *recorded_at,
            actor: written.actor.clone(),
            reason: written.reason.clone(),
            correlation_id: written.correlation_id,
            causation_id: written.causation_id,
            summary: fact.event.describe(),
            payload,
        })
    }
}
