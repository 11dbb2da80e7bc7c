//! Writes received messages to the store; concurrent messages share a transaction.
//!
//! Invariant: a message is acknowledged after the commit that contains it. Deliberately absent:
//! reading messages, which may take longer than a mail server waits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventstore::Clock;
use metrics::{counter, histogram};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::lmtp::{Incoming, MemoryShare, MessageHandler, Verdict};
use crate::store::{NewMessage, Store};

/// Messages in one transaction.
const BATCH: usize = 256;
/// Bytes after which no more messages are added to a transaction.
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// How long a message may wait for its commit: a mail server waits ten minutes for a reply (RFC
/// 5321, 4.5.3.2.6).
const TIMEOUT: Duration = Duration::from_mins(1);

/// Writes messages to a store.
#[derive(Clone)]
pub struct MessageWriter {
    sender: mpsc::Sender<Pending>,
    clock: Arc<dyn Clock>,
    stored: watch::Receiver<u64>,
}

impl MessageWriter {
    /// A writer with a task of its own, so that a broken connection interrupts no transaction. The
    /// task ends with the last clone of the writer.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(BATCH);
        let (count, stored) = watch::channel(0);
        tokio::spawn(write(store, receiver, count));
        Self { sender, clock, stored }
    }

    /// The number of stored messages, updated after each commit.
    pub fn stored(&self) -> watch::Receiver<u64> {
        self.stored.clone()
    }
}

#[async_trait]
impl MessageHandler for MessageWriter {
    async fn store(&self, incoming: Incoming) -> Verdict {
        let (sender, content, share) = incoming.into_parts();
        let message = NewMessage { sender: Some(sender), received_at: self.clock.now(), content };
        let (reply, replied) = oneshot::channel();
        let stored = async {
            if self.sender.send(Pending { message, reply, share }).await.is_err() {
                return Verdict::Retry;
            }
            replied.await.unwrap_or(Verdict::Retry)
        };
        tokio::time::timeout(TIMEOUT, stored).await.unwrap_or(Verdict::Retry)
    }
}

/// A message that is not committed yet. Its share of the memory budget is held until then, even if
/// its mail server hung up.
struct Pending {
    message: NewMessage,
    reply: oneshot::Sender<Verdict>,
    share: MemoryShare,
}

async fn write(
    store: Arc<Store>,
    mut receiver: mpsc::Receiver<Pending>,
    stored: watch::Sender<u64>,
) {
    let mut failing = false;
    while let Some(first) = receiver.recv().await {
        let mut bytes = first.message.content.len();
        let (mut messages, mut waiting, mut shares) =
            (vec![first.message], vec![first.reply], vec![first.share]);
        while messages.len() < BATCH
            && bytes < BATCH_BYTES
            && let Ok(Pending { message, reply, share }) = receiver.try_recv()
        {
            bytes += message.content.len();
            messages.push(message);
            waiting.push(reply);
            shares.push(share);
        }
        let begun = Instant::now();
        let written = store.insert(&messages).await;
        drop((std::mem::take(&mut messages), shares));
        histogram!("tramonto_intake_keep_duration_seconds").record(begun.elapsed());
        match (&written, failing) {
            (Err(error), false) => {
                tracing::warn!("cannot store messages, mail servers retry later: {error}");
            }
            (Ok(()), true) => tracing::info!("message store available again"),
            (Ok(()), false) | (Err(_), true) => {}
        }
        failing = written.is_err();
        let verdict = if failing { Verdict::Retry } else { Verdict::Stored };
        let result = if failing { "later" } else { "kept" };
        let many = u64::try_from(waiting.len()).unwrap_or(0);
        counter!("tramonto_intake_messages_total", "verdict" => result).increment(many);
        for reply in waiting {
            if reply.send(verdict).is_err() {
                tracing::debug!(
                    "connection lost before the reply, the mail server sends the message again"
                );
            }
        }
        if !failing {
            stored.send_modify(|stored| *stored += many);
        }
    }
}
