//! Connections of mail servers, each with one conversation.
//!
//! Invariants: every wait is bounded; asked to stop, it takes no new connection, closes those between two
//! messages with 421 and lets those in the middle of one come to its end within the patience of a message.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::session::{Incoming, Rules, Session, Step, Verdict};
use crate::Error;

/// Where messages are kept.
#[async_trait]
pub trait Keep: Send + Sync {
    /// Keeps a message so that a power cut does not take it back, or says that it is to come again.
    async fn keep(&self, incoming: Incoming) -> Verdict;
}

/// Where mail servers connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address of this machine; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A socket in the file system; its folder says who may connect.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("name the socket: unix:/run/tramonto/lmtp".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_form| {
                "write an address and a port such as 127.0.0.1:2003, or unix:PATH".to_owned()
            }),
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; one more is told 421 and comes later.
    pub connections: usize,
    /// How long a connection may wait between two commands (RFC 5321, 4.5.3.2 asks for five minutes).
    pub idle: Duration,
    /// How long a message may take from DATA to its end.
    pub message: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = Duration::from_mins;
        Self { connections: 100, idle: minutes(5), message: minutes(10) }
    }
}

/// How much is read at a time.
const PIECE: usize = 16 * 1024;
/// What a refused `accept` makes the next one wait.
const REST: Duration = Duration::from_millis(100);

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Takes messages from mail servers.
pub struct Server {
    socket: Socket,
    place: Listen,
    desk: Arc<Desk>,
    connections: usize,
}

/// What every connection shares.
struct Desk {
    rules: Rules,
    limits: Limits,
    keep: Arc<dyn Keep>,
}

impl Server {
    /// Takes the place.
    pub async fn bind(
        place: &Listen,
        rules: Rules,
        limits: Limits,
        keep: Arc<dyn Keep>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { place: place.to_string(), source };
        let (socket, place) = match place {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                (Socket::Tcp(listener), Listen::Tcp(address))
            }
            Listen::Unix(path) => {
                forget(path).await.map_err(failed)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                (Socket::Unix(listener, path.clone()), Listen::Unix(path.clone()))
            }
        };
        let connections = limits.connections;
        Ok(Self { socket, place, desk: Arc::new(Desk { rules, limits, keep }), connections })
    }

    /// Where it listens.
    pub fn place(&self) -> &Listen {
        &self.place
    }

    /// Takes messages until it is told to stop, and until those under way have their answer.
    pub async fn run(self, stop: CancellationToken) {
        let (places, tasks) = (Arc::new(Semaphore::new(self.connections)), TaskTracker::new());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let mut stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!("a mail server could not be let in: {error}");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let (desk, stop) = (Arc::clone(&self.desk), stop.clone());
            let place = Arc::clone(&places).try_acquire_owned();
            tasks.spawn(async move {
                let Ok(_place) = place else {
                    let busy = stream.write_all(b"421 4.3.2 too many connections, come later\r\n");
                    drop(timeout(REST, busy).await);
                    return;
                };
                if let Err(error) = desk.serve(stream, &stop).await {
                    tracing::debug!("a connection of a mail server ended: {error}");
                }
            });
        }
        if let Socket::Unix(_, path) = &self.socket {
            drop(fs::remove_file(path));
        }
        drop(self.socket);
        tasks.close();
        tasks.wait().await;
    }
}

/// Both directions of a connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Socket {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// A socket that nobody listens on any more is what a killed process left.
async fn forget(path: &std::path::Path) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    match tokio::net::UnixStream::connect(path).await {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

impl Desk {
    /// One connection, to its end.
    async fn serve(&self, mut stream: Box<dyn Stream>, stop: &CancellationToken) -> io::Result<()> {
        let (mut session, mut answers) = (Session::default(), Vec::new());
        Session::greeting(&self.rules, &mut answers);
        let mut piece = vec![0; PIECE];
        // When what is under way began to come.
        let mut began = None;
        loop {
            if !answers.is_empty() {
                timeout(self.limits.idle, stream.write_all(&answers)).await??;
                answers.clear();
            }
            let reading = stream.read(&mut piece);
            let length = match began {
                None => tokio::select! {
                    () = stop.cancelled() => {
                        let bye = stream.write_all(b"421 4.3.2 the service stops, come later\r\n");
                        return timeout(REST, bye).await?;
                    }
                    read = timeout(self.limits.idle, reading) => read??,
                },
                Some(began) => timeout_at(began + self.limits.message, reading).await??,
            };
            if length == 0 {
                return Ok(());
            }
            let now = Instant::now();
            let mut bytes = piece.get(..length).unwrap_or_default();
            loop {
                match session.take(&mut bytes, &self.rules, now, &mut answers) {
                    Step::More => break,
                    Step::Message(incoming) => {
                        let verdict = self.keep.keep(incoming).await;
                        session.answer(verdict, &mut answers);
                    }
                    Step::End => {
                        return timeout(self.limits.idle, stream.write_all(&answers)).await?;
                    }
                }
            }
            began = if session.is_between() { None } else { began.or(Some(now)) };
        }
    }
}
