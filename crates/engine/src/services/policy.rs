//! The service that answers mail servers.

use std::sync::Arc;

use eventstore::{Clock, DatabaseStore, EventStore};
use registry::Registry;

use crate::parts::{ANSWERS, AnswerServer, AnswerSettings};
use crate::process::Process;
use crate::queries::no_plan;
use crate::settings::ProcessSettings;
use crate::store::{StoreSettings, programme_of};
use crate::{Error, RealClock, StoreUrl};

/// Answers mail servers until it is stopped. Its port is open from the start: until the store has
/// been read, mail is deferred.
pub async fn policy(
    store: &StoreSettings,
    answers: &AnswerSettings,
    settings: &ProcessSettings,
) -> Result<(), Error> {
    if let StoreUrl::Postgres(_) = &store.url {
        // A wrong flag ends the command; only a missing server is waited for.
        store.connect_options()?;
    }
    let process = Process::start(ANSWERS, settings.listen).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let server = AnswerServer::listen(answers, &clock, &process.tasks, &process.stop).await?;
    let open = || open(store, Arc::clone(&clock));
    let found = process.wait_for(ANSWERS, open).await;
    if let Some((log, registry)) = &found {
        let mut answers = server.follow(Arc::new(log.clone()), Arc::clone(registry));
        process.run(ANSWERS, &mut answers, clock, log.appended()).await;
    }
    process.finish(settings.stop_within).await;
    if let Some((log, _)) = found {
        log.close().await;
    }
    process.end();
    Ok(())
}

/// The log and the registry, both read-only.
async fn open(
    store: &StoreSettings,
    clock: Arc<dyn Clock>,
) -> Result<(DatabaseStore, Arc<Registry>), Error> {
    let log = store.open_log_to_read(clock).await?;
    let programme = programme_of(&log).await?.ok_or_else(no_plan)?;
    let registry = match &store.url {
        StoreUrl::Folder(_) => {
            Registry::open_read_only(&store.home()?.registry(), &programme).await?
        }
        StoreUrl::Postgres(_) => Registry::connect(store.connect_options()?, &programme).await?,
    };
    Ok((log, Arc::new(registry)))
}
