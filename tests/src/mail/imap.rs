use super::dialogue::Dialogue;

/// A logged-in session with an IMAP server.
pub struct Imap {
    dialogue: Dialogue,
    tag: u32,
}

/// The answer to a command.
#[derive(Debug)]
pub struct Answer {
    /// The lines before the last, including literals.
    pub data: Vec<String>,
    /// The last line, without its tag.
    pub done: String,
}

impl Answer {
    /// Did it succeed?
    pub fn is_ok(&self) -> bool {
        self.done.starts_with("OK")
    }
}

impl Imap {
    /// Logs in, or returns the refusal.
    pub fn log_in(port: u16, address: &str, password: &str) -> Result<Self, String> {
        let mut dialogue = Dialogue::with(port);
        assert!(dialogue.hear().starts_with("* OK"));
        let mut session = Self { dialogue, tag: 0 };
        let answer = session.command(&format!("LOGIN \"{address}\" \"{password}\""));
        if answer.is_ok() { Ok(session) } else { Err(answer.done) }
    }

    /// Sends a command and waits for its end.
    pub fn command(&mut self, command: &str) -> Answer {
        self.tag += 1;
        let tag = format!("a{}", self.tag);
        self.dialogue.say(&format!("{tag} {command}"));
        let mut data = Vec::new();
        loop {
            let mut line = self.dialogue.hear();
            if let Some(done) = line.strip_prefix(&format!("{tag} ")) {
                return Answer { data, done: done.to_owned() };
            }
            while let Some(count) = literal(&line) {
                line.push_str(&self.dialogue.hear_bytes(count));
                line.push_str(&self.dialogue.hear());
            }
            data.push(line);
        }
    }

    /// The first unsolicited line with this prefix, or `None` if the server ended the session.
    pub fn unasked(&mut self, start: &str) -> Option<String> {
        loop {
            let line = self.dialogue.hear_or_end()?;
            if line.starts_with(start) {
                return Some(line);
            }
        }
    }

    /// Appends a message to INBOX.
    pub fn append(&mut self, subject: &str) -> Answer {
        let message = format!("Subject: {subject}\r\n\r\nKept.");
        self.command(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len()))
    }

    /// The number of messages with this subject in the selected INBOX.
    pub fn count(&mut self, subject: &str) -> usize {
        let found = self.command(&format!("SEARCH SUBJECT \"{subject}\""));
        let found = found.data.iter().find(|line| line.starts_with("* SEARCH"));
        found.map_or(0, |line| line.split_whitespace().count() - 2)
    }

    /// The flags of every message, without `\Recent`, which depends on the session.
    pub fn flags(&mut self) -> Vec<String> {
        let all = self.command("FETCH 1:* FLAGS");
        let lines = all.data.into_iter().filter(|line| line.contains("FETCH"));
        lines.map(|line| line.replace("\\Recent", "").replace(' ', "")).collect()
    }
}

/// The number of bytes announced at the end of a line: `{12}`.
fn literal(line: &str) -> Option<usize> {
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}
