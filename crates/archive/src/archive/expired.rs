//! Deletes exports of closed requests; safe beside a process that prepares new ones.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use domain::LogStanding;
use eventstore::Journal;
use uuid::Uuid;

use super::{files_in, remove};
use crate::Error;

/// A temporary file older than this was left by a crash.
const STALE: TimeDelta = TimeDelta::hours(1);

/// Deletes exports whose request is no longer open, and stale temporary files; returns the number
/// of files.
pub async fn delete_expired(journal: &Journal, folder: &Path) -> Result<u64, Error> {
    // Before the state, which then includes the request of every file listed here.
    let files = files_in(folder)?;
    if files.is_empty() {
        return Ok(0);
    }
    let open: BTreeSet<Uuid> = {
        let snapshot = journal.state().await?;
        let open = snapshot.log_requests.open.iter();
        // A request whose export is being prepared is still verified.
        let ready = open.filter(|(_, open)| open.standing != LogStanding::Requested);
        ready.map(|(request, _)| *request).collect()
    };
    let mut deleted = 0;
    for file in files.iter().filter(|file| is_expired(file, &open, journal.now())) {
        deleted += u64::from(remove(file)?);
    }
    Ok(deleted)
}

fn is_expired(file: &Path, open: &BTreeSet<Uuid>, now: DateTime<Utc>) -> bool {
    let request = file.file_stem().and_then(|stem| stem.to_str()?.parse::<Uuid>().ok());
    if let Some(request) = request {
        return !open.contains(&request);
    }
    let written = file.metadata().and_then(|about| about.modified());
    written.is_ok_and(|written| now - DateTime::<Utc>::from(written) > STALE)
}
