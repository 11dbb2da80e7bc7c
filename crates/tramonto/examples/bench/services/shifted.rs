//! The clock that is shown to the servers and the services: the computer's own, shifted.
//!
//! A plan's instants are midnights, and the bench can't wait for one. libfaketime stands between each process
//! and the C library and adds what a file says to the time of day, so the programs are the ones that are
//! shipped, the plan is the real one, and its instant lies as far ahead as the bench likes. Clocks that only
//! measure are left alone: a second stays a second.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use eventstore::Clock;
use tramonto::RealClock;

use crate::Fallible;

pub(crate) struct Shifted {
    library: PathBuf,
    file: PathBuf,
    by: Mutex<TimeDelta>,
}

impl Shifted {
    /// Puts the library and its file into a folder that every process can read.
    pub(crate) fn in_folder(folder: &Path, found: &Path) -> Fallible<Self> {
        let (library, file) = (folder.join("libfaketime.so.1"), folder.join("shifted"));
        fs::copy(found, &library)?;
        fs::write(&file, "+0")?;
        Ok(Self { library, file, by: Mutex::new(TimeDelta::zero()) })
    }

    /// Shows this instant, and the time goes on from there.
    pub(crate) fn show(&self, instant: DateTime<Utc>) -> Fallible<()> {
        let by = instant - RealClock.now();
        // Under another name until it is whole: whoever asks for the time reads the file.
        let draft = self.file.with_extension("draft");
        fs::write(&draft, format!("{:+.6}", by.as_seconds_f64()))?;
        fs::rename(draft, &self.file)?;
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = by;
        Ok(())
    }

    /// Has a program see it.
    pub(crate) fn for_program(&self, command: &mut Command) {
        self.through("LD_PRELOAD", command);
    }

    /// Has the server that a script starts see it, and not the script: what it leaves in shared memory under
    /// its process id could not be used any more when the process becomes another user's.
    pub(crate) fn for_server(&self, command: &mut Command) {
        self.through("PRELOAD", command);
    }

    fn through(&self, variable: &str, command: &mut Command) {
        command
            .env(variable, &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }
}

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        RealClock.now() + *self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
