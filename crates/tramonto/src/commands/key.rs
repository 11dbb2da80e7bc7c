//! `tramonto key`.

use chrono::{DateTime, Utc};
use engine::actions::keys::{self, RetireKey, RotateKeys, Signs};
use engine::queries;
use keyring::{KeyStanding, SigningKeyInfo};
use serde_json::json;

use super::act::{act, print, show};
use crate::Error;
use crate::cli::{Global, KeyCommand};
use crate::output::Output;
use crate::output::text::{table, utc};

pub(super) async fn execute(command: KeyCommand, global: &Global) -> Result<(), Error> {
    match command {
        KeyCommand::Create => {
            let file = keys::create(&global.settings()?)?;
            let words = format!("the keys are at {}; back them up", file.display());
            print(&json!({ "done": "made", "file": file }), words, global)
        }
        KeyCommand::List => show(&queries::keys(&global.settings()?)?, |keys| words(keys), global),
        KeyCommand::Rotate { reason, from, at_once, until } => {
            let signs = if at_once { Signs::AtOnce } else { Signs::From(from) };
            act(RotateKeys { signs, until }, &reason, global).await
        }
        KeyCommand::Retire { kid, reason, until } => {
            act(RetireKey { kid, until }, &reason, global).await
        }
        KeyCommand::Export => {
            Output::open().document(&queries::published_keys(&global.settings()?)?)
        }
    }
}

fn words(keys: &[SigningKeyInfo]) -> String {
    let rows = keys.iter().map(|key| {
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
        let mut row = vec![key.kid.clone(), state.to_owned()];
        row.extend([Some(key.created_at), from, signs_until].map(known));
        // A key that nothing replaces has no end to show.
        row.push(match verifies_until {
            None if signs_until.is_some() => "without end".to_owned(),
            end => known(end),
        });
        row
    });
    let header = "kid | state | created at | signs from | signs until | verifies until";
    table(header, rows)
}
