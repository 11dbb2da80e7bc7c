//! Deleting the extracts of requests that are over, again and again and beside whoever prepares new ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use domain::LogStanding;
use eventstore::Journal;
use uuid::Uuid;

use super::{files_in, unwritable};
use crate::Error;

/// What a crash left half written is older than this; what is being written is not.
const LEFT: TimeDelta = TimeDelta::hours(1);

/// Deletes every extract of a folder whose request is over; tells how many files went.
pub async fn discard_ended(journal: &Journal, folder: &Path) -> Result<u64, Error> {
    // Before the state: the request of whatever lies here now is known by then.
    let files = files_in(folder)?;
    if files.is_empty() {
        return Ok(0);
    }
    let open: BTreeSet<Uuid> = {
        let known = journal.known().await?;
        let open = known.state().log_requests.open().iter();
        // One that is just being prepared is verified still.
        let ready = open.filter(|(_, open)| open.standing != LogStanding::Requested);
        ready.map(|(request, _)| *request).collect()
    };
    let mut gone = 0;
    for file in files.iter().filter(|file| is_over(file, &open, journal.now())) {
        remove(file)?;
        gone += 1;
    }
    Ok(gone)
}

fn is_over(file: &Path, open: &BTreeSet<Uuid>, now: DateTime<Utc>) -> bool {
    let request = file.file_stem().and_then(|stem| stem.to_str()?.parse::<Uuid>().ok());
    if let Some(request) = request {
        return !open.contains(&request);
    }
    let written = file.metadata().and_then(|about| about.modified());
    written.is_ok_and(|written| now - DateTime::<Utc>::from(written) > LEFT)
}

/// Deletes a file that may be gone already.
pub(super) fn remove(file: &PathBuf) -> Result<(), Error> {
    match std::fs::remove_file(file) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(unwritable(file, source))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
