//! The clock that is shown to PostgreSQL and the services: the computer's own, shifted.
//!
//! A plan's instants are midnights, and the bench can't wait for one. A library of a few lines
//! (`tests/servers/shift.c`) stands between each process and the C library and shifts the time of
//! day, so the programs are the ones that are shipped, the plan is the real one, and its instant
//! lies as far ahead as the bench likes. Clocks that only measure are left alone: a second stays a
//! second. A process is shifted once, when it starts. (libfaketime does the same and more; but
//! whoever asks it for the time in a signal handler may get the true time, and PostgreSQL then ends
//! a session for having waited ten years.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use engine::RealClock;
use eventstore::Clock;

use crate::Fallible;

pub(crate) struct Shifted {
    library: PathBuf,
    by: Mutex<TimeDelta>,
}

impl Shifted {
    /// Puts the library into a folder that every process can read.
    pub(crate) fn in_folder(folder: &Path, found: &Path) -> Fallible<Self> {
        let library = folder.join("libshift.so");
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

    /// Has the server that a script starts see it, and not the script: what it leaves in shared
    /// memory under its process id could not be used any more when the process becomes another
    /// user's.
    pub(crate) fn for_server(&self, command: &mut Command) {
        self.through("PRELOAD", command);
    }

    fn through(&self, variable: &str, command: &mut Command) {
        let by = self.by().num_microseconds().unwrap_or_default();
        command.env(variable, &self.library).env("SHIFT_US", by.to_string());
    }
}

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        RealClock.now() + self.by()
    }
}
