//! The LMTP listener and its connections.
//!
//! Invariants: every wait is bounded; on shutdown no new connection is accepted, connections
//! between two messages are closed with 421, and a message in flight may still complete within its
//! timeout.

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

/// Handles received messages.
#[async_trait]
pub trait MessageHandler: Send + Sync {
    /// Stores a message durably, or has the mail server retry.
    async fn store(&self, incoming: Incoming) -> Verdict;
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 chooses a free one.
    Tcp(SocketAddr),
    /// A Unix socket; the permissions of its folder decide who may connect.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("no socket path; write e.g. unix:/run/tramonto/lmtp".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_form| {
                "expected ADDRESS:PORT, e.g. 127.0.0.1:2003, or unix:PATH".to_owned()
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

/// Limits of connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Concurrent connections; further ones are refused with 421.
    pub connections: usize,
    /// Timeout between two commands (RFC 5321, 4.5.3.2 asks for five minutes).
    pub idle: Duration,
    /// Timeout of a message from DATA to its end.
    pub message: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = Duration::from_mins;
        Self { connections: 100, idle: minutes(5), message: minutes(10) }
    }
}

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// The pause after a failed `accept`, and the timeout for a last reply.
const PAUSE: Duration = Duration::from_millis(100);

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// An LMTP server.
pub struct Server {
    socket: Socket,
    address: Listen,
    shared: Arc<Shared>,
}

/// Shared by all connections.
struct Shared {
    rules: Rules,
    limits: Limits,
    handler: Arc<dyn MessageHandler>,
}

impl Server {
    /// Starts to listen.
    pub async fn bind(
        address: &Listen,
        rules: Rules,
        limits: Limits,
        handler: Arc<dyn MessageHandler>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address: address.to_string(), source };
        let (socket, bound) = match address {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                (Socket::Tcp(listener), Listen::Tcp(address))
            }
            Listen::Unix(path) => {
                remove_stale(path).await.map_err(failed)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                (Socket::Unix(listener), address.clone())
            }
        };
        let shared = Arc::new(Shared { rules, limits, handler });
        Ok(Self { socket, address: bound, shared })
    }

    /// The address it listens on.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// Serves until `stop` is cancelled and messages in flight have their reply.
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.shared.limits.connections));
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let mut stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!("cannot accept connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (shared, stop) = (Arc::clone(&self.shared), stop.clone());
            let slot = Arc::clone(&slots).try_acquire_owned();
            tasks.spawn(async move {
                let Ok(_slot) = slot else {
                    let busy =
                        stream.write_all(b"421 4.3.2 too many connections, try again later\r\n");
                    drop(timeout(PAUSE, busy).await);
                    return;
                };
                if let Err(error) = shared.serve(stream, &stop).await {
                    tracing::debug!("connection closed: {error}");
                }
            });
        }
        if let Listen::Unix(path) = &self.address {
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
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// Removes the socket of a process that was killed.
async fn remove_stale(path: &std::path::Path) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    match tokio::net::UnixStream::connect(path).await {
        Ok(_) => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another process is listening on it"))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

impl Shared {
    /// Serves one connection.
    async fn serve(&self, mut stream: Box<dyn Stream>, stop: &CancellationToken) -> io::Result<()> {
        let (mut session, mut replies) = (Session::default(), Vec::new());
        Session::greeting(&self.rules, &mut replies);
        let mut chunk = vec![0; CHUNK];
        // When the current command or message began.
        let mut began = None;
        loop {
            if !replies.is_empty() {
                timeout(self.limits.idle, stream.write_all(&replies)).await??;
                replies.clear();
            }
            let reading = stream.read(&mut chunk);
            let length = match began {
                None => tokio::select! {
                    () = stop.cancelled() => {
                        let bye = stream.write_all(b"421 4.3.2 shutting down, try again later\r\n");
                        return timeout(PAUSE, bye).await?;
                    }
                    read = timeout(self.limits.idle, reading) => read??,
                },
                Some(began) => timeout_at(began + self.limits.message, reading).await??,
            };
            if length == 0 {
                return Ok(());
            }
            let now = Instant::now();
            let mut bytes = chunk.get(..length).unwrap_or_default();
            loop {
                match session.feed(&mut bytes, &self.rules, now, &mut replies) {
                    Step::More => break,
                    Step::Message(incoming) => {
                        let verdict = self.handler.store(incoming).await;
                        session.reply(verdict, &mut replies);
                    }
                    Step::End => {
                        return timeout(self.limits.idle, stream.write_all(&replies)).await?;
                    }
                }
            }
            began = if session.is_idle() { None } else { began.or(Some(now)) };
        }
    }
}
