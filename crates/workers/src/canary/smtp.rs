//! Probes by SMTP: would mail to a canary be accepted, would mail from a canary be accepted.
//!
//! `DATA` is never sent: the reply to `RCPT` is the answer, `RSET` cancels the transaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{ProbeAnswer, Refusals, login_answer, receive_answer, send_answer};

use super::endpoints::{Login, ServerAddress, Tls};
use super::session::Session;

/// Probes receive: would mail from outside be accepted?
pub(super) async fn receive(
    session: &mut Session,
    server: &ServerAddress,
    canary: &str,
    refusals: &Refusals,
) -> Result<ProbeAnswer, String> {
    greet(session, server).await?;
    expect(session, "MAIL FROM:<>", "mail-from").await?;
    let reply = command(session, &format!("RCPT TO:<{canary}>")).await?;
    quit(session).await;
    Ok(receive_answer(&reply, refusals))
}

/// Probes send: would mail from the canary be accepted?
pub(super) async fn send(
    session: &mut Session,
    server: &ServerAddress,
    login: Login<'_>,
    recipient: &str,
    refusals: &Refusals,
) -> Result<ProbeAnswer, String> {
    greet(session, server).await?;
    let Login { address, password } = login;
    let secret = STANDARD.encode(format!("\0{address}\0{password}"));
    let auth = format!("AUTH PLAIN {secret}");
    session.send_as(&auth, "AUTH PLAIN (hidden)").await?;
    let authenticated = reply(session).await?;
    if !authenticated.starts_with("235") {
        quit(session).await;
        return Ok(login_answer(&authenticated, refusals));
    }
    // Some servers refuse the sender only at RCPT.
    let mut answer = command(session, &format!("MAIL FROM:<{address}>")).await?;
    if answer.starts_with('2') {
        answer = command(session, &format!("RCPT TO:<{recipient}>")).await?;
    }
    quit(session).await;
    Ok(send_answer(&answer, refusals))
}

/// Connects, negotiates TLS as configured, and greets.
async fn greet(session: &mut Session, server: &ServerAddress) -> Result<(), String> {
    session.connect(server).await?;
    let greeting = reply(session).await?;
    if !greeting.starts_with("220") {
        return Err(cause("greeting", &greeting));
    }
    let hello = format!("EHLO {}", session.hello);
    expect(session, &hello, "ehlo").await?;
    if server.tls == Tls::Upgraded {
        expect(session, "STARTTLS", "starttls").await?;
        session.secure(server).await?;
        expect(session, &hello, "ehlo").await?;
    }
    Ok(())
}

/// Cancels the transaction and quits; the result stands, whatever the server replies.
async fn quit(session: &mut Session) {
    for line in ["RSET", "QUIT"] {
        if let Err(cause) = command(session, line).await {
            session.note(&cause);
            return;
        }
    }
}

async fn command(session: &mut Session, line: &str) -> Result<String, String> {
    session.send(line).await?;
    reply(session).await
}

/// Sends a command whose reply must be 2xx.
async fn expect(session: &mut Session, line: &str, step: &str) -> Result<(), String> {
    let reply = command(session, line).await?;
    if reply.starts_with('2') { Ok(()) } else { Err(cause(step, &reply)) }
}

/// Receives a whole reply, its lines joined: `550 5.2.1 first second`.
async fn reply(session: &mut Session) -> Result<String, String> {
    let mut whole = String::new();
    loop {
        let line = session.receive().await?;
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
            // Printable ASCII: any byte is a character boundary.
            whole.truncate(1_024);
            return Ok(whole);
        }
    }
}

/// The failed step and its reply code.
fn cause(step: &str, reply: &str) -> String {
    match reply.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(code) => format!("{step}-{code}"),
        None => format!("{step}-unclear"),
    }
}
