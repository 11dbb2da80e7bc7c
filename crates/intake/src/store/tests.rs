//! One contract, for a file and for a schema.

mod outbox;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::fresh::Fresh;

const CODE: &str = "RSSMRA85T10A562S";

fn now() -> DateTime<Utc> {
    "2015-03-18T09:00:00Z".parse().unwrap()
}

fn kept(sender: &str, text: &str) -> NewMessage {
    let content = format!("From: {sender}\r\nMessage-ID: <{}>\r\n\r\n{text}\r\n", text.len());
    NewMessage {
        sender: Some(sender.to_owned()),
        received_at: now(),
        content: content.into_bytes(),
    }
}

async fn file(folder: &Path) -> Store {
    Store::open(&folder.join("intake.db")).await.unwrap()
}

async fn schema() -> (Fresh, Store) {
    let fresh = Fresh::new().await;
    assert_eq!(Store::migrate(fresh.options(), false).await.unwrap().len(), 1);
    let store = Store::connect(fresh.options()).await.unwrap();
    (fresh, store)
}

async fn numbers(store: &Store, status: MessageStatus) -> Vec<i64> {
    let messages = store.messages(status, 0, 100).await.unwrap();
    messages.iter().map(|message| message.number).collect()
}

async fn messages_are_kept_once(store: &Store) {
    store.insert(&[kept("a@b.example", "one"), kept("a@b.example", "three")]).await.unwrap();
    store.insert(&[kept("a@b.example", "one"), kept("c@b.example", "three")]).await.unwrap();
    let mut again = kept("a@b.example", "one");
    again.content.splice(0..0, *b"Received: by a.example\r\n");
    let number = store.insert_one(again).await.unwrap();
    let all = numbers(store, MessageStatus::New).await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(number, all[0], "headers added in transit do not matter");
    let first = store.message(all[0]).await.unwrap().unwrap();
    assert_eq!((first.sender.as_deref(), first.received_at), (Some("a@b.example"), now()));
    assert_eq!(store.content(all[0]).await.unwrap().unwrap(), kept("a@b.example", "one").content);
    assert_eq!(store.messages(MessageStatus::New, all[0], 1).await.unwrap()[0].number, all[1]);
    assert_eq!(store.message(999).await.unwrap(), None);
    assert_eq!(store.message_counts().await.unwrap(), [(MessageStatus::New, None, 3)]);
}

async fn only_messages_in_quarantine_are_released_or_refused(store: &Store) {
    let number = store.insert_one(kept("a@b.example", "one")).await.unwrap();
    assert!(!store.release(number, None).await.unwrap());
    assert!(!store.refuse(number, "why", now()).await.unwrap());
    store.hold(number, "unknown", None, now()).await.unwrap();
    assert_eq!(numbers(store, MessageStatus::Held).await, [number]);
    assert!(store.release(number, Some(9)).await.unwrap());
    assert_eq!(store.message(number).await.unwrap().unwrap().mailbox, Some(9));
    assert!(!store.release(number, Some(8)).await.unwrap(), "it is not processed yet");
    store.hold(number, "officer", Some(9), now()).await.unwrap();
    assert!(store.release(number, None).await.unwrap());
    let message = store.message(number).await.unwrap().unwrap();
    assert_eq!(
        (message.status, message.released, message.reason),
        (MessageStatus::New, true, None)
    );
    assert_eq!(message.mailbox, None, "a release without a holder clears the previous one");
    store.hold(number, "unknown", Some(7), now()).await.unwrap();
    assert!(store.refuse(number, "an advertisement", now()).await.unwrap());
    assert!(!store.refuse(number, "again", now()).await.unwrap());
    let message = store.message(number).await.unwrap().unwrap();
    assert_eq!((message.status, message.mailbox), (MessageStatus::Refused, Some(7)));
}

async fn reminders_are_queued_once_and_erased_with_their_holder(store: &Store) {
    let counts = async || store.letter_counts().await.unwrap();
    // Rounds claimed before the store was created are skipped.
    let from = store.reminder_cursor(2).await.unwrap();
    assert_eq!(from, ReminderCursor { round: 2, after: None });
    assert_eq!(store.reminder_cursor(5).await.unwrap(), from, "the cursor does not move by itself");
    let cursor = ReminderCursor { round: 2, after: Some(9) };
    let to = [(7, Route::Mailbox), (9, Route::Notice)];
    assert!(store.insert_reminders(&to, (from, cursor), now()).await.unwrap());
    assert!(!store.insert_reminders(&to, (from, cursor), now()).await.unwrap(), "conflict");
    assert_eq!(store.reminder_cursor(0).await.unwrap(), cursor);
    let waiting = |many| vec![("reminder".to_owned(), "waiting".to_owned(), many)];
    assert_eq!(counts().await, waiting(2));
    assert!(store.reminder_backlog(2, now()).await.unwrap());
    assert!(!store.reminder_backlog(3, now()).await.unwrap());
    assert!(
        !store.notified_since(7, now() - chrono::TimeDelta::days(1)).await.unwrap(),
        "reminders do not count"
    );
    let due = store.due(now(), 10).await.unwrap();
    assert_eq!(due.iter().map(|letter| letter.route).collect::<Vec<_>>(), [to[0].1, to[1].1]);
    store.erase(&[7].into(), &[]).await.unwrap();
    assert_eq!(counts().await, waiting(1));
}

