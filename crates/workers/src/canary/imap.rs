//! Probes by IMAP: may a canary log in, may it modify its inbox.
//!
//! The reply to `SELECT` shows both without changing anything but the `\Recent` flags, which have
//! no meaning in a mailbox of our own.

use domain::{ProbeAnswer, Refusals, access_answer, modify_answer};

use super::endpoints::{Login, ServerAddress, Tls};
use super::session::Session;

/// Probes access and modify.
pub(super) async fn read(
    session: &mut Session,
    server: &ServerAddress,
    login: Login<'_>,
    refusals: &Refusals,
) -> Result<(ProbeAnswer, ProbeAnswer), String> {
    session.connect(server).await?;
    let greeting = session.receive().await?;
    if !greeting.starts_with("* OK") {
        return Err("greeting".to_owned());
    }
    if server.tls == Tls::Upgraded {
        let answer = command(session, "a0", "STARTTLS", "STARTTLS").await?;
        if !answer.starts_with("OK") {
            return Err("starttls".to_owned());
        }
        session.secure(server).await?;
    }
    let Login { address, password } = login;
    let login = format!("LOGIN {} {}", quoted(address), quoted(password));
    let shown = format!("LOGIN {} (hidden)", quoted(address));
    let access = access_answer(&command(session, "a1", &login, &shown).await?, refusals);
    let modify = match &access {
        ProbeAnswer::Allowed => {
            let selected = command(session, "a2", "SELECT INBOX", "SELECT INBOX").await;
            selected.map_or_else(ProbeAnswer::Unknown, |answer| modify_answer(&answer))
        }
        // Without access nothing can be modified.
        other @ (ProbeAnswer::Refused(_) | ProbeAnswer::Unknown(_)) => other.clone(),
    };
    if let Err(cause) = command(session, "a3", "LOGOUT", "LOGOUT").await {
        session.note(&cause);
    }
    Ok((access, modify))
}

/// Sends a command and returns its tagged response, without the tag.
async fn command(
    session: &mut Session,
    tag: &str,
    line: &str,
    shown: &str,
) -> Result<String, String> {
    session.send_as(&format!("{tag} {line}"), &format!("{tag} {shown}")).await?;
    loop {
        let line = session.receive().await?;
        if let Some(answer) = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
            return Ok(answer.to_owned());
        }
    }
}

/// A quoted string (RFC 3501, 4.3) of printable ASCII.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
