//! Commands from outside, as a service: taken from the bus, handed to the desk, answered once their outcome
//! is in the store.

use std::sync::Arc;
use std::time::Duration;

use bus::{Answer, CommandInbox, IncomingCommand, NatsCommandInbox};
use registry::Registry;
use sql::Tables;
use vouchers::{CodeBook, Office, SCHEMA};

use super::deployment::Deployment;
use super::parts::Ground;
use super::vitals::Condition;
use crate::desk::{Desk, KINDS, Outcome};
use crate::keys::KeyPlace;

/// How often the part shows itself while nothing comes in.
const QUIET: Duration = Duration::from_mins(1);

/// Takes commands until it is stopped.
pub(super) async fn commands(ground: Ground) {
    let Some(registry) = ground.registry("commands").await else { return };
    let open = || NatsCommandInbox::open(&ground.connection, &KINDS);
    let Some(inbox) = ground.patience().until("commands", open).await else { return };
    let Deployment { journal, .. } = &ground.deployment;
    let office = match &ground.deployment.keys {
        Some(keys) => {
            let open = || office(&ground.deployment, keys, Arc::clone(&registry));
            let Some(office) = ground.patience().until("vouchers", open).await else { return };
            ground.vitals.show("vouchers", Condition::Working);
            Some(office)
        }
        None => None,
    };
    let desk = Desk::new(Arc::clone(journal), registry, office);
    while !ground.stop.is_cancelled() {
        ground.vitals.show("commands", Condition::Working);
        tokio::select! {
            () = ground.stop.cancelled() => break,
            () = tokio::time::sleep(QUIET) => {}
            next = inbox.next() => match next {
                Ok(command) => answer(&desk, command).await,
                Err(error) => {
                    ground.vitals.show("commands", Condition::Failing(error.to_string()));
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            },
        }
    }
    inbox.close();
}

/// Where vouchers are dealt with.
async fn office(
    deployment: &Deployment,
    keys: &KeyPlace,
    registry: Arc<Registry>,
) -> Result<Office, vouchers::Error> {
    let keyring = keys.open()?;
    let tables = Tables::connect(deployment.options.clone(), &SCHEMA).await?;
    let book = CodeBook::open(tables, &keyring).await?;
    let journal = Arc::clone(&deployment.journal);
    Ok(Office::new(journal, registry, Arc::new(book), Arc::new(keyring)))
}

async fn answer(desk: &Desk, command: Box<dyn IncomingCommand>) {
    let answer = match desk.carry_out(command.kind(), command.event()).await {
        Outcome::Accepted { sentence, position } => Answer::accepted(sentence, position),
        Outcome::Refused(sentence) => Answer::refused(sentence),
        Outcome::Invalid(sentence) => Answer::invalid(sentence),
        Outcome::Unavailable(sentence) => Answer::unavailable(sentence),
    };
    if let Err(error) = command.answer(answer).await {
        // Its sender has no answer and sends it again.
        tracing::warn!("a command could not be answered: {error}");
    }
}
