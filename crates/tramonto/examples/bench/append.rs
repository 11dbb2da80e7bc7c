//! Appends of single events, one and many streams at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use eventstore::{
    Append, Clock, EventStore, ExpectedVersion, NewEvent, OnConflict, SqliteStore, StreamName,
};
use tramonto::RealClock;
use uuid::Uuid;

use crate::Fallible;

const BATCH: usize = 10_000;
const BATCHES: usize = 20;

/// Prints the rates.
pub(crate) async fn measure(folder: &Path) -> Fallible<()> {
    println!("\nappending single events of ~155 bytes, {BATCH} an append");
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let store = SqliteStore::open(&folder.join("append.db"), Arc::clone(&clock)).await?;
    for (label, streams) in [("one stream", 1), ("10,000 streams", BATCH)] {
        let mut appends = Vec::new();
        for _ in 0..BATCHES {
            let event = |place: usize| -> Fallible<(StreamName, NewEvent)> {
                let stream = StreamName::new(format!("bench-{streams}-{:08}", place % streams))?;
                Ok((stream, event(&*clock)))
            };
            let events: Fallible<Vec<_>> = (0..BATCH).map(event).collect();
            appends.push(events?);
        }
        let begun = Instant::now();
        for events in appends {
            let append =
                Append { expected: Vec::new(), events, on_conflict: OnConflict::default() };
            store.append(append).await?;
        }
        let rate = f64::from(u32::try_from(BATCH * BATCHES)?) / begun.elapsed().as_secs_f64();
        println!("{label:<18}{rate:>12.0} events/s");
    }
    let stream = StreamName::new("bench-single")?;
    let begun = Instant::now();
    for _ in 0..300 {
        let events = vec![event(&*clock)];
        store.append(Append::to(stream.clone(), ExpectedVersion::Any, events)).await?;
    }
    println!("one at a time     {:>12.0} events/s", 300.0 / begun.elapsed().as_secs_f64());
    store.close().await;
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
