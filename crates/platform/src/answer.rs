use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Capability, MailboxSet};
use roaring::RoaringBitmap;

use super::Cause;

/// What became of each mailbox of a call: every one stands in exactly one of the sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// At least one of the capabilities was changed, and now all of them are as asked.
    pub applied: MailboxSet,
    /// All of the capabilities were as asked before.
    pub already_so: MailboxSet,
    /// Not done, by cause.
    pub failed: Vec<Failure>,
}

/// A set of mailboxes for which a call failed in the same way.
///
/// Where only some mailboxes were out of reach, as when a batch of a call got no answer, theirs is
/// a transient failure of the cause [`Cause::UNAVAILABLE`]: like a call that fails as a whole, it
/// spends nobody's attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Whose.
    pub mailboxes: MailboxSet,
    /// The code it is counted under.
    pub cause: Cause,
    /// May the same call succeed for them later?
    pub transient: bool,
    /// What the platform said, for people.
    pub text: String,
}

impl Answer {
    /// Do its sets, each mailbox in one of them, make up exactly those that were asked for?
    ///
    /// A platform is not trusted to answer so: whoever was left out was not done.
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

/// Who may do what, by the platform's own clock, at the moment it was asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Actual {
    /// For each capability asked about, those that may.
    pub now: BTreeMap<Capability, MailboxSet>,
    /// Those the platform doesn't know.
    pub unknown: MailboxSet,
}

/// Some of the mailboxes that a platform knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    /// Their numbers.
    pub mailboxes: MailboxSet,
    /// How many it knows that have no number of ours at all, such as an address that nobody
    /// registered; told with the last page, and 0 with those before.
    pub numberless: u64,
}

/// The instants to come at which rights end, each with those for whom it does.
pub type Ends = BTreeMap<(Capability, DateTime<Utc>), MailboxSet>;
