//! Carries single letters to a relay, stage by stage as [`super::Smtp`] carries notices.

use lettre::Address;
use tokio::sync::Mutex;

use super::mailer::Answer;
use super::smtp::{Connection, Outcome, Relay};

/// Carries letters, one after the other, on a connection that is kept.
pub struct Courier {
    relay: Relay,
    from: Address,
    held: Mutex<Option<Connection>>,
}

impl Courier {
    /// A courier to a relay, for letters of this sender. Nothing is connected yet.
    pub fn new(relay: Relay, from: Address) -> Self {
        Self { relay, from, held: Mutex::default() }
    }

    /// Would the relay take letters of the sender? The error is a short code.
    pub async fn ready(&self) -> Result<(), String> {
        let mut held = self.held.lock().await;
        if let Some(mut connection) = held.take()
            && connection.takes_mail_from(&self.from).await.is_ok()
        {
            *held = Some(connection);
            return Ok(());
        }
        let mut connection = Connection::open(&self.relay).await?;
        connection.takes_mail_from(&self.from).await?;
        *held = Some(connection);
        Ok(())
    }

    /// Hands a letter over. What comes back of it goes to `from`, or nowhere without it.
    pub async fn carry(&self, from: Option<Address>, to: Address, bytes: &[u8]) -> Answer {
        let mut held = self.held.lock().await;
        // A connection that was kept may have been closed meanwhile: then another is made, once.
        for _ in 0..2 {
            let kept = held.is_some();
            let mut connection = match held.take() {
                Some(connection) => connection,
                None => match Connection::open(&self.relay).await {
                    Ok(connection) => connection,
                    Err(cause) => return Answer::NotTried { cause },
                },
            };
            match connection.hand_over(from.clone(), to.clone(), bytes).await {
                Outcome::Answered(answer) => {
                    *held = connection.reusable().await;
                    return answer;
                }
                Outcome::Unsure(cause) => return Answer::InDoubt { cause },
                Outcome::Lost(_) if kept => {}
                Outcome::Lost(cause) => return Answer::NotTried { cause },
            }
        }
        Answer::NotTried { cause: "connection-lost".to_owned() }
    }
}
