//! The port that ends open sessions, and the adapter that runs a command for it.
//!
//! Mail servers check a right at login only, so an open session survives the end of access until it
//! is ended. Deliberately absent: retries, which are the caller's, and the output of the command,
//! which may contain addresses.

use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Ends sessions on the mail servers.
#[async_trait]
pub trait OpenSessions: Send + Sync {
    /// Ends every session of these addresses, if any. Idempotent.
    async fn end(&self, addresses: &[String]) -> Result<(), SessionsError>;
}

/// Why sessions may still be open. Every error may be retried.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// The command could not be started.
    #[error("cannot start {program}, which ends sessions; check that it exists and is executable")]
    Start {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Writing the addresses to it, or waiting for it, failed.
    #[error("cannot pass addresses to {program}, which ends sessions")]
    Input {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It exited with a failure.
    #[error(
        "{program}, which ends sessions, exited with {status}; run it by hand to see the cause"
    )]
    Failed {
        /// The program.
        program: String,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// It did not exit in time and was killed.
    #[error(
        "{program}, which ends sessions, did not exit within {} seconds and was killed",
        within.as_secs()
    )]
    Timeout {
        /// The program.
        program: String,
        /// The timeout.
        within: Duration,
    },
}

/// A command that reads addresses from standard input, one a line, and ends their sessions.
///
/// Its text form is a program's path and its arguments, separated by spaces. No shell is involved,
/// so nothing is quoted or expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCommand {
    program: OsString,
    arguments: Vec<String>,
    within: Duration,
}

impl SessionCommand {
    /// A minute: `doveadm` queries a single process of Dovecot.
    const WITHIN: Duration = Duration::from_mins(1);

    /// The same command with another timeout.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

impl FromStr for SessionCommand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let program = words.next().filter(|program| Path::new(program).is_absolute());
        let Some(program) = program else {
            return Err(
                "expected the absolute path of a program and its arguments, separated by spaces; \
                 no shell is involved"
                    .to_owned(),
            );
        };
        Ok(Self {
            program: program.into(),
            arguments: words.map(str::to_owned).collect(),
            within: Self::WITHIN,
        })
    }
}

impl fmt::Display for SessionCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program())?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

#[async_trait]
impl OpenSessions for SessionCommand {
    async fn end(&self, addresses: &[String]) -> Result<(), SessionsError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| SessionsError::Start { program: self.program(), source })?;
        let mut lines = addresses.join("\n");
        lines.push('\n');
        let work = async {
            if let Some(mut input) = child.stdin.take() {
                match input.write_all(lines.as_bytes()).await {
                    // It stopped reading: its exit status decides.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                    written => written?,
                }
            }
            child.wait().await
        };
        let ended = tokio::time::timeout(self.within, work).await;
        let Ok(ended) = ended else {
            return Err(SessionsError::Timeout { program: self.program(), within: self.within });
        };
        let status =
            ended.map_err(|source| SessionsError::Input { program: self.program(), source })?;
        if status.success() {
            return Ok(());
        }
        Err(SessionsError::Failed { program: self.program(), status })
    }
}
