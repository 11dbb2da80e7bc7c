//! What the Message-ID of a letter begins with: its number, sealed, so that what comes back says which letter it was, and
//! tells nobody else how many there are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyring::KeyedHash;

/// The purpose of the keyed hash that numbers are sealed with.
pub(crate) const LETTER: &str = "intake-letter";
/// So many bytes are the tag; the number follows.
const TAG: usize = 16;

/// A number under a keyed hash of its tag, which is a keyed hash of the number (a synthetic initialisation vector, as in
/// RFC 5297).
pub(crate) fn sealed(key: &KeyedHash, number: i64) -> String {
    let mut bytes = [0; TAG + size_of::<i64>()];
    let (tag, hidden) = bytes.split_at_mut(TAG);
    for (byte, of) in tag.iter_mut().zip(key.of(&number.to_be_bytes())) {
        *byte = of;
    }
    hidden.copy_from_slice(&(number ^ mask(key, tag)).to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The letter whose Message-ID this is; `None` where it is none of ours.
pub(crate) fn opened(key: &KeyedHash, message_id: &str) -> Option<i64> {
    let (id, _) = message_id.split_once('@')?;
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    let (tag, hidden) = bytes.split_at_checked(TAG)?;
    let number = i64::from_be_bytes(hidden.try_into().ok()?) ^ mask(key, tag);
    (sealed(key, number) == id).then_some(number)
}

/// What hides a number. The tag is longer than a number, so that neither hash is ever the other's.
fn mask(key: &KeyedHash, tag: &[u8]) -> i64 {
    i64::from_be_bytes(key.of(tag).first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use keyring::Keyring;
    use rand::rngs::SysRng;

    use super::*;

    fn key(folder: &std::path::Path) -> KeyedHash {
        let keyring = Keyring::open_or_make(folder, chrono::DateTime::UNIX_EPOCH, &mut SysRng);
        keyring.unwrap().keyed_hash(LETTER)
    }

    #[test]
    fn only_who_has_the_keys_tells_which_letter_it_was() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [ours, other] = folders.each_ref().map(|folder| key(&folder.path().join("keys")));
        for number in [0, 1, 17, i64::MAX] {
            let id = sealed(&ours, number);
            assert_eq!(id.len(), 32);
            assert_eq!(opened(&ours, &format!("{id}@agency.example")), Some(number));
            assert_eq!(opened(&other, &format!("{id}@agency.example")), None);
            let changed = id.replace(['A', 'b'], "c").chars().rev().collect::<String>();
            assert_eq!(opened(&ours, &format!("{changed}@agency.example")), None);
        }
        for strange in ["", "@", "17@mail.example", "AAAA@x", "no id at all", "\u{e9}@x"] {
            assert_eq!(opened(&ours, strange), None, "{strange}");
        }
    }
}
