//! `tramonto vouchers keys`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::{Event, KeysRotated, Plan, last_instant_of};
use eventstore::{Clock, Direction, ExpectedVersion, Origin, keys_stream};
use keyring::{KeyStanding, Keyring, Rotation};
use rand::rngs::SysRng;
use serde_json::json;

use super::super::decide::{ATTEMPTS, origin};
use super::super::reading::Reading;
use crate::cli::{Global, KeysCommand, RotateArgs};
use crate::keys::KeyPlace;
use crate::output::Output;
use crate::output::text::{table, utc};
use crate::{Error, RealClock, StorePlace};

/// The keys of the store. Those of a folder are made where they are missing; where another place is named,
/// they must be there, for others may have them already.
pub(crate) fn of(global: &Global) -> Result<Keyring, Error> {
    match (KeyPlace::named(global), &global.store) {
        (Some(place), _) => Ok(place.open()?),
        (None, StorePlace::Folder(_)) => make(global),
        (None, StorePlace::Postgres(_)) => Err(unnamed()),
    }
}

fn make(global: &Global) -> Result<Keyring, Error> {
    let folder = folder(global)?;
    Ok(Keyring::open_or_make(&folder, RealClock.now(), &mut SysRng)?)
}

fn folder(global: &Global) -> Result<PathBuf, Error> {
    match (KeyPlace::named(global), &global.store) {
        (Some(KeyPlace::Folder(folder)), _) => Ok(folder),
        (Some(KeyPlace::File(_) | KeyPlace::Environment(_)), _) => Err(Error::Usage(
            "keys that are given are only read; name the folder in which they are to be made with --keys"
                .to_owned(),
        )),
        (None, StorePlace::Folder(_)) => {
            let home = global.home()?;
            home.expect_store()?;
            Ok(home.keys())
        }
        (None, StorePlace::Postgres(_)) => Err(unnamed()),
    }
}

fn unnamed() -> Error {
    Error::Usage(
        "keys are never kept in a database; name their folder with --keys, or make them there first \
         with `tramonto vouchers keys make --keys DIR`"
            .to_owned(),
    )
}

pub(super) async fn execute(command: &KeysCommand, global: &Global) -> Result<(), Error> {
    match command {
        KeysCommand::Make => {
            let keyring = make(global)?;
            let file = keyring.file();
            let words = format!("the keys are at {}; back them up", file.display());
            super::answer(global, &json!({ "done": "made", "file": file }), &words)
        }
        KeysCommand::List => list(global),
        KeysCommand::Rotate(args) => rotate(args, global).await,
        KeysCommand::Jwks => Output::open().document(&of(global)?.jwks(RealClock.now())?),
    }
}

fn list(global: &Global) -> Result<(), Error> {
    let keys = of(global)?.list()?;
    let mut out = Output::open();
    if global.json {
        return out.document(&keys);
    }
    let rows = keys.into_iter().map(|key| {
        let (state, until) = match key.standing {
            KeyStanding::Active => ("active", String::new()),
            KeyStanding::Retired { verifies_until, .. } => ("retired", utc(verifies_until)),
        };
        vec![key.kid, utc(key.created_at), state.to_owned(), until]
    });
    out.text(table(&["kid", "made at", "state", "verifies until"], &[], rows.collect()))
}

/// Turns the keys over, and records it. The keys come first, for no event may tell of a key that never signed;
/// what a process that ended in between has left out of the log is recorded by the next one.
async fn rotate(args: &RotateArgs, global: &Global) -> Result<(), Error> {
    let keyring = of(global)?;
    let reading = Reading::open_to_decide(global).await?;
    let (day, zone) = {
        let known = reading.journal.known().await?;
        let plan = known.state().plan().ok_or_else(|| {
            Error::Usage("no plan is adopted yet; adopt one with `tramonto plan adopt`".to_owned())
        })?;
        (args.until.or_else(|| usual_end(plan)), plan.zone)
    };
    let day = day.ok_or_else(|| {
        Error::Usage(
            "the plan names no end; say how long the old key is good with --until".to_owned(),
        )
    })?;
    let origin = origin(global, &args.reason);
    let left_out = record(&reading, &keyring, &origin).await?;
    if left_out > 0 {
        reading.close().await;
        let words = "the last rotation was not on record; it is now, and there was no other: run it again \
                     for one more";
        return super::answer(global, &json!({ "done": "recorded" }), words);
    }
    let until = last_instant_of(day, zone);
    let Rotation { kid, .. } = keyring.rotate(RealClock.now(), until, &mut SysRng)?;
    record(&reading, &keyring, &origin).await?;
    reading.close().await;
    let words = format!(
        "key {kid} signs from now on; what the one before signed is good through {day}: publish \
         `tramonto vouchers keys jwks` anew, and give the keys to every service that has them from you"
    );
    super::answer(global, &json!({ "done": "rotated", "kid": kid, "until": day }), &words)
}

/// Records the rotations that the log does not have yet; how many.
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
        let mut told = BTreeSet::new();
        for event in &recorded {
            if let Event::KeysRotated(event) = event.fact()?.event {
                told.insert(event.kid);
            }
        }
        let new = keyring.rotations()?.into_iter().filter(|rotation| !told.contains(&rotation.kid));
        let events: Vec<Event> = new.map(rotated).collect();
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

fn rotated(rotation: Rotation) -> Event {
    let Rotation { kid, retired, at, verifies_until } = rotation;
    Event::KeysRotated(KeysRotated { kid, retired, at, verifies_until })
}

/// The last day on which anything that was signed may be of use.
fn usual_end(plan: &Plan) -> Option<chrono::NaiveDate> {
    let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
    redeem_by.or_else(|| plan.phases.last().and_then(|phase| phase.from.pred_opt()))
}
