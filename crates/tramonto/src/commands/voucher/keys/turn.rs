//! Turning keys over, and ending what one signed, on record.
//!
//! Invariant: the keys come first and then the log, for no event may name a key that is not there. What a process
//! that ended in between has left out of the log is recorded by the next one.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use domain::{Capability, Event, KeysRotated, Plan, civil_date, first_instant, last_instant_of};
use eventstore::{Clock, Direction, ExpectedVersion, Origin, keys_stream};
use keyring::{Keyring, Rotation, Turn};
use rand::rngs::SysRng;
use serde_json::json;

use super::super::super::decide::origin;
use super::super::super::reading::Reading;
use super::super::answer;
use super::of;
use crate::cli::{Global, RetireArgs, RotateArgs};
use crate::output::text::utc;
use crate::{Error, RealClock};

/// Who keeps the published keys has a new one within so many days.
const USUAL_NOTICE: Days = Days::new(7);
/// Less is none: those who ask every day have not asked.
const LEAST_NOTICE: TimeDelta = TimeDelta::days(1);

/// So many others in a row may be faster; each of them got something done.
const ATTEMPTS: usize = 16;

/// Makes the key that signs next, and records when.
pub(super) async fn rotate(args: &RotateArgs, global: &Global) -> Result<(), Error> {
    let keyring = of(global)?;
    let reading = Reading::open_to_decide(global).await?;
    let now = RealClock.now();
    let (from, until, end) = {
        let snapshot = reading.journal.state().await?;
        let plan = snapshot.plan().ok_or_else(no_plan)?;
        let until = args.until.or_else(|| usual_end(plan));
        (first_signature(args, plan, now)?, until, until.map(|day| last_instant_of(day, plan.zone)))
    };
    if end.is_some_and(|end| end < from.unwrap_or(now)) {
        return Err(Error::Usage(
            "the old key signs until the new one does; name that day or a later one with --until"
                .to_owned(),
        ));
    }
    let origin = origin(global, &args.reason);
    let left_out = record(&reading, &keyring, &origin).await?;
    if left_out > 0 {
        reading.close().await;
        let words = "the last rotation was not on record; it is now, and there was no other: run it again \
                     for one more";
        return answer(global, &json!({ "done": "recorded" }), words);
    }
    let turn = Turn { signs_from: from.unwrap_or(now), verifies_until: end };
    let Rotation { kid, retired, at, .. } = keyring.rotate(now, turn, &mut SysRng)?;
    record(&reading, &keyring, &origin).await?;
    reading.close().await;
    let good = until.map_or_else(|| "without end".to_owned(), |day| format!("through {day}"));
    let words = if from.is_some() {
        format!(
            "key {kid} is published from now on and signs from {}; what the one before signs is good {good}: \
             see that whoever keeps `tramonto key export` has it anew by then, and every service that \
             has the keys from you",
            utc(at)
        )
    } else {
        format!(
            "key {kid} signs from now on; what the one before signed is good {good}: publish `tramonto \
             vouchers keys jwks` anew, and give the keys to every service that has them from you; if the one \
             before leaked, `tramonto key retire {retired}` ends what it signed"
        )
    };
    let told = json!({ "done": "rotated", "kid": kid, "signs_from": at, "until": until });
    answer(global, &told, &words)
}

/// Ends what a key signed, and records it.
pub(super) async fn retire(args: &RetireArgs, global: &Global) -> Result<(), Error> {
    let keyring = of(global)?;
    let reading = Reading::open_to_decide(global).await?;
    let now = RealClock.now();
    let until = match args.until {
        Some(day) => {
            let snapshot = reading.journal.state().await?;
            last_instant_of(day, snapshot.plan().ok_or_else(no_plan)?.zone)
        }
        None => now,
    };
    let origin = origin(global, &args.reason);
    let left_out = record(&reading, &keyring, &origin).await?;
    let kid = &args.kid;
    let until = match keyring.retire(kid, now, until) {
        // It was ended before, and whoever did it ended too before it was on record.
        Err(keyring::Error::Ended { verifies_until, .. }) if left_out > 0 => verifies_until,
        retired => retired?,
    };
    record(&reading, &keyring, &origin).await?;
    reading.close().await;
    let words = format!(
        "what key {kid} signed is worth nothing from {} on: publish `tramonto key export` anew, and give \
         the keys to every service that has them from you",
        utc(until)
    );
    answer(global, &json!({ "done": "retired", "kid": kid, "verifies_until": until }), &words)
}

fn no_plan() -> Error {
    Error::Usage("no plan is adopted yet; adopt one with `tramonto plan adopt`".to_owned())
}

/// From when on the new key signs; `None` for at once.
fn first_signature(
    args: &RotateArgs,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    if args.at_once {
        return Ok(None);
    }
    let today = civil_date(now, plan.zone);
    let usual = today.checked_add_days(USUAL_NOTICE).unwrap_or(today);
    let from = first_instant(args.from.unwrap_or(usual), plan.zone);
    if from.signed_duration_since(now) < LEAST_NOTICE {
        return Err(Error::Usage(
            "a key is published a day before it signs, or longer; name a later day with --from, or have it \
             sign with --at-once"
                .to_owned(),
        ));
    }
    Ok(Some(from))
}

/// The last day on which anything that was signed may be of use; `None` where there is no such day. A voucher says
/// itself until when it can be redeemed, if it expires at all; an extract of the log of messages is kept by whoever asked
/// for it, for as long as they like.
fn usual_end(plan: &Plan) -> Option<NaiveDate> {
    let extracts = plan.phases.iter().any(|phase| phase.allows.contains(Capability::RequestLogs));
    let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
    redeem_by.filter(|_| !extracts)
}

/// Records what the log does not say of the keys yet; how many rotations that concerns.
async fn record(reading: &Reading, keyring: &Keyring, origin: &Origin) -> Result<usize, Error> {
    let journal = &reading.journal;
    let stream = keys_stream(journal.programme())?;
    let mut attempts = 0;
    loop {
        let recorded =
            journal.store().read_stream(&stream, 0, Direction::Forwards, usize::MAX).await;
        let recorded = match recorded {
            Err(eventstore::Error::StreamNotFound(_)) => Vec::new(),
            recorded => recorded?,
        };
        let expected = recorded.last().map_or(ExpectedVersion::NoStream, |last| {
            // Whoever records another meanwhile makes the append a conflict.
            ExpectedVersion::Exact(last.version)
        });
        let mut told = BTreeMap::new();
        for event in &recorded {
            if let Event::KeysRotated(event) = event.fact()?.event {
                // The last word on it counts.
                told.insert(event.kid.clone(), event);
            }
        }
        let all = keyring.rotations()?.into_iter().map(rotated);
        let new = all.filter(|event| told.get(&event.kid) != Some(event));
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
