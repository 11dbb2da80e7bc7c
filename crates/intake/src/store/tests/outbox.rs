//! The contract of letters and confirmations, for both databases.

use chrono::TimeDelta;

use super::*;
use crate::case::Decision;

const TOKEN: [u8; 32] = [1; 32];
const ADDRESS: [u8; 32] = [9; 32];
const OTHER: u32 = 8;
const HOLDER: u32 = 7;

fn later(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

fn asked(token: [u8; 32], expires_at: DateTime<Utc>) -> Confirmation {
    Confirmation { token, address: ADDRESS, expires_at }
}

fn letter(
    kind: LetterKind,
    message: i64,
    mailbox: Option<u32>,
    route: Route,
) -> NewLetter<'static> {
    NewLetter { kind, message, mailbox, route, why: None }
}

/// A request with a letter that asks for confirmation and a reply to its sender; returns its
/// number.
async fn request(store: &Store) -> i64 {
    let message = store.insert_one(kept("a@b.example", "one")).await.unwrap();
    let decision = Decision {
        status: MessageStatus::Done,
        reason: "asked",
        mailbox: Some(HOLDER),
        reply: Some(LetterKind::Received),
        confirm: Some(Route::Mailbox),
    };
    // The second decision has no effect.
    for _ in 0..2 {
        let letters = vec![
            letter(LetterKind::Confirm, message, Some(HOLDER), Route::Mailbox),
            letter(LetterKind::Received, message, None, Route::Sender),
        ];
        store.apply_decision(message, &decision, letters, now()).await.unwrap();
    }
    message
}

async fn due(store: &Store, at: DateTime<Utc>) -> Vec<(LetterKind, i64)> {
    let due = store.due(at, 100).await.unwrap();
    due.iter().map(|waiting| (waiting.kind, waiting.attempts)).collect()
}

async fn counts(store: &Store) -> Vec<(String, String, u64)> {
    store.letter_counts().await.unwrap()
}

pub(super) async fn a_letter_is_claimed_before_it_is_sent_and_sent_once(store: &Store) {
    let message = request(store).await;
    assert_eq!(due(store, later(-1)).await, []);
    assert_eq!(due(store, now()).await, [(LetterKind::Confirm, 0), (LetterKind::Received, 0)]);
    for (sender, since, was) in
        [("A@B.example", -1, true), ("a@b.example", 0, false), ("c@b.example", -1, false)]
    {
        assert_eq!(
            store.replied_since(sender, later(since)).await.unwrap(),
            was,
            "{sender} {since}"
        );
    }
    for (mailbox, since, was) in [(HOLDER, -1, true), (HOLDER, 0, false), (OTHER, -1, false)] {
        assert_eq!(
            store.notified_since(mailbox, later(since)).await.unwrap(),
            was,
            "{mailbox} {since}"
        );
    }
    let all = store.due(now(), 100).await.unwrap();
    let [confirm, received] = &all[..] else { panic!("{all:?}") };
    assert_eq!(
        (confirm.message, confirm.mailbox, confirm.route),
        (message, Some(HOLDER), Route::Mailbox)
    );
    assert_eq!((received.mailbox, received.route), (None, Route::Sender));
    assert_eq!(store.due(now(), 1).await.unwrap(), std::slice::from_ref(confirm));

    assert!(store.claim(received, later(10), None).await.unwrap());
    assert!(!store.claim(received, later(10), None).await.unwrap(), "it is claimed");
    assert_eq!(due(store, later(60)).await, [(LetterKind::Confirm, 0)]);
    // It was not sent.
    store.settle(received, LetterOutcome::Retry(later(1)), now()).await.unwrap();
    assert_eq!(due(store, later(1)).await, [(LetterKind::Confirm, 0), (LetterKind::Received, 1)]);
    assert!(store.claim(received, later(10), None).await.unwrap());
    store.settle(received, LetterOutcome::Sent, later(1)).await.unwrap();
    // A settled letter keeps its outcome.
    store.settle(received, LetterOutcome::Failed("letter-failed"), later(1)).await.unwrap();
    assert!(!store.claim(received, later(10), None).await.unwrap());

    assert!(store.claim(confirm, later(10), Some(asked(TOKEN, later(60)))).await.unwrap());
    assert_eq!(store.expired_claims(later(9), 10).await.unwrap(), []);
    let overdue = store.expired_claims(later(10), 10).await.unwrap().pop().unwrap();
    assert_eq!(overdue.number, confirm.number);
    store.settle(&overdue, LetterOutcome::InDoubt, later(10)).await.unwrap();
    assert_eq!(store.expired_claims(later(10), 10).await.unwrap(), []);
    let held = store.message(message).await.unwrap().unwrap();
    assert_eq!(
        (held.status, held.reason.as_deref()),
        (MessageStatus::Held, Some("letter-in-doubt"))
    );
    assert_eq!(due(store, later(600)).await, [], "a letter in doubt is not sent again");
    assert!(!store.notified_since(HOLDER, later(-1)).await.unwrap(), "another can be requested");
    let of = |kind: &str, status: &str| (kind.to_owned(), status.to_owned(), 1);
    assert_eq!(counts(store).await, [of("confirm", "in-doubt"), of("received", "sent")]);

    // It bounces, which is recorded once.
    let report = store.insert_one(kept("", "a report")).await.unwrap();
    let unknown = i64::MAX;
    assert!(!store.record_bounce(unknown, report, later(20)).await.unwrap());
    for first in [true, false] {
        assert_eq!(store.record_bounce(confirm.number, report, later(20)).await.unwrap(), first);
    }
    assert_eq!(counts(store).await, [of("confirm", "failed"), of("received", "sent")]);
    let report = store.message(report).await.unwrap().unwrap();
    assert_eq!((report.status, report.mailbox), (MessageStatus::Done, Some(HOLDER)));
}

