//! The programme's keys: rotating and retiring them, with a record of each.
//!
//! Invariant: the keys come first and then the log, for no event may name a key that does not
//! exist. What a process that ended in between has not recorded is recorded by the next one.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use domain::{Capability, Event, KeysRotated, Plan, civil_date, first_instant, last_instant_of};
use eventstore::{Direction, ExpectedVersion, Origin, keys_stream};
use keyring::{Keyring, Rotation, Turn};
use rand::rngs::SysRng;
use views::{KeyRetired, KeyRotation};

use super::{Action, At, Caller};
use crate::Error;
use crate::queries::no_plan;
use crate::store::Store;

/// Published keys are fetched again within so many days.
const USUAL_NOTICE: Days = Days::new(7);
/// Less is too short: whoever fetches them once a day has not yet.
const LEAST_NOTICE: TimeDelta = TimeDelta::days(1);
/// So many others in a row may be faster; each of them got something done.
const ATTEMPTS: usize = 16;

/// Publishes a new signing key.
pub struct RotateKeys {
    /// When it starts to sign.
    pub signs: Signs,
    /// The last day on which what the old key signed is valid; by default the last day on which
    /// anything signed may be of use.
    pub until: Option<NaiveDate>,
}

/// When a new key starts to sign.
#[derive(Debug, Clone, Copy)]
pub enum Signs {
    /// At once.
    AtOnce,
    /// On that day; in a week by default.
    From(Option<NaiveDate>),
}

/// Ends the validity of what a key signed.
pub struct RetireKey {
    /// Which key.
    pub kid: String,
    /// The last day of validity; at once by default.
    pub until: Option<NaiveDate>,
}

impl Action for RotateKeys {
    const DONE: &'static str = "rotated";
    type Result = KeyRotation;

    fn done(result: &KeyRotation) -> &'static str {
        match result {
            KeyRotation::Rotated { .. } => Self::DONE,
            KeyRotation::Recorded {} => "recorded",
        }
    }

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<KeyRotation>, Error> {
        let keyring = store.settings().keyring()?;
        let now = store.journal().now();
        let (from, until, end) = {
            let snapshot = store.journal().state().await?;
            let plan = snapshot.plan().ok_or_else(no_plan)?;
            let until = self.until.or_else(|| usual_end(plan));
            let end = until.map(|day| last_instant_of(day, plan.zone));
            (first_signature(self.signs, plan, now)?, until, end)
        };
        if end.is_some_and(|end| end < from.unwrap_or(now)) {
            return Err(Error::Invalid(
                "the old key signs until the new one does; name that day or a later one with --until"
                    .to_owned(),
            ));
        }
        let origin = caller.origin();
        if record(store, &keyring, &origin).await? > 0 {
            return store.at_end(KeyRotation::Recorded {}).await;
        }
        let turn = Turn { signs_from: from.unwrap_or(now), verifies_until: end };
        let Rotation { kid, retired, at: signs_from, .. } =
            keyring.rotate(now, turn, &mut SysRng)?;
        record(store, &keyring, &origin).await?;
        let at_once = from.is_none();
        store.at_end(KeyRotation::Rotated { kid, retired, signs_from, until, at_once }).await
    }
}

impl Action for RetireKey {
    const DONE: &'static str = "retired";
    type Result = KeyRetired;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<KeyRetired>, Error> {
        let keyring = store.settings().keyring()?;
        let now = store.journal().now();
        let until = match self.until {
            Some(day) => {
                let snapshot = store.journal().state().await?;
                last_instant_of(day, snapshot.plan().ok_or_else(no_plan)?.zone)
            }
            None => now,
        };
        let origin = caller.origin();
        let unrecorded = record(store, &keyring, &origin).await?;
        let kid = self.kid;
        let verifies_until = match keyring.retire(&kid, now, until) {
            // It was retired before, by a process that ended before it recorded it.
            Err(keyring::Error::Ended { verifies_until, .. }) if unrecorded > 0 => verifies_until,
            retired => retired?,
        };
        record(store, &keyring, &origin).await?;
        store.at_end(KeyRetired { kid, verifies_until }).await
    }
}

/// From when on the new key signs; `None` for at once.
fn first_signature(
    signs: Signs,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let Signs::From(day) = signs else { return Ok(None) };
    let today = civil_date(now, plan.zone);
    let usual = today.checked_add_days(USUAL_NOTICE).unwrap_or(today);
    let from = first_instant(day.unwrap_or(usual), plan.zone);
    if from.signed_duration_since(now) < LEAST_NOTICE {
        return Err(Error::Invalid(
            "a key is published at least a day before it signs; name a later day with --from, or \
             let it sign with --at-once"
                .to_owned(),
        ));
    }
    Ok(Some(from))
}

/// The last day on which anything signed may be of use; `None` where there is no such day. A
/// voucher says itself until when it can be redeemed; a message-log export is kept by its
/// requester, for as long as they like.
fn usual_end(plan: &Plan) -> Option<NaiveDate> {
    let exports = plan.phases.iter().any(|phase| phase.allows.contains(Capability::RequestLogs));
    let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
    redeem_by.filter(|_| !exports)
}

/// Records what the log does not know of the keys yet; how many rotations that concerns.
async fn record(store: &Store, keyring: &Keyring, origin: &Origin) -> Result<usize, Error> {
    let journal = store.journal();
    let stream = keys_stream(journal.programme())?;
    let mut attempts = 0;
    loop {
        let recorded = store.log().read_stream(&stream, 0, Direction::Forwards, usize::MAX).await;
        let recorded = match recorded {
            Err(eventstore::Error::StreamNotFound(_)) => Vec::new(),
            recorded => recorded?,
        };
        let expected = recorded.last().map_or(ExpectedVersion::NoStream, |last| {
            // Whoever records another meanwhile makes the append a conflict.
            ExpectedVersion::Exact(last.version)
        });
        let mut known = BTreeMap::new();
        for event in &recorded {
            if let Event::KeysRotated(event) = event.fact()?.event {
                // The last one on a key counts.
                known.insert(event.kid.clone(), event);
            }
        }
        let all = keyring.rotations()?.into_iter().map(rotated);
        let new = all.filter(|event| known.get(&event.kid) != Some(event));
        let events: Vec<Event> = new.map(Event::KeysRotated).collect();
        if events.is_empty() {
            return Ok(0);
        }
        attempts += 1;
        match journal.append(stream.clone(), expected, &events, origin).await {
            Ok(_) => return Ok(events.len()),
            Err(eventstore::Error::Conflict(_)) if attempts < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn rotated(rotation: Rotation) -> KeysRotated {
    let Rotation { kid, retired, at, verifies_until } = rotation;
    KeysRotated { kid, retired, at, verifies_until }
}
