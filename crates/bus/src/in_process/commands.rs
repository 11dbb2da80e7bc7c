//! Commands within one process: for tests, and for an embedded engine driven by its host.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex as Turn, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::command::{checked, kept};
use crate::{
    Answer, CloudEvent, CommandInbox, CommandKind, CommandSender, DeadCommand, Error,
    IncomingCommand,
};

/// Dead letters kept for inspection.
const KEPT: usize = 1_000;

/// The inbox of one process and its sender. Clones are the same inbox.
#[derive(Clone)]
pub struct InProcessCommands {
    shared: Arc<Shared>,
}

struct Shared {
    kinds: Vec<CommandKind>,
    way_in: mpsc::UnboundedSender<Sent>,
    way_out: Turn<mpsc::UnboundedReceiver<Sent>>,
    dead: Mutex<VecDeque<DeadCommand>>,
    closed: watch::Sender<bool>,
}

/// A command in its wire format.
struct Sent {
    kind: String,
    event: CloudEvent,
    reply: oneshot::Sender<Answer>,
}

impl InProcessCommands {
    /// An inbox for these kinds of commands.
    pub fn new(kinds: &[CommandKind]) -> Self {
        let (way_in, way_out) = mpsc::unbounded_channel();
        Self {
            shared: Arc::new(Shared {
                kinds: kinds.to_vec(),
                way_in,
                way_out: Turn::new(way_out),
                dead: Mutex::default(),
                closed: watch::Sender::new(false),
            }),
        }
    }
}

#[async_trait]
impl CommandInbox for InProcessCommands {
    async fn next(&self) -> Result<Box<dyn IncomingCommand>, Error> {
        let mut closed = self.shared.closed.subscribe();
        loop {
            let mut next = self.shared.way_out.lock().await;
            let sent = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => return Err(Error::Closed),
                sent = next.recv() => sent.ok_or(Error::Closed)?,
            };
            drop(next);
            let size = sent.event.data.len();
            // Encoded and decoded as on the wire: what a header would lose is lost here too.
            let headers = sent.event.headers();
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let read = CloudEvent::read(headers, sent.event.data.clone());
            let command = Box::new(InHand { sent, shared: Arc::clone(&self.shared) });
            match checked(&self.shared.kinds, &command.sent.kind, read, size) {
                Ok(_) => return Ok(command),
                Err(sentence) => command.answer(Answer::invalid(sentence)).await?,
            }
        }
    }

    async fn dead_letters(&self) -> Result<Vec<DeadCommand>, Error> {
        let dead = self.shared.dead.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(dead.iter().cloned().collect())
    }

    fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

#[async_trait]
impl CommandSender for InProcessCommands {
    async fn send(
        &self,
        kind: &str,
        command: &CloudEvent,
        within: Duration,
    ) -> Result<Answer, Error> {
        let again = async {
            loop {
                let (reply, answer) = oneshot::channel();
                let (kind, event) = (kind.to_owned(), command.clone());
                if self.shared.way_in.send(Sent { kind, event, reply }).is_err() {
                    return Err(Error::Closed);
                }
                match answer.await {
                    Ok(Answer { status: crate::AnswerStatus::Unavailable, .. }) | Err(_) => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Ok(answer) => return Ok(answer),
                }
            }
        };
        timeout(within, again).await.unwrap_or_else(|_| {
            let place = "this process".to_owned();
            let problem = "nobody answered the command; send it again".to_owned();
            Err(Error::Unavailable { place, problem })
        })
    }
}

struct InHand {
    sent: Sent,
    shared: Arc<Shared>,
}

#[async_trait]
impl IncomingCommand for InHand {
    fn kind(&self) -> &str {
        &self.sent.kind
    }

    fn event(&self) -> &CloudEvent {
        &self.sent.event
    }

    async fn answer(self: Box<Self>, answer: Answer) -> Result<(), Error> {
        let Sent { kind, event, reply } = self.sent;
        if answer.is_kept() {
            let mut dead = self.shared.dead.lock().unwrap_or_else(PoisonError::into_inner);
            if dead.len() >= KEPT {
                dead.pop_front();
            }
            let id = Some(event.id).filter(|id| !id.is_empty());
            let data = kept(&self.shared.kinds, &kind, event.data);
            dead.push_back(DeadCommand { kind, id, reason: answer.sentence.clone(), data });
        }
        // A sender that no longer waits sends it again, or is no longer interested.
        drop(reply.send(answer));
        Ok(())
    }
}
