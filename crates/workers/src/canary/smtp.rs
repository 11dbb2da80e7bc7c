//! What a mail server is asked by SMTP: would it take mail for a canary, would it take mail of a canary.
//!
//! No `DATA` is ever said: the recipient's reply is the answer, `RSET` takes it back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Found, Refusals, login_found, receive_found, send_found};

use super::dialogue::Dialogue;
use super::doors::{DoorPlace, Login, Tls};

/// Would mail from outside be taken for it?
pub(super) async fn receive(
    dialogue: &mut Dialogue,
    place: &DoorPlace,
    canary: &str,
    refusals: &Refusals,
) -> Result<Found, String> {
    greet(dialogue, place).await?;
    expect(dialogue, "MAIL FROM:<>", "mail-from").await?;
    let reply = ask(dialogue, &format!("RCPT TO:<{canary}>")).await?;
    leave(dialogue).await;
    Ok(receive_found(&reply, refusals))
}

/// Would mail of it be taken for the recipient?
pub(super) async fn send(
    dialogue: &mut Dialogue,
    place: &DoorPlace,
    login: Login<'_>,
    recipient: &str,
    refusals: &Refusals,
) -> Result<Found, String> {
    greet(dialogue, place).await?;
    let Login { address, password } = login;
    let secret = STANDARD.encode(format!("\0{address}\0{password}"));
    let said = format!("AUTH PLAIN {secret}");
    dialogue.say_as(&said, "AUTH PLAIN (hidden)").await?;
    let authenticated = reply(dialogue).await?;
    if !authenticated.starts_with("235") {
        leave(dialogue).await;
        return Ok(login_found(&authenticated, refusals));
    }
    // A server may refuse the sender at once, or not before it knows the recipient.
    let mut answer = ask(dialogue, &format!("MAIL FROM:<{address}>")).await?;
    if answer.starts_with('2') {
        answer = ask(dialogue, &format!("RCPT TO:<{recipient}>")).await?;
    }
    leave(dialogue).await;
    Ok(send_found(&answer, refusals))
}

/// Connects, greets, and secures the line as it is to be.
async fn greet(dialogue: &mut Dialogue, place: &DoorPlace) -> Result<(), String> {
    dialogue.connect(&place.host, place.port).await?;
    if place.tls == Tls::Implicit {
        dialogue.secure(&place.host, &place.config).await?;
    }
    let greeting = reply(dialogue).await?;
    if !greeting.starts_with("220") {
        return Err(cause("greeting", &greeting));
    }
    let hello = format!("EHLO {}", dialogue.hello);
    expect(dialogue, &hello, "ehlo").await?;
    if place.tls == Tls::Upgraded {
        expect(dialogue, "STARTTLS", "starttls").await?;
        dialogue.secure(&place.host, &place.config).await?;
        expect(dialogue, &hello, "ehlo").await?;
    }
    Ok(())
}

/// Takes back what was asked; what was answered stands, whatever the server says to that.
async fn leave(dialogue: &mut Dialogue) {
    for line in ["RSET", "QUIT"] {
        if let Err(cause) = ask(dialogue, line).await {
            dialogue.note(&cause);
            return;
        }
    }
}

async fn ask(dialogue: &mut Dialogue, line: &str) -> Result<String, String> {
    dialogue.say(line).await?;
    reply(dialogue).await
}

/// Says what must be answered by a 2xx.
async fn expect(dialogue: &mut Dialogue, line: &str, step: &str) -> Result<(), String> {
    let reply = ask(dialogue, line).await?;
    if reply.starts_with('2') { Ok(()) } else { Err(cause(step, &reply)) }
}

/// A whole reply, its lines joined: `550 5.2.1 first second`.
async fn reply(dialogue: &mut Dialogue) -> Result<String, String> {
    let mut whole = String::new();
    loop {
        let line = dialogue.hear().await?;
        let (code, rest) = line.split_at_checked(3).unwrap_or((&line, ""));
        if whole.is_empty() {
            code.clone_into(&mut whole);
        }
        let (goes_on, text) = match rest.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, rest.trim_start()),
        };
        if !text.is_empty() {
            whole.extend([" ", text]);
        }
        if !goes_on {
            // Printable ASCII, so every place is the end of a character.
            whole.truncate(1_024);
            return Ok(whole);
        }
    }
}

/// The step that did not work, and the code with which.
fn cause(step: &str, reply: &str) -> String {
    match reply.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(code) => format!("{step}-{code}"),
        None => format!("{step}-unclear"),
    }
}
