//! The section `[canaries]`: mailboxes of our own that are probed beside each boundary.

use serde::{Deserialize, Serialize};

use super::keys::{ADDRESSES, RECIPIENT};
use super::parse::mail_address;
use super::reader::{At, Reader};
use super::section::Section;

/// More would not be done in the second before a boundary.
const MOST: usize = 16;

/// Mailboxes of our own that are probed beside each boundary. They are registered and activated like any other
/// and belong to no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRules {
    /// Their addresses.
    pub addresses: Vec<String>,
    /// Whom a canary names when it is tried whether it may send; itself where absent. Nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

/// `None` where the section has a problem.
pub(super) fn rules<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> Option<CanaryRules> {
    let line = section.line;
    let written = section.required_texts(reader, ADDRESSES);
    let recipient = if section.has(RECIPIENT) {
        section.parsed(reader, RECIPIENT, sayable).map(|recipient| Some(recipient.value))
    } else {
        Some(None)
    };
    section.finish(reader);
    let written = written?;
    if written.is_empty() || written.len() > MOST {
        let line = written.first().map_or(line, |first| first.line);
        reader.problem(line, format!("addresses must name 1 to {MOST} mailboxes of our own"));
        return None;
    }
    let mut sound = true;
    let mut addresses: Vec<String> = Vec::with_capacity(written.len());
    for At { line, value } in written {
        let address = sayable(&value);
        let twice = addresses.iter().any(|known| known.eq_ignore_ascii_case(&value));
        let address = address.and_then(|address| {
            if twice {
                Err(format!("{value:?} is a canary twice; write it once"))
            } else {
                Ok(address)
            }
        });
        match address {
            Ok(address) => addresses.push(address),
            Err(problem) => {
                reader.problem(line, problem);
                sound = false;
            }
        }
    }
    let recipient = recipient?;
    sound.then_some(CanaryRules { addresses, recipient })
}

/// An address that can be written into a command of SMTP and IMAP as it is.
fn sayable(text: &str) -> Result<String, String> {
    let address = mail_address(text)?;
    let plain = |letter: u8| letter.is_ascii_graphic() && !br#"<>"\(),:;[]{}*%"#.contains(&letter);
    if address.len() <= 254 && address.bytes().all(plain) {
        return Ok(address);
    }
    let shown: String = text.chars().take(60).collect();
    Err(format!("{shown:?} can't be said to a mail server; write a plain ASCII name@domain"))
}
