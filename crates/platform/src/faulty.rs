use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};
use roaring::RoaringBitmap;

use super::faults::{Chance, Faults};
use super::{Answer, Cause, Error, Failure, Layer, Platform, SetRights};

/// A platform with simulated faults, for rehearsals and tests.
///
/// Faults are determined by the seed, the number of the call and the mailbox, so a run is
/// reproducible. A transient failure comes before or after the change was really made; a permanent
/// one belongs to a mailbox and repeats at every call. Reads are never falsified.
#[derive(Debug)]
pub struct Faulty<P> {
    inner: P,
    faults: Faults,
    seed: u64,
    calls: AtomicU64,
}

/// The purpose of a draw; draws for different purposes are independent.
#[derive(Clone, Copy)]
enum Draw {
    Permanent,
    Latency,
    WholeCall,
    Afterwards,
    Mailbox,
}

impl<P> Faulty<P> {
    /// Wraps a platform with these faults.
    pub fn new(inner: P, faults: Faults, seed: u64) -> Self {
        Self { inner, faults, seed, calls: AtomicU64::new(0) }
    }

    fn draw(&self, what: Draw, call: u64, number: u32) -> u64 {
        let salt: u64 = match what {
            Draw::Permanent => 1,
            Draw::Latency => 2,
            Draw::WholeCall => 3,
            Draw::Afterwards => 4,
            Draw::Mailbox => 5,
        };
        mix(mix(mix(self.seed ^ salt.rotate_left(56)) ^ call) ^ u64::from(number))
    }

    /// The mailboxes on which the draw falls.
    fn those(&self, mailboxes: &MailboxSet, what: Draw, chance: Chance, call: u64) -> MailboxSet {
        if chance == Chance::NEVER {
            return MailboxSet::new();
        }
        mailboxes.iter().filter(|number| chance.falls_on(self.draw(what, call, *number))).collect()
    }

    /// Counts the call and simulates its latency; returns its number.
    async fn begin(&self) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if !self.faults.latency.is_zero() {
            // Between half and one and a half times the average.
            let thousandths =
                500 + u32::try_from(self.draw(Draw::Latency, call, 0) % 1_000).unwrap_or(0);
            tokio::time::sleep(self.faults.latency * thousandths / 1_000).await;
        }
        call
    }

    fn whole_call_fails(&self, call: u64) -> bool {
        self.faults.transient.falls_on(self.draw(Draw::WholeCall, call, 0))
    }

    fn even(&self, what: Draw, call: u64) -> bool {
        self.draw(what, call, 0).is_multiple_of(2)
    }
}

#[async_trait]
impl<P: Platform> Layer for Faulty<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        _name: &'static str,
        _capabilities: Capabilities,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let count = self.begin().await;
        if self.whole_call_fails(count) {
            return Err(injected());
        }
        call.await
    }

    async fn change(&self, call: &SetRights) -> Result<Answer, Error> {
        let count = self.begin().await;
        let permanent = self.those(&call.mailboxes, Draw::Permanent, self.faults.permanent, 0);
        let sound = MailboxSet::from(&*call.mailboxes - &*permanent);
        let whole = self.whole_call_fails(count);
        let afterwards = self.even(Draw::Afterwards, count);
        if whole && !afterwards {
            return Err(injected());
        }
        let transient = self.those(&sound, Draw::Mailbox, self.faults.transient, count);
        let passed_on = if afterwards { sound } else { (&*sound - &*transient).into() };
        let mut answer =
            self.inner.set(&SetRights { mailboxes: passed_on, ..call.clone() }).await?;
        if whole {
            return Err(injected());
        }
        take_out(&mut answer, &transient);
        add(&mut answer, transient, true, "injected-transient");
        add(&mut answer, permanent, false, "injected-permanent");
        Ok(answer)
    }
}

fn injected() -> Error {
    Error::Unavailable {
        cause: Cause::new("injected-transient"),
        problem: "simulated failure of this call".to_owned(),
        source: None,
    }
}

fn take_out(answer: &mut Answer, mailboxes: &RoaringBitmap) {
    let without = |set: &MailboxSet| MailboxSet::from(&**set - mailboxes);
    answer.applied = without(&answer.applied);
    answer.already_so = without(&answer.already_so);
    for failure in &mut answer.failed {
        failure.mailboxes = without(&failure.mailboxes);
    }
    answer.failed.retain(|failure| !failure.mailboxes.is_empty());
}

fn add(answer: &mut Answer, mailboxes: MailboxSet, transient: bool, cause: &str) {
    if !mailboxes.is_empty() {
        answer.failed.push(Failure { mailboxes, cause: Cause::new(cause), transient });
    }
}

/// The finalizer of `SplitMix64`: every bit of the output depends on every bit of the input.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
