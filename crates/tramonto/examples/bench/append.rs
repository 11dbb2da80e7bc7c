//! Appends of single events, one and many streams at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine::RealClock;
use eventstore::{Append, Clock, DatabaseStore, EventStore, ExpectedVersion, NewEvent, StreamName};
use uuid::Uuid;

use crate::report::{Report, whole};
use crate::{Fallible, rate};

const BATCH: usize = 10_000;
const BATCHES: usize = 20;

/// On a fresh SQLite file in the folder.
pub(crate) async fn embedded(folder: &Path, report: &mut Report) -> Fallible<()> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let store = DatabaseStore::open(&folder.join("append.db"), Arc::clone(&clock)).await?;
    measure(&store, &*clock, report).await?;
    store.close().await;
    Ok(())
}

/// Into a store that is there.
pub(crate) async fn measure(
    store: &dyn EventStore,
    clock: &dyn Clock,
    report: &mut Report,
) -> Fallible<()> {
    let mut rates = Vec::new();
    for streams in [1, BATCH] {
        let mut appends = Vec::new();
        for _ in 0..BATCHES {
            let event = |place: usize| -> Fallible<(StreamName, NewEvent)> {
                let stream = StreamName::new(format!("bench-{streams}-{:08}", place % streams))?;
                Ok((stream, event(clock)))
            };
            let events: Fallible<Vec<_>> = (0..BATCH).map(event).collect();
            appends.push(events?);
        }
        let begun = Instant::now();
        for events in appends {
            let append = Append { expected: Vec::new(), events };
            store.append(append).await?;
        }
        rates.push(whole(rate(u64::try_from(BATCH * BATCHES)?, begun.elapsed())));
    }
    let what = "appended: single events of some 155 bytes, 10,000 an append, to one stream / \
                10,000 streams";
    report.row(what, format!("{} events/s", rates.join(" / ")), "");
    let stream = StreamName::new("bench-single")?;
    let begun = Instant::now();
    for _ in 0..300 {
        let events = vec![event(clock)];
        store.append(Append::to(stream.clone(), ExpectedVersion::Any, events)).await?;
    }
    let one_by_one = whole(rate(300, begun.elapsed()));
    report.row("the same, one event an append", format!("{one_by_one} events/s"), "");
    Ok(())
}

fn event(clock: &dyn Clock) -> NewEvent {
    let id = Uuid::now_v7();
    NewEvent {
        id,
        kind: "mailbox-noted".to_owned(),
        schema_version: 1,
        effective_at: clock.now(),
        actor: "bench".to_owned(),
        reason: None,
        correlation_id: id,
        causation_id: None,
        payload: format!("{{\"mailbox\":\"{id}\",\"note\":\"{}\"}}", "x".repeat(95)),
    }
}
