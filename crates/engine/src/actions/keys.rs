//! The programme's keys: rotating and retiring them, with a record of each.
//!
//! Invariant: the keys come first and then the log, for no event may name a key that does not
//! exist. What a process that ended in between has not recorded is recorded by the next one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use domain::{Capability, Event, KeysRotated, Plan, civil_date, first_instant, last_instant_of};
use eventstore::{Append, ExpectedVersion, Origin, keys_stream};
use keyring::{Keyring, Rotation, Turn};
use rand::rngs::SysRng;
use views::{KeyRetired, KeyRotation};

use super::{Action, At, Caller, Convergent, IdempotencyKey};
use crate::Error;
use crate::queries::no_plan;
use crate::store::{Store, StoreSettings};

/// The default time between the publication of a key and its first signature.
const USUAL_NOTICE: Days = Days::new(7);
/// The shortest such time: verifiers fetch published keys once a day.
const LEAST_NOTICE: TimeDelta = TimeDelta::days(1);
/// The maximum number of appends; each conflict is the progress of another process.
const ATTEMPTS: usize = 16;

/// Publishes a new signing key.
pub struct RotateKeys {
    /// When it starts to sign.
    pub signs: Signs,
    /// The last day of validity of the old key's signatures; by default the last day on which
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

/// Creates the keys where they are missing; the file that holds them.
pub fn create(settings: &StoreSettings) -> Result<PathBuf, Error> {
    Ok(settings.make_keys()?.file())
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
                "the old key signs until the new one does; name that day or a later one with \
                 --until"
                    .to_owned(),
            ));
        }
        let at_once = from.is_none();
        if let Some(before) = rotated_before(store, caller).await? {
            let KeysRotated { kid, retired, at: signs_from, .. } = before;
            let rotated = KeyRotation::Rotated { kid, retired, signs_from, until, at_once };
            return store.at_end(rotated).await;
        }
        let (origin, key) = (caller.origin(), caller.key.as_ref());
        if record(store, &keyring, &origin, key).await? > 0 {
            return store.at_end(KeyRotation::Recorded {}).await;
        }
        let turn = Turn { signs_from: from.unwrap_or(now), verifies_until: end };
        let Rotation { kid, retired, at: signs_from, .. } =
            keyring.rotate(now, turn, &mut SysRng)?;
        record(store, &keyring, &origin, key).await?;
        store.at_end(KeyRotation::Rotated { kid, retired, signs_from, until, at_once }).await
    }
}

impl Convergent for RetireKey {
    const DONE: &'static str = "retired";
    type Result = KeyRetired;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<KeyRetired>, Error> {
        let keyring = store.settings().keyring()?;
        let now = store.journal().now();
        let until = match self.until {
            Some(day) => {
                let snapshot = store.journal().state().await?;
                last_instant_of(day, snapshot.plan().ok_or_else(no_plan)?.zone)
            }
            None => now,
        };
        let unrecorded = record(store, &keyring, by, None).await?;
        let kid = self.kid;
        let verifies_until = match keyring.retire(&kid, now, until) {
            // It was retired before, by a process that ended before it recorded it.
            Err(keyring::Error::Ended { verifies_until, .. }) if unrecorded > 0 => verifies_until,
            retired => retired?,
        };
        record(store, &keyring, by, None).await?;
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
/// voucher states its last day; a requester may keep a message-log export for any time.
fn usual_end(plan: &Plan) -> Option<NaiveDate> {
    let exports = plan.phases.iter().any(|phase| phase.allows.contains(Capability::RequestLogs));
    let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
    redeem_by.filter(|_| !exports)
}

/// The rotation that an earlier call with the same key recorded.
async fn rotated_before(store: &Store, caller: &Caller) -> Result<Option<KeysRotated>, Error> {
    let Some(key) = &caller.key else { return Ok(None) };
    let before = store.decided_before(&keys_stream(store.programme())?, key).await?;
    let mut events = before.into_iter().flat_map(|before| before.events);
    Ok(events.find_map(
        |event| {
            if let Event::KeysRotated(event) = event { Some(event) } else { None }
        },
    ))
}

/// Records the rotations that the log does not have yet; how many there were.
async fn record(
    store: &Store,
    keyring: &Keyring,
    origin: &Origin,
    key: Option<&IdempotencyKey>,
) -> Result<usize, Error> {
    let journal = store.journal();
    let stream = keys_stream(journal.programme())?;
    let mut attempts = 0;
    loop {
        let recorded = store.read_stream(&stream).await?;
        let expected = recorded
            .last()
            .map_or(ExpectedVersion::NoStream, |last| ExpectedVersion::Exact(last.version));
        let mut known = BTreeMap::new();
        for event in &recorded {
            if let Event::KeysRotated(event) = event.fact()?.event {
                // The last one on a key counts.
                known.insert(event.kid.clone(), event);
            }
        }
        let all = keyring.rotations()?.into_iter().map(rotated);
        let unknown = all.filter(|event| known.get(&event.kid) != Some(event));
        let events: Vec<Event> = unknown.map(Event::KeysRotated).collect();
        if events.is_empty() {
            return Ok(0);
        }
        attempts += 1;
        let new = store.new_events(&events, journal.now(), origin, key)?;
        match store.log().append(Append::to(stream.clone(), expected, new)).await {
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
