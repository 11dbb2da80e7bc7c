//! A server of a test's own, to be killed; and a network of its own, to be cut.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::wait;

/// How long a server may take to start on a machine that is busy.
const START: Duration = Duration::from_mins(1);

/// A server that this test may kill.
pub(crate) struct OwnServer {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    process: Child,
}

impl OwnServer {
    pub(crate) async fn start(settings: &[String]) -> Self {
        let folder = tempfile::Builder::new().prefix("tramonto-server.").tempdir().unwrap();
        // The server may run as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = run(folder.path(), port, settings);
        let server = Self { folder, port, settings: settings.to_vec(), process };
        server.wait().await;
        server
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        options.username("tramonto").database("postgres").disable_statement_logging()
    }

    /// Ends the server at once, as `pg_ctl stop -m immediate` does.
    pub(crate) fn kill(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-QUIT", &pid]).status().unwrap().success());
        self.process.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.process = run(self.folder.path(), self.port, &self.settings);
        self.wait().await;
    }

    async fn wait(&self) {
        let answers = async || self.options().connect().await.is_ok();
        assert!(wait::until_async(START, answers).await, "the server does not start");
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.kill();
        }
    }
}

fn run(folder: &Path, port: u16, settings: &[String]) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/postgres");
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(script)
        .arg(folder.join("data"))
        .arg(port.to_string())
        .args(settings)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Which ways of a network forward anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ways {
    Both,
    /// What is asked arrives, what is answered does not.
    There,
    /// Nothing arrives and nothing is said: no reset, no end.
    Neither,
}

/// A network between a store and a server, that can be cut.
pub(crate) struct Network {
    port: u16,
    ways: watch::Sender<Ways>,
}

impl Network {
    /// Leads to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Self {
            port: listener.local_addr().unwrap().port(),
            ways: watch::Sender::new(Ways::Both),
        };
        let ways = network.ways.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let ((from_near, to_near), (from_far, to_far)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(from_near, to_far, ways.clone(), |ways| ways != Ways::Neither));
                tokio::spawn(carry(from_far, to_near, ways.clone(), |ways| ways == Ways::Both));
            }
        });
        network
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, ways: Ways) {
        self.ways.send_replace(ways);
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut ways: watch::Receiver<Ways>,
    open: fn(Ways) -> bool,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if ways.wait_for(|ways| open(*ways)).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
