//! Keeps what mail servers hand over: what comes at the same time shares one write to the disk.
//!
//! Invariant: whoever is told that a message is kept, is told after the commit that holds it. Deliberately
//! absent: reading it, which may take longer than a mail server waits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventstore::Clock;
use metrics::{counter, histogram};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::lmtp::{Incoming, Keep, Share, Verdict};
use crate::store::{Kept, Store};

/// Messages in one write.
const MOST: usize = 256;
/// Their bytes together, after which no more are added.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// A mail server waits ten minutes for an answer (RFC 5321, 4.5.3.2.6); well before that it is told to come again.
const PATIENCE: Duration = Duration::from_mins(1);

/// Keeps messages in a store.
#[derive(Debug, Clone)]
pub struct Keeper {
    sender: mpsc::Sender<Waiting>,
    clock: Clocked,
    kept: watch::Receiver<u64>,
}

#[derive(Clone)]
struct Clocked(Arc<dyn Clock>);

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Keeper {
    /// A keeper whose writes are made by a task of their own, so that a connection that breaks breaks none. The
    /// task ends with the last keeper.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(MOST);
        let (told, kept) = watch::channel(0);
        tokio::spawn(write(store, receiver, told));
        Self { sender, clock: Clocked(clock), kept }
    }

    /// How many messages were kept, which changes with each write.
    pub fn kept(&self) -> watch::Receiver<u64> {
        self.kept.clone()
    }
}

#[async_trait]
impl Keep for Keeper {
    async fn keep(&self, incoming: Incoming) -> Verdict {
        let (sender, content, share) = incoming.apart();
        let message = Kept { sender: Some(sender), received_at: self.clock.0.now(), content };
        let (tell, told) = oneshot::channel();
        let kept = async {
            if self.sender.send(Waiting { message, tell, share }).await.is_err() {
                return Verdict::Later;
            }
            told.await.unwrap_or(Verdict::Later)
        };
        tokio::time::timeout(PATIENCE, kept).await.unwrap_or(Verdict::Later)
    }
}

/// A message on its way to the disk. Whoever handed it over may have stopped waiting: its part of the room stays
/// taken all the same, so that no more messages are in memory than there is room for.
struct Waiting {
    message: Kept,
    tell: oneshot::Sender<Verdict>,
    share: Share,
}

async fn write(store: Arc<Store>, mut receiver: mpsc::Receiver<Waiting>, kept: watch::Sender<u64>) {
    let mut failing = false;
    while let Some(first) = receiver.recv().await {
        let mut bytes = first.message.content.len();
        let (mut messages, mut waiting, mut shares) =
            (vec![first.message], vec![first.tell], vec![first.share]);
        while messages.len() < MOST
            && bytes < MOST_BYTES
            && let Ok(Waiting { message, tell, share }) = receiver.try_recv()
        {
            bytes += message.content.len();
            messages.push(message);
            waiting.push(tell);
            shares.push(share);
        }
        let begun = Instant::now();
        let done = store.keep(&messages).await;
        drop((std::mem::take(&mut messages), shares));
        histogram!("tramonto_intake_keep_duration_seconds").record(begun.elapsed());
        match (&done, failing) {
            (Err(error), false) => {
                tracing::warn!("{error}; mail servers are told to come again");
            }
            (Ok(()), true) => tracing::info!("messages are kept again"),
            (Ok(()), false) | (Err(_), true) => {}
        }
        failing = done.is_err();
        let verdict = if failing { Verdict::Later } else { Verdict::Kept };
        let result = if failing { "later" } else { "kept" };
        let many = u64::try_from(waiting.len()).unwrap_or(0);
        counter!("tramonto_intake_messages_total", "verdict" => result).increment(many);
        for tell in waiting {
            if tell.send(verdict).is_err() {
                tracing::debug!("a mail server hung up: it hands the same message over again");
            }
        }
        if !failing {
            kept.send_modify(|kept| *kept += many);
        }
    }
}
