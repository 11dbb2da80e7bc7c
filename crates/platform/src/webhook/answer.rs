//! Maps a provider's response to the outcome of each mailbox.
//!
//! A provider's texts are never stored as they are: a cause is a word of letters and hyphens, with
//! few distinct ones per response, so that no address and no personal name gets into the log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{Capabilities, Capability};
use roaring::RoaringBitmap;

use super::super::outcome::Outcomes;
use super::super::{Actual, Cause, Ends, Error, Known};
use super::wire::{ListAnswer, MailboxOutcome, Outcome, Rights};

/// The maximum length of a provider's own cause.
const LONGEST_CAUSE: usize = 40;
/// The maximum number of distinct causes of a provider in one response.
const MOST_CAUSES: usize = 16;
const OTHER_CAUSE: &str = "provider-failure";

/// The outcomes of a batch. Mailboxes that were not requested are ignored, and contradictory
/// outcomes count as missing.
pub(super) fn outcomes(results: Vec<MailboxOutcome>, batch: &RoaringBitmap) -> Outcomes {
    let mut reported: BTreeMap<u32, MailboxOutcome> = BTreeMap::new();
    let mut unclear = RoaringBitmap::new();
    for result in results.into_iter().filter(|result| batch.contains(result.number)) {
        let number = result.number;
        let outcome = result.outcome;
        if reported.insert(number, result).is_some_and(|other| other.outcome != outcome) {
            unclear.insert(number);
        }
    }
    let mut outcomes = Outcomes::default();
    let mut causes = BTreeSet::new();
    for number in batch {
        let set = match reported.get(&number).filter(|_| !unclear.contains(number)) {
            Some(result) => set_of(&mut outcomes, result, &mut causes),
            None if unclear.contains(number) => outcomes.failed(unclear_answer(), true),
            None => outcomes.failed(Cause::new("no-answer"), true),
        };
        set.insert(number);
    }
    outcomes
}

/// The set of a mailbox with this result.
fn set_of<'a>(
    outcomes: &'a mut Outcomes,
    result: &MailboxOutcome,
    causes: &mut BTreeSet<Cause>,
) -> &'a mut RoaringBitmap {
    match result.outcome {
        Outcome::Applied => &mut outcomes.applied,
        Outcome::AlreadySo => &mut outcomes.already_so,
        Outcome::Superseded => outcomes.failed(Cause::SUPERSEDED, true),
        Outcome::UnknownMailbox => outcomes.failed(Cause::UNKNOWN_MAILBOX, false),
        Outcome::TryAgain => outcomes.failed(cause(result, causes), true),
        Outcome::Refused => outcomes.failed(cause(result, causes), false),
        Outcome::Unclear => outcomes.failed(unclear_answer(), true),
    }
}

pub(super) fn unclear_answer() -> Cause {
    Cause::new("unclear-answer")
}

/// The provider's own cause, prefixed so that it never equals one of ours.
fn cause(result: &MailboxOutcome, causes: &mut BTreeSet<Cause>) -> Cause {
    let word = result.cause.as_deref().unwrap_or_default();
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if word.is_empty() || word.len() > LONGEST_CAUSE || !word.bytes().all(letters) {
        return Cause::new(OTHER_CAUSE);
    }
    let cause = Cause::new(&format!("provider-{word}"));
    if causes.len() < MOST_CAUSES {
        causes.insert(cause.clone());
    }
    if causes.contains(&cause) { cause } else { Cause::new(OTHER_CAUSE) }
}

/// The rights of a batch, if the response is complete: a missing mailbox may have any right.
pub(super) fn complete(read: Vec<Rights>, batch: &RoaringBitmap) -> Result<Vec<Rights>, Error> {
    let mut missing = batch.clone();
    let read: Vec<Rights> =
        read.into_iter().filter(|rights| missing.remove(rights.number)).collect();
    if missing.is_empty() {
        return Ok(read);
    }
    Err(Error::Unavailable {
        cause: Cause::new("no-answer"),
        problem: format!(
            "the platform left out {} of {} mailboxes when their rights were read; the response \
             must contain each of them once",
            missing.len(),
            batch.len()
        ),
        source: None,
    })
}

/// Collects rights by capability.
pub(super) fn actual(read: &[Rights], capabilities: Capabilities) -> Actual {
    let mut now: BTreeMap<Capability, RoaringBitmap> =
        capabilities.iter().map(|capability| (capability, RoaringBitmap::new())).collect();
    let mut unknown = RoaringBitmap::new();
    for rights in read {
        if !rights.known {
            unknown.insert(rights.number);
            continue;
        }
        for (capability, may) in &mut now {
            if rights.allowed.iter().any(|allowed| allowed == capability.name()) {
                may.insert(rights.number);
            }
        }
    }
    let now = now.into_iter().map(|(capability, may)| (capability, may.into())).collect();
    Actual { now, unknown: unknown.into() }
}

/// The future instants at which current rights end.
pub(super) fn ends(read: &[Rights], capabilities: Capabilities) -> Ends {
    let mut ends: BTreeMap<(Capability, DateTime<Utc>), RoaringBitmap> = BTreeMap::new();
    for rights in read.iter().filter(|rights| rights.known) {
        for capability in capabilities.iter() {
            if let Some(until) = rights.ends.get(capability.name()) {
                ends.entry((capability, *until)).or_default().insert(rights.number);
            }
        }
    }
    ends.into_iter().map(|(end, mailboxes)| (end, mailboxes.into())).collect()
}

