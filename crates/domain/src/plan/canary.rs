//! The section `[canaries]`: our own mailboxes that are probed around each boundary.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::parse::mail_address;
use super::reader::{At, Reader, all};
use super::section::{Key, Section};

/// More canaries cannot be probed within the second before a boundary.
const MOST: usize = 16;

const RECIPIENT: Key = Key("recipient", r#""echo@elsewhere.example""#);

/// Our own mailboxes that are probed around each boundary. They are registered and activated like
/// any other mailbox but belong to no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRules {
    /// Their addresses.
    pub addresses: Vec<String>,
    /// The recipient that a probe of sending names; the canary itself if absent. No message is
    /// sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

/// `None` where the section has a problem.
pub(super) fn rules<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> Option<CanaryRules> {
    let line = section.line;
    let written = section.required_texts(reader, Key("addresses", r#"["canary@mail.example"]"#));
    let recipient = if section.has(RECIPIENT) {
        section.parsed(reader, RECIPIENT, plain_address).map(|recipient| Some(recipient.value))
    } else {
        Some(None)
    };
    section.finish(reader);
    let written = written?;
    if written.is_empty() || written.len() > MOST {
        let line = written.first().map_or(line, |first| first.line);
        reader.problem(line, format!("addresses must list 1 to {MOST} mailboxes"));
        return None;
    }
    let mut known = BTreeSet::new();
    let addresses = all(written.into_iter().map(|At { line, value }| {
        let address = reader.checked(line, plain_address(&value))?;
        if known.insert(address.to_ascii_lowercase()) {
            return Some(address);
        }
        reader.problem(line, format!("canary {value:?} is listed twice; write it once"));
        None
    }));
    Some(CanaryRules { addresses: addresses?, recipient: recipient? })
}

/// An address that needs no quoting in SMTP and IMAP commands.
fn plain_address(text: &str) -> Result<String, String> {
    let address = mail_address(text)?;
    let plain = |letter: u8| letter.is_ascii_graphic() && !br#"<>"\(),:;[]{}*%"#.contains(&letter);
    if address.len() <= 254 && address.bytes().all(plain) {
        return Ok(address);
    }
    let shown: String = text.chars().take(60).collect();
    Err(format!("{shown:?} needs quoting in SMTP or IMAP; write a plain ASCII name@domain"))
}
