//! Messages received by e-mail: kept, released from quarantine, or refused.

use eventstore::{Clock, Origin};
use intake::NewMessage;
use mail::Headers;
use views::{MessageRefused, MessageReleased};

use super::{At, Convergent};
use crate::store::{Store, StoreSettings};
use crate::{Error, MailboxRef, RealClock};

/// Keeps a message as the LMTP server would, and returns its number. Without an envelope sender,
/// the message's Return-Path names it.
pub async fn receive(
    settings: &StoreSettings,
    sender: Option<String>,
    content: Vec<u8>,
) -> Result<i64, Error> {
    let return_path = || Headers::parse(&content)?.return_path().map(str::to_owned);
    let sender = sender.or_else(return_path);
    let store = settings.open_messages().await?;
    let message = NewMessage { sender, received_at: RealClock.now(), content };
    let number = store.insert_one(message).await?;
    store.close().await?;
    Ok(number)
}

/// Has a message processed again.
pub struct ReleaseMessage {
    /// Its number.
    pub number: i64,
    /// Whose request it is; `None` where its text names the holder.
    pub holder: Option<MailboxRef>,
}

/// Refuses a message for the reason of the caller.
pub struct RefuseMessage {
    /// Its number.
    pub number: i64,
}

impl Convergent for ReleaseMessage {
    const DONE: &'static str = "message-released";
    type Result = MessageReleased;

    async fn run(self, store: &Store, _by: &Origin) -> Result<At<MessageReleased>, Error> {
        let Self { number, holder } = self;
        let holder = store.number_of_some(holder.as_ref()).await?;
        let messages = store.messages().await?;
        let released = messages.release(number, holder).await?;
        expect_held(number, released, messages).await?;
        store.at_end(MessageReleased { number, for_holder: holder.is_some() }).await
    }
}

impl Convergent for RefuseMessage {
    const DONE: &'static str = "message-refused";
    type Result = MessageRefused;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<MessageRefused>, Error> {
        let (number, now) = (self.number, store.journal().now());
        let reason = by.reason.as_deref().unwrap_or_default();
        let messages = store.messages().await?;
        let refused = messages.refuse(number, reason, now).await?;
        expect_held(number, refused, messages).await?;
        store.at_end(MessageRefused { number }).await
    }
}

async fn expect_held(number: i64, was_held: bool, messages: &intake::Store) -> Result<(), Error> {
    if was_held {
        return Ok(());
    }
    let Some(message) = messages.message(number).await? else {
        return Err(Error::NotFound(format!(
            "message {number} does not exist; see `tramonto message list`"
        )));
    };
    Err(Error::Refused(format!(
        "message {number} is {}, not in quarantine; see `tramonto message list`",
        message.status.code()
    )))
}
