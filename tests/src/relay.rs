//! A relay for our own letters, which keeps what it takes.

use std::sync::Mutex;

use async_trait::async_trait;
use intake::{Answer, Letter, Post};

/// Takes letters, or does what it was told to do with the next ones.
#[derive(Default)]
pub struct Relay {
    /// What it took: whom each is for, its headers and its text, decoded.
    pub letters: Mutex<Vec<(String, String)>>,
    /// What it answers to the next ones, the last first.
    pub answers: Mutex<Vec<Answer>>,
}

#[async_trait]
impl Post for Relay {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn hand_over(&self, letter: Letter) -> Answer {
        let answer = self.answers.lock().unwrap().pop().unwrap_or(Answer::Accepted);
        if matches!(answer, Answer::Accepted) {
            let text = mail(&letter.bytes);
            self.letters.lock().unwrap().push((letter.to.to_string(), text));
        }
        answer
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
