//! A nats-server for one test, which ends with it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

/// A nats-server on a free port, with its own data folder.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    /// Its configuration file, if it has one.
    config: Option<PathBuf>,
    options: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// Starts one and waits until it listens.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self::prepared(options);
        server.restart().await;
        server
    }

    fn prepared(options: Vec<String>) -> Self {
        let folder = TempDir::with_prefix("tramonto-nats.").unwrap();
        Self { folder, port: free_port(), config: None, options, process: None }
    }

    /// Launches a node of deploy/nats with its own ports and folder, without waiting for it.
    pub(crate) fn node(number: usize, options: Vec<String>) -> Self {
        let mut server = Self::prepared(options);
        let node = format!("node{number}.conf");
        for file in ["common.conf", "users.conf", &node] {
            let text = std::fs::read_to_string(deployed(file)).unwrap();
            let data = server.data().display().to_string();
            // A folder on the command line does not override the one in the file.
            let text = text.replace("/var/lib/nats", &data);
            assert!(file != "common.conf" || text.contains(&data));
            std::fs::write(server.folder.path().join(file), text).unwrap();
        }
        server.config = Some(server.folder.path().join(node));
        server.launch();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Restarts it on the same port.
    pub(crate) async fn restart(&mut self) {
        self.launch();
        self.wait().await;
    }

    fn launch(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let port = self.port.to_string();
        let mut command = match &self.config {
            None => {
                let mut command = Command::new(script("nats"));
                command.arg(self.data()).arg(port);
                command
            }
            Some(config) => {
                let mut command = Command::new(program());
                command.arg("--config").arg(config).args(["--addr", "127.0.0.1", "--port", &port]);
                command
            }
        };
        let process = command
            .args(&self.options)
            .env("TRAMONTO_NATS_PASSWORD", "letters")
            .env("TRAMONTO_NATS_INTEGRATOR_PASSWORD", "others")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    pub(crate) async fn wait(&mut self) {
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(ended.is_none(), "nats-server ended: {}", log());
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A script of the folder with the servers of all tests.
fn script(name: &str) -> PathBuf {
    root().join("tests/servers").join(name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of deploy/nats.
pub(crate) fn deployed(name: &str) -> PathBuf {
    root().join("deploy/nats").join(name)
}

/// The server's program.
pub(crate) fn program() -> PathBuf {
    let found = Command::new(script("install")).arg("nats").output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap().trim().into()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
