//! The one place where a decision is appended: made on what is known, and made again where somebody
//! else was faster.

use domain::{Event, State};
use eventstore::{Origin, StreamName};

use super::reading::Reading;
use crate::Error;
use crate::cli::{Global, Reason};

/// So many others in a row may be faster; each of them got something done.
pub(super) const ATTEMPTS: usize = 16;

/// Who decides, and why.
pub(super) fn origin(global: &Global, reason: &Reason) -> Origin {
    Origin { actor: global.actor(), reason: Some(reason.as_str().to_owned()), ..Origin::part("") }
}

/// Decides on the state as it is and appends what comes of it to the stream. Answers with the events
/// that were appended; none where there was nothing to decide.
pub(super) async fn decide(
    reading: &Reading,
    stream: &StreamName,
    origin: &Origin,
    decide: impl Fn(&State) -> Result<Vec<Event>, Error>,
) -> Result<Vec<Event>, Error> {
    let journal = &reading.journal;
    let mut attempts = 0;
    loop {
        // Before the state: whatever is written after this look makes the append a conflict.
        let expected = journal.version_of(stream).await?;
        let events = decide(journal.known().await?.state())?;
        if events.is_empty() {
            return Ok(events);
        }
        attempts += 1;
        match journal.append(stream.clone(), expected, &events, origin).await {
            Ok(_) => return Ok(events),
            Err(eventstore::Error::Conflict(_)) if attempts < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
}
