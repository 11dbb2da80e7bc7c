//! The outbox relay: mirrors the log on the bus, every event once and in order.
//!
//! Invariant: the relay resumes from the mirror's own last message, never from what was
//! acknowledged; a mirror that lost its end, or everything, is refilled from there, with a warning.
//! The lease keeps two relays from competing, but the order does not depend on it: the mirror
//! rejects a page that does not follow its last message. The checkpoint stored with the lease only
//! shows the last known end of the mirror. Deliberately absent: filtering of events. Consumers
//! filter by subject.

mod expand;
mod message;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{EventMirror, Mark, Mirrored, Tail};
use domain::{ProgrammeId, Tick};
use eventstore::{EventStore, Filter, Lease, RecordedEvent};
use tracing::Span;
use uuid::Uuid;

use crate::error::Error;
use expand::Members;
use message::Writer;

/// The settings of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// The owner of the lease: this process.
    pub owner: String,
    /// The time to live of the lease.
    pub lease_ttl: Duration,
    /// Maximum messages in flight.
    pub page: usize,
    /// How events about many mailboxes are published.
    pub expand: Expand,
}

/// How events about many mailboxes are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expand {
    /// As one message, with the set.
    #[default]
    No,
    /// One message for each mailbox, in place of the set.
    PerMailbox,
}

/// Mirrors the log; any number may run, one is active.
pub struct Relay {
    log: Arc<dyn EventStore>,
    mirror: Arc<dyn EventMirror>,
    writer: Writer,
    settings: RelaySettings,
}

/// The progress of one pass.
struct Pass {
    tail: Tail,
    waiting: Vec<Mirrored>,
    /// The last position that is completely published.
    published_to: u64,
    /// The same, once the pending messages are published.
    whole_to: u64,
    messages: u64,
    until: Instant,
    /// One for each correlation id of the pending messages.
    spans: BTreeMap<Uuid, Span>,
}

impl Pass {
    /// Adds an event to the pending ones.
    fn begin(&mut self, event: &RecordedEvent) {
        let correlation_id = event.event.correlation_id;
        self.spans.entry(correlation_id).or_insert_with(
            || tracing::info_span!("mirror", %correlation_id, position = event.position),
        );
    }

    /// Has it used up its time, and made progress?
    fn is_over(&self) -> bool {
        self.messages > 0 && Instant::now() >= self.until
    }
}

impl Relay {
    /// The lease's name: the relay is one reader of the log, whichever process runs it.
    pub const LEASE: &str = "relay";

    /// A relay from a log to its mirror.
    pub fn new(
        log: Arc<dyn EventStore>,
        mirror: Arc<dyn EventMirror>,
        programme: ProgrammeId,
        settings: RelaySettings,
    ) -> Self {
        Self { log, mirror, writer: Writer::new(programme), settings }
    }

    /// One pass: publishes what the mirror lacks, for at most a part of the lease's time. Progress
    /// 0 if nothing is missing, or if another relay holds the lease.
    pub async fn tick(&self) -> Result<Tick, Error> {
        let RelaySettings { owner, lease_ttl, page, .. } = &self.settings;
        let until = Instant::now() + *lease_ttl / 3;
        let Some(lease) = self.log.claim(Self::LEASE, owner, *lease_ttl).await? else {
            return Ok(Tick::default());
        };
        let tail = self.mirror.last().await?;
        let first = tail.last.as_ref().map_or(0, |last| last.position);
        let head = self.log.head().await?;
        if first > head {
            return Err(Error::MirrorAhead { mirrored: first, head });
        }
        // Includes the last mirrored event, to check that it is in this log.
        let all = Filter::default();
        let found = self.log.read_all(first.saturating_sub(1), &all, (*page).max(1) + 1).await?;
        let whole_to = whole_to(&tail, &found.events)?;
        report_losses(&lease, whole_to);
        let mut pass = Pass {
            tail,
            waiting: Vec::with_capacity(*page),
            published_to: whole_to,
            whole_to,
            messages: 0,
            until,
            spans: BTreeMap::new(),
        };
        let published = self.publish(&found.events, &mut pass).await;
        metrics::counter!("tramonto_relay_published_total").increment(pass.messages);
        self.save(&lease, pass.published_to).await?;
        published?;
        let lag = found.head.saturating_sub(pass.published_to);
        #[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
        #[expect(clippy::as_conversions, reason = "there is no other way from u64 to f64")]
        metrics::gauge!("tramonto_relay_lag_events").set(lag as f64);
        Ok(Tick { progress: pass.messages, next_wake: None })
    }

    async fn publish(&self, events: &[RecordedEvent], pass: &mut Pass) -> Result<(), Error> {
        let (begun, done) = (pass.tail.last.clone(), pass.published_to);
        for event in events.iter().filter(|event| event.position > done) {
            if pass.is_over() {
                break;
            }
            let started = begun.as_ref().filter(|mark| mark.position == event.position);
            let done = started.map_or(0, |mark| mark.part);
            let expanded = done > 0 || self.settings.expand == Expand::PerMailbox;
            let members = if expanded { Members::of(event)? } else { Members::default() };
            pass.begin(event);
            if members.parts() == 0 {
                pass.waiting.push(self.writer.whole(event));
            }
            for (part, number) in members.after(done) {
                pass.waiting.push(self.writer.part(event, &members, part, number));
                if pass.waiting.len() >= self.settings.page {
                    self.send(pass).await?;
                    if pass.is_over() {
                        return Ok(());
                    }
                    pass.begin(event);
                }
            }
            pass.whole_to = event.position;
            if pass.waiting.len() >= self.settings.page {
                self.send(pass).await?;
            }
        }
        self.send(pass).await
    }

    async fn send(&self, pass: &mut Pass) -> Result<(), Error> {
        if !pass.waiting.is_empty() {
            pass.tail = self.mirror.publish(&pass.tail, &pass.waiting).await?;
            pass.messages += u64::try_from(pass.waiting.len()).unwrap_or(u64::MAX);
            pass.waiting.clear();
            pass.spans.clear();
        }
        pass.published_to = pass.whole_to;
        Ok(())
    }

    async fn save(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        if lease.checkpoint == position {
            return Ok(());
        }
        match self.log.save_checkpoint(lease, position).await {
            // Another relay has taken over; the mirror tells where it resumes.
            Ok(()) | Err(eventstore::Error::Fenced { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The last position that the mirror has completely, after checking that its last message is the
/// log's event at that position.
fn whole_to(tail: &Tail, events: &[RecordedEvent]) -> Result<u64, Error> {
    let Some(Mark { position, part, id }) = &tail.last else { return Ok(0) };
    let event = events.iter().find(|event| event.position == *position);
    let members = match event {
        Some(event) if *part > 0 => Some(Members::of(event)?),
        _ => None,
    };
    let expected = event.and_then(|event| match &members {
        None => Some(event.event.id.to_string()),
        Some(members) => members.message_id(event.event.id, *part),
    });
    if expected.as_ref() != Some(id) {
        return Err(Error::OtherMirror { position: *position });
    }
    let whole = members.is_none_or(|members| members.parts() == *part);
    Ok(if whole { *position } else { position.saturating_sub(1) })
}

fn report_losses(lease: &Lease, whole_to: u64) {
    let lost = lease.checkpoint.saturating_sub(whole_to);
    if lost > 0 {
        tracing::warn!(
            lost,
            from = whole_to + 1,
            "the bus has lost the end of the mirror; it is published again from the log"
        );
        metrics::counter!("tramonto_relay_lost_total").increment(lost);
    }
}
