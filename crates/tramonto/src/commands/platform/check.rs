//! `tramonto platform check`: what the mail servers are to ask, and what would keep them from
//! obeying.

use std::path::Path;
use std::process::ExitCode;

use domain::Refusals;
use eventstore::Clock;
use platform::{Directory, RightsView};
use serde_json::json;

use super::super::act::read as read_store;
use super::mail_settings;
use crate::cli::{Global, PlatformCheckArgs};
use crate::exit::Exit;
use crate::output::Output;
use crate::{Error, RealClock, StoreUrl};

/// A lookup that a mail server is given: its file, and the text of it.
type Lookup = (&'static str, &'static str);

const SQLITE: [Lookup; 5] = [
    ("mailbox.cf", include_str!("../../../../../deploy/mail/sqlite/mailbox.cf")),
    ("login.cf", include_str!("../../../../../deploy/mail/sqlite/login.cf")),
    ("send.cf", include_str!("../../../../../deploy/mail/sqlite/send.cf")),
    ("receive.cf", include_str!("../../../../../deploy/mail/sqlite/receive.cf")),
    (
        "dovecot-sql.conf.ext",
        include_str!("../../../../../deploy/mail/sqlite/dovecot-sql.conf.ext"),
    ),
];

const PGSQL: [Lookup; 5] = [
    ("mailbox.cf", include_str!("../../../../../deploy/mail/pgsql/mailbox.cf")),
    ("login.cf", include_str!("../../../../../deploy/mail/pgsql/login.cf")),
    ("send.cf", include_str!("../../../../../deploy/mail/pgsql/send.cf")),
    ("receive.cf", include_str!("../../../../../deploy/mail/pgsql/receive.cf")),
    ("dovecot-sql.conf.ext", include_str!("../../../../../deploy/mail/pgsql/dovecot-sql.conf.ext")),
];

/// Ends with code 1 where something was found.
pub(super) async fn check(args: &PlatformCheckArgs, global: &Global) -> Result<ExitCode, Error> {
    let view = match &args.view {
        Some(name) => {
            let columns = args.columns.columns.clone();
            Some(RightsView::new(name.clone(), columns).map_err(Error::Invalid)?)
        }
        None => None,
    };
    let refusals = refusals(global).await?;
    let (lookups, mut found) = match &global.store {
        StoreUrl::Folder(_) => {
            let place = global.home()?.directory();
            let found = Directory::inspect(&place, refusals.as_ref()).await?;
            (lookups(&SQLITE, &[("DIRECTORY", place.display().to_string())], view.as_ref()), found)
        }
        StoreUrl::Postgres(_) => {
            let options = global.settings()?.connect_options()?;
            let values = [
                ("PGHOST", options.get_host().to_owned()),
                ("PGPORT", options.get_port().to_string()),
                ("PGDATABASE", options.get_database().unwrap_or_default().to_owned()),
            ];
            let directory = Directory::connect(options).await?;
            let found = directory.inspect_server(refusals.as_ref(), RealClock.now()).await?;
            directory.close().await?;
            (lookups(&PGSQL, &values, view.as_ref()), found)
        }
    };
    if let Some(file) = &args.dovecot {
        found.extend(mail_settings::dovecot(&read(file)?));
    }
    if let Some(file) = &args.postfix {
        found.extend(mail_settings::postfix(&read(file)?));
    }
    tell(&lookups, &found, global)?;
    Ok(if found.is_empty() { Exit::Done.into() } else { Exit::Found.into() })
}

/// What the plan in force has the mail servers say; nothing where there is no plan yet.
async fn refusals(global: &Global) -> Result<Option<Refusals>, Error> {
    let store = read_store(global).await?;
    let snapshot = store.journal().state().await?;
    let refusals = snapshot.plan().map(|plan| plan.refusals.clone());
    drop(snapshot);
    store.close().await?;
    Ok(refusals)
}

/// The queries of each file, told for this place and in these names.
fn lookups(
    files: &[Lookup],
    values: &[(&str, String)],
    view: Option<&RightsView>,
) -> Vec<(&'static str, String)> {
    let fill = |(file, text): &Lookup| {
        let mut text = (*text).to_owned();
        for (name, value) in values {
            text = text.replace(&format!("@{name}@"), value);
        }
        let text = view.map_or_else(|| text.clone(), |view| view.lookup(&text));
        (*file, text)
    };
    files.iter().map(fill).collect()
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        advice: "the settings can't be read; write them there with `doveconf -n` or `postconf -n`"
            .to_owned(),
        source,
    })
}

fn tell(
    lookups: &[(&'static str, String)],
    found: &[String],
    global: &Global,
) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json {
        let lookups: serde_json::Map<_, _> =
            lookups.iter().map(|(file, text)| ((*file).to_owned(), json!(text))).collect();
        return out.document(&json!({ "lookups": lookups, "found": found }));
    }
    for (file, text) in lookups {
        out.line(format!("== {file}\n{text}"))?;
    }
    if found.is_empty() {
        return out.line("nothing was found that would keep the mail servers from obeying");
    }
    found.iter().try_for_each(|found| out.line(format!("found: {found}")))
}
