//! Servers for one test, as processes that can be killed.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::{free_address, send};
use crate::wait;

/// A port on which nothing listens now.
pub(crate) fn free_port() -> u16 {
    free_address().port()
}

/// A script that starts a server, or locates a program.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers").join(name)
}

/// PostgreSQL or nats-server, with a folder and a port that it keeps across restarts.
pub(crate) struct Server {
    name: &'static str,
    folder: PathBuf,
    pub(crate) port: u16,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Not started yet.
    pub(crate) fn new(name: &'static str, folder: PathBuf, settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        Self { name, folder, port: free_port(), settings, child: None }
    }

    /// Additional settings, for the next start.
    pub(crate) fn set(&mut self, settings: &[String]) {
        self.settings.extend_from_slice(settings);
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&mut self) {
        let log = self.folder.with_extension("log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(script(self.name))
            .arg(&self.folder)
            .arg(self.port.to_string())
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let answers = || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {}", self.name, self.told());
            self.answers()
        };
        assert!(wait::until(Duration::from_mins(1), answers), "{} is not there", self.name);
    }

    /// PostgreSQL listens some time before it accepts connections.
    fn answers(&self) -> bool {
        let reached = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        let lets_in = || {
            self.told()
                .rsplit("starting PostgreSQL")
                .next()
                .is_some_and(|since| since.contains("ready to accept connections"))
        };
        reached && (self.name != "postgres" || lets_in())
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn end(&mut self, signal: &str) {
        if let Some(mut child) = self.child.take() {
            send(signal, child.id());
            child.wait().unwrap();
        }
    }

    /// Deletes its data; it must have ended.
    pub(crate) fn erase(&self) {
        assert!(self.child.is_none());
        fs::remove_dir_all(&self.folder).unwrap();
    }

    fn told(&self) -> String {
        fs::read_to_string(self.folder.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown for PostgreSQL, which ends its children; nats-server has none.
        self.end(if self.name == "postgres" { "QUIT" } else { "KILL" });
    }
}
