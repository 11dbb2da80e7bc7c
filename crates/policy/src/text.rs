//! What a refused mail is told. Why a right has ended is the plan's to say (`[refusals]`); what
//! stands here is for mailboxes that are none, in the words of RFC 3463, and in ASCII, which every
//! mail system takes.
//!
//! The sender's own mail system hands the text to a person. Deliberately absent: anything about one
//! mailbox.

use std::sync::Arc;

use domain::{Capability, Denied, Plan, Refusal};

/// Nobody has the address that writes.
const NO_SUCH_SENDER: &str = "550 5.7.1 no such mailbox / la casella del mittente non esiste";
/// Nobody has the address that is written to.
const NO_SUCH_RECIPIENT: &str = "550 5.1.1 no such mailbox / la casella non esiste";
/// What is known is not enough to answer; the mail comes again.
pub(crate) const LATER: &str =
    "451 4.3.5 the rights of this mailbox can't be looked up just now, try again later";

/// What is said under one plan.
#[derive(Debug)]
pub(crate) struct Texts {
    send: Arc<str>,
    receive: Arc<str>,
    no_sender: Arc<str>,
    no_recipient: Arc<str>,
}

impl Texts {
    /// What the plan says.
    pub(crate) fn of(plan: &Plan) -> Self {
        let said = |refusal: &Refusal| {
            Arc::from(format!("550 {} {}", refusal.status, refusal.wording.line()))
        };
        Self {
            send: said(&plan.refusals.send),
            receive: said(&plan.refusals.receive),
            no_sender: NO_SUCH_SENDER.into(),
            no_recipient: NO_SUCH_RECIPIENT.into(),
        }
    }

    /// What is said to one who may not.
    pub(crate) fn refusal(&self, denied: Denied, capability: Capability) -> Arc<str> {
        let sends = capability == Capability::Send;
        let text = match (denied, sends) {
            (Denied::Ended | Denied::Withdrawn, true) => &self.send,
            (Denied::Ended | Denied::Withdrawn, false) => &self.receive,
            (Denied::NeverActivated | Denied::Unregistered, true) => &self.no_sender,
            (Denied::NeverActivated | Denied::Unregistered, false) => &self.no_recipient,
        };
        Arc::clone(text)
    }
}
