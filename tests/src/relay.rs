//! A relay for letters of the intake, which keeps what it accepts.

use std::sync::Mutex;

use async_trait::async_trait;
use mail::{Letter, Outcome, Transport};

/// Accepts letters, or replies as configured to the next ones.
#[derive(Default)]
pub struct Relay {
    /// Accepted letters: the recipient, and the headers with the decoded text.
    pub letters: Mutex<Vec<(String, String)>>,
    /// Outcomes of the next letters, the last first.
    pub outcomes: Mutex<Vec<Outcome>>,
}

#[async_trait]
impl Transport for Relay {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn deliver(&self, letter: &Letter) -> Outcome {
        let outcome = self.outcomes.lock().unwrap().pop().unwrap_or(Outcome::Accepted);
        if matches!(outcome, Outcome::Accepted) {
            let text = mail(&letter.bytes);
            self.letters.lock().unwrap().push((letter.to.to_string(), text));
        }
        outcome
    }
}

/// A letter's headers and its text, decoded.
fn mail(bytes: &[u8]) -> String {
    let raw = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    let text = if head.contains("base64") {
        use base64::Engine;
        let body: String = body.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        String::from_utf8(bytes).unwrap()
    } else {
        body.replace("=\r\n", "").replace("=3D", "=")
    };
    format!("{head}\r\n\r\n{text}")
}
