//! The same seeded operations go to each adapter: every answer and the logs must be equal.
//!
//! A failure prints its seed; `TRAMONTO_SEED=n` runs that one alone.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use eventstore::{Append, Direction, Error, EventStore, ExpectedVersion, Filter, Lease};
use futures::FutureExt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fixture::{Adapter, Case, event, log, name};

const SEEDS: u64 = 12;
const STEPS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_operations_make_the_same_log_in_memory_in_a_file_and_on_a_server() {
    let chosen = std::env::var("TRAMONTO_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = chosen.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        let run = AssertUnwindSafe(compare(seed)).catch_unwind();
        assert!(run.await.is_ok(), "seed {seed}: run again with TRAMONTO_SEED={seed}");
    }
}

async fn compare(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut memory = Case::new(Adapter::Memory).await;
    let mut others = [Case::new(Adapter::Sqlite).await, Case::new(Adapter::Postgres).await];
    let mut refused = 0;
    for step in 0..STEPS {
        let seconds = TimeDelta::seconds(random.random_range(-50..100));
        let reopens = random.random_ratio(1, 40);
        let operation = random.random();
        memory.clock.advance(seconds);
        let expected = answer(&memory.store, ChaCha8Rng::seed_from_u64(operation)).await;
        for other in &mut others {
            other.clock.advance(seconds);
            if reopens {
                other.reopen().await;
            }
            let found = answer(&other.store, ChaCha8Rng::seed_from_u64(operation)).await;
            assert_eq!(found, expected, "step {step}");
        }
        refused += usize::from(expected.starts_with("Err"));
    }
    assert!(refused > STEPS / 20 && refused < STEPS * 19 / 20, "the mix is off: {refused}");
    memory.reopen().await;
    for other in others {
        assert_eq!(log(&*other.store).await, log(&*memory.store).await);
    }
}

/// Carries out one random operation and tells its answer.
async fn answer(store: &Arc<dyn EventStore>, mut random: ChaCha8Rng) -> String {
    match random.random_range(0..10) {
        0 => {
            let direction =
                if random.random() { Direction::Forwards } else { Direction::Backwards };
            let (from, limit) = (random.random_range(0..20), random.random_range(0..9));
            let stream = name(&stream(&mut random));
            tell(&store.read_stream(&stream, from, direction, limit).await)
        }
        1 => {
            let (after, limit) = (random.random_range(0..200), random.random_range(0..9));
            let wanted = ["order", "item", "bill", "none"].into_iter().map(str::to_owned);
            let categories = wanted.filter(|_| random.random()).collect();
            tell(&store.read_all(after, &Filter { categories }, limit).await)
        }
        2 => {
            let ttl = Duration::from_secs(random.random_range(0..300));
            let owner = ["a", "b", "c"][random.random_range(0..3)];
            tell(&store.claim("s", owner, ttl).await)
        }
        3 => {
            let token = random.random_range(1..4);
            let lease = Lease { subscription: "s".to_owned(), token, checkpoint: 0 };
            tell(&store.save_checkpoint(&lease, random.random_range(0..100)).await)
        }
        _ => tell(&store.append(append(&mut random)).await),
    }
}

/// Ids are drawn from a small range, and contents follow from ids save now and then, so that every
/// kind of repetition and collision happens.
fn append(random: &mut ChaCha8Rng) -> Append {
    let first = random.random_range(0..400_u128);
    let home = stream(random);
    let events = (first..first + random.random_range(1..6)).map(|id| {
        let mut new = event(id);
        if random.random_ratio(1, 20) {
            new.payload = "[]".to_owned();
        }
        let stream = if random.random_ratio(1, 3) { stream(random) } else { home.clone() };
        (name(&stream), new)
    });
    let events: Vec<_> = events.collect();
    let mut expected = Vec::new();
    for stream in ["order-1", "order-2", "item-1", "bill-1"] {
        if random.random_ratio(1, 4) {
            let belief = match random.random_range(0..4) {
                0 => ExpectedVersion::Any,
                1 => ExpectedVersion::NoStream,
                2 => ExpectedVersion::StreamExists,
                _ => ExpectedVersion::Exact(random.random_range(0..9)),
            };
            expected.push((name(stream), belief));
        }
    }
    Append { expected, events }
}

fn stream(random: &mut ChaCha8Rng) -> String {
    let streams = ["order-1", "order-2", "item-1", "bill-1"];
    streams[random.random_range(0..streams.len())].to_owned()
}

fn tell<T: Debug>(outcome: &Result<T, Error>) -> String {
    format!("{outcome:?}")
}
