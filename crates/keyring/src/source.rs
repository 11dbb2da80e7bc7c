//! The source of the keys: a folder of this program, or a file or text that is kept elsewhere.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::Error;
use crate::folder::{Folder, Stamp, failed};
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
            Self::Folder(folder) => folder.stamp().map(Some),
            Self::File(path) => {
                let metadata = path.metadata().map_err(|error| failed(path, "read", error))?;
                Ok(Some(Stamp::of(&metadata)))
            }
            Self::Given(_) => Ok(None),
        }
    }

    /// The keys and their version.
    pub(crate) fn load(&self) -> Result<(Option<Stamp>, Keys), Error> {
        let found = match self {
            Self::Folder(folder) => folder.read()?,
            Self::File(path) => read(path)?,
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

fn read(path: &PathBuf) -> Result<Option<(Vec<u8>, Stamp)>, Error> {
    let unreadable = |error| failed(path, "read", error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // Of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.mode() & MORE_THAN_READING != 0 {
        return Err(Error::Exposed { path: path.clone(), mode: "440" });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some((bytes, Stamp::of(&metadata))))
}
