use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dialogue::Dialogue;

/// The sender of mail from outside.
pub(super) const ELSEWHERE: &str = "protocollo@comune.example";

/// A session with an SMTP server.
pub struct Smtp(Dialogue);

impl Smtp {
    /// Connects and greets.
    pub fn open(port: u16) -> Self {
        let mut session = Self(Dialogue::with(port));
        assert!(session.reply().starts_with("220 "));
        let greeted = session.command("EHLO client.example");
        assert!(greeted.starts_with("250"), "{greeted}");
        session
    }

    /// Sends a line; returns the last line of the reply.
    pub fn command(&mut self, line: &str) -> String {
        self.0.say(line);
        self.reply()
    }

    fn reply(&mut self) -> String {
        loop {
            let line = self.0.hear();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// Logs in.
    pub fn log_in(&mut self, address: &str, password: &str) -> String {
        let secret = STANDARD.encode(format!("\0{address}\0{password}"));
        self.command(&format!("AUTH PLAIN {secret}"))
    }

    /// Sends a message as far as possible: the first refusal, or the final reply.
    pub fn send(&mut self, from: &str, to: &str, subject: &str) -> String {
        for line in [&format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>"), "DATA"] {
            let reply = self.command(line);
            if reply.starts_with(['4', '5']) {
                self.command("RSET");
                return reply;
            }
        }
        self.command(&format!(
            "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nA message.\r\n."
        ))
    }

    /// Delivers a message from outside, like a provider's server.
    pub fn deliver(port: u16, to: &str, subject: &str) -> String {
        let mut session = Self::open(port);
        let reply = session.send(ELSEWHERE, to, subject);
        session.command("QUIT");
        reply
    }

    /// Delivers a message unchanged to all of these, which must be accepted; its lines end with CR
    /// LF.
    pub fn submit(&mut self, from: &str, to: &[&str], message: &[u8]) {
        let took = |reply: String| assert!(reply.starts_with("250 "), "{reply}");
        took(self.command(&format!("MAIL FROM:<{from}> BODY=8BITMIME")));
        for recipient in to {
            took(self.command(&format!("RCPT TO:<{recipient}>")));
        }
        let go_on = self.command("DATA");
        assert!(go_on.starts_with("354 "), "{go_on}");
        let mut doubled = Vec::with_capacity(message.len());
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                doubled.push(b'.');
            }
            doubled.extend_from_slice(line);
        }
        self.0.say_bytes(&doubled);
        took(self.command("."));
    }
}
