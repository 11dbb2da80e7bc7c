//! Message-IDs of our letters, and how they are read back from bounces.
//!
//! A letter of the intake carries its number sealed under the programme's keys, so that its
//! Message-ID does not reveal how many letters there are. A notice's Message-ID follows from
//! programme, notice and mailbox, so that a second attempt is the same message to its recipient.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{MailboxId, PhaseId, ProgrammeId};
use keyring::KeyedHash;

/// The length of the tag of a sealed number, in bytes.
const TAG: usize = 16;

/// Seals a number.
pub fn seal_number(key: &KeyedHash, number: i64) -> String {
    URL_SAFE_NO_PAD.encode(key.seal(number.to_be_bytes(), plain))
}

/// The number sealed in a Message-ID (without brackets); `None` if it was not sealed with this key.
pub fn open_number(key: &KeyedHash, message_id: &str) -> Option<i64> {
    let (id, _) = message_id.split_once('@')?;
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    key.open(&bytes, plain).map(i64::from_be_bytes)
}

fn plain(tag: [u8; TAG]) -> [u8; TAG] {
    tag
}

/// A notice to a mailbox, as its Message-ID names it: `MAILBOX.NOTICE.PROGRAMME@DOMAIN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeId {
    /// The notice.
    pub notice: PhaseId,
    /// The mailbox's number.
    pub number: u32,
}

impl NoticeId {
    /// The local part of the Message-ID.
    pub fn local_part(&self, programme: &ProgrammeId) -> String {
        let mailbox = MailboxId::new(programme, self.number);
        format!("{mailbox}.{}.{programme}", self.notice)
    }

    /// Parses a Message-ID (without brackets); `None` if it is not a notice of this programme.
    pub fn parse(message_id: &str, programme: &ProgrammeId) -> Option<Self> {
        let (local, _) = message_id.rsplit_once('@')?;
        let mut parts = local.split('.');
        let (mailbox, notice, theirs) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || theirs != programme.as_str() {
            return None;
        }
        let mailbox: MailboxId = mailbox.parse().ok()?;
        Some(Self { notice: notice.parse().ok()?, number: mailbox.number(programme)? })
    }
}

#[cfg(test)]
mod tests {
    use keyring::Keyring;
    use rand::rngs::SysRng;

    use super::*;

    fn key(folder: &std::path::Path) -> KeyedHash {
        let keyring = Keyring::open_or_make(folder, chrono::DateTime::UNIX_EPOCH, &mut SysRng);
        keyring.unwrap().keyed_hash("intake-letter")
    }

    #[test]
    fn a_sealed_number_opens_with_its_own_key_only() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [ours, other] = folders.each_ref().map(|folder| key(&folder.path().join("keys")));
        for number in [0, 1, 17, i64::MAX] {
            let id = seal_number(&ours, number);
            assert_eq!(id.len(), 32);
            assert_eq!(open_number(&ours, &format!("{id}@agency.example")), Some(number));
            assert_eq!(open_number(&other, &format!("{id}@agency.example")), None);
            let changed = id.replace(['A', 'b'], "c").chars().rev().collect::<String>();
            assert_eq!(open_number(&ours, &format!("{changed}@agency.example")), None);
        }
        for strange in ["", "@", "17@mail.example", "AAAA@x", "no id at all", "\u{e9}@x"] {
            assert_eq!(open_number(&ours, strange), None, "{strange}");
        }
    }

    #[test]
    fn a_notice_is_read_back_from_its_message_id_within_its_programme() {
        let [ours, other] = ["cec-pac", "trial"].map(|name| name.parse::<ProgrammeId>().unwrap());
        let id = NoticeId { notice: "sending-ends".parse().unwrap(), number: 40 };
        let written = format!("{}@agency.example", id.local_part(&ours));
        assert_eq!(NoticeId::parse(&written, &ours), Some(id));
        assert_eq!(NoticeId::parse(&written, &other), None);
        assert_eq!(NoticeId::parse("1@else.example", &ours), None);
    }
}