pub(super) async fn a_link_is_used_once_and_processed_once(store: &Store) {
    let message = request(store).await;
    let confirm = store.due(now(), 1).await.unwrap().pop().unwrap();
    // The letter is retried, with another link.
    assert!(store.claim(&confirm, later(10), Some(asked([2; 32], later(60)))).await.unwrap());
    store.settle(&confirm, LetterOutcome::Retry(now()), now()).await.unwrap();
    assert!(store.claim(&confirm, later(10), Some(asked(TOKEN, later(60)))).await.unwrap());
    store.settle(&confirm, LetterOutcome::Sent, now()).await.unwrap();
    assert_eq!(store.confirmed(100).await.unwrap(), []);
    assert_eq!(
        store.confirmed_address(message, HOLDER).await.unwrap(),
        None,
        "sent, but not confirmed"
    );
    for (token, minutes, counts) in [
        ([2; 32], 1, false),
        ([3; 32], 1, false),
        (TOKEN, 60, false),
        (TOKEN, 59, true),
        (TOKEN, 59, false),
    ] {
        let used = store.confirm(token, later(minutes)).await.unwrap();
        assert_eq!(used, counts, "{} after {minutes} minutes", token[0]);
    }
    assert_eq!(store.confirmed_address(message, HOLDER).await.unwrap(), Some(ADDRESS.to_vec()));
    let expected =
        Confirmed { letter: confirm.number, mailbox: HOLDER, message, route: Route::Mailbox };
    let confirmed = store.confirmed(100).await.unwrap();
    assert_eq!(confirmed, [expected]);
    for _ in 0..2 {
        let granted = letter(LetterKind::Granted, message, Some(HOLDER), Route::Mailbox);
        store.settle_confirmation(&confirmed[0], granted, later(60)).await.unwrap();
    }
    assert_eq!(store.confirmed(100).await.unwrap(), []);
    let waiting = store.due(later(60), 100).await.unwrap();
    let [received, granted] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((received.kind, granted.kind), (LetterKind::Received, LetterKind::Granted));
    // Its code is in delivery and must not be reissued.
    assert_eq!(store.codes_in_delivery().await.unwrap(), [HOLDER].into());
    // Only a claimed letter can be refused.
    store.refuse_letter(granted.number, "closed", later(60)).await.unwrap();
    assert_eq!(store.due(later(60), 100).await.unwrap(), waiting);
    assert!(store.claim(granted, later(70), None).await.unwrap());
    assert_eq!(store.codes_in_delivery().await.unwrap(), [HOLDER].into());
    store.refuse_letter(granted.number, "closed", later(60)).await.unwrap();
    let refused = store.due(later(60), 100).await.unwrap().pop().unwrap();
    assert_eq!((refused.number, refused.kind), (granted.number, LetterKind::Refused));
    assert_eq!(refused.why.as_deref(), Some("closed"));
    assert!(store.codes_in_delivery().await.unwrap().is_empty());
    // Erasing the holder erases all of it.
    assert_eq!(store.erase(&[HOLDER].into(), &[]).await.unwrap(), 1);
    assert_eq!(counts(store).await, []);
    assert_eq!(store.confirmed_address(message, HOLDER).await.unwrap(), None);
    assert!(!store.confirm(TOKEN, now()).await.unwrap());
}

/// Two processes share a store.
pub(super) async fn of_two_processes_one_claims_a_letter_and_of_two_clicks_one_counts(
    one: &Store,
    two: &Store,
) {
    request(one).await;
    for letter in one.due(now(), 100).await.unwrap() {
        let asked = || (letter.kind == LetterKind::Confirm).then(|| asked(TOKEN, later(60)));
        let (first, second) = tokio::join!(
            one.claim(&letter, later(9), asked()),
            two.claim(&letter, later(9), asked())
        );
        assert_ne!(first.unwrap(), second.unwrap(), "{letter:?}");
    }
    let (first, second) = tokio::join!(one.confirm(TOKEN, now()), two.confirm(TOKEN, now()));
    assert_ne!(first.unwrap(), second.unwrap());
    let confirmed = one.confirmed(100).await.unwrap().pop().unwrap();
    let granted = || letter(LetterKind::Granted, confirmed.message, Some(HOLDER), Route::Mailbox);
    let (first, second) = tokio::join!(
        one.settle_confirmation(&confirmed, granted(), now()),
        two.settle_confirmation(&confirmed, granted(), now())
    );
    first.and(second).unwrap();
    assert_eq!(due(one, now()).await, [(LetterKind::Granted, 0)]);
}
