//! What mail servers query in the mail directory, and what keeps them from enforcing the rights.

use domain::Refusals;
use eventstore::Clock;
use platform::{Directory, RightsView};
use serde::Serialize;

use super::mail_settings;
use crate::store::{Store, StoreSettings};
use crate::{Error, RealClock, StoreUrl};

/// A lookup of a mail server: its file, and the file's text.
type Lookup = (&'static str, &'static str);

/// The lookups of one kind of database, in the folder of that name.
macro_rules! lookups {
    ($folder:literal, $($file:literal),+) => {
        [$((
            $file,
            include_str!(concat!("../../../../deploy/mail/", $folder, "/", $file)),
        )),+]
    };
}

const SQLITE: [Lookup; 5] =
    lookups!("sqlite", "mailbox.cf", "login.cf", "send.cf", "receive.cf", "dovecot-sql.conf.ext");
const PGSQL: [Lookup; 5] =
    lookups!("pgsql", "mailbox.cf", "login.cf", "send.cf", "receive.cf", "dovecot-sql.conf.ext");

/// What a check of the mail servers inspects beside the mail directory.
#[derive(Default)]
pub struct PlatformQuery {
    /// The view that the lookups use; `None` for the table itself.
    pub view: Option<RightsView>,
    /// The settings of Dovecot, as `doveconf -n` prints them.
    pub dovecot: Option<String>,
    /// The settings of Postfix, as `postconf -n` prints them.
    pub postfix: Option<String>,
}

/// The lookups of the mail servers, and what keeps them from enforcing the rights.
#[derive(Debug, Serialize)]
pub struct PlatformCheck {
    /// The file and text of each lookup.
    #[serde(serialize_with = "as_map")]
    pub lookups: Vec<(&'static str, String)>,
    /// What was found.
    pub found: Vec<String>,
}

/// Inspects the mail directory of a store and the settings of the mail servers.
pub async fn check_platform(
    settings: StoreSettings,
    query: &PlatformQuery,
) -> Result<PlatformCheck, Error> {
    let refusals = refusals(settings.clone()).await?;
    let view = query.view.as_ref();
    let (lookups, mut found) = match &settings.url {
        StoreUrl::Folder(_) => {
            let file = settings.home()?.directory();
            let found = Directory::inspect(&file, refusals.as_ref()).await?;
            // Mail servers read the lookups in another working directory.
            let file = std::path::absolute(&file).unwrap_or(file);
            (filled(&SQLITE, &[("DIRECTORY", file.display().to_string())], view), found)
        }
        StoreUrl::Postgres(_) => {
            let options = settings.connect_options()?;
            let values = [
                ("PGHOST", options.get_host().to_owned()),
                ("PGPORT", options.get_port().to_string()),
                ("PGDATABASE", options.get_database().unwrap_or_default().to_owned()),
            ];
            let directory = Directory::connect(options).await?;
            let found = directory.inspect_server(refusals.as_ref(), RealClock.now()).await?;
            directory.close().await?;
            (filled(&PGSQL, &values, view), found)
        }
    };
    found.extend(query.dovecot.iter().flat_map(|text| mail_settings::dovecot(text)));
    found.extend(query.postfix.iter().flat_map(|text| mail_settings::postfix(text)));
    Ok(PlatformCheck { lookups, found })
}

/// The refusal texts of the plan in force.
async fn refusals(settings: StoreSettings) -> Result<Option<Refusals>, Error> {
    let store = Store::open_to_read(settings).await?;
    let refusals = store.journal().state().await?.plan().map(|plan| plan.refusals.clone());
    store.close().await?;
    Ok(refusals)
}

/// The lookups with the address of the directory and the names of the view.
fn filled(
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

fn as_map<S: serde::Serializer>(
    lookups: &[(&'static str, String)],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(lookups.iter().map(|(file, text)| (file, text)))
}
