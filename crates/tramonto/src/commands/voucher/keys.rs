//! `tramonto vouchers keys`.

use std::path::PathBuf;

use domain::{Plan, last_instant_of};
use eventstore::Clock;
use keyring::{KeyStanding, Keyring};
use rand::rngs::SysRng;
use serde_json::json;

use super::super::reading::Reading;
use crate::cli::{Global, KeysCommand, RotateArgs};
use crate::output::Output;
use crate::output::text::{table, utc};
use crate::{Error, RealClock, StorePlace};

/// The keys of the store. Those of a folder are made where they are missing; where a folder of their own is
/// named, they must be there, for others may have them already.
pub(crate) fn of(global: &Global) -> Result<Keyring, Error> {
    match (&global.keys, &global.store) {
        (Some(folder), _) => Ok(Keyring::open(folder)?),
        (None, StorePlace::Folder(_)) => make(global),
        (None, StorePlace::Postgres(_)) => Err(unnamed()),
    }
}

fn make(global: &Global) -> Result<Keyring, Error> {
    let folder = folder(global)?;
    Ok(Keyring::open_or_make(&folder, RealClock.now(), &mut SysRng)?)
}

fn folder(global: &Global) -> Result<PathBuf, Error> {
    match (&global.keys, &global.store) {
        (Some(folder), _) => Ok(folder.clone()),
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
        KeysCommand::Rotate(args) => rotate(*args, global).await,
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

async fn rotate(args: RotateArgs, global: &Global) -> Result<(), Error> {
    let keyring = of(global)?;
    let reading = Reading::open(global).await?;
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
    let until = last_instant_of(day, zone);
    let kid = keyring.rotate(RealClock.now(), until, &mut SysRng)?;
    let words = format!(
        "key {kid} signs from now on; what the one before signed is good through {day}: publish \
         `tramonto vouchers keys jwks` anew"
    );
    super::answer(global, &json!({ "done": "rotated", "kid": kid, "until": day }), &words)
}

/// The last day on which anything that was signed may be of use.
fn usual_end(plan: &Plan) -> Option<chrono::NaiveDate> {
    let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
    redeem_by.or_else(|| plan.phases.last().and_then(|phase| phase.from.pred_opt()))
}
