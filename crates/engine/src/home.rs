//! A store on the disk: one folder, a file for each thing that is written by itself.
//!
//! The log, what is derived from it, each kind of personal data and the mail directory are in files
//! of their own: they are written concurrently, and personal data can be erased beside the log.
//! Invariant: one engine works on a folder at a time, by a lock that ends with its process.
//! Commands that only read, or append one decision, need no lock.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// The folder of one store.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// The right to run the engine on a folder; released when dropped.
#[derive(Debug)]
pub struct EngineLock {
    _file: File,
}

impl Home {
    /// The store in this folder, which may not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The log of events.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.db")
    }

    /// The registry: the holders of mailboxes.
    pub fn registry(&self) -> PathBuf {
        self.0.join("registry.db")
    }

    /// The store of voucher codes: numbers and hashes.
    pub fn vouchers(&self) -> PathBuf {
        self.0.join("vouchers.db")
    }

    /// The folder of the programme's keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Messages received by e-mail: personal data too.
    pub fn intake(&self) -> PathBuf {
        self.0.join("intake.db")
    }

    /// The index of mail logs: personal data too.
    pub fn archive(&self) -> PathBuf {
        self.0.join("archive.db")
    }

    /// Message-log exports, until their links expire.
    pub fn exports(&self) -> PathBuf {
        self.0.join("exports")
    }

    /// The embedded mail platform's directory.
    pub fn directory(&self) -> PathBuf {
        self.0.join("directory.db")
    }

    /// Creates the folder where it is missing.
    pub fn create(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.0).map_err(Error::file(
            &self.0,
            "cannot create the folder of the store; name another one with --store",
        ))
    }

    /// Whether there is a store.
    pub fn exists(&self) -> bool {
        self.log().exists()
    }

    /// The store must exist.
    pub fn expect_store(&self) -> Result<(), Error> {
        if self.exists() {
            return Ok(());
        }
        Err(Error::NotFound(format!(
            "there is no store at {}; create one with `tramonto registry import FILE.csv`, or name \
             another with --store",
            self.0.display()
        )))
    }

    /// Acquires the lock of the folder.
    pub fn lock(&self) -> Result<EngineLock, Error> {
        self.locked()?.map_err(|holder| {
            Error::Unavailable(format!(
                "another tramonto process (pid {holder}) works on the store at {}; stop it first, \
                 or name another store with --store",
                self.0.display()
            ))
        })
    }

    /// The same; `None` where another process holds it.
    pub fn try_lock(&self) -> Result<Option<EngineLock>, Error> {
        Ok(self.locked()?.ok())
    }

    /// The lock, or the id of the process that holds it.
    fn locked(&self) -> Result<Result<EngineLock, String>, Error> {
        let path = self.0.join("engine.lock");
        let failed = |source| {
            Error::file(
                &path,
                "the store cannot be written; check the folder's owner and whether the disk \
                     is read-only or full",
            )(source)
        };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                return Ok(Err(holder.trim().to_owned()));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Ok(EngineLock { _file: file }))
    }
}
