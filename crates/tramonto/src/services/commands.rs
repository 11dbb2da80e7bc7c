//! Commands from outside, as a service: taken from the bus, handled, and answered once their outcome is recorded.

use std::sync::Arc;
use std::time::Duration;

use bus::{CommandInbox, IncomingCommand, NatsCommandInbox};
use engine::store::Store;
use engine::{COMMANDS, CommandHandler};

use super::parts::Ground;
use super::vitals::Condition;

/// How often the part shows itself while nothing comes in.
const QUIET: Duration = Duration::from_mins(1);

/// Takes commands until it is stopped.
pub(super) async fn commands(ground: Ground) {
    let Some(registry) = ground.registry("commands").await else { return };
    let open = || NatsCommandInbox::open(&ground.connection, &COMMANDS);
    let Some(inbox) = ground.patience().until("commands", open).await else { return };
    let deployment = &ground.deployment;
    let (settings, journal) = (deployment.settings.clone(), Arc::clone(&deployment.journal));
    let store = Store::over(settings, journal).with_registry(registry);
    if deployment.settings.keys.is_some() {
        let open = || async { store.vouchers().await.map(|_| ()) };
        if ground.patience().until("vouchers", open).await.is_none() {
            return;
        }
        ground.vitals.show("vouchers", Condition::Working);
    }
    let handler = CommandHandler::new(store);
    while !ground.stop.is_cancelled() {
        ground.vitals.show("commands", Condition::Working);
        tokio::select! {
            () = ground.stop.cancelled() => break,
            () = tokio::time::sleep(QUIET) => {}
            next = inbox.next() => match next {
                Ok(command) => answer(&handler, command).await,
                Err(error) => {
                    ground.vitals.show("commands", Condition::Failing(error.to_string()));
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            },
        }
    }
    inbox.close();
}

async fn answer(handler: &CommandHandler, command: Box<dyn IncomingCommand>) {
    let answer = handler.handle(command.kind(), command.event()).await;
    if let Err(error) = command.answer(answer).await {
        // Its sender has no answer and sends it again.
        tracing::warn!("a command could not be answered: {error}");
    }
}
