//! The format of a log event as a message of the mirror.
//!
//! | attribute | of an event | of its part for one mailbox |
//! |---|---|---|
//! | `id` | the event's | UUID version 5 of the event's id and the mailbox's number |
//! | `type` | `eu.tramonto.<kind>` | `eu.tramonto.mailbox.<kind>` |
//! | `subject` | its stream | the mailbox's id |
//! | `position`, `previous` | its place in the log, and the one before | the same for all parts |
//! | `part`, `parts` | | from 1; how many there are |
//!
//! A consumer that stores the last position it has seen detects a gap if `previous` is beyond it,
//! and a duplicate if `position` is not. Deliberately absent: the operator's name and reason.

use bus::{CloudEvent, Mirrored};
use chrono::SecondsFormat;
use domain::{MailboxId, ProgrammeId};
use eventstore::RecordedEvent;

use super::expand::{Members, message_id};

/// The category of the subjects of single mailboxes.
const MAILBOX: &str = "mailbox";

/// Writes the messages of one programme.
pub(super) struct Writer {
    programme: ProgrammeId,
    source: String,
}

impl Writer {
    pub(super) fn new(programme: ProgrammeId) -> Self {
        Self { source: format!("/tramonto/{programme}"), programme }
    }

    /// An event in one message.
    pub(super) fn whole(&self, recorded: &RecordedEvent) -> Mirrored {
        let event = &recorded.event;
        let mut message = self.common(recorded);
        message.id = event.id.to_string();
        message.kind = CloudEvent::type_of(&event.kind);
        message.subject = Some(recorded.stream.to_string());
        message.data_schema =
            Some(format!("urn:tramonto:{}:v{}", event.kind, event.schema_version));
        message.data = event.payload.clone().into();
        let category = recorded.stream.category().to_owned();
        Mirrored { category, kind: event.kind.clone(), event: message }
    }

    /// The content of an event for one mailbox.
    pub(super) fn part(
        &self,
        recorded: &RecordedEvent,
        members: &Members,
        part: u32,
        number: u32,
    ) -> Mirrored {
        let event = &recorded.event;
        let mailbox = MailboxId::new(&self.programme, number);
        let comma = if members.said().is_empty() { "" } else { "," };
        let mut message = self.common(recorded).with("part", part).with("parts", members.parts());
        message.id = message_id(event.id, number).to_string();
        message.kind = CloudEvent::type_of(&format!("{MAILBOX}.{}", event.kind));
        message.subject = Some(mailbox.to_string());
        message.data_schema =
            Some(format!("urn:tramonto:{MAILBOX}:{}:v{}", event.kind, event.schema_version));
        message.data =
            format!(r#"{{"mailbox":"{mailbox}","number":{number}{comma}{}}}"#, members.said())
                .into();
        Mirrored { category: MAILBOX.to_owned(), kind: event.kind.clone(), event: message }
    }

    /// The attributes common to both forms.
    fn common(&self, recorded: &RecordedEvent) -> CloudEvent {
        let event = &recorded.event;
        let recorded_at = recorded.recorded_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        // `operator:anna` identifies a person; `operator` does not.
        let actor = event.actor.split(':').next().unwrap_or_default();
        let mut message = CloudEvent {
            source: self.source.clone(),
            time: Some(event.effective_at),
            ..CloudEvent::default()
        }
        .with("position", recorded.position)
        .with("previous", recorded.position.saturating_sub(1))
        .with("stream", &recorded.stream)
        .with("streamversion", recorded.version)
        .with("recordedat", recorded_at)
        .with("actor", actor)
        .with("correlationid", event.correlation_id)
        .traced(event.correlation_id, event.id);
        if let Some(cause) = event.causation_id {
            message = message.with("causationid", cause);
        }
        message
    }
}
