//! Indexing is killed at each await point in turn: the next process resumes, and each line counts
//! once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use archive::{Entry, Held, Index};

use crate::maillog::{ANNA, BRUNO, MailLog, OFFICE, Style};
use crate::reading::IndexedLog;
use crate::stopped::ended_after;

/// More await points than indexing these files has.
const MOST: usize = 2_000;

/// A log in three files with unfinished messages at their ends.
fn files(place: &IndexedLog) -> Vec<PathBuf> {
    let mut log = MailLog::new(Style::Rfc3339, "2015-07-10T08:00:00Z");
    for number in 0..12 {
        log.sent(ANNA, &[OFFICE, "urp@regione.example"], &format!("Ricorso n. {number}"));
        log.foreign();
        log.received(OFFICE, &[ANNA, BRUNO]);
    }
    let (first, rest) = log.lines.split_at(85);
    let (second, third) = rest.split_at(85);
    let parts = [("mail.log", third), ("mail.log.1", second), ("mail.log.2", first)];
    parts.map(|(name, lines)| place.file(name, lines.concat().as_bytes())).to_vec()
}

async fn told(place: &IndexedLog) -> (Held, Vec<Entry>, Vec<Entry>) {
    let held = place.index.held().await.unwrap();
    (held, place.of(ANNA).await, place.of(BRUNO).await)
}

#[tokio::test]
async fn interrupted_indexing_resumes_and_each_line_counts_once() {
    let whole = IndexedLog::new().await;
    let logs = files(&whole);
    let logs: Vec<&Path> = logs.iter().map(PathBuf::as_path).collect();
    let lines = whole.read(&logs).await.counts.lines;
    let expected = told(&whole).await;
    assert_eq!((expected.0.messages, expected.1.len(), expected.2.len()), (24, 72, 36));
    let mut parts = BTreeSet::new();
    for waits in 0..MOST {
        let mut place = IndexedLog::new().await;
        let logs = files(&place);
        let logs: Vec<&Path> = logs.iter().map(PathBuf::as_path).collect();
        let ended = ended_after(waits, place.read(&logs)).await;
        place.index = Index::open(place.index.path()).await.unwrap();
        parts.insert(place.index.held().await.unwrap().files);
        let rest = place.read(&logs).await.counts.lines;
        assert_eq!(told(&place).await, expected, "after {waits} waits");
        assert_eq!(place.read(&logs).await.counts.lines, 0, "after {waits} waits");
        if ended.is_some() {
            assert_eq!(rest, 0);
            assert!(waits > 9, "it was killed {waits} times only");
            assert!(parts.len() > 1, "never killed between two files: {parts:?}");
            return;
        }
        assert!(rest <= lines);
    }
    panic!("it never completed");
}
