//! A Postfix and a Dovecot for one test, with the files of `deploy/mail`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;

#[path = "../wait.rs"]
pub(super) mod wait;

/// The lookup settings of the servers.
#[derive(Debug, Clone)]
pub struct Lookups {
    /// The folder of `deploy/mail` in use: `sqlite`, `pgsql` or `policy`.
    pub kind: &'static str,
    /// Its settings, as `NAME=VALUE`.
    pub settings: Vec<String>,
}

/// The running servers; dropping this ends them.
pub struct MailServers {
    folder: TempDir,
    child: Child,
    /// The port for mail from outside.
    pub smtp: u16,
    /// The submission port.
    pub submission: u16,
    /// The IMAP port.
    pub imap: u16,
    /// The POP3 port.
    pub pop3: u16,
}

/// Found from every crate whose tests start the servers.
fn script() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let scripts = folders.find_map(|folder| {
        ["servers/mail", "tests/servers/mail"]
            .map(|script| folder.join(script))
            .into_iter()
            .find(|script| script.is_file())
    });
    scripts.unwrap()
}

/// Attempts to start them: a free port may be taken before they bind it, and Postfix delays an
/// `smtpd` without a socket for logins by a minute.
const TRIES: u32 = 3;
/// The time that each may take to greet.
const GREETING: Duration = Duration::from_mins(1);

/// Distinct ports on which nothing listens now: outside the ephemeral range, and other ones at each
/// call.
fn free_ports() -> [u16; 4] {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 100).unwrap() * 100;
    let listeners: [TcpListener; 4] = std::array::from_fn(|_| {
        let next = || 20_000 + begin.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % 10_000;
        std::iter::repeat_with(|| TcpListener::bind(("127.0.0.1", next())))
            .take(1_000)
            .find_map(Result::ok)
            .unwrap()
    });
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl MailServers {
    /// Starts them and waits until each has greeted.
    pub fn start(lookups: &Lookups) -> Self {
        Self::start_with(lookups, &[])
    }

    /// The same, with additional settings of Postfix, as `NAME = VALUE`.
    pub fn start_with(lookups: &Lookups, more: &[&str]) -> Self {
        let mut problem = String::new();
        for _ in 0..TRIES {
            match Self::greeting(lookups, more) {
                Ok(servers) => return servers,
                Err(told) => problem = told,
            }
            eprintln!("started again, for {problem}");
        }
        panic!("the mail servers do not start: {problem}");
    }

    fn greeting(lookups: &Lookups, more: &[&str]) -> Result<Self, String> {
        // A short path, for its sockets; and the servers, which do not run as root, must be able to
        // read it.
        let folder = tempfile::Builder::new().prefix("tm").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let lines: String = more.iter().flat_map(|setting| [*setting, "\n"]).collect();
        fs::write(folder.path().join("more.cf"), lines).unwrap();
        let [smtp, submission, imap, pop3] = free_ports();
        let log = File::create(folder.path().join("script.log")).unwrap();
        let child = Command::new(script())
            .arg(folder.path())
            .arg(lookups.kind)
            .args([smtp, submission, imap, pop3].map(|port| port.to_string()))
            .args(&lookups.settings)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut servers = Self { folder, child, smtp, submission, imap, pop3 };
        for port in [smtp, submission, imap, pop3] {
            let mut ended = None;
            let settled = || {
                ended = servers.child.try_wait().unwrap();
                ended.is_some() || greets(port)
            };
            let in_time = wait::until(GREETING, settled);
            if let Some(status) = ended {
                return Err(format!("they ended ({status}):\n{}", servers.logs()));
            } else if !in_time {
                return Err(format!("no greeting at port {port}:\n{}", servers.logs()));
            }
        }
        Ok(servers)
    }

    /// The end of their logs, for a failure.
    pub fn logs(&self) -> String {
        let end = |name| {
            let told = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            // The purpose of the files of deploy/mail/policy.
            let lines: Vec<_> =
                told.lines().filter(|line| !line.contains("overriding earlier entry")).collect();
            format!("{name}:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"))
        };
        ["script.log", "log/dovecot.log", "log/postfix.log"].map(end).join("\n")
    }

    /// Postfix's log, in syslog format.
    pub fn log_of_postfix(&self) -> PathBuf {
        self.folder.path().join("log/postfix.log")
    }

    /// Blocks the socket between Postfix and Dovecot, so that accepted mail waits in the queue; or
    /// unblocks it.
    pub fn hold_deliveries(&self, hold: bool) {
        let [open, shut] = ["sock/lmtp", "sock/shut"].map(|name| self.folder.path().join(name));
        if hold {
            fs::rename(open, shut).unwrap();
        } else {
            fs::rename(shut, open).unwrap();
        }
    }

    /// Makes Postfix retry its queue now instead of in some minutes.
    pub fn flush(&self) {
        self.postqueue("-f");
    }

    /// Postfix's queue, with the reasons.
    pub fn queue(&self) -> String {
        self.postqueue("-p")
    }

    fn postqueue(&self, what: &str) -> String {
        let settings = self.folder.path().join("etc/postfix");
        let mut command = Command::new("/usr/sbin/postqueue");
        let done = command.arg("-c").arg(settings).arg(what).output().unwrap();
        assert!(done.status.success());
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Waits until the queue satisfies a condition.
    pub fn wait_for_queue(&self, is: impl Fn(&str) -> bool) {
        let came = wait::until(Duration::from_mins(1), || is(&self.queue()));
        assert!(came, "still in the queue: {}\n{}", self.queue(), self.logs());
    }

    /// The messages in a mailbox, from its files.
    pub fn messages(&self, address: &str) -> impl Iterator<Item = String> {
        let (name, domain) = address.split_once('@').unwrap();
        let home = self.folder.path().join("vmail").join(domain).join(name).join("Maildir");
        let folders = ["new", "cur"].map(|folder| fs::read_dir(home.join(folder)));
        let files = folders.into_iter().flatten().flatten().map(|entry| entry.unwrap().path());
        // A file may be moved from `new` to `cur` meanwhile; then the next call sees it.
        files.filter_map(|file| fs::read_to_string(file).ok())
    }

    /// The number of messages with this subject in a mailbox.
    pub fn delivered(&self, address: &str, subject: &str) -> usize {
        let line = format!("Subject: {subject}\n");
        self.messages(address).filter(|text| text.contains(&line)).count()
    }

    /// Waits until a message has arrived.
    pub fn wait_for(&self, address: &str, subject: &str) {
        let arrives = || self.delivered(address, subject) > 0;
        let came = wait::until(Duration::from_secs(30), arrives);
        assert!(came, "{subject} did not arrive:\n{}", self.logs());
    }

    /// Waits until a queued message has arrived. A message whose delivery was in progress during
    /// the flush returns to the queue, so the flush is repeated.
    pub fn wait_for_queued(&self, address: &str, subject: &str) {
        let arrives = || {
            self.flush();
            self.delivered(address, subject) > 0
        };
        let came = wait::until(Duration::from_mins(1), arrives);
        assert!(came, "{subject} did not arrive:\n{}", self.logs());
    }

    /// The folder of their configuration and sockets.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Does a server greet, and not only listen?
fn greets(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok_and(|read| read > 0)
}

impl Drop for MailServers {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let process = self.child.id().to_string();
            // A server that exits at this moment needs no signal.
            drop(Command::new("kill").args(["-s", "TERM", &process]).status());
        }
        self.child.wait().unwrap();
    }
}
