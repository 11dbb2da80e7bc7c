//! What a refused mail is told: the status codes of RFC 3463 and RFC 5248, and a text that says why.
//!
//! The sender's own mail system hands the text to a person, so it is in the plan's two languages, in ASCII,
//! which every mail system takes. Deliberately absent: anything about one mailbox.

/// The mailbox may not send any more.
pub(crate) const SENDING_ENDED: &str =
    "550 5.7.1 This mailbox can no longer send / La casella non puo' piu' inviare messaggi";
/// The mailbox may not receive any more.
pub(crate) const RECEIVING_ENDED: &str =
    "550 5.2.1 This mailbox can no longer receive / La casella non puo' piu' ricevere messaggi";
/// Whoever sends has no working mailbox.
pub(crate) const NO_SENDER: &str =
    "550 5.7.1 The sender's mailbox is not active / La casella del mittente non e' attiva";
/// Whoever is to receive has no working mailbox.
pub(crate) const NO_RECIPIENT: &str =
    "550 5.2.1 This mailbox is not active / La casella non e' attiva";
/// Nobody has that address.
pub(crate) const NO_SUCH_SENDER: &str =
    "550 5.7.1 No such mailbox / Il mittente non corrisponde a una casella";
/// Nobody has that address.
pub(crate) const NO_SUCH_RECIPIENT: &str = "550 5.1.1 No such mailbox / La casella non esiste";
/// What is known is not enough to answer; the mail comes again.
pub(crate) const LATER: &str = "451 4.3.5 Try again later / Riprovare piu' tardi";
