//! Decisions about one mailbox.

use domain::{Event, MailboxCommand};
use eventstore::mailbox_stream;
use projections::mailbox_now;
use views::MailboxWithdrawn;

use super::decide::{Decided, today};
use super::{Action, At, Caller};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Closes a mailbox that its holder gives up.
pub struct Withdraw {
    /// Which.
    pub mailbox: MailboxRef,
}

impl Action for Withdraw {
    const DONE: &'static str = "mailbox-withdrawn";
    type Result = MailboxWithdrawn;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<MailboxWithdrawn>, Error> {
        let number = store.number_of(&self.mailbox).await?;
        let decided = decide(store, caller, number, &MailboxCommand::Withdraw).await?;
        let decided = decided.led_to(|event| matches!(event, Event::MailboxWithdrawn(_)))?;
        Ok(decided.with(MailboxWithdrawn { mailbox: store.id_of(number) }))
    }
}

/// Lets a mailbox decide on a command.
pub(super) async fn decide(
    store: &Store,
    caller: &Caller,
    number: u32,
    command: &MailboxCommand,
) -> Result<Decided, Error> {
    let stream = mailbox_stream(store.programme(), number)?;
    let decide = |state: &domain::State, now| {
        Ok(mailbox_now(state, number).decide(command.clone(), today(state, now))?)
    };
    store.decide(caller, stream, decide).await
}
