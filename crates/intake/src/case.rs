//! What is to be done about a message: one decision, made on what was read, who is named, and what the plan allows.
//!
//! Invariants: to whom nothing is proven, the answer is the same whether or not such a person exists; what could
//! be proof goes to an address on record and nowhere else; who asks for somebody else gets nothing of theirs.
//! Deliberately absent: the store and the log; what a holder is due is asked of the office.

use crate::reading::{Evidence, Kind, Reading, Unreadable};
use crate::store::{LetterKind, Route, Standing};

/// Somebody who is named in a message and has, or had, a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) number: u32,
    /// By codice fiscale, and not by the mailbox's address alone.
    pub(crate) by_code: bool,
    /// The mailbox itself receives now and can be read.
    pub(crate) receives: bool,
    /// There is an address for notices on record that can prove it: not the mailbox's own, and of somebody who
    /// activated theirs, for which they showed who they are. Who never did was checked by nobody.
    pub(crate) notice_proves: bool,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) standing: Standing,
    pub(crate) reason: &'static str,
    /// Whose request it is.
    pub(crate) mailbox: Option<u32>,
    /// What whoever wrote is answered.
    pub(crate) answer: Option<LetterKind>,
    /// Where the holder is asked to confirm.
    pub(crate) confirm: Option<Route>,
}

impl Decision {
    fn held(reason: &'static str, answer: Option<LetterKind>) -> Self {
        Self { standing: Standing::Held, reason, mailbox: None, answer, confirm: None }
    }
}

/// Decides about a message. `open` says whether vouchers can be asked for now.
pub(crate) fn decide(reading: &Reading, holders: &[Holder], open: bool) -> Decision {
    if reading.evidence == Evidence::Forged {
        // Whoever is answered is somebody else.
        return Decision::held("forged", None);
    }
    let answer = match &reading.kind {
        Kind::Request(_) if !open => {
            // The plan is no secret: everybody is told.
            let answer = Some(LetterKind::Closed);
            return Decision { standing: Standing::Done, ..Decision::held("closed", answer) };
        }
        Kind::Request(_) => Some(LetterKind::Received),
        Kind::NamesNobody | Kind::Unreadable(Unreadable::WinmailDat | Unreadable::Broken) => {
            return Decision::held(reading.kind.code(), Some(LetterKind::Help));
        }
        Kind::Machine(_) | Kind::Receipt(_) | Kind::Unreadable(_) => {
            return Decision::held(reading.kind.code(), None);
        }
    };
    match holders {
        [] => Decision::held("unknown", answer),
        [holder] => of_holder(*holder, answer),
        _ => Decision::held("several", answer),
    }
}

/// Decides about a message of which an operator says whose request it is. Nobody but the holder is written to:
/// an operator's word is no proof either.
pub(crate) fn decide_for(holder: Option<Holder>, open: bool) -> Decision {
    match holder {
        _ if !open => Decision { standing: Standing::Done, ..Decision::held("closed", None) },
        Some(holder) => of_holder(holder, None),
        None => Decision::held("unknown", None),
    }
}

fn of_holder(holder: Holder, answer: Option<LetterKind>) -> Decision {
    let confirm = if holder.receives {
        Some(Route::Mailbox)
    } else if holder.notice_proves && holder.by_code {
        Some(Route::Notice)
    } else {
        None
    };
    let mailbox = Some(holder.number);
    match confirm {
        Some(_) => Decision { standing: Standing::Done, reason: "asked", mailbox, answer, confirm },
        // Nothing on record could prove it: somebody has to look.
        None => Decision { mailbox, ..Decision::held("officer", answer) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Reader, Receipt};

    const READ: &str = "From: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n";

    fn read() -> Reading {
        Reader::default().read(Some("a@b.example"), READ.as_bytes())
    }

    fn holder(by_code: bool, receives: bool, notice_proves: bool) -> Holder {
        Holder { number: 7, by_code, receives, notice_proves }
    }

    #[test]
    fn proof_is_asked_for_where_it_can_be_given() {
        let (mailbox, notice) = (Some(Route::Mailbox), Some(Route::Notice));
        for (by_code, receives, address, expected) in [
            (true, true, true, mailbox),
            (false, true, false, mailbox),
            (true, false, true, notice),
            // The mailbox's address is known to whoever ever wrote to it.
            (false, false, true, None),
            (true, false, false, None),
        ] {
            let decided = decide(&read(), &[holder(by_code, receives, address)], true);
            assert_eq!(decided.confirm, expected);
            let officer = decided.standing == Standing::Held && decided.reason == "officer";
            assert_eq!(officer, expected.is_none());
            assert_eq!(decided.mailbox, Some(7));
        }
    }

    #[test]
    fn an_operators_word_is_no_proof() {
        let known = holder(true, true, true);
        let decided = decide_for(Some(known), true);
        assert_eq!((decided.confirm, decided.answer), (Some(Route::Mailbox), None));
        assert_eq!(decide_for(Some(holder(true, false, false)), true).reason, "officer");
        assert_eq!(decide_for(None, true).reason, "unknown");
        let closed = decide_for(Some(known), false);
        assert_eq!((closed.confirm, closed.reason), (None, "closed"));
    }

    #[test]
    fn the_answer_is_the_same_whoever_exists() {
        let known = holder(true, true, true);
        let other = Holder { number: 8, ..known };
        let holders: [&[Holder]; 4] =
            [&[], &[known], &[holder(false, false, false)], &[known, other]];
        for open in [true, false] {
            let answers = holders.map(|holders| decide(&read(), holders, open).answer);
            assert_eq!(answers, [answers[0]; 4]);
            assert!(answers[0].is_some());
        }
        assert_eq!(decide(&read(), &[known, other], true).confirm, None, "neither gets anything");
        assert_eq!(decide(&read(), &[known], false).confirm, None);
    }

    #[test]
    fn who_must_not_be_answered_is_not_and_waits_in_quarantine() {
        let mut readings = vec![read()];
        readings[0].evidence = Evidence::Forged;
        for kind in [Kind::Receipt(Receipt::Delivery), Kind::Unreadable(Unreadable::TooDeep)] {
            readings.push(Reading { kind, ..read() });
        }
        readings.push(Reader::default().read(Some(""), READ.as_bytes()));
        for reading in readings {
            let decided = decide(&reading, &[holder(true, true, true)], true);
            assert_eq!((decided.answer, decided.confirm), (None, None), "{}", decided.reason);
            assert_eq!(decided.standing, Standing::Held);
        }
    }
}
