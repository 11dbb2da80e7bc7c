use chrono::{DateTime, Utc};
use domain::Event;
use eventstore::{Error, RecordedEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// An event of the log.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    /// Its place in the log.
    pub position: u64,
    /// The stream it belongs to.
    pub stream: String,
    /// Its place in the stream.
    pub version: u64,
    /// What kind of event it is.
    pub kind: String,
    /// The version of the payload's shape.
    pub schema_version: u16,
    /// Its id.
    pub id: Uuid,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// Why, in the words of the operator who did it.
    pub reason: Option<String>,
    /// What it belongs to.
    pub correlation_id: Uuid,
    /// The event that directly led to it.
    pub causation_id: Option<Uuid>,
    /// In one line, sets told by their size.
    pub summary: String,
    /// What happened, exactly as it is stored.
    pub payload: Box<RawValue>,
}

impl EventView {
    /// The event as it is shown; one that this program can't read is an error that names it.
    pub fn of(recorded: &RecordedEvent) -> Result<Self, Error> {
        let fact = recorded.fact()?;
        Self::with(recorded, &fact.event)
    }

    /// The same where the event was read already.
    pub fn with(recorded: &RecordedEvent, event: &Event) -> Result<Self, Error> {
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
            summary: event.describe(),
            payload,
        })
    }
}
