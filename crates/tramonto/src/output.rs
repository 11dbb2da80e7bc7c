//! What a command prints: to standard output, whole lines, and no panic where nobody reads them.
//!
//! Invariant: a reader that went away (`tramonto events | head`) is an error like any other here, which
//! ends the command, and which [`is_closed`] tells from the rest so that nothing is said about it.

use std::io::{self, ErrorKind, StdoutLock, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::Error;

pub(crate) mod text;

/// Standard output, held until dropped.
pub struct Output(StdoutLock<'static>);

impl Output {
    /// Takes hold of standard output.
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
        let text = serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))?;
        self.line(text)
    }

    /// Prints one JSON object on one line.
    pub fn object(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|error| failed(error.into()))?;
        self.line(text)
    }

    /// Sees to it that what was printed is out.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.0.flush().map_err(failed)
    }
}

/// Standard output did not take it.
pub(crate) fn failed(source: io::Error) -> Error {
    Error::File {
        path: PathBuf::from("standard output"),
        advice: format!("it can't be written to ({source}); look at where it goes"),
        source,
    }
}

/// Did the reader of our output go away?
pub fn is_closed(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}
