//! Registrations and single mailboxes. Events hold no personal data: a mailbox is a number.

use std::borrow::Cow;

use chrono::NaiveDate;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DateColumn, Payload, Subjects};
use crate::{Capabilities, MailboxSet, mailboxes};

/// Mailboxes were registered under consecutive numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxesRegistered {
    /// The first number.
    pub first: u32,
    /// The date of each request.
    pub requested_on: DateColumn,
    /// The date of each activation at the post office, if any.
    pub activated_on: DateColumn,
}

/// A later registry file reported activations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MailboxesActivated {
    /// The mailboxes.
    pub mailboxes: MailboxSet,
    /// The date of each activation.
    pub activated_on: DateColumn,
}

/// A later registry file corrected registrations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationsCorrected {
    /// The mailboxes.
    pub mailboxes: MailboxSet,
    /// The date of each request, as corrected.
    pub requested_on: DateColumn,
    /// The names of the changed columns, without their values.
    pub fields: Vec<String>,
}

/// A registry file was imported; `read = accepted + unchanged + changed + rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegistryImported {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Rows read.
    pub read: u64,
    /// New rows.
    pub accepted: u64,
    /// Known rows without a change.
    pub unchanged: u64,
    /// Known rows with a change.
    pub changed: u64,
    /// Invalid rows; the file of rejected rows holds the reasons.
    pub rejected: u64,
}

/// The holder withdrew from the service early (*recesso*).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxWithdrawn {
    /// The mailbox.
    pub number: u32,
}

/// A hold by a court or the operator exempts a mailbox from the removal of capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// The hold.
    pub hold: Uuid,
    /// The mailbox.
    pub number: u32,
    /// The capabilities that it keeps.
    pub capabilities: Capabilities,
    /// Its last day; `None` until released.
    pub until: Option<NaiveDate>,
}

/// A hold was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReleased {
    /// The hold.
    pub hold: Uuid,
    /// The mailbox.
    pub number: u32,
}

fn through(until: Option<NaiveDate>) -> String {
    until.map_or("until released".to_owned(), |until| format!("through {until}"))
}

impl Payload for MailboxesRegistered {
    fn subjects(&self) -> Subjects<'_> {
        let count = u32::try_from(self.activated_on.len()).unwrap_or(u32::MAX);
        let mut numbers = RoaringBitmap::new();
        numbers.insert_range(self.first..self.first.saturating_add(count));
        Subjects::Various(Cow::Owned(numbers))
    }

    fn describe(&self, mailbox: Option<u32>) -> String {
        let Some(number) = mailbox else {
            let count = mailboxes(u64::try_from(self.requested_on.len()).unwrap_or(u64::MAX));
            let activated = self.activated_on.iter().flatten().count();
            return format!("{count} from number {}, {activated} of them activated", self.first);
        };
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let day = |column: &DateColumn| index.and_then(|index| column.get(index));
        let requested = on(day(&self.requested_on));
        match day(&self.activated_on) {
            Some(day) => format!("requested{requested}, activated at a post office on {day}"),
            None => format!("requested{requested}, not activated"),
        }
    }
}

impl Payload for MailboxesActivated {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Various(Cow::Borrowed(&self.mailboxes))
    }

    fn describe(&self, mailbox: Option<u32>) -> String {
        let Some(number) = mailbox else { return format!("{} activated", self.mailboxes) };
        let rank = self.mailboxes.rank(number).checked_sub(1);
        let index = rank.and_then(|rank| usize::try_from(rank).ok());
        let day = on(index.and_then(|index| self.activated_on.get(index)));
        format!("activated at a post office{day}, according to a later registry file")
    }
}

fn on(day: Option<NaiveDate>) -> String {
    day.map_or(String::new(), |day| format!(" on {day}"))
}

payloads! {
    RegistrationsCorrected { mailboxes, fields, .. }: various(mailboxes) {
        all: "{mailboxes}: {}", fields.join(", ");
        each: "registration corrected: {}", fields.join(", ");
    }
    RegistryImported { read, accepted, unchanged, changed, rejected, .. }: programme {
        all: "read {read} = accepted {accepted} + unchanged {unchanged} + changed {changed} + \
              rejected {rejected}";
    }
    MailboxWithdrawn { number }: one {
        all: "mailbox {number}";
        each: "withdrawn by the holder";
    }
    HoldPlaced { number, capabilities, until, .. }: one {
        all: "mailbox {number} keeps {capabilities} {}", through(*until);
        each: "hold keeps {capabilities} {}", through(*until);
    }
    HoldReleased { hold, number }: one {
        all: "mailbox {number}, hold {hold}";
        each: "hold {hold} released";
    }
}
