//! The texts of refusals. The plan has those for rights that ended (`[refusals]`); here are those
//! for addresses without a mailbox, with the codes of RFC 3463 and in ASCII, which every mail
//! system accepts.
//!
//! The sender's mail system shows the text to a person. Deliberately absent: anything about one
//! mailbox.

use std::sync::Arc;

use domain::{Capability, Denied, Plan, Refusal};

/// The sender's address has no mailbox.
const NO_SUCH_SENDER: &str = "550 5.7.1 no such mailbox / la casella del mittente non esiste";
/// The recipient's address has no mailbox.
const NO_SUCH_RECIPIENT: &str = "550 5.1.1 no such mailbox / la casella non esiste";
/// There is no certain answer; the mail is retried.
pub(crate) const LATER: &str =
    "451 4.3.5 the rights of this mailbox cannot be looked up at the moment, try again later";

/// The texts under one plan.
#[derive(Debug)]
pub(crate) struct Texts {
    send: Arc<str>,
    receive: Arc<str>,
    no_sender: Arc<str>,
    no_recipient: Arc<str>,
}

impl Texts {
    /// The texts of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let text = |refusal: &Refusal| {
            Arc::from(format!("550 {} {}", refusal.status, refusal.wording.line()))
        };
        Self {
            send: text(&plan.refusals.send),
            receive: text(&plan.refusals.receive),
            no_sender: NO_SUCH_SENDER.into(),
            no_recipient: NO_SUCH_RECIPIENT.into(),
        }
    }

    /// The text of a refusal.
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
