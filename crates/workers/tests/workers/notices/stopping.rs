//! The sender is killed after every append and every letter in turn, and another continues: the
//! relay never accepts a notice twice, and every mailbox is accounted for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use mail::Outcome;
use tokio_util::sync::CancellationToken;
use workers::notices::{Batch, Mailer, Outcomes, Sender};

use crate::fuse::{Fuse, StoppingLog};
use crate::notices::given::World;

const EVERYONE: u32 = 7;
const BATCH: u32 = 3;

/// How often the relay accepted each mailbox's notice.
type Taken = Arc<Mutex<BTreeMap<u32, u32>>>;

struct Relay {
    taken: Taken,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl Mailer for Relay {
    fn batch_size(&self) -> u32 {
        BATCH
    }

    fn time_limit(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
        for number in batch.mailboxes.iter() {
            *self.taken.lock().unwrap().entry(number).or_default() += 1;
            self.fuse.step().await;
        }
        Outcomes::from([(Outcome::Accepted, batch.mailboxes.clone().into_inner())])
    }
}

/// Sends until there is nothing left to do; false if the fuse blew first.
async fn send(world: &World, taken: &Taken, fuse: &Arc<Fuse>) -> bool {
    let store = StoppingLog::over(Arc::clone(&world.store), fuse);
    let mailer = Arc::new(Relay { taken: Arc::clone(taken), fuse: Arc::clone(fuse) });
    let journal = world.journal_on(store);
    let mut sender = Sender::new(journal, mailer, CancellationToken::new(), 1);
    let work = async { while sender.tick().await.unwrap().progress > 0 {} };
    tokio::select! {
        () = work => true,
        () = fuse.blown.cancelled() => false,
    }
}

#[tokio::test]
async fn no_holder_gets_a_notice_twice_wherever_the_sender_is_killed() {
    let endless = Arc::new(Mutex::new(BTreeMap::new()));
    let mut stopped = 0;
    for length in 1.. {
        let world = World::with(EVERYONE).await;
        let taken = Taken::default();
        let ended = send(&world, &taken, &Fuse::of(length)).await;
        // Another continues at once, and again when the lost sender's claim has expired.
        assert!(send(&world, &taken, &Fuse::of(u64::MAX)).await);
        world.pass(TimeDelta::hours(1));
        assert!(send(&world, &taken, &Fuse::of(u64::MAX)).await);

        let account = world.account().await;
        let (sent, doubt) = (account.sent.len(), account.in_doubt.len());
        assert_eq!(sent + doubt, u64::from(EVERYONE), "stopped after {length}: {account:?}");
        assert!(doubt <= u64::from(BATCH));
        let taken = taken.lock().unwrap();
        assert!(taken.values().all(|times| *times == 1), "stopped after {length}: {taken:?}");
        for number in &account.sent {
            assert!(taken.contains_key(&number), "{number} counts as told and was not");
        }
        for number in 0..EVERYONE {
            assert!(taken.contains_key(&number) || account.in_doubt.contains(number));
        }
        if ended {
            assert_eq!(doubt, 0, "nobody is in doubt where nothing stopped");
            endless.lock().unwrap().clone_from(&taken);
            break;
        }
        stopped += 1;
    }
    // Three claims, seven letters, three outcomes.
    assert_eq!(stopped, 13);
    assert_eq!(endless.lock().unwrap().len(), 7);
}

#[tokio::test]
async fn two_concurrent_senders_send_no_notice_twice() {
    let world = World::with(40).await;
    let taken = Taken::default();
    let fuse = Fuse::of(u64::MAX);
    let (one, other) = tokio::join!(send(&world, &taken, &fuse), send(&world, &taken, &fuse));
    assert!(one && other);
    {
        let taken = taken.lock().unwrap();
        assert_eq!(taken.len(), 40);
        assert!(taken.values().all(|times| *times == 1), "{taken:?}");
    }
    assert_eq!(world.account().await.sent.len(), 40);
}
