//! Telling those who wait where the log ends.

use tokio::sync::watch;

/// Tells a head that is news.
pub(crate) fn tell(head: &watch::Sender<u64>, found: u64) {
    head.send_if_modified(|known| {
        let news = found > *known;
        *known = found.max(*known);
        news
    });
}
