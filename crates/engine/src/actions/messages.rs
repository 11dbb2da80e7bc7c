//! Messages in quarantine: released, or refused.

use views::{MessageRefused, MessageReleased};

use super::{Action, At, Caller};
use crate::store::Store;
use crate::{Error, MailboxRef, Reason};

/// Has a message processed again.
pub struct ReleaseMessage {
    /// Its number.
    pub number: i64,
    /// Whose request it is; `None` where its text names the holder.
    pub holder: Option<MailboxRef>,
}

/// Refuses a message; the caller's reason is recorded.
pub struct RefuseMessage {
    /// Its number.
    pub number: i64,
}

impl Action for ReleaseMessage {
    const DONE: &'static str = "message-released";
    type Result = MessageReleased;

    async fn run(self, store: &Store, _caller: &Caller) -> Result<At<MessageReleased>, Error> {
        let Self { number, holder } = self;
        let holder = match &holder {
            Some(mailbox) => Some(store.number_of(mailbox).await?),
            None => None,
        };
        expect_held(number, store.messages().await?.release(number, holder).await?)?;
        store.at_end(MessageReleased { number, for_holder: holder.is_some() }).await
    }
}

impl Action for RefuseMessage {
    const DONE: &'static str = "message-refused";
    type Result = MessageRefused;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<MessageRefused>, Error> {
        let (number, now) = (self.number, store.journal().now());
        let reason = caller.reason.as_ref().map_or("", Reason::as_str);
        expect_held(number, store.messages().await?.refuse(number, reason, now).await?)?;
        store.at_end(MessageRefused { number }).await
    }
}

fn expect_held(number: i64, was_held: bool) -> Result<(), Error> {
    if was_held {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "message {number} is not in quarantine; see `tramonto message list`"
    )))
}
