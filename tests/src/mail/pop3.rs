use super::dialogue::Dialogue;

/// A session with a POP3 server, logged in.
pub struct Pop3(Dialogue);

impl Pop3 {
    /// Logs in, or says how that was refused.
    pub fn log_in(port: u16, address: &str, password: &str) -> Result<Self, String> {
        let mut session = Self(Dialogue::with(port));
        assert!(session.0.hear().starts_with("+OK"));
        assert!(session.command(&format!("USER {address}")).starts_with("+OK"));
        let reply = session.command(&format!("PASS {password}"));
        if reply.starts_with("+OK") { Ok(session) } else { Err(reply) }
    }

    /// Says a line; the first line of the reply.
    pub fn command(&mut self, line: &str) -> String {
        self.0.say(line);
        self.0.hear()
    }

    /// How many messages there are.
    pub fn count(&mut self) -> u32 {
        let reply = self.command("STAT");
        reply.split_whitespace().nth(1).and_then(|count| count.parse().ok()).unwrap()
    }

    /// A message's lines.
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
