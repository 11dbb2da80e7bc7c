//! Notices through a mail relay, over several connections.
//!
//! A refused recipient concerns one mailbox; a refused sender or a lost connection ends the batch.
//! Deliberately absent: the server's text in a cause or a log, because it repeats addresses.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use mail::{Letter, Outcome, Relay, RelayClient, ReturnPath, Transport};
use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::letter;
use super::mailer::{Batch, ContactLookup, Mailer, Outcomes};

/// How long letters of a batch are begun.
const TIME_LIMIT: Duration = Duration::from_mins(5);

/// How notices are sent to the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// The sender.
    pub from: ReturnPath,
    /// Concurrent connections; at least 1.
    pub connections: usize,
    /// Letters per second over all connections; `None` for no limit.
    pub per_second: Option<u32>,
    /// Letters in a batch: at most this many are in doubt after a crash.
    pub batch_size: u32,
}

/// Delivers notices to a relay.
pub struct RelayMailer {
    settings: RelaySettings,
    contacts: Arc<dyn ContactLookup>,
    /// At least one.
    connections: Vec<RelayClient>,
    limiter: Option<Mutex<Interval>>,
}

/// The letters of a batch, shared by the connections.
struct Queue {
    letters: Mutex<VecDeque<(u32, Letter)>>,
    outcomes: Mutex<Outcomes>,
    /// The relay is unusable: the rest is not tried.
    lost: AtomicBool,
}

impl RelayMailer {
    /// A mailer that does not connect yet.
    pub fn new(relay: &Relay, settings: RelaySettings, contacts: Arc<dyn ContactLookup>) -> Self {
        let client = |_| RelayClient::new(relay.clone(), settings.from.address().clone());
        let connections = (0..settings.connections.max(1)).map(client).collect();
        let limiter = settings.per_second.filter(|rate| *rate > 0).map(|rate| {
            let mut interval = interval(Duration::from_secs(1) / rate);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(interval)
        });
        Self { settings, contacts, connections, limiter }
    }

    /// Delivers letters of the queue over one connection.
    async fn drain(&self, connection: &RelayClient, queue: &Queue, batch: &Batch<'_>) {
        loop {
            let Some((number, letter)) = queue.letters.lock().await.pop_front() else { return };
            let not_tried = |cause: &str| Outcome::NotTried { cause: cause.to_owned() };
            let outcome = if batch.stop.is_cancelled() || Instant::now() >= batch.deadline {
                not_tried("out-of-time")
            } else if queue.lost.load(Ordering::Relaxed) {
                not_tried("relay-out-of-reach")
            } else {
                if let Some(limiter) = &self.limiter {
                    limiter.lock().await.tick().await;
                }
                connection.deliver(&letter).await
            };
            if matches!(outcome, Outcome::NotTried { .. }) {
                queue.lost.store(true, Ordering::Relaxed);
            }
            queue.outcomes.lock().await.entry(outcome).or_default().insert(number);
        }
    }
}

#[async_trait]
impl Mailer for RelayMailer {
    fn batch_size(&self) -> u32 {
        self.settings.batch_size.max(1)
    }

    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    async fn ready(&self) -> Result<(), String> {
        match self.connections.first() {
            Some(connection) => connection.ready().await,
            None => Ok(()),
        }
    }

    async fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
        let contacts = match self.contacts.contacts(batch.mailboxes).await {
            Ok(contacts) => contacts,
            Err(error) => {
                tracing::warn!("cannot look up addresses: {error}");
                let outcome = Outcome::NotTried { cause: "registry-out-of-reach".to_owned() };
                return Outcomes::from([(outcome, batch.mailboxes.clone().into_inner())]);
            }
        };
        let mut outcomes = Outcomes::new();
        let mut unreachable = |cause: &str, number| {
            let outcome = Outcome::Unreachable { cause: cause.to_owned() };
            outcomes.entry(outcome).or_default().insert(number);
        };
        let mut missing = batch.mailboxes.clone().into_inner();
        let mut letters = VecDeque::with_capacity(contacts.len());
        for contact in contacts {
            // Contacts that were not requested are ignored.
            if !missing.remove(contact.number) {
                continue;
            }
            match letter::write(batch, &self.settings.from, &contact) {
                Ok(letter) => letters.push_back((contact.number, letter)),
                Err(cause) => unreachable(cause, contact.number),
            }
        }
        for number in missing {
            unreachable("not-in-registry", number);
        }
        let queue = Queue {
            letters: Mutex::new(letters),
            outcomes: Mutex::new(outcomes),
            lost: AtomicBool::new(false),
        };
        join_all(self.connections.iter().map(|one| self.drain(one, &queue, batch))).await;
        queue.outcomes.into_inner()
    }
}