async fn messages_that_name_a_holder_are_found_and_erased(store: &Store) {
    let hidden = STANDARD.encode(format!("mi chiamo {CODE}"));
    let hidden = format!("x\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{hidden}\r\n--b--");
    let mut encoded = kept("c@b.example", &hidden);
    encoded.content.splice(0..0, *b"Content-Type: multipart/mixed; boundary=b\r\n");
    let other = kept("other@b.example", "nothing to see");
    store
        .insert(&[
            kept("a@b.example", "C.F. RSS MRA 85T10 A562S"),
            kept("Mario@b.example", "no name here"),
            encoded,
            other,
        ])
        .await
        .unwrap();
    let of_request = store.insert_one(kept("d@b.example", "the same person again")).await.unwrap();
    store.hold(of_request, "officer", Some(7), now()).await.unwrap();
    for (term, many) in [(CODE, 2), ("mario@b.example", 1), ("nobody@b.example", 0), ("", 0)] {
        assert_eq!(store.residue(term).await.unwrap(), many, "{term}");
    }
    let terms = [CODE.to_owned(), "mario@B.example".to_owned()];
    assert_eq!(store.erase(&[7].into(), &terms).await.unwrap(), 4);
    assert_eq!(store.residue(CODE).await.unwrap(), 0);
    assert_eq!(numbers(store, MessageStatus::New).await.len(), 1, "the other message stays");
    assert_eq!(store.erase(&[7].into(), &terms).await.unwrap(), 0, "nothing is left");
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    messages_are_kept_once(&file(&folder.path().join("one").tap()).await).await;
    only_messages_in_quarantine_are_released_or_refused(
        &file(&folder.path().join("two").tap()).await,
    )
    .await;
    let [three, four, five] = ["three", "four", "five"].map(|name| folder.path().join(name).tap());
    outbox::a_letter_is_claimed_before_it_is_sent_and_sent_once(&file(&three).await).await;
    outbox::a_link_is_used_once_and_processed_once(&file(&four).await).await;
    let (one, two) = (file(&five).await, file(&five).await);
    outbox::of_two_processes_one_claims_a_letter_and_of_two_clicks_one_counts(&one, &two).await;
    reminders_are_queued_once_and_erased_with_their_holder(
        &file(&folder.path().join("six").tap()).await,
    )
    .await;
    let store = file(folder.path()).await;
    messages_that_name_a_holder_are_found_and_erased(&store).await;
    // The files contain no residue either, while open and when closed.
    for open in [true, false] {
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                let text = String::from_utf8_lossy(&bytes).to_lowercase();
                assert!(!text.contains("mario@b.example"), "{}", path.display());
                assert!(!text.contains("a562s"), "{}", path.display());
            }
        }
        if open {
            assert_eq!(store.residue("other@b.example").await.unwrap(), 1);
        }
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_schema_keeps_the_contract() {
    let (_fresh, store) = schema().await;
    messages_are_kept_once(&store).await;
    let (_fresh, store) = schema().await;
    only_messages_in_quarantine_are_released_or_refused(&store).await;
    let (_fresh, store) = schema().await;
    outbox::a_letter_is_claimed_before_it_is_sent_and_sent_once(&store).await;
    let (_fresh, store) = schema().await;
    outbox::a_link_is_used_once_and_processed_once(&store).await;
    let (fresh, one) = schema().await;
    let two = Store::connect(fresh.options()).await.unwrap();
    outbox::of_two_processes_one_claims_a_letter_and_of_two_clicks_one_counts(&one, &two).await;
    let (_fresh, store) = schema().await;
    reminders_are_queued_once_and_erased_with_their_holder(&store).await;
    let (_fresh, store) = schema().await;
    messages_that_name_a_holder_are_found_and_erased(&store).await;
}

/// Creates a folder.
trait Tap {
    fn tap(self) -> Self;
}

impl Tap for std::path::PathBuf {
    fn tap(self) -> Self {
        std::fs::create_dir_all(&self).unwrap();
        self
    }
}
