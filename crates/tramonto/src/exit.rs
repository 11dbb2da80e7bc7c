//! The exit codes of the process, and which command ends with which.

use std::process::ExitCode;

use crate::{Error, output};

/// How a command ended, as its exit code tells scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command did what it was asked to do.
    Done,
    /// The command failed; standard error names the cause.
    Failed,
    /// The command line is invalid; nothing was done.
    Usage,
    /// The command did part of its work and rejected the rest.
    Rejected,
    /// The command did its work and found what it checks for.
    Found,
}

impl Exit {
    /// Every code, in ascending order.
    pub const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::Usage, Self::Rejected, Self::Found];

    /// The number the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Rejected => 3,
            Self::Found => 4,
        }
    }

    /// What the code means, whatever the command.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "success",
            Self::Failed => "failure; standard error names the cause",
            Self::Usage => "invalid command line or configuration file",
            Self::Rejected => "partial success; some rows or requests were rejected",
            Self::Found => "the check found a difference or a problem",
        }
    }

    /// What it means where a command can end with more than success, failure and a wrong command
    /// line.
    pub fn of(command: &str) -> impl Iterator<Item = (Self, &'static str)> {
        let common = [Self::Done, Self::Failed, Self::Usage];
        let more = MORE.iter().filter(move |(path, _, _)| *path == command);
        let common = common.into_iter().map(|exit| (exit, exit.meaning()));
        common.chain(more.map(|(_, exit, meaning)| (*exit, *meaning)))
    }
}

/// The commands that end with more codes, by their words, and what each means there.
pub(crate) const MORE: [(&str, Exit, &str); 10] = [
    ("rehearse", Exit::Found, "the outcome is incomplete or wrong"),
    ("registry import", Exit::Rejected, "some rows were rejected"),
    ("log-request prepare", Exit::Rejected, "some requests could not be served"),
    ("drift check", Exit::Found, "the platform differs from the log"),
    ("drift repair", Exit::Found, "the platform differs from the log; the engine repairs it"),
    ("drift certify", Exit::Found, "the certificate cannot be given"),
    ("canary probe", Exit::Found, "a server's answer contradicts the plan"),
    ("platform check", Exit::Found, "a setting keeps the mail servers from enforcing the rights"),
    ("mail-log status", Exit::Found, "a second destruction is due"),
    ("erasure verify", Exit::Found, "a search term was found"),
];

impl From<&Error> for Exit {
    /// A closed pipe ends a command quietly; every other failure has one code.
    fn from(error: &Error) -> Self {
        if output::is_closed(error) { Self::Done } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
