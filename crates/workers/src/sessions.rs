//! The port through which sessions that are open are ended, and the adapter that runs a command for it.
//!
//! A right that has ended is asked for at the next login; who is logged in already stays so until somebody
//! ends that session. Deliberately absent: retries, which are the caller's, and what was said by the command,
//! which may hold addresses.

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

/// Where sessions are.
#[async_trait]
pub trait OpenSessions: Send + Sync {
    /// Ends every session of these addresses. Where there is none, there is nothing to do; doing it again does
    /// no harm.
    async fn end(&self, addresses: &[String]) -> Result<(), SessionsError>;
}

/// Why sessions may still be open. All of it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// The command could not be started.
    #[error(
        "the command that ends sessions, {program}, can't be started; check that it is there and may be run"
    )]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not take the addresses, or its end could not be waited for.
    #[error("the command that ends sessions, {program}, could not be told the addresses")]
    Telling {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ended without success.
    #[error(
        "the command that ends sessions, {program}, ended with {status}; run it by hand to see why"
    )]
    Failed {
        /// Which.
        program: String,
        /// How.
        status: std::process::ExitStatus,
    },
    /// It did not end, and was ended.
    #[error("the command that ends sessions, {program}, did not end within {} seconds and was stopped", within.as_secs())]
    Endless {
        /// Which.
        program: String,
        /// What it had.
        within: Duration,
    },
}

/// A command that is given addresses on its standard input, one a line, and ends their sessions.
///
/// Written as a program's path and arguments with spaces between them. No shell reads it: nothing is quoted and
/// nothing expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCommand {
    program: OsString,
    arguments: Vec<String>,
    within: Duration,
}

impl SessionCommand {
    /// A minute: `doveadm` asks one process of Dovecot's.
    const WITHIN: Duration = Duration::from_mins(1);

    /// The same, given up after so long.
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
                "write the whole path of a program, and its arguments with spaces between them; no shell \
                 reads it"
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
                    // It has enough: how it ended says whether that was well.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                    told => told?,
                }
            }
            child.wait().await
        };
        let ended = tokio::time::timeout(self.within, work).await;
        let Ok(ended) = ended else {
            return Err(SessionsError::Endless { program: self.program(), within: self.within });
        };
        let status =
            ended.map_err(|source| SessionsError::Telling { program: self.program(), source })?;
        if status.success() {
            return Ok(());
        }
        Err(SessionsError::Failed { program: self.program(), status })
    }
}
