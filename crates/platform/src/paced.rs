use async_trait::async_trait;
use domain::Capabilities;

use super::{Error, Layer, Pace, Platform};

/// A platform whose calls wait for the rate limits of their effects.
#[derive(Debug)]
pub struct Paced<P> {
    inner: P,
    pace: Pace,
}

impl<P> Paced<P> {
    /// Wraps a platform with these limits, which can be changed through any clone of them.
    pub fn new(inner: P, pace: Pace) -> Self {
        Self { inner, pace }
    }
}

#[async_trait]
impl<P: Platform> Layer for Paced<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        _name: &'static str,
        capabilities: Capabilities,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let _under_way = self.pace.begin(capabilities).await;
        call.await
    }
}
