//! The folder in which the keys lie: who may look into it, and how its file is written.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;

/// Everything that group and world might be allowed.
const OTHERS: u32 = 0o077;

/// The folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// Tells one state of the file from the next: each is a file of its own.
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

    /// Makes the folder where it is missing; those above it must be there.
    pub(crate) fn make(&self) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed(&self.0, "made", error))
            }
            _ => Ok(()),
        }
    }

    /// Which state of the file is there now.
    pub(crate) fn stamp(&self) -> Result<Stamp, Error> {
        let path = self.file();
        let metadata = path.metadata().map_err(|error| failed(&path, "read", error))?;
        Ok(Stamp::of(&metadata))
    }

    /// What the file holds; `None` where there is none. Refused where others may look.
    pub(crate) fn read(&self) -> Result<Option<(Vec<u8>, Stamp)>, Error> {
        let path = self.file();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, "read", error)),
        };
        let folder = self.0.metadata().map_err(|error| failed(&self.0, "read", error))?;
        private(&folder, &self.0, "700")?;
        // Of the open file: what is looked at is what is read.
        let metadata = file.metadata().map_err(|error| failed(&path, "read", error))?;
        private(&metadata, &path, "600")?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| failed(&path, "read", error))?;
        Ok(Some((bytes, Stamp::of(&metadata))))
    }

    /// Writes the file where there is none. Who finds that another was quicker has written nothing.
    pub(crate) fn write_first(&self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.file();
        match self.whole(bytes)?.persist_noclobber(&path) {
            Ok(_) => self.settle(),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(&path, "written", error.error)),
        }
    }

    /// Puts another state in the file's place.
    pub(crate) fn write_next(&self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.file();
        let placed = self.whole(bytes)?.persist(&path);
        placed.map_err(|error| failed(&path, "written", error.error))?;
        self.settle()
    }

    /// The right to change the file, until it is dropped.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let path = self.0.join("lock");
        let options =
            File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = options.and_then(|file| file.lock().map(|()| file));
        lock.map_err(|error| failed(&path, "locked", error))
    }

    /// A whole file (rights 0600) that is on the disk and has no name that anybody looks for.
    fn whole(&self, bytes: &[u8]) -> Result<NamedTempFile, Error> {
        let written = || {
            let mut file = NamedTempFile::new_in(&self.0)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        written().map_err(|error| failed(&self.0, "written", error))
    }

    /// The new name is on the disk too.
    fn settle(&self) -> Result<(), Error> {
        let folder = File::open(&self.0).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed(&self.0, "written", error))
    }
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), changed: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

fn private(metadata: &Metadata, path: &Path, mode: &'static str) -> Result<(), Error> {
    if metadata.mode() & OTHERS == 0 {
        return Ok(());
    }
    Err(Error::Exposed { path: path.to_owned(), mode })
}

pub(crate) fn failed(path: &Path, what: &'static str, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), what, source }
}
