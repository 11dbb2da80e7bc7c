//! The process that issues vouchers is killed after every publication, append and acknowledgement
//! in turn, and another one continues: the log is the same, with one voucher for each holder.

use std::sync::Arc;

use bus::{InProcess, WorkQueue};
use domain::State;
use eventstore::Journal;
use platform::Pace;
use workers::Sweep;

use super::{Hand, Issuer, NO_PLATFORM, SMALL, World, settle, worker};
use crate::fuse::{Fuse, StoppingLog, StoppingQueue};

/// A sweep and a worker that know nothing but the log and the queue, until no work is left; false
/// if the fuse blew first, which drops them.
async fn run(world: &World, queue: &InProcess, fuse: &Arc<Fuse>) -> bool {
    let log = StoppingLog::over(Arc::clone(world.journal.store()), fuse);
    let (programme, clock) = (world.journal.programme().clone(), Arc::<Hand>::clone(&world.clock));
    let journal = Arc::new(Journal::new(programme, log, clock, State::default(), 0));
    let queue = StoppingQueue { inner: queue.clone(), fuse: Arc::clone(fuse) };
    let queue: Arc<dyn WorkQueue> = Arc::new(queue);
    let mut sweep = Sweep::new(Arc::clone(&journal), Arc::clone(&queue), NO_PLATFORM, SMALL);
    let worker = worker(&journal, &queue, &Issuer::on(&journal), &Pace::default());
    tokio::select! {
        () = settle(&mut sweep, &worker, &*queue) => true,
        () = fuse.blown.cancelled() => false,
    }
}

#[tokio::test]
async fn every_holder_gets_one_voucher_wherever_the_worker_is_killed() {
    let endless = Fuse::of(u64::MAX);
    let undisturbed = World::new(SMALL).await;
    assert!(run(&undisturbed, &undisturbed.queue, &endless).await);
    undisturbed.eight_have_theirs().await;
    let expected = undisturbed.voucher_events().await;
    for queue_is_lost in [false, true] {
        let mut killed = 0;
        for length in 1.. {
            let world = World::new(SMALL).await;
            let ended = run(&world, &world.queue, &Fuse::of(length)).await;
            let new = InProcess::new(bus::Settings::default());
            let queue = if queue_is_lost { &new } else { &world.queue };
            assert!(run(&world, queue, &endless).await);
            world.eight_have_theirs().await;
            assert_eq!(world.voucher_events().await, expected, "killed after step {length}");
            if ended {
                break;
            }
            killed += 1;
        }
        // Three orders: each is published, issued and acknowledged.
        assert_eq!(killed, 9);
    }
}
