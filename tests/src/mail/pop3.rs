use super::dialogue::Dialogue;

/// A logged-in session with a POP3 server.
pub struct Pop3(Dialogue);

impl Pop3 {
    /// Logs in, or returns the refusal.
    pub fn log_in(port: u16, address: &str, password: &str) -> Result<Self, String> {
        let mut session = Self(Dialogue::with(port));
        assert!(session.0.hear().starts_with("+OK"));
        assert!(session.command(&format!("USER {address}")).starts_with("+OK"));
        let reply = session.command(&format!("PASS {password}"));
        if reply.starts_with("+OK") { Ok(session) } else { Err(reply) }
    }

    /// Sends a line; returns the first line of the reply.
    pub fn command(&mut self, line: &str) -> String {
        self.0.say(line);
        self.0.hear()
    }

    /// The number of messages.
    pub fn count(&mut self) -> u32 {
        let reply = self.command("STAT");
        reply.split_whitespace().nth(1).and_then(|count| count.parse().ok()).unwrap()
    }

    /// The lines of a message.
    pub fn retrieve(&mut self, message: u32) -> Vec<String> {
        assert!(self.command(&format!("RETR {message}")).starts_with("+OK"));
        let mut lines = Vec::new();
        loop {
            let line = self.0.hear();
            if line == "." {
                return lines;
            }
            lines.push(line);
        }
    }
}
