//! A proxy that can stop forwarding without closing connections, like a network partition.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards a port of its own to another.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    open: Arc<watch::Sender<bool>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Forwards from now on.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let open = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&open);
        let task = tokio::spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                tokio::spawn(forward(inner, port, state.subscribe()));
            }
        });
        Self { port: own, open, task }
    }

    /// Stops forwarding silently.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Forwards what was held up, and what follows.
    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(inner: TcpStream, port: u16, mut open: watch::Receiver<bool>) {
    if open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let Ok(outer) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await else {
        return;
    };
    let (from_inner, to_inner) = inner.into_split();
    let (from_outer, to_outer) = outer.into_split();
    tokio::select! {
        () = copy(from_inner, to_outer, open.clone()) => {}
        () = copy(from_outer, to_inner, open) => {}
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let Ok(length) = from.read(&mut buffer).await else { return };
        if length == 0 || open.wait_for(|open| *open).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
