//! The decision about a message, from its content, the holders it names and the plan.
//!
//! Invariants: the reply is the same whether or not a named person exists; a confirmation is
//! requested at a registered address and nowhere else, so that a request in another's name yields
//! nothing. Deliberately absent: store and log, and whether a holder is entitled to a voucher.

use mail::Authentication;

use crate::reading::{Kind, Reading, Unreadable};
use crate::store::{LetterKind, MessageStatus, Route};

/// A holder whom a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) number: u32,
    /// Named by codice fiscale, not by the mailbox's address alone.
    pub(crate) by_code: bool,
    /// The mailbox receives now and can be read.
    pub(crate) receives: bool,
    /// The holder can confirm at their address for notices: it is not the mailbox itself, and they
    /// activated the mailbox, for which their identity was checked.
    pub(crate) notify_confirms: bool,
}

/// The decision about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) status: MessageStatus,
    pub(crate) reason: &'static str,
    /// Whose request it is.
    pub(crate) mailbox: Option<u32>,
    /// The reply to the sender.
    pub(crate) reply: Option<LetterKind>,
    /// Where the holder is asked to confirm.
    pub(crate) confirm: Option<Route>,
}

impl Decision {
    fn held(reason: &'static str, reply: Option<LetterKind>) -> Self {
        Self { status: MessageStatus::Held, reason, mailbox: None, reply, confirm: None }
    }
}

/// Decides about a message. `open` is whether the voucher window is open.
pub(crate) fn decide(reading: &Reading, holders: &[Holder], open: bool) -> Decision {
    if reading.authentication == Authentication::Failed {
        // The reply would go to a third party.
        return Decision::held("forged", None);
    }
    let reply = match &reading.kind {
        Kind::Request(_) if !open => {
            // The plan is public: everyone gets this reply.
            let reply = Some(LetterKind::Closed);
            return Decision { status: MessageStatus::Done, ..Decision::held("closed", reply) };
        }
        Kind::Request(_) => Some(LetterKind::Received),
        Kind::NoIdentifier | Kind::Unreadable(Unreadable::WinmailDat | Unreadable::Broken) => {
            return Decision::held(reading.kind.code(), Some(LetterKind::Help));
        }
        Kind::Automatic(_) | Kind::Receipt | Kind::Unreadable(_) => {
            return Decision::held(reading.kind.code(), None);
        }
    };
    match holders {
        [] => Decision::held("unknown", reply),
        [holder] => of_holder(*holder, reply),
        _ => Decision::held("several", reply),
    }
}

/// Decides about a message that an operator released as a holder's request. The holder still
/// confirms, and the sender gets no reply.
pub(crate) fn decide_for(holder: Option<Holder>, open: bool) -> Decision {
    match holder {
        _ if !open => Decision { status: MessageStatus::Done, ..Decision::held("closed", None) },
        Some(holder) => of_holder(holder, None),
        None => Decision::held("unknown", None),
    }
}

fn of_holder(holder: Holder, reply: Option<LetterKind>) -> Decision {
    let confirm = if holder.receives {
        Some(Route::Mailbox)
    } else if holder.notify_confirms && holder.by_code {
        Some(Route::Notice)
    } else {
        None
    };
    let mailbox = Some(holder.number);
    match confirm {
        Some(_) => {
            Decision { status: MessageStatus::Done, reason: "asked", mailbox, reply, confirm }
        }
        // No registered address can confirm: an officer decides.
        None => Decision { mailbox, ..Decision::held("officer", reply) },
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::reading::Reader;

    const READ: &str = "From: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n";

    fn read() -> Reading {
        Reader::default().read(Some("a@b.example"), READ.as_bytes())
    }

    fn holder(by_code: bool, receives: bool, notify_confirms: bool) -> Holder {
        Holder { number: 7, by_code, receives, notify_confirms }
    }

    #[test]
    fn confirmation_is_requested_at_an_address_that_can_confirm() {
        let (mailbox, notice) = (Some(Route::Mailbox), Some(Route::Notice));
        for (by_code, receives, address, expected) in [
            (true, true, true, mailbox),
            (false, true, false, mailbox),
            (true, false, true, notice),
            // Correspondents know the mailbox's address: it does not identify its holder.
            (false, false, true, None),
            (true, false, false, None),
        ] {
            let decided = decide(&read(), &[holder(by_code, receives, address)], true);
            assert_eq!(decided.confirm, expected);
            let officer = decided.status == MessageStatus::Held && decided.reason == "officer";
            assert_eq!(officer, expected.is_none());
            assert_eq!(decided.mailbox, Some(7));
        }
    }

    #[test]
    fn a_released_request_still_needs_confirmation() {
        let known = holder(true, true, true);
        let decided = decide_for(Some(known), true);
        assert_eq!((decided.confirm, decided.reply), (Some(Route::Mailbox), None));
        assert_eq!(decide_for(Some(holder(true, false, false)), true).reason, "officer");
        assert_eq!(decide_for(None, true).reason, "unknown");
        let closed = decide_for(Some(known), false);
        assert_eq!((closed.confirm, closed.reason), (None, "closed"));
    }

    #[test]
    fn the_reply_does_not_reveal_who_exists() {
        let known = holder(true, true, true);
        let other = Holder { number: 8, ..known };
        let holders: [&[Holder]; 4] =
            [&[], &[known], &[holder(false, false, false)], &[known, other]];
        for open in [true, false] {
            let replies = holders.map(|holders| decide(&read(), holders, open).reply);
            assert_eq!(replies, [replies[0]; 4]);
            assert!(replies[0].is_some());
        }
        assert_eq!(
            decide(&read(), &[known, other], true).confirm,
            None,
            "ambiguous: no confirmation is requested"
        );
        assert_eq!(decide(&read(), &[known], false).confirm, None);
    }

    #[test]
    fn messages_that_must_not_be_answered_wait_in_quarantine() {
        let mut readings = vec![read()];
        readings[0].authentication = Authentication::Failed;
        for kind in [Kind::Receipt, Kind::Unreadable(Unreadable::TooDeep)] {
            readings.push(Reading { kind, ..read() });
        }
        readings.push(Reader::default().read(Some(""), READ.as_bytes()));
        for reading in readings {
            let decided = decide(&reading, &[holder(true, true, true)], true);
            assert_eq!((decided.reply, decided.confirm), (None, None), "{}", decided.reason);
            assert_eq!(decided.status, MessageStatus::Held);
        }
    }
}
