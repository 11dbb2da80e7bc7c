//! The signals that end a process: the first one cleanly, the second one at once.

use tokio_util::sync::CancellationToken;

/// The exit code after a second signal, as a shell reports an interrupt.
const INTERRUPTED: i32 = 130;

/// Cancels at the first SIGINT, SIGTERM or SIGHUP, and ends the process at the second.
pub(crate) async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        tracing::warn!("cannot handle signals; kill the process to stop it");
        return;
    };
    for _ in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        if stop.is_cancelled() {
            std::process::exit(INTERRUPTED);
        }
        tracing::info!("shutting down: finishing in-flight orders; press Ctrl-C again to stop now");
        stop.cancel();
    }
}
