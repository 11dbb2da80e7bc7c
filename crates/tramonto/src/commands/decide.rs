//! Where an operator's decision is appended.

use domain::{Event, State};
use eventstore::{Deciding, Origin, StreamName};

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
    decide_on(reading, &Deciding::on(stream.clone()), origin, decide).await
}

/// The same, where the decision is made on more than the stream that it is appended to.
pub(super) async fn decide_on(
    reading: &Reading,
    on: &Deciding,
    origin: &Origin,
    decide: impl Fn(&State) -> Result<Vec<Event>, Error>,
) -> Result<Vec<Event>, Error> {
    let decided = reading.journal.decide(on, origin, |state, _| decide(state)).await?;
    Ok(decided.0)
}
