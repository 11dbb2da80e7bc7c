//! The server for mail servers: many connections, each with one request after another.
//!
//! Invariants: every wait and the memory of a connection are bounded; an invalid request is
//! answered with a deferral and the connection is closed. On shutdown the server accepts no new
//! connection, closes idle ones and answers requests in progress. It runs on a thread of its own,
//! so that no other work of the process delays a mail server. Deliberately absent: authentication,
//! which the protocol lacks; listen on loopback, or on a network of the mail servers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::answer::Answer;
use crate::measure::Measures;
use crate::protocol::{Garbage, Parser};
use crate::snapshot::Snapshot;

/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Concurrent connections; one more is closed at once, and Postfix retries, then defers.
    pub connections: usize,
    /// The idle time between two requests. Postfix itself closes an idle connection after 300 s.
    pub idle: Duration,
    /// The time limit for receiving a request, and for sending an answer.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1_000, idle: Duration::from_mins(10), request: Duration::from_secs(10) }
    }
}

/// Bytes per read: more than a usual request.
const PIECE: usize = 4 * 1024;
/// The pause after a failed `accept`, for instance when the process has no file descriptors left.
const REST: Duration = Duration::from_millis(100);

/// Answers mail servers.
pub struct Server {
    address: SocketAddr,
    /// Starts the thread with its shutdown token. Without it the thread ends.
    go: oneshot::Sender<CancellationToken>,
    /// Closed when the thread has ended.
    ended: oneshot::Receiver<()>,
}

/// State shared by all connections.
struct Connections {
    snapshot: Arc<Snapshot>,
    measures: Measures,
    limits: Limits,
    stop: CancellationToken,
}

impl Server {
    /// Binds the port; with port 0, a free one.
    pub async fn bind(
        address: SocketAddr,
        snapshot: Arc<Snapshot>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address, source };
        let (told, bound) = oneshot::channel();
        let (go, gone) = oneshot::channel();
        let (ending, ended) = oneshot::channel::<()>();
        let work = move || {
            let _ending = ending;
            let listening = listen(address);
            let (runtime, listener) = match listening {
                Ok(listening) => listening,
                Err(error) => return drop(told.send(Err(error))),
            };
            if told.send(listener.local_addr()).is_ok() {
                runtime.block_on(async {
                    if let Ok(stop) = gone.await {
                        answer(listener, snapshot, limits, stop).await;
                    }
                });
            }
        };
        thread::Builder::new().name("answers".to_owned()).spawn(work).map_err(failed)?;
        let bound = bound.await.unwrap_or_else(|_ended| Err(io::Error::other("its thread ended")));
        Ok(Self { address: bound.map_err(failed)?, go, ended })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until shutdown, and until requests in progress are answered. If it is dropped
    /// before, it stops without waiting for them.
    pub async fn run(self, stop: CancellationToken) {
        let stop = stop.child_token();
        let _stops = stop.clone().drop_guard();
        if self.go.send(stop).is_ok() {
            // Never sent to: it closes when the thread ends.
            drop(self.ended.await);
        }
    }
}

/// Accepts connections on this thread.
fn listen(address: SocketAddr) -> io::Result<(Runtime, TcpListener)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    Ok((runtime, listener))
}

async fn answer(
    listener: TcpListener,
    snapshot: Arc<Snapshot>,
    limits: Limits,
    stop: CancellationToken,
) {
    let measures = Measures::begin();
    let connections = Arc::new(Connections { snapshot, measures, limits, stop: stop.clone() });
    let (places, tasks) = (Arc::new(Semaphore::new(limits.connections)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("connection of a mail server not accepted: {error}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            connections.measures.turned_away.increment(1);
            continue;
        };
        let connections = Arc::clone(&connections);
        tasks.spawn(async move {
            connections.measures.connections.increment(1.0);
            if let Err(error) = connections.serve(stream).await {
                tracing::debug!("connection of a mail server failed: {error}");
            }
            connections.measures.connections.decrement(1.0);
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

impl Connections {
    /// Serves one connection to its end.
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut parser = Parser::default();
        let mut piece = [0; PIECE];
        // When the incomplete request started to arrive.
        let mut began = None;
        loop {
            let reading = stream.read(&mut piece);
            let length = match began {
                None => tokio::select! {
                    () = self.stop.cancelled() => return Ok(()),
                    read = timeout(self.limits.idle, reading) => read??,
                },
                Some(began) => timeout_at(began + self.limits.request, reading).await??,
            };
            if length == 0 {
                return Ok(());
            }
            let came = Instant::now();
            let mut bytes = piece.get(..length).unwrap_or_default();
            let mut answers = String::new();
            let garbage = self.answers(&mut parser, &mut bytes, &mut answers, came);
            if !answers.is_empty() {
                timeout(self.limits.request, stream.write_all(answers.as_bytes())).await??;
            }
            if let Some(garbage) = garbage {
                self.measures.garbage.increment(1);
                tracing::debug!("connection closed: {garbage}");
                return Ok(());
            }
            began = if parser.is_between() { None } else { began.or(Some(came)) };
        }
    }

    /// Answers all complete requests; `Some` on an invalid request.
    fn answers(
        &self,
        parser: &mut Parser,
        bytes: &mut &[u8],
        answers: &mut String,
        came: Instant,
    ) -> Option<Garbage> {
        loop {
            let (answer, garbage) = match parser.take(bytes) {
                Ok(Some(request)) => (self.snapshot.answer(&request), None),
                Ok(None) => return None,
                Err(garbage) => (Answer::Defer, Some(garbage)),
            };
            answers.push_str("action=");
            answers.push_str(answer.action());
            answers.push_str("\n\n");
            self.measures.answered(&answer, came.elapsed());
            if garbage.is_some() {
                return garbage;
            }
        }
    }
}
