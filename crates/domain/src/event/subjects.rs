use std::borrow::Cow;

use roaring::RoaringBitmap;

use crate::MailboxSet;

/// The mailboxes that an event concerns.
#[derive(Debug, Clone, PartialEq)]
pub enum Subjects<'a> {
    /// None: the event concerns the programme as a whole.
    Programme,
    /// One mailbox.
    One(u32),
    /// The payload's field `mailboxes`; the event states the same about each member.
    Alike(&'a MailboxSet),
    /// Several mailboxes, about which the event states different facts.
    Various(Cow<'a, RoaringBitmap>),
}

impl<'a> Subjects<'a> {
    /// The mailboxes as a set; `None` for an event about the programme as a whole.
    pub fn into_set(self) -> Option<Cow<'a, RoaringBitmap>> {
        match self {
            Self::Programme => None,
            Self::One(number) => Some(Cow::Owned([number].into())),
            Self::Alike(mailboxes) => Some(Cow::Borrowed(mailboxes)),
            Self::Various(mailboxes) => Some(mailboxes),
        }
    }

    /// Does the event concern this mailbox?
    pub fn contains(&self, number: u32) -> bool {
        match self {
            Self::Programme => false,
            Self::One(one) => *one == number,
            Self::Alike(mailboxes) => mailboxes.contains(number),
            Self::Various(mailboxes) => mailboxes.contains(number),
        }
    }
}
