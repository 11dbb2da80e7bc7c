//! Metrics of a platform: the duration of calls and their outcomes.

use std::time::Instant;

use async_trait::async_trait;
use domain::Capabilities;
use metrics::{counter, histogram};

use super::{Answer, Error, Layer, Platform, SetRights};

const DURATION: &str = "tramonto_platform_call_duration_seconds";
const MAILBOXES: &str = "tramonto_platform_mailboxes_total";

/// A platform that records metrics: the duration of calls by call and result, and the outcomes of
/// mailboxes in calls that change rights.
#[derive(Debug)]
pub struct Measured<P> {
    inner: P,
}

impl<P> Measured<P> {
    /// Wraps a platform.
    pub fn new(inner: P) -> Self {
        Self { inner }
    }
}

fn count(answer: &Answer) {
    let failed = answer.failed.iter().map(|failure| failure.mailboxes.len()).sum();
    let outcomes = [
        ("applied", answer.applied.len()),
        ("already_so", answer.already_so.len()),
        ("failed", failed),
    ];
    for (outcome, mailboxes) in outcomes {
        counter!(MAILBOXES, "outcome" => outcome).increment(mailboxes);
    }
}

#[async_trait]
impl<P: Platform> Layer for Measured<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        name: &'static str,
        _capabilities: Capabilities,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let done = call.await;
        let result = match &done {
            Ok(_) => "ok",
            Err(Error::Unavailable { .. }) => "unavailable",
            Err(Error::Refused { .. }) => "refused",
        };
        histogram!(DURATION, "call" => name, "result" => result).record(begun.elapsed());
        done
    }

    async fn change(&self, call: &SetRights) -> Result<Answer, Error> {
        let answer = self.around("set", call.capabilities, self.inner.set(call)).await?;
        count(&answer);
        Ok(answer)
    }
}
