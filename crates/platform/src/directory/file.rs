use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::{Cause, Error};

/// The path and identity of a directory's file: a removed or replaced file still serves the
/// processes that have it open, but no other process sees their writes.
#[derive(Debug)]
pub(super) struct DirectoryFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl DirectoryFile {
    /// The file that is there now.
    pub(super) async fn of(path: &Path) -> Result<Self, Error> {
        let found = tokio::fs::metadata(path).await.map_err(|error| out_of_reach(path, error))?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Is it still the same file?
    pub(super) async fn check(&self) -> Result<(), Error> {
        let now = Self::of(&self.path).await?;
        if (now.device, now.inode) == (self.device, self.inode) {
            return Ok(());
        }
        Err(Error::Unavailable {
            cause: Cause::GONE,
            problem: format!(
                "the mail directory {} was replaced by another file while it was open; stop, put \
                 the right one in its place and start again",
                self.path.display()
            ),
            source: None,
        })
    }
}

pub(super) fn out_of_reach(path: &Path, error: std::io::Error) -> Error {
    let path = path.display();
    if error.kind() == ErrorKind::NotFound {
        return Error::Unavailable {
            cause: Cause::GONE,
            problem: format!(
                "the mail directory {path} is gone; put it back from its backup or run `tramonto \
                 platform rebuild`"
            ),
            source: None,
        };
    }
    Error::Unavailable {
        cause: Cause::UNAVAILABLE,
        problem: format!(
            "the mail directory {path} is unreachable; check its disk and permissions"
        ),
        source: Some(Box::new(error)),
    }
}

/// A permanent error.
pub(super) fn unusable(path: &Path, problem: &str) -> Error {
    let problem = format!("the mail directory {} {problem}", path.display());
    Error::Refused { cause: Cause::UNUSABLE, problem }
}

/// A transient error.
pub(super) fn unavailable(path: &Path, problem: &str) -> Error {
    let problem = format!("the mail directory {} {problem}", path.display());
    Error::Unavailable { cause: Cause::UNAVAILABLE, problem, source: None }
}
