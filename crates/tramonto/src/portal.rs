//! The public pages: what a holder opens from a letter, and the published keys.
//!
//! Invariant: no path and no address is logged. Deliberately absent: TLS and a time limit for
//! clients, which are the reverse proxy's, and everything that is not public.

mod published;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use engine::parts::Discard;
use engine::process::Process;
use engine::store::Store;
use eventstore::Clock;
use tokio::net::TcpListener;

use crate::cli::{Global, PortalArgs};
use crate::{Error, RealClock, requests};

/// The time that requests in flight have at the end.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const NAME: &str = "portal";

/// Serves until it is stopped.
pub(crate) async fn serve(args: &PortalArgs, global: &Global) -> Result<(), Error> {
    let process = Process::start(NAME, args.watch.0).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let store = Arc::new(requests::open(global).await?);
    let keyring = Arc::new(global.settings()?.keyring()?);
    let mut pages = Router::new()
        .merge(intake::portal(store, &keyring, Arc::clone(&clock)))
        .merge(published::keys(keyring, Arc::clone(&clock)));
    let settings = global.settings_with(args.archive.as_ref())?;
    if settings.has_archive() {
        let store = Store::open_to_decide(settings.clone()).await?;
        let office = settings.open_archive(Arc::clone(store.journal())).await?;
        let (journal, folder) = (Arc::clone(office.journal()), office.folder().to_owned());
        let appended = journal.store().appended();
        let (mut discard, process) = (Discard { journal, folder }, process.clone());
        tokio::spawn(async move { process.run(&mut discard, clock, appended).await });
        pages = pages.merge(archive::portal(Arc::new(office)));
    }
    let failed = |problem: std::io::Error| {
        let address = args.listen;
        Error::Unavailable(format!(
            "cannot listen on {address} ({problem}); name another address with --listen"
        ))
    };
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(service = NAME, %bound, "serving the public pages");
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
