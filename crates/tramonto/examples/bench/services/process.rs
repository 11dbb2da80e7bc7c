//! Processes of the bench's own: the two servers and the services.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fallible;

/// For a process to be there, or to be gone.
const TIMEOUT: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A process that is ended with the value.
pub(crate) struct Process {
    name: String,
    child: Child,
    told: PathBuf,
    ends_by: &'static str,
}

impl Process {
    /// Starts it; what it says goes to a file in the folder. `ends_by` is the signal that stops it
    /// cleanly.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        folder: &Path,
        ends_by: &'static str,
    ) -> Fallible<Self> {
        let told = folder.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&told)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name: name.to_owned(), child, told, ends_by })
    }

    /// Waits until something is so.
    pub(crate) async fn until(&mut self, mut so: impl AsyncFnMut() -> bool) -> Fallible<()> {
        let begun = Instant::now();
        while !so().await {
            if self.child.try_wait()?.is_some() || begun.elapsed() > TIMEOUT {
                let told = fs::read_to_string(&self.told)?;
                return Err(format!("{} is not running; its output:\n{told}", self.name).into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> Fallible<()> {
        self.signal(self.ends_by);
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > TIMEOUT {
                return Err(format!("{} did not stop", self.name).into());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        if let Err(error) = Command::new("kill").args(["-s", name, &id]).status() {
            eprintln!("cannot stop {}: {error}", self.name);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // At once, but so that those that it started end with it.
            self.signal(if self.ends_by == "INT" { "QUIT" } else { "KILL" });
            drop(self.child.wait());
        }
    }
}

/// A port that nothing listens on at this moment.
pub(crate) fn free_port() -> Fallible<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Does anybody listen there?
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Does the service that answers there say that it is ready?
pub(crate) fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
