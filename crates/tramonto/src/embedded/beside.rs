//! What the engine does beside its passes, and never in their way.

use std::sync::Arc;

use domain::Tick;
use eventstore::{Clock, Journal};
use projections::Projections;
use tokio_util::sync::CancellationToken;
use workers::canary::Prober;
use workers::notices::Sender;

use engine::canaries::Probing;
use engine::notices::Sending;
use engine::runner;

/// The sender's life, beside the engine's passes: a relay that is slow holds up no phase.
pub(super) async fn send(
    sender: Sender,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut sending = Sending(sender);
    let appended = journal.store().appended();
    runner::serve("notices", clock, appended, stop, &mut sending).await;
}

/// The prober's life, beside the engine's passes: it has seconds, and a mail server that hangs holds up nothing.
pub(super) async fn probe(
    prober: Prober,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let appended = journal.store().appended();
    runner::serve("canaries", clock, appended, stop, &mut Probing(prober)).await;
}

/// The projections' life: behind the log, never in its way.
pub(super) async fn follow(projections: Arc<Projections>, journal: Arc<Journal>) {
    let mut appended = journal.store().appended();
    loop {
        appended.borrow_and_update();
        match projections.tick(journal.now()).await {
            Ok(Tick { progress, .. }) if progress > 0 => {}
            Ok(_) => {
                if appended.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!("the projections stopped where they are: {error}");
                return;
            }
        }
    }
}
