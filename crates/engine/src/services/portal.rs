//! The public pages: what a holder opens from a letter, and the published keys.
//!
//! Invariant: no path and no address is logged. Deliberately absent: TLS and a time limit for
//! clients, which are the reverse proxy's, and everything that is not public.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use eventstore::Clock;
use tokio::net::TcpListener;

use super::published;
use crate::parts::{Discard, PartKind};
use crate::process::Process;
use crate::store::{Store, StoreSettings};
use crate::{Error, RealClock};

/// The time that requests in flight have at the end.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const NAME: &str = "portal";

/// Serves the public pages at `listen` until it is stopped, and the probe endpoints at `watch`.
pub async fn portal(
    settings: StoreSettings,
    listen: SocketAddr,
    watch: Option<SocketAddr>,
) -> Result<(), Error> {
    let process = Process::start(NAME, watch).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let messages = Arc::new(settings.open_messages().await?);
    let keyring = Arc::new(settings.keyring()?);
    let mut pages = Router::new()
        .merge(::intake::portal(messages, &keyring, Arc::clone(&clock)))
        .merge(published::keys(keyring, Arc::clone(&clock)));
    if settings.has_archive() {
        let store = Store::open_to_decide(settings.clone()).await?;
        let archive = settings.open_archive(Arc::clone(store.journal())).await?;
        let (journal, folder) = (Arc::clone(archive.journal()), archive.folder().to_owned());
        let appended = journal.store().appended();
        let (mut discard, process) = (Discard { journal, folder }, process.clone());
        let name = PartKind::Discard.name();
        tokio::spawn(async move { process.run(name, &mut discard, clock, appended).await });
        pages = pages.merge(archive::portal(Arc::new(archive)));
    }
    let failed = |problem: std::io::Error| {
        Error::Unavailable(format!(
            "cannot listen on {listen} ({problem}); choose another address with --listen"
        ))
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(service = NAME, %bound, "listening for web requests");
    let stop = process.stop.clone();
    let serving = axum::serve(listener, pages).with_graceful_shutdown(stop.cancelled_owned());
    let too_long = async {
        process.stop.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        served = serving => served.map_err(failed)?,
        () = too_long => {}
        () = process.health.keep_working(NAME) => {}
    }
    process.end();
    Ok(())
}
