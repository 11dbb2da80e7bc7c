//! Registrations and single mailboxes. Events hold no personal data: a mailbox is a number.

use std::borrow::Cow;

use chrono::NaiveDate;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::describe::mailboxes;
use super::{Payload, Subjects};
use crate::{Capabilities, DateColumn, MailboxSet};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl Payload for MailboxesRegistered {
    fn subjects(&self) -> Subjects<'_> {
        let count = u32::try_from(self.activated_on.len()).unwrap_or(u32::MAX);
        let mut numbers = RoaringBitmap::new();
        numbers.insert_range(self.first..self.first.saturating_add(count));
        Subjects::Various(Cow::Owned(numbers))
    }

    fn describe(&self) -> String {
        format!(
            "{} from number {}, {} of them activated",
            mailboxes(u64::try_from(self.requested_on.len()).unwrap_or(u64::MAX)),
            self.first,
            self.activated_on.iter().flatten().count()
        )
    }

    fn describe_for(&self, number: u32) -> String {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let requested = index.and_then(|index| self.requested_on.get(index));
        let activated = index.and_then(|index| self.activated_on.get(index));
        let requested = requested.map_or(String::new(), |day| format!(" on {day}"));
        match activated {
            Some(day) => format!("requested{requested}, activated at a post office on {day}"),
            None => format!("requested{requested}, not activated"),
        }
    }
}

impl Payload for MailboxesActivated {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Various(Cow::Borrowed(&self.mailboxes))
    }

    fn describe(&self) -> String {
        format!("{} activated", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, number: u32) -> String {
        let rank = self.mailboxes.rank(number).checked_sub(1);
        let index = rank.and_then(|rank| usize::try_from(rank).ok());
        let day = index.and_then(|index| self.activated_on.get(index));
        let day = day.map_or(String::new(), |day| format!(" on {day}"));
        format!("activated at a post office{day}, according to a later registry file")
    }
}

impl Payload for RegistrationsCorrected {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Various(Cow::Borrowed(&self.mailboxes))
    }

    fn describe(&self) -> String {
        format!("{}: {}", mailboxes(self.mailboxes.len()), self.fields.join(", "))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("registration corrected: {}", self.fields.join(", "))
    }
}

impl Payload for RegistryImported {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Programme
    }

    fn describe(&self) -> String {
        format!(
            "read {} = accepted {} + unchanged {} + changed {} + rejected {}",
            self.read, self.accepted, self.unchanged, self.changed, self.rejected
        )
    }
}

impl Payload for MailboxWithdrawn {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn describe(&self) -> String {
        format!("mailbox {}", self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        "withdrawn by the holder".to_owned()
    }
}

impl HoldPlaced {
    fn end(&self) -> String {
        self.until.map_or("until released".to_owned(), |until| format!("through {until}"))
    }
}

impl Payload for HoldPlaced {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn describe(&self) -> String {
        format!("mailbox {} keeps {} {}", self.number, self.capabilities, self.end())
    }

    fn describe_for(&self, _: u32) -> String {
        format!("hold keeps {} {}", self.capabilities, self.end())
    }
}

impl Payload for HoldReleased {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn describe(&self) -> String {
        format!("mailbox {}, hold {}", self.number, self.hold)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("hold {} released", self.hold)
    }
}
