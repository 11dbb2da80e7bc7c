//! A small SMTP server on loopback; it treats recipients by their names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// An accepted letter.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

/// What it received, over all connections.
#[derive(Default)]
struct Seen {
    taken: Vec<Taken>,
    asked: BTreeMap<String, u32>,
    conversations: u32,
    logins: u32,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _task: JoinSet<()>,
}

/// How it treats senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Willing,
    /// Refuses every sender.
    Hostile,
    /// Closes each connection after one letter.
    Tired,
    /// Requires a login.
    Strict,
}

impl Server {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Seen>>::default();
        let mut task = JoinSet::new();
        let theirs = Arc::clone(&seen);
        task.spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                theirs.lock().unwrap().conversations += 1;
                conversations.spawn(converse(stream, Arc::clone(&theirs), mood));
            }
        });
        Self { address, seen, _task: task }
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.seen.lock().unwrap().taken.clone()
    }

    pub(crate) fn conversations(&self) -> u32 {
        self.seen.lock().unwrap().conversations
    }

    pub(crate) fn logins(&self) -> u32 {
        self.seen.lock().unwrap().logins
    }
}

async fn converse(stream: TcpStream, seen: Arc<Mutex<Seen>>, mood: Mood) {
    // A client that disconnects ends the session.
    drop(try_converse(stream, &seen, mood).await);
}

async fn try_converse(
    stream: TcpStream,
    seen: &Mutex<Seen>,
    mood: Mood,
) -> Result<(), std::io::Error> {
    let mut stream = BufReader::new(stream);
    let (mut from, mut to) = (String::new(), String::new());
    let mut logged_in = false;
    stream.get_mut().write_all(b"220 relay.example ready\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let address = || {
            line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).unwrap().0.to_owned()
        };
        let verb: String = line.chars().take(4).collect::<String>().to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-relay.example\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
            "AUTH" => {
                // "\0notices\0secret"
                logged_in = line.trim_end().ends_with(" AG5vdGljZXMAc2VjcmV0");
                seen.lock().unwrap().logins += u32::from(logged_in);
                let answer = if logged_in { "235 2.7.0 welcome" } else { "535 5.7.8 wrong" };
                answer.to_owned()
            }
            "MAIL" if mood == Mood::Strict && !logged_in => "530 5.7.0 log in first".to_owned(),
            "MAIL" if mood == Mood::Hostile => format!("550 5.7.1 <{}> not here", address()),
            "MAIL" => {
                from = address();
                "250 2.1.0 ok".to_owned()
            }
            "RCPT" => {
                to = address();
                let times = {
                    let mut seen = seen.lock().unwrap();
                    let times = seen.asked.entry(to.clone()).or_default();
                    *times += 1;
                    *times
                };
                match to.split('@').next().unwrap() {
                    "gone" => format!("550 5.1.1 <{to}>: no such user"),
                    "busy" => format!("451 4.7.1 <{to}>: come again"),
                    "greylisted" if times == 1 => format!("450 4.2.0 <{to}>: greylisted"),
                    _ => "250 2.1.5 ok".to_owned(),
                }
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    text.push_str(&line);
                }
                let spam = to.starts_with("choosy");
                if !spam {
                    let taken = Taken { from: from.clone(), to: to.clone(), text };
                    seen.lock().unwrap().taken.push(taken);
                }
                if to.starts_with("silent") {
                    // It accepts the letter and dies before its reply.
                    return Ok(());
                }
                if spam { "554 5.6.0 not like this" } else { "250 2.0.0 queued" }.to_owned()
            }
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 2.0.0 ok".to_owned(),
        };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
        if mood == Mood::Tired && answer.ends_with("queued") {
            return Ok(());
        }
    }
}
