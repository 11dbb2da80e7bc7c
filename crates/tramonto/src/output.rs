//! What a command prints: `text` and `table` for people, JSON for machines, `progress` meanwhile.
//!
//! Invariant: nothing here panics. A closed pipe (`tramonto event list | head`) is an error that
//! ends the command; [`is_closed`] recognizes it, so that nothing is printed about it.

use std::io::{self, ErrorKind, StdoutLock, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::Error;

pub(crate) mod progress;
mod table;
pub(crate) mod text;

/// Standard output, held until dropped.
pub struct Output(StdoutLock<'static>);

impl Output {
    /// Locks standard output.
    pub fn open() -> Self {
        Self(io::stdout().lock())
    }

    /// Prints a line.
    pub fn line(&mut self, line: impl AsRef<str>) -> Result<(), Error> {
        writeln!(self.0, "{}", line.as_ref()).map_err(failed)
    }

    /// Prints text that ends its own lines.
    pub fn text(&mut self, text: impl AsRef<str>) -> Result<(), Error> {
        self.0.write_all(text.as_ref().as_bytes()).map_err(failed)
    }

    /// Prints one JSON document over several lines, for people and `jq`.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), Error> {
        self.line(serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))?)
    }

    /// Prints one JSON object on one line.
    pub fn object(&mut self, value: &impl Serialize) -> Result<(), Error> {
        self.line(serde_json::to_string(value).map_err(|error| failed(error.into()))?)
    }

    /// Flushes what was printed.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.0.flush().map_err(failed)
    }
}

/// Standard output could not be written.
pub(crate) fn failed(source: io::Error) -> Error {
    Error::File {
        path: PathBuf::from("standard output"),
        advice: format!("cannot be written ({source}); check its destination"),
        source,
    }
}

/// Whether standard output is a closed pipe.
pub fn is_closed(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}
