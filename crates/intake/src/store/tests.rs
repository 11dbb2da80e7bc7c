//! One contract, kept by a file and by a schema.

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

fn kept(sender: &str, text: &str) -> Kept {
    let content = format!("From: {sender}\r\nMessage-ID: <{}>\r\n\r\n{text}\r\n", text.len());
    Kept { sender: Some(sender.to_owned()), received_at: now(), content: content.into_bytes() }
}

async fn file(folder: &Path) -> Store {
    Store::open(&folder.join("intake.db")).await.unwrap()
}

async fn schema() -> (Fresh, Store) {
    let fresh = Fresh::new().await;
    assert_eq!(Store::migrate(fresh.options(), false).await.unwrap().len(), 3);
    let store = Store::connect(fresh.options()).await.unwrap();
    (fresh, store)
}

async fn numbers(store: &Store, standing: Standing) -> Vec<i64> {
    let messages = store.messages(standing, 0, 100).await.unwrap();
    messages.iter().map(|message| message.number).collect()
}

async fn messages_are_kept_once(store: &Store) {
    store.keep(&[kept("a@b.example", "one"), kept("a@b.example", "three")]).await.unwrap();
    store.keep(&[kept("a@b.example", "one"), kept("c@b.example", "three")]).await.unwrap();
    let mut again = kept("a@b.example", "one");
    again.content.splice(0..0, *b"Received: by a.example\r\n");
    let number = store.keep_one(again).await.unwrap();
    let all = numbers(store, Standing::New).await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(number, all[0], "its way makes it no other");
    let first = store.message(all[0]).await.unwrap().unwrap();
    assert_eq!((first.sender.as_deref(), first.received_at), (Some("a@b.example"), now()));
    assert_eq!(store.content(all[0]).await.unwrap().unwrap(), kept("a@b.example", "one").content);
    assert_eq!(store.messages(Standing::New, all[0], 1).await.unwrap()[0].number, all[1]);
    assert_eq!(store.message(999).await.unwrap(), None);
    assert_eq!(store.counts().await.unwrap(), [(Standing::New, None, 3)]);
}

async fn only_what_waits_is_released_or_refused(store: &Store) {
    let number = store.keep_one(kept("a@b.example", "one")).await.unwrap();
    assert!(!store.release(number, None).await.unwrap());
    assert!(!store.refuse(number, "why", now()).await.unwrap());
    store.hold(number, "unknown", None, now()).await.unwrap();
    assert_eq!(numbers(store, Standing::Held).await, [number]);
    assert!(store.release(number, Some(9)).await.unwrap());
    assert_eq!(store.message(number).await.unwrap().unwrap().mailbox, Some(9));
    assert!(!store.release(number, Some(8)).await.unwrap(), "it is not looked at yet");
    store.hold(number, "officer", Some(9), now()).await.unwrap();
    assert!(store.release(number, None).await.unwrap());
    let message = store.message(number).await.unwrap().unwrap();
    assert_eq!((message.standing, message.released, message.reason), (Standing::New, true, None));
    assert_eq!(message.mailbox, None, "whose it is said to be does not outlive a release without");
    store.hold(number, "unknown", Some(7), now()).await.unwrap();
    assert!(store.refuse(number, "an advertisement", now()).await.unwrap());
    assert!(!store.refuse(number, "again", now()).await.unwrap());
    let message = store.message(number).await.unwrap().unwrap();
    assert_eq!((message.standing, message.mailbox), (Standing::Refused, Some(7)));
}

async fn reminders_are_written_once_and_go_by_erasure(store: &Store) {
    let reminders = async || store.letters().await.unwrap();
    // What was claimed before the store was made is passed over.
    let from = store.reminding(2).await.unwrap();
    assert_eq!(from, Place { round: 2, after: None });
    assert_eq!(store.reminding(5).await.unwrap(), from, "once it stands, it stays");
    let place = Place { round: 2, after: Some(9) };
    let to = [(7, Route::Mailbox), (9, Route::Notice)];
    assert!(store.remind(&to, (from, place), now()).await.unwrap());
    assert!(!store.remind(&to, (from, place), now()).await.unwrap(), "another was faster");
    assert_eq!(store.reminding(0).await.unwrap(), place);
    let waiting = |many| vec![("reminder".to_owned(), "waiting".to_owned(), many)];
    assert_eq!(reminders().await, waiting(2));
    assert!(store.reminders_wait(2, now()).await.unwrap());
    assert!(!store.reminders_wait(3, now()).await.unwrap());
    assert!(
        !store.told(7, now() - chrono::TimeDelta::days(1)).await.unwrap(),
        "nobody asked for it"
    );
    let due = store.due(now(), 10).await.unwrap();
    assert_eq!(due.iter().map(|letter| letter.route).collect::<Vec<_>>(), [to[0].1, to[1].1]);
    store.erase(&[7].into(), &[]).await.unwrap();
    assert_eq!(reminders().await, waiting(1));
}

