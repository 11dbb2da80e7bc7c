//! Delivers letters to a relay over one connection that is kept open.

use async_trait::async_trait;
use lettre::Address;
use tokio::sync::Mutex;

use crate::connection::{Connection, Lost};
use crate::{Letter, Outcome, Relay};

/// Delivers letters: a relay, or a test's stand-in for one.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Checks that letters would be accepted now. The error is a short code.
    async fn ready(&self) -> Result<(), String>;

    /// Delivers one letter.
    async fn deliver(&self, letter: &Letter) -> Outcome;
}

/// One connection to a relay. It connects on first use; letters are delivered one after the other.
pub struct RelayClient {
    relay: Relay,
    sender: Address,
    idle: Mutex<Option<Connection>>,
}

impl RelayClient {
    /// A client for letters of this sender. It does not connect yet.
    pub fn new(relay: Relay, sender: Address) -> Self {
        Self { relay, sender, idle: Mutex::default() }
    }
}

#[async_trait]
impl Transport for RelayClient {
    async fn ready(&self) -> Result<(), String> {
        let mut idle = self.idle.lock().await;
        if let Some(mut connection) = idle.take()
            && connection.check_sender(&self.sender).await.is_ok()
        {
            *idle = Some(connection);
            return Ok(());
        }
        let mut connection = Connection::open(&self.relay).await?;
        connection.check_sender(&self.sender).await?;
        *idle = Some(connection);
        Ok(())
    }

    async fn deliver(&self, letter: &Letter) -> Outcome {
        let mut idle = self.idle.lock().await;
        loop {
            let (mut connection, kept) = match idle.take() {
                Some(connection) => (connection, true),
                None => match Connection::open(&self.relay).await {
                    Ok(connection) => (connection, false),
                    Err(cause) => return Outcome::NotTried { cause },
                },
            };
            match connection.deliver(letter).await {
                Ok(doubt @ Outcome::InDoubt { .. }) => return doubt,
                Ok(outcome) => {
                    *idle = connection.reusable().await;
                    return outcome;
                }
                // The relay may have closed an idle connection: reconnect, once.
                Err(Lost(_)) if kept => {}
                Err(Lost(cause)) => return Outcome::NotTried { cause },
            }
        }
    }
}
