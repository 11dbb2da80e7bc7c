//! Kills a process at any await point.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Polls a future until it has been pending this many times, then drops it, as a killed process
/// does. `None` if it was dropped.
pub(crate) async fn ended_after<T>(waits: usize, task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    let mut waited = 0;
    std::future::poll_fn(move |context| match task.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waits == waited => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}
