//! The clock that is shown to PostgreSQL and the services: the computer's own, shifted.
//!
//! A plan's instants are midnights, and the bench can't wait for one. libfaketime stands between each process
//! and the C library and shifts the time of day, so the programs are the ones that are shipped, the plan is
//! the real one, and its instant lies as far ahead as the bench likes. Clocks that only measure are left
//! alone: a second stays a second. A process is shifted once, when it starts. (libfaketime can follow a file
//! instead; but whoever asks for the time in a signal handler while it reads that file gets the true time, and
//! PostgreSQL then ends a session for having waited ten years.)

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
    by: Mutex<TimeDelta>,
}

impl Shifted {
    /// Puts the library into a folder that every process can read.
    pub(crate) fn in_folder(folder: &Path, found: &Path) -> Fallible<Self> {
        let library = folder.join("libfaketime.so.1");
        fs::copy(found, &library)?;
        Ok(Self { library, by: Mutex::new(TimeDelta::zero()) })
    }

    /// From now on it is this instant, and the time goes on from there, for all that starts later.
    pub(crate) fn show(&self, instant: DateTime<Utc>) {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = instant - RealClock.now();
    }

    fn by(&self) -> TimeDelta {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner)
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
            .env("FAKETIME", format!("{:+.6}", self.by().as_seconds_f64()))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }
}

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        RealClock.now() + self.by()
    }
}
