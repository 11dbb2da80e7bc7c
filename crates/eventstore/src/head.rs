//! The end of the log as its watchers know it.

use tokio::sync::watch;

/// Moves the watched end of the log forwards, never back; wakes watchers only when it moved.
pub(crate) fn advance(head: &watch::Sender<u64>, position: u64) {
    head.send_if_modified(|known| {
        let moved = position > *known;
        *known = position.max(*known);
        moved
    });
}
