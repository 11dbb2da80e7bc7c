use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ProgrammeId;

/// A mailbox's name to the world: a UUID of version 8 (RFC 9562) that is worked out from its programme
/// and its number, so that no index is needed either way and ids grow with the numbers.
///
/// The first 48 bits are a digest of the programme's name, the last 32 the number. The docs call it an
/// id, never a secret: it names a mailbox and gives no right to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailboxId(Uuid);

impl MailboxId {
    /// The id of a programme's mailbox.
    pub fn new(programme: &ProgrammeId, number: u32) -> Self {
        let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, programme.as_str().as_bytes());
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&digest.as_bytes()[..6]);
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        Self(Uuid::new_v8(bytes))
    }

    /// The number, if this is an id of the programme.
    pub fn number(self, programme: &ProgrammeId) -> Option<u32> {
        let [.., w, x, y, z] = *self.0.as_bytes();
        let number = u32::from_be_bytes([w, x, y, z]);
        (Self::new(programme, number) == self).then_some(number)
    }
}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for MailboxId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}
