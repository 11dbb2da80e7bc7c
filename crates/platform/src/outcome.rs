use domain::MailboxSet;
use roaring::RoaringBitmap;

use super::fence::Fence;
use super::part::Part;
use super::{Answer, Cause, Failure, SetRights};

/// The outcome of a call on a mail directory so far; each mailbox is in one of the sets.
#[derive(Default)]
pub(super) struct Outcome {
    applied: RoaringBitmap,
    already_so: RoaringBitmap,
    unknown: RoaringBitmap,
    superseded: RoaringBitmap,
}

/// The mailboxes of a part that are not superseded.
pub(super) struct Decided {
    /// Mailboxes whose rows must change.
    pub(super) wanted: RoaringBitmap,
    /// All of them, including those that need no change.
    pub(super) all: RoaringBitmap,
}

impl Outcome {
    /// Sorts the mailboxes of a part by their outcome.
    pub(super) fn sort(
        &mut self,
        part: &Part,
        existing: &RoaringBitmap,
        so: &RoaringBitmap,
        fence: &Fence,
        call: &SetRights,
    ) -> Decided {
        let known = &part.mailboxes & existing;
        let superseded = fence.later_than(call.decided_at, call.capabilities) & &known;
        let all = &known - &superseded;
        let already_so = &all & so;
        let wanted = &all - &already_so;
        self.unknown |= &part.mailboxes - known;
        self.superseded |= superseded;
        self.already_so |= already_so;
        self.applied |= &wanted;
        Decided { wanted, all }
    }

    /// The answer to the call.
    pub(super) fn answer(self) -> Answer {
        let mut answer = Answer {
            applied: self.applied.into(),
            already_so: self.already_so.into(),
            failed: Vec::new(),
        };
        let failures = [
            (self.unknown, Cause::UNKNOWN_MAILBOX, false, "the mail directory has no such mailbox"),
            (self.superseded, Cause::SUPERSEDED, true, "superseded by a later decision"),
        ];
        for (mailboxes, cause, transient, text) in failures {
            if !mailboxes.is_empty() {
                let (mailboxes, text) = (MailboxSet::from(mailboxes), text.to_owned());
                answer.failed.push(Failure { mailboxes, cause, transient, text });
            }
        }
        answer
    }
}
