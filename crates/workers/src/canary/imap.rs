//! What a mail server is asked by IMAP: may a canary log in, may it change what is in its inbox.
//!
//! `SELECT` says so without that anything is changed. It takes the `\Recent` flags away, which nobody but us
//! looks at in a mailbox of our own.

use domain::{Found, Refusals, access_found, modify_found};

use super::dialogue::Dialogue;
use super::doors::{DoorPlace, Login, Tls};

/// What of access and of the right to change was found.
pub(super) async fn read(
    dialogue: &mut Dialogue,
    place: &DoorPlace,
    login: Login<'_>,
    refusals: &Refusals,
) -> Result<(Found, Found), String> {
    dialogue.connect(&place.host, place.port).await?;
    if place.tls == Tls::Implicit {
        dialogue.secure(&place.host, &place.config).await?;
    }
    let greeting = dialogue.hear().await?;
    if !greeting.starts_with("* OK") {
        return Err("greeting".to_owned());
    }
    if place.tls == Tls::Upgraded {
        let answer = command(dialogue, "a0", "STARTTLS", "STARTTLS").await?;
        if !answer.starts_with("OK") {
            return Err("starttls".to_owned());
        }
        dialogue.secure(&place.host, &place.config).await?;
    }
    let Login { address, password } = login;
    let said = format!("LOGIN {} {}", quoted(address), quoted(password));
    let shown = format!("LOGIN {} (hidden)", quoted(address));
    let access = access_found(&command(dialogue, "a1", &said, &shown).await?, refusals);
    let modify = match &access {
        Found::Allowed => {
            let selected = command(dialogue, "a2", "SELECT INBOX", "SELECT INBOX").await;
            selected.map_or_else(Found::Unknown, |answer| modify_found(&answer))
        }
        // Who can't get in changes nothing.
        other @ (Found::Refused(_) | Found::Unknown(_)) => other.clone(),
    };
    if let Err(cause) = command(dialogue, "a3", "LOGOUT", "LOGOUT").await {
        dialogue.note(&cause);
    }
    Ok((access, modify))
}

/// Says a command; what follows its tag in the line that ends the answer.
async fn command(
    dialogue: &mut Dialogue,
    tag: &str,
    said: &str,
    shown: &str,
) -> Result<String, String> {
    dialogue.say_as(&format!("{tag} {said}"), &format!("{tag} {shown}")).await?;
    loop {
        let line = dialogue.hear().await?;
        if let Some(answer) = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
            return Ok(answer.to_owned());
        }
    }
}

/// A quoted string (RFC 3501, 4.3); that it is printable ASCII was checked before.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
