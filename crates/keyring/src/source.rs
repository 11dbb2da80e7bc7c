//! Where keys come from: a folder that this program keeps, or a place that somebody else does.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::Error;
use crate::folder::{Folder, Stamp, failed};
use crate::stored::{self, Keys};

/// Everything but reading by owner and group: a mounted secret is often its group's.
const MORE_THAN_READING: u32 = 0o037;

/// Where they come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A folder that is written too.
    Folder(Folder),
    /// A file that is only read, and read again when another takes its place.
    File(PathBuf),
    /// What the program was given as a text, under this name.
    Given(String),
}

impl Source {
    /// What a sentence about the keys names.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.file(),
            Self::File(path) => path.clone(),
            Self::Given(name) => PathBuf::from(name),
        }
    }

    /// The folder, where keys may be changed.
    pub(crate) fn writable(&self) -> Result<&Folder, Error> {
        match self {
            Self::Folder(folder) => Ok(folder),
            Self::File(_) | Self::Given(_) => Err(Error::OnlyRead { path: self.name() }),
        }
    }

    /// Which state of the keys is there now; `None` where they never change.
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

    /// The keys, and which state of them that is.
    pub(crate) fn load(&self) -> Result<(Option<Stamp>, Keys), Error> {
        let found = match self {
            Self::Folder(folder) => folder.read()?,
            Self::File(path) => read(path)?,
            // There is nothing to read again.
            Self::Given(_) => None,
        };
        let Some((bytes, stamp)) = found else { return Err(Error::Missing { path: self.name() }) };
        Ok((Some(stamp), self.parse(&bytes)?))
    }

    /// What these bytes say.
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
    // Of the open file: what is looked at is what is read.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.mode() & MORE_THAN_READING != 0 {
        return Err(Error::Exposed { path: path.clone(), mode: "440" });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some((bytes, Stamp::of(&metadata))))
}
