//! Holds: capabilities that a court or the operator keeps for a mailbox.

use chrono::NaiveDate;
use domain::{Capabilities, Event, MailboxCommand};
use uuid::Uuid;
use views::{HoldPlaced, HoldReleased};

use super::mailboxes::decide;
use super::{Action, At, Caller};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Keeps capabilities of a mailbox that the plan would end.
pub struct PlaceHold {
    /// Whose.
    pub mailbox: MailboxRef,
    /// Which.
    pub capabilities: Capabilities,
    /// The last day; `None` keeps them until the hold is released.
    pub until: Option<NaiveDate>,
}

impl Action for PlaceHold {
    const DONE: &'static str = "hold-placed";
    type Result = HoldPlaced;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<HoldPlaced>, Error> {
        let Self { mailbox, capabilities, until } = self;
        let number = store.number_of(&mailbox).await?;
        let hold = caller.id("hold", store);
        let command = MailboxCommand::PlaceHold { hold, capabilities, until };
        let placed = Event::HoldPlaced(domain::HoldPlaced { hold, number, capabilities, until });
        let decided = decide(store, caller, number, &command).await?;
        let decided = decided.led_to(|event| *event == placed)?;
        let mailbox = store.id_of(number);
        Ok(decided.with(HoldPlaced { mailbox, hold, capabilities, until }))
    }
}

/// Ends a hold.
pub struct ReleaseHold {
    /// Whose.
    pub mailbox: MailboxRef,
    /// Which.
    pub hold: Uuid,
}

impl Action for ReleaseHold {
    const DONE: &'static str = "hold-released";
    type Result = HoldReleased;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<HoldReleased>, Error> {
        let Self { mailbox, hold } = self;
        let number = store.number_of(&mailbox).await?;
        let decided = decide(store, caller, number, &MailboxCommand::ReleaseHold { hold }).await?;
        let released = Event::HoldReleased(domain::HoldReleased { hold, number });
        let decided = decided.led_to(|event| *event == released)?;
        Ok(decided.with(HoldReleased { mailbox: store.id_of(number), hold }))
    }
}