/// A page of the provider's mailboxes; `None` if it is not the requested page.
pub(super) fn known(answer: ListAnswer, from: u32, limit: u32) -> Option<Known> {
    let ListAnswer { numbers, others } = answer;
    let ascending = numbers.is_sorted_by(|one, next| one < next);
    let asked = numbers.first().is_none_or(|first| *first >= from);
    let count = u32::try_from(numbers.len()).ok().filter(|count| *count <= limit)?;
    if !ascending || !asked {
        return None;
    }
    let numberless = if count < limit { others } else { 0 };
    Some(Known { mailboxes: numbers.into_iter().collect(), numberless })
}

#[cfg(test)]
mod tests {
    use domain::MailboxSet;
    use serde_json::json;

    use super::*;
    use crate::Answer;

    fn set(numbers: impl IntoIterator<Item = u32>) -> MailboxSet {
        numbers.into_iter().collect()
    }

    fn sorted(results: &str, batch: impl IntoIterator<Item = u32>) -> Answer {
        let results = serde_json::from_str(results).unwrap();
        outcomes(results, &batch.into_iter().collect()).answer()
    }

    fn failed(answer: &Answer, cause: &str) -> Option<(MailboxSet, bool)> {
        let found = answer.failed.iter().find(|failure| failure.cause.as_str() == cause)?;
        Some((found.mailboxes.clone(), found.transient))
    }

    #[test]
    fn every_mailbox_that_was_asked_for_has_one_outcome_and_no_other_has_any() {
        let answer = sorted(
            r#"[{"number": 1, "outcome": "applied"},
                {"number": 2, "outcome": "already-so"},
                {"number": 3, "outcome": "superseded"},
                {"number": 4, "outcome": "unknown-mailbox"},
                {"number": 5, "outcome": "try-again", "cause": "locked"},
                {"number": 6, "outcome": "refused", "cause": "over-quota"},
                {"number": 7, "outcome": "exploded"},
                {"number": 8, "outcome": "applied"}, {"number": 8, "outcome": "refused"},
                {"number": 9, "outcome": "applied"}, {"number": 9, "outcome": "applied"},
                {"number": 99, "outcome": "applied"}]"#,
            1..=10,
        );
        assert!(answer.is_partition_of(&set(1..=10)), "{answer:?}");
        assert_eq!((&answer.applied, &answer.already_so), (&set([1, 9]), &set([2])));
        for (cause, mailboxes, transient) in [
            ("superseded", set([3]), true),
            ("unknown-mailbox", set([4]), false),
            ("provider-locked", set([5]), true),
            ("provider-over-quota", set([6]), false),
            ("unclear-answer", set([7, 8]), true),
            ("no-answer", set([10]), true),
        ] {
            assert_eq!(failed(&answer, cause), Some((mailboxes, transient)), "{cause}");
        }
    }

    #[test]
    fn a_cause_is_a_plain_word_and_never_one_of_ours() {
        let causes = [
            "maria.rossi@pec.example",
            "RSSMRA80A01H501U",
            "4711",
            "",
            "Locked",
            "a-word-of-more-letters-than-anyone-would-need",
        ];
        let refused = |(at, cause)| json!({ "number": at, "outcome": "refused", "cause": cause });
        let results: Vec<_> = causes.iter().enumerate().map(refused).collect();
        let answer = sorted(&serde_json::to_string(&results).unwrap(), 0..6);
        assert_eq!(failed(&answer, OTHER_CAUSE), Some((set(0..6), false)), "{answer:?}");
        let ours = r#"[{"number": 1, "outcome": "refused", "cause": "superseded"}]"#;
        assert!(failed(&sorted(ours, [1]), "provider-superseded").is_some());

        let tried = |(at, cause)| json!({ "number": at, "outcome": "try-again", "cause": cause });
        let many: Vec<_> = ('a'..='z').enumerate().map(tried).collect();
        let answer = sorted(&serde_json::to_string(&many).unwrap(), 0..26);
        assert_eq!(answer.failed.len(), MOST_CAUSES + 1);
        assert!(answer.is_partition_of(&set(0..26)));
    }

    #[test]
    fn an_answer_that_leaves_somebody_out_says_nothing_about_what_he_may_do() {
        let read = |text: &str| {
            complete(serde_json::from_str(text).unwrap(), &[1, 2].into_iter().collect())
        };
        let one = r#"[{"number": 1, "known": true, "allowed": ["send"]}]"#;
        let error = read(one).unwrap_err();
        assert!(error.may_retry() && error.to_string().contains("left out 1 of 2"), "{error}");
        let both = r#"[{"number": 1, "known": true, "allowed": ["send", "fly"]},
                       {"number": 2, "known": false},
                       {"number": 3, "known": true, "allowed": ["send"]}]"#;
        let actual = actual(&read(both).unwrap(), Capabilities::OF_PLATFORM);
        assert_eq!(actual.unknown, set([2]));
        assert_eq!(actual.now[&Capability::Send], set([1]));
        assert_eq!(actual.now[&Capability::Access], set([]));
    }

    #[test]
    fn a_page_is_taken_only_if_it_is_the_one_that_was_asked_for() {
        let page =
            |numbers: &[u32]| known(ListAnswer { numbers: numbers.to_vec(), others: 9 }, 5, 3);
        let known = |numbers: &[u32], numberless| {
            Some(Known { mailboxes: set(numbers.iter().copied()), numberless })
        };
        assert_eq!(page(&[]), known(&[], 9));
        assert_eq!(page(&[5, 7]), known(&[5, 7], 9), "the last one");
        assert_eq!(page(&[5, 7, 8]), known(&[5, 7, 8], 0));
        for wrong in [&[4, 5][..], &[7, 5], &[5, 5], &[5, 6, 7, 8]] {
            assert_eq!(page(wrong), None, "{wrong:?}");
        }
    }
}
