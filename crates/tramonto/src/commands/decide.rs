//! Where an operator's decision is appended.

use domain::{Event, State};
use eventstore::{Decision, Origin};

use super::reading::Reading;
use crate::Error;
use crate::cli::{Global, Reason};

/// Who decides, and why.
pub(super) fn origin(global: &Global, reason: &Reason) -> Origin {
    Origin { actor: global.actor(), reason: Some(reason.as_str().to_owned()), ..Origin::part("") }
}

/// Decides on the state as it is and appends what comes of it: to a stream, or as is said. Answers with the events
/// that were appended; none where there was nothing to decide.
pub(super) async fn decide(
    reading: &Reading,
    on: impl Into<Decision>,
    origin: &Origin,
    decide: impl Fn(&State) -> Result<Vec<Event>, Error>,
) -> Result<Vec<Event>, Error> {
    let decided = reading.journal.decide(&on.into(), origin, |state, _| decide(state)).await?;
    Ok(decided.0)
}
