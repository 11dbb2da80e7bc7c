use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Capability, MailboxSet};
use roaring::RoaringBitmap;

use super::Cause;

/// The outcome of a call for each mailbox; every mailbox is in exactly one of the sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// At least one capability changed, and now all of them are as requested.
    pub applied: MailboxSet,
    /// All of the capabilities were already as requested.
    pub already_so: MailboxSet,
    /// Failed, by cause.
    pub failed: Vec<Failure>,
}

/// A set of mailboxes for which a call failed in the same way.
///
/// If only some mailboxes were unreachable, for example because one batch got no response, they
/// fail transiently with cause [`Cause::UNAVAILABLE`]: like a call that fails as a whole, this does
/// not use up an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The mailboxes.
    pub mailboxes: MailboxSet,
    /// The code under which the failure is counted.
    pub cause: Cause,
    /// May the same call succeed later?
    pub transient: bool,
}

impl Answer {
    /// Do the sets partition the requested mailboxes, each in exactly one of them?
    ///
    /// A platform is not trusted to answer completely: a mailbox that is missing was not processed.
    pub fn is_partition_of(&self, asked: &MailboxSet) -> bool {
        let mut all = RoaringBitmap::new();
        let mut members = 0;
        let failed = self.failed.iter().map(|failure| &failure.mailboxes);
        for set in [&self.applied, &self.already_so].into_iter().chain(failed) {
            members += set.len();
            all |= &**set;
        }
        members == all.len() && all == **asked
    }
}

/// The rights at the moment of the read, by the platform's own clock.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Actual {
    /// For each capability read, the mailboxes that have it.
    pub now: BTreeMap<Capability, MailboxSet>,
    /// Mailboxes unknown to the platform.
    pub unknown: MailboxSet,
}

/// A page of the mailboxes that a platform knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    /// Their numbers.
    pub mailboxes: MailboxSet,
    /// Mailboxes without one of our numbers, such as an address that nobody registered; reported
    /// with the last page, and 0 with the pages before.
    pub numberless: u64,
}

/// The future instants at which rights end, each with its mailboxes.
pub type Ends = BTreeMap<(Capability, DateTime<Utc>), MailboxSet>;
