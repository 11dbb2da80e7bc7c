//! Actions that are repeated: with the same idempotency key, with another action's, and without.

#![cfg(test)]

use chrono::NaiveDate;
use domain::{Capabilities, Capability, PaceChanged, Plan};
use engine::actions::holds::PlaceHold;
use engine::actions::keys::{RotateKeys, Signs};
use engine::actions::programme::{Pause, Resume, SetPace};
use engine::actions::registrations::Register;
use engine::actions::{Action, Caller, Done, IdempotencyKey};
use engine::store::{Store, StoreSettings};
use engine::{Error, MailboxRef};
use eventstore::Origin;
use registry::Row;
use views::KeyRotation;

struct World {
    store: Store,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings::embedded(folder.path().join("store"));
        let plan = Plan::cec_pac().unwrap();
        let store = Store::open_to_fill(settings, &plan, &Origin::part("test")).await.unwrap();
        Self { store, _folder: folder }
    }

    async fn run<A: Action>(&self, action: A, id: &str) -> Result<Done<A::Result>, Error> {
        let reason = Some("file 12".parse().unwrap());
        let key = Some(IdempotencyKey::new("test", id));
        self.store.run(action, &Caller { key, ..Caller::new("test", reason) }).await
    }

    async fn head(&self) -> u64 {
        self.store.log().head().await.unwrap()
    }

    /// Registers an activated mailbox, number 0.
    async fn mailbox(&self) {
        self.run(Register { registration: row() }, "mailbox").await.unwrap();
    }
}

fn row() -> Row {
    Row {
        registration_id: "17".to_owned(),
        codice_fiscale: "RSSMRA85T10A562S".to_owned(),
        surname: "Rossi".to_owned(),
        name: "Mario".to_owned(),
        address: "mario.rossi@postacertificata.example".to_owned(),
        requested_on: "2010-04-26".to_owned(),
        activated_on: "2010-05-03".to_owned(),
        last_sent_on: String::new(),
        notify_email: String::new(),
    }
}

fn pace(concurrent: u32) -> SetPace {
    SetPace(PaceChanged {
        effect: Capability::Send,
        calls_per_second: None,
        concurrent_calls: Some(concurrent),
    })
}

#[tokio::test]
async fn a_repeated_key_returns_the_first_result_even_when_the_state_has_moved_on() {
    let world = World::new().await;
    let first = world.run(Pause, "1").await.unwrap();
    world.run(Resume, "2").await.unwrap();
    let head = world.head().await;
    let again = world.run(Pause, "1").await.unwrap();
    assert_eq!((again.done, again.position), (first.done, first.position));
    assert_eq!(world.head().await, head, "nothing more was recorded");
    assert!(!world.store.journal().state().await.unwrap().programme.paused);
}

#[tokio::test]
async fn a_key_of_another_action_is_refused_on_the_same_stream_too() {
    let world = World::new().await;
    world.mailbox().await;
    world.run(Pause, "1").await.unwrap();
    world.run(pace(2), "2").await.unwrap();
    let head = world.head().await;
    assert!(matches!(world.run(Resume, "1").await, Err(Error::KeyTaken)));
    assert!(matches!(world.run(pace(3), "2").await, Err(Error::KeyTaken)));
    let hold = |capability: Capability| {
        let capabilities = Capabilities::from(capability);
        PlaceHold { mailbox: MailboxRef::Number(0), capabilities, until: None }
    };
    assert!(matches!(world.run(hold(Capability::Access), "1").await, Err(Error::KeyTaken)));
    assert_eq!(world.head().await, head, "nothing was recorded");
    let placed = world.run(hold(Capability::Access), "3").await.unwrap().result.hold;
    let again = world.run(hold(Capability::Access), "3").await.unwrap().result.hold;
    assert_eq!(placed, again);
    assert!(matches!(world.run(hold(Capability::Receive), "3").await, Err(Error::KeyTaken)));
}

#[tokio::test]
async fn keys_are_rotated_once_per_idempotency_key() {
    let world = World::new().await;
    let rotate =
        || RotateKeys { signs: Signs::AtOnce, until: NaiveDate::from_ymd_opt(2099, 12, 31) };
    let kid = |done: Done<KeyRotation>| match done.result {
        KeyRotation::Rotated { kid, .. } => Some(kid),
        KeyRotation::Recorded {} => None,
    };
    let first = kid(world.run(rotate(), "1").await.unwrap());
    let head = world.head().await;
    assert_eq!(kid(world.run(rotate(), "1").await.unwrap()), first);
    assert_eq!(world.head().await, head, "nothing more was recorded");
    let second = kid(world.run(rotate(), "2").await.unwrap());
    assert!(first.is_some() && second.is_some() && first != second);
}

#[tokio::test]
async fn a_registration_is_recognised_by_its_content_whatever_its_key() {
    let world = World::new().await;
    let register = || Register { registration: row() };
    assert!(world.run(register(), "1").await.unwrap().result.new);
    let head = world.head().await;
    for key in ["1", "2"] {
        assert!(!world.run(register(), key).await.unwrap().result.new);
    }
    assert_eq!(world.head().await, head);
}
