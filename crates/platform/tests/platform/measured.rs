//! A measured platform counts its calls and their outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Capability, MailboxSet};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use platform::{Directory, Measured, Mode, Platform};
use tempfile::TempDir;

use crate::contract::home::close;

/// Records the writes to each series and their sum, by name and labels.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, Arc<Series>>>>);

#[derive(Default)]
struct Series(AtomicU64);

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl HistogramFn for Series {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds));
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Seen {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{} {}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    fn values(&self) -> Vec<(String, u64)> {
        let all = self.0.lock().unwrap();
        all.iter().map(|(name, series)| (name.clone(), series.0.load(Ordering::Relaxed))).collect()
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[tokio::test]
async fn calls_are_timed_by_result_and_mailboxes_counted_by_outcome() {
    let seen = Seen::default();
    let _local = metrics::set_default_local_recorder(&seen);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("directory.db");
    let directory = Directory::create(&path, Mode::Rehearsal).await.unwrap();
    let rows: Vec<_> = (0..10).map(|number| (number, format!("{number}@pec.example"))).collect();
    directory.provision(&rows, 1).await.unwrap();
    let platform = Measured::new(directory);
    assert!(platform.arms() && platform.controls().contains(Capability::Send));

    let mut call = close(0..4);
    platform.set(&call).await.unwrap();
    call.mailboxes = (3..12).collect::<MailboxSet>();
    platform.set(&call).await.unwrap();
    platform.read(&call.mailboxes, Capability::Send.into()).await.unwrap();
    platform.read(&call.mailboxes, Capability::Activate.into()).await.unwrap_err();
    std::fs::rename(&path, folder.path().join("away.db")).unwrap();
    platform.set(&call).await.unwrap_err();

    let duration = |labels: &str| format!("tramonto_platform_call_duration_seconds {labels}");
    let mailboxes = |outcome: &str| format!("tramonto_platform_mailboxes_total outcome={outcome}");
    let expected = [
        (duration("call=read,result=ok"), 1),
        (duration("call=read,result=refused"), 1),
        (duration("call=set,result=ok"), 2),
        (duration("call=set,result=unavailable"), 1),
        (mailboxes("already_so"), 1),
        (mailboxes("applied"), 10),
        (mailboxes("failed"), 2),
    ];
    assert_eq!(seen.values(), expected);
}
