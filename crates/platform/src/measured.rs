//! Metrics of a platform: the duration of calls and their outcomes.

use std::time::Instant;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};
use metrics::{counter, histogram};

use super::{Actual, Answer, Ends, Error, Known, Platform, SetRights};

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

    /// The wrapped platform.
    pub fn inner(&self) -> &P {
        &self.inner
    }
}

fn took<T>(call: &'static str, begun: Instant, result: &Result<T, Error>) {
    let result = match result {
        Ok(_) => "ok",
        Err(Error::Unavailable { .. }) => "unavailable",
        Err(Error::Refused { .. }) => "refused",
    };
    histogram!(DURATION, "call" => call, "result" => result).record(begun.elapsed());
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
impl<P: Platform> Platform for Measured<P> {
    fn controls(&self) -> Capabilities {
        self.inner.controls()
    }

    fn arms(&self) -> bool {
        self.inner.arms()
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        let begun = Instant::now();
        let result = self.inner.set(call).await;
        took("set", begun, &result);
        if let Ok(answer) = &result {
            count(answer);
        }
        result
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        let begun = Instant::now();
        let result = self.inner.read(mailboxes, capabilities).await;
        took("read", begun, &result);
        result
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        let begun = Instant::now();
        let result = self.inner.known(from, limit).await;
        took("known", begun, &result);
        result
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        let begun = Instant::now();
        let result = self.inner.ends(mailboxes, capabilities).await;
        took("ends", begun, &result);
        result
    }
}
