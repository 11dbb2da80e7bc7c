//! A process that ends in the middle of what it does.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Lets something wait so many times; then it is dropped where it stands, as when its process ends.
pub(crate) async fn ended_after<T>(waits: usize, doing: impl Future<Output = T>) -> Option<T> {
    let mut doing = pin!(doing);
    let mut waited = 0;
    std::future::poll_fn(move |context| match doing.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waits == waited => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}
