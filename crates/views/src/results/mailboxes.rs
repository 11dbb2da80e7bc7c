//! Results of actions on one mailbox.

use std::fmt;

use chrono::NaiveDate;
use domain::{Capabilities, MailboxId};
use serde::Serialize;
use uuid::Uuid;

/// A mailbox was withdrawn.
#[derive(Debug, Clone, Serialize)]
pub struct MailboxWithdrawn {
    /// The mailbox.
    pub mailbox: MailboxId,
}

sentence!(
    MailboxWithdrawn { mailbox },
    "mailbox {mailbox} is withdrawn: it is closed, and no later phase includes it"
);

/// A hold was placed.
#[derive(Debug, Clone, Serialize)]
pub struct HoldPlaced {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The hold.
    pub hold: Uuid,
    /// The capabilities that it keeps.
    pub capabilities: Capabilities,
    /// Its last day; `None` until it is released.
    pub until: Option<NaiveDate>,
}

impl fmt::Display for HoldPlaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mailbox, hold, capabilities, until } = self;
        write!(f, "hold {hold} keeps {capabilities} of mailbox {mailbox} ")?;
        match until {
            Some(day) => write!(f, "through {day}"),
            None => f.write_str("until it is released"),
        }
    }
}

/// A hold was released.
#[derive(Debug, Clone, Serialize)]
pub struct HoldReleased {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The hold.
    pub hold: Uuid,
}

sentence!(
    HoldReleased { mailbox, hold },
    "hold {hold} on mailbox {mailbox} is released; the plan applies to it again"
);
