//! The source of the keys: a folder of this program, or a file or text that is kept elsewhere.

use std::path::PathBuf;

use crate::Error;
use crate::folder::{Folder, Stamp, read};
use crate::stored::{self, Keys};

/// All permissions but reading by owner and group: a mounted secret often belongs to a group.
const MORE_THAN_READING: u32 = 0o037;

/// The source of the keys.
#[derive(Debug)]
pub(crate) enum Source {
    /// A folder that is read and written.
    Folder(Folder),
    /// A read-only file, read again when it is replaced.
    File(PathBuf),
    /// A text from a source with this name.
    Given(String),
}

impl Source {
    /// The name of the source in messages.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.file(),
            Self::File(path) => path.clone(),
            Self::Given(name) => PathBuf::from(name),
        }
    }

    /// The folder, if the keys can be changed.
    pub(crate) fn writable(&self) -> Result<&Folder, Error> {
        match self {
            Self::Folder(folder) => Ok(folder),
            Self::File(_) | Self::Given(_) => Err(Error::OnlyRead { path: self.name() }),
        }
    }

    /// The current version of the keys; `None` where they never change.
    pub(crate) fn stamp(&self) -> Result<Option<Stamp>, Error> {
        match self {
            Self::Folder(folder) => Stamp::of(&folder.file()).map(Some),
            Self::File(path) => Stamp::of(path).map(Some),
            Self::Given(_) => Ok(None),
        }
    }

    /// The keys and their version.
    pub(crate) fn load(&self) -> Result<(Option<Stamp>, Keys), Error> {
        let found = match self {
            Self::Folder(folder) => folder.read()?,
            Self::File(path) => read(path, MORE_THAN_READING, "440")?,
            // A text is not read again.
            Self::Given(_) => None,
        };
        let Some((bytes, stamp)) = found else { return Err(Error::Missing { path: self.name() }) };
        Ok((Some(stamp), self.parse(&bytes)?))
    }

    /// Parses the keys.
    pub(crate) fn parse(&self, bytes: &[u8]) -> Result<Keys, Error> {
        stored::read(bytes).map_err(|problem| self.damaged(problem))
    }

    pub(crate) fn damaged(&self, problem: String) -> Error {
        Error::Damaged { path: self.name(), problem }
    }
}
