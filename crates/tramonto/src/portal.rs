//! The public pages: what a holder opens from a letter, and the published keys.
//!
//! Invariant: no path and no address is logged. Deliberately absent: TLS and a bound on how long a client may take,
//! which are the proxy's before it, and everything that is not public.

mod published;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use eventstore::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, PortalArgs};
use crate::services::Watched;
use crate::{Error, RealClock, extracts, requests};

/// What is in hand when it is stopped may take so long.
const STOP: Duration = Duration::from_secs(10);
const PART: &str = "portal";

/// Serves until it is told to stop.
pub(crate) async fn serve(args: &PortalArgs, global: &Global) -> Result<(), Error> {
    let stop = CancellationToken::new();
    let signals = tokio::spawn(crate::signals::stop_on_signal(stop.clone()));
    let watched = Watched::begin()?;
    watched.answer(PART, args.watch, &stop).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let store = Arc::new(requests::open(global).await?);
    let keyring = Arc::new(global.settings()?.keyring()?);
    let mut pages = Router::new()
        .merge(intake::portal(store, &keyring, Arc::clone(&clock)))
        .merge(published::keys(keyring, Arc::clone(&clock)));
    if let Some(office) = crate::commands::logs::served(args.archive.as_ref(), global).await? {
        let (journal, folder) = (Arc::clone(office.journal()), office.folder().to_owned());
        tokio::spawn(extracts::discard(journal, folder, Arc::clone(&clock), stop.clone()));
        pages = pages.merge(archive::portal(Arc::new(office)));
    }
    let failed = |problem: std::io::Error| {
        let address = args.listen;
        Error::Usage(format!(
            "nothing can listen on {address} ({problem}); name another address with --listen"
        ))
    };
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(service = PART, %bound, "serves the public pages");
    let serving =
        axum::serve(listener, pages).with_graceful_shutdown(stop.clone().cancelled_owned());
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP).await;
    };
    tokio::select! {
        served = serving => served.map_err(failed)?,
        () = over => {}
        () = watched.vitals.keep(PART) => {}
    }
    signals.abort();
    Ok(())
}
