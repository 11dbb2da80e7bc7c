//! `tramonto key`.

mod turn;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use eventstore::Clock;
use keyring::{KeyStanding, Keyring};
use rand::rngs::SysRng;
use serde_json::json;

use crate::cli::{Global, KeyCommand};
use crate::keys::{KeyPlace, tidied};
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
    Ok(tidied(Keyring::open_or_make(&folder, RealClock.now(), &mut SysRng)?))
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
         with `tramonto key create --keys DIR`"
            .to_owned(),
    )
}

pub(in crate::commands) async fn execute(
    command: &KeyCommand,
    global: &Global,
) -> Result<(), Error> {
    match command {
        KeyCommand::Create => {
            let keyring = make(global)?;
            let file = keyring.file();
            let words = format!("the keys are at {}; back them up", file.display());
            super::answer(global, &json!({ "done": "made", "file": file }), &words)
        }
        KeyCommand::List => list(global),
        KeyCommand::Rotate(args) => turn::rotate(args, global).await,
        KeyCommand::Retire(args) => turn::retire(args, global).await,
        KeyCommand::Export => Output::open().document(&of(global)?.jwks(RealClock.now())?),
    }
}

fn list(global: &Global) -> Result<(), Error> {
    let keys = of(global)?.list(RealClock.now())?;
    let mut out = Output::open();
    if global.json {
        return out.document(&keys);
    }
    let rows = keys.into_iter().map(|key| {
        let known = |instant: Option<DateTime<Utc>>| instant.map(utc).unwrap_or_default();
        let (state, from, signs_until, verifies_until) = match key.standing {
            KeyStanding::Next { signs_from } => ("next", Some(signs_from), None, None),
            KeyStanding::Active { signs_until, verifies_until } => {
                ("active", None, signs_until, verifies_until)
            }
            KeyStanding::Retired { at, verifies_until } => {
                ("retired", None, Some(at), verifies_until)
            }
        };
        let instants = [Some(key.created_at), from, signs_until, verifies_until].map(known);
        [vec![key.kid, state.to_owned()], instants.to_vec()].concat()
    });
    let heads = ["kid", "state", "made at", "signs from", "signs until", "verifies until"];
    out.text(table(&heads, &[], rows.collect()))
}