async fn what_speaks_of_somebody_is_found_and_goes(store: &Store) {
    let hidden = STANDARD.encode(format!("mi chiamo {CODE}"));
    let hidden = format!("x\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{hidden}\r\n--b--");
    let mut encoded = kept("c@b.example", &hidden);
    encoded.content.splice(0..0, *b"Content-Type: multipart/mixed; boundary=b\r\n");
    let other = kept("other@b.example", "nothing to see");
    store
        .keep(&[
            kept("a@b.example", "C.F. RSS MRA 85T10 A562S"),
            kept("Mario@b.example", "no name here"),
            encoded,
            other,
        ])
        .await
        .unwrap();
    let of_request = store.keep_one(kept("d@b.example", "the same person again")).await.unwrap();
    store.hold(of_request, "officer", Some(7), now()).await.unwrap();
    for (needle, many) in [(CODE, 2), ("mario@b.example", 1), ("nobody@b.example", 0), ("", 0)] {
        assert_eq!(store.traces(needle).await.unwrap(), many, "{needle}");
    }
    let needles = [CODE.to_owned(), "mario@B.example".to_owned()];
    assert_eq!(store.erase(&[7].into(), &needles).await.unwrap(), 4);
    assert_eq!(store.traces(CODE).await.unwrap(), 0);
    assert_eq!(numbers(store, Standing::New).await.len(), 1, "the other one stays");
    assert_eq!(
        store.erase(&[7].into(), &needles).await.unwrap(),
        0,
        "once more, and nothing is left"
    );
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    messages_are_kept_once(&file(&folder.path().join("one").tap()).await).await;
    only_what_waits_is_released_or_refused(&file(&folder.path().join("two").tap()).await).await;
    let [three, four, five] = ["three", "four", "five"].map(|name| folder.path().join(name).tap());
    outbox::a_letter_is_claimed_before_it_leaves_and_sent_once(&file(&three).await).await;
    outbox::a_link_is_used_once_and_acted_upon_once(&file(&four).await).await;
    let (one, two) = (file(&five).await, file(&five).await);
    outbox::one_of_two_gets_a_letter_and_one_of_two_clicks_counts(&one, &two).await;
    reminders_are_written_once_and_go_by_erasure(&file(&folder.path().join("six").tap()).await)
        .await;
    let store = file(folder.path()).await;
    what_speaks_of_somebody_is_found_and_goes(&store).await;
    // Nor is it in the files themselves, while they are open and when they are closed.
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
            assert_eq!(store.traces("other@b.example").await.unwrap(), 1);
        }
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_schema_keeps_the_contract() {
    let (_fresh, store) = schema().await;
    messages_are_kept_once(&store).await;
    let (_fresh, store) = schema().await;
    only_what_waits_is_released_or_refused(&store).await;
    let (_fresh, store) = schema().await;
    outbox::a_letter_is_claimed_before_it_leaves_and_sent_once(&store).await;
    let (_fresh, store) = schema().await;
    outbox::a_link_is_used_once_and_acted_upon_once(&store).await;
    let (fresh, one) = schema().await;
    let two = Store::connect(fresh.options()).await.unwrap();
    outbox::one_of_two_gets_a_letter_and_one_of_two_clicks_counts(&one, &two).await;
    let (_fresh, store) = schema().await;
    reminders_are_written_once_and_go_by_erasure(&store).await;
    let (_fresh, store) = schema().await;
    what_speaks_of_somebody_is_found_and_goes(&store).await;
}

/// A folder that is there.
trait Tap {
    fn tap(self) -> Self;
}

impl Tap for std::path::PathBuf {
    fn tap(self) -> Self {
        std::fs::create_dir_all(&self).unwrap();
        self
    }
}
