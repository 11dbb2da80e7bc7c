use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any answer takes, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A line-based conversation with a transcript.
pub(super) struct Dialogue {
    reader: BufReader<TcpStream>,
    /// The transcript, with `>` before our own lines.
    transcript: String,
}

impl Dialogue {
    pub(super) fn with(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(stream), transcript: String::new() }
    }

    pub(super) fn say(&mut self, text: &str) {
        self.transcript.extend(["> ", text, "\n"]);
        let stream = self.reader.get_mut();
        stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    }

    /// Sends bytes of a message, which are left out of the transcript.
    pub(super) fn say_bytes(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// The next line, without its end. If the server hangs up instead, the test fails with the
    /// transcript.
    pub(super) fn hear(&mut self) -> String {
        let line = self.hear_or_end();
        line.unwrap_or_else(|| panic!("server closed the connection:\n{}", self.transcript))
    }

    /// The next line, or `None` if the server hung up.
    pub(super) fn hear_or_end(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => panic!("no answer ({error}):\n{}", self.transcript),
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.transcript.push_str(&line);
        self.transcript.push('\n');
        Some(line)
    }

    /// Reads this many bytes, as announced by an IMAP literal.
    pub(super) fn hear_bytes(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
