use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ProgrammeId;

/// The public id of a mailbox: a version-8 UUID (RFC 9562) computed from programme and number.
///
/// The conversion needs no index in either direction, and ids sort like numbers. The first 48 bits
/// are a digest of the programme's name, the last 32 bits the number. An id is not a secret: it
/// names a mailbox and grants no access.
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

    /// The number, if the id belongs to this programme.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn programme(name: &str) -> ProgrammeId {
        name.parse().expect("a programme's name")
    }

    #[test]
    fn ids_never_change() {
        for (name, number, id) in [
            ("cec-pac", 0, "93689e0d-332e-8000-8000-000000000000"),
            ("cec-pac", 2_121_782, "93689e0d-332e-8000-8000-000000206036"),
            ("trial", 0, "4e065867-09f9-8000-8000-000000000000"),
            ("trial", u32::MAX, "4e065867-09f9-8000-8000-0000ffffffff"),
        ] {
            assert_eq!(MailboxId::new(&programme(name), number).to_string(), id, "{name} {number}");
        }
    }

    #[test]
    fn an_id_resolves_to_its_number_in_its_own_programme_only() {
        for number in [0, 1, 65_536, 2_121_782, u32::MAX] {
            let id = MailboxId::new(&programme("cec-pac"), number);
            let read: MailboxId = id.to_string().parse().expect("an id reads as it is written");
            assert_eq!(read.number(&programme("cec-pac")), Some(number));
            assert_eq!(read.number(&programme("cec-pac-2")), None);
        }
    }

    #[test]
    fn a_foreign_uuid_resolves_to_no_number() {
        for text in ["00000000-0000-0000-0000-000000000000", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"]
        {
            let id: MailboxId = text.parse().expect("a UUID");
            assert_eq!(id.number(&programme("cec-pac")), None);
        }
        assert!("cec-pac".parse::<MailboxId>().is_err());
    }

    #[test]
    fn ids_sort_like_numbers() {
        let ids =
            (0..70_000).step_by(997).map(|number| MailboxId::new(&programme("cec-pac"), number));
        assert!(ids.is_sorted());
    }

    #[test]
    fn an_id_is_a_uuid_of_version_8() {
        let MailboxId(uuid) = MailboxId::new(&programme("cec-pac"), 7);
        assert_eq!(uuid.get_version_num(), 8);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }
}
