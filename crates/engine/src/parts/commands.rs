//! Takes commands from the bus and answers each once its outcome is in the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::{CommandInbox, IncomingCommand};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::{Context, Part, Progress};
use crate::{COMMANDS, CommandHandler, Error};

/// The longest wait for a command within a tick.
const POLL: Duration = Duration::from_secs(5);

pub(super) async fn build(context: &Context) -> Result<Commands, Error> {
    let store = Arc::clone(&context.store);
    store.registry().await?;
    if store.settings().keys.is_some() {
        // Opened now, so that missing keys or tables keep the part from starting.
        store.vouchers().await?;
    }
    let inbox = CommandInbox::open(context.bus()?, &COMMANDS).await?;
    Ok(Commands { inbox, handler: CommandHandler::new(store), stop: context.stop.clone() })
}

/// Takes commands from the bus.
pub(super) struct Commands {
    inbox: CommandInbox,
    handler: CommandHandler,
    stop: CancellationToken,
}

impl Commands {
    async fn answer(&self, command: IncomingCommand) {
        let answer = self.handler.handle(command.kind(), command.event()).await;
        if let Err(error) = command.answer(answer).await {
            // Without an answer, the sender sends the command again.
            tracing::warn!(%error, "command not answered");
        }
    }
}

#[async_trait]
impl Part for Commands {
    /// Waits for one command, and carries it out.
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        tokio::select! {
            () = self.stop.cancelled() => {
                self.inbox.close();
                Ok(Progress::idle(None))
            }
            () = tokio::time::sleep(POLL) => Ok(Progress::idle(Some(now))),
            next = self.inbox.next() => {
                self.answer(next?).await;
                Ok(Progress { done: 1, ..Progress::idle(None) })
            }
        }
    }
}
