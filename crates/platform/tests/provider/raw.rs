//! HTTP as bytes: a provider that responds as a test wants, or not at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request or a response: its head, and its body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A header's value; `None` if it is absent.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    }

    /// The path of a request.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A response with a status, further headers and a body.
    pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        );
        Self { head, body: body.as_bytes().to_vec() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

/// Reads one message; `None` if the peer sends no more.
pub(crate) async fn read(stream: &mut TcpStream) -> Option<Message> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let mut message = Message { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    let length = message.header("content-length").unwrap_or_default().parse().unwrap_or(0);
    message.body.resize(length, 0);
    stream.read_exact(&mut message.body).await.ok()?;
    Some(message)
}

/// A provider's reaction to a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Say(Message),
    /// Resets the connection.
    Reset,
    /// Stays silent for as long as the client waits.
    Silence,
    /// Responds one byte at a time.
    Trickle(Message),
    /// Starts a response and never ends it.
    Endless,
}

/// Performs it on a connection whose request was read.
pub(crate) async fn act(mut stream: TcpStream, act: Act) {
    // The client may be gone by then.
    let written = match act {
        Act::Say(message) => stream.write_all(&message.bytes()).await,
        Act::Reset => stream.set_zero_linger(),
        Act::Silence => stream.read(&mut [0]).await.map(drop),
        Act::Trickle(message) => {
            let mut written = Ok(());
            let mut rhythm = tokio::time::interval(Duration::from_millis(20));
            for byte in message.bytes() {
                written = stream.write_all(&[byte]).await;
                if written.is_err() {
                    break;
                }
                rhythm.tick().await;
            }
            written
        }
        Act::Endless => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
            let mut written = stream.write_all(head.as_bytes()).await;
            let nothing = vec![b' '; 65_536];
            while written.is_ok() {
                written = stream.write_all(&nothing).await;
            }
            written
        }
    };
    drop(written);
}

/// A provider that plays a script and repeats its last act forever.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Message>>>,
    serving: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let acts: Vec<Act> = acts.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Message>>>::default();
        let seen = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = read(&mut stream).await else { continue };
                let place = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request);
                    seen.len() - 1
                };
                let next = acts.get(place).or(acts.last()).cloned().unwrap();
                tokio::spawn(act(stream, next));
            }
        });
        Self { address, requests, serving }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
