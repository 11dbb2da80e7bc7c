//! The folder with the keys: its permissions, and how its file is written atomically.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;

/// All permissions of group and others.
const OTHERS: u32 = 0o077;

/// The folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// Identifies one version of the file: each is a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    changed: (i64, i64),
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("keyring.json")
    }

    /// Creates the folder if it is missing; its parent must exist.
    pub(crate) fn make(&self) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed(&self.0, "made", error))
            }
            _ => Ok(()),
        }
    }

    /// The contents of the file; `None` where there is none. Rejected if others can read it.
    pub(crate) fn read(&self) -> Result<Option<(Vec<u8>, Stamp)>, Error> {
        let found = read(&self.file(), OTHERS, "600")?;
        if found.is_some() {
            let folder = self.0.metadata().map_err(|error| failed(&self.0, "read", error))?;
            private(&folder, &self.0, OTHERS, "700")?;
        }
        Ok(found)
    }

    /// Writes the file where there is none; where another process was faster, nothing is written.
    pub(crate) fn write_first(&self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.file();
        match self.whole(bytes)?.persist_noclobber(&path) {
            Ok(_) => self.settle(),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(&path, "written", error.error)),
        }
    }

    /// Replaces the file.
    pub(crate) fn write_next(&self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.file();
        let placed = self.whole(bytes)?.persist(&path);
        placed.map_err(|error| failed(&path, "written", error.error))?;
        self.settle()
    }

    /// Locks the folder for a change of the file, until dropped.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let path = self.0.join("lock");
        let options =
            File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = options.and_then(|file| file.lock().map(|()| file));
        lock.map_err(|error| failed(&path, "locked", error))
    }

    /// A complete temporary file (mode 0600) that is flushed to the disk.
    fn whole(&self, bytes: &[u8]) -> Result<NamedTempFile, Error> {
        let written = || {
            let mut file = NamedTempFile::new_in(&self.0)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        written().map_err(|error| failed(&self.0, "written", error))
    }

    /// Flushes the new name to the disk.
    fn settle(&self) -> Result<(), Error> {
        let folder = File::open(&self.0).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed(&self.0, "written", error))
    }
}

impl Stamp {
    /// The current version of a file.
    pub(crate) fn of(path: &Path) -> Result<Self, Error> {
        let metadata = path.metadata().map_err(|error| failed(path, "read", error))?;
        Ok(Self::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), changed: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

/// The contents of a file and its version; `None` where there is none. Rejected if it has one of
/// these permissions; `mode` is what it should have.
pub(crate) fn read(
    path: &Path,
    rejected: u32,
    mode: &'static str,
) -> Result<Option<(Vec<u8>, Stamp)>, Error> {
    let unreadable = |error| failed(path, "read", error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // Of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(unreadable)?;
    private(&metadata, path, rejected, mode)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some((bytes, Stamp::from(&metadata))))
}

fn private(
    metadata: &Metadata,
    path: &Path,
    rejected: u32,
    mode: &'static str,
) -> Result<(), Error> {
    if metadata.mode() & rejected == 0 {
        return Ok(());
    }
    Err(Error::Exposed { path: path.to_owned(), mode })
}

pub(crate) fn failed(path: &Path, what: &'static str, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), what, source }
}
