//! An import that is killed at any point and run again ends as if run once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::*;

#[path = "../../../../../tests/src/log_layer.rs"]
mod log_layer;

use log_layer::{Layered, LogLayer};

on_both!(
    killed_at_any_moment_and_run_again_it_ends_as_if_run_once,
    the_log_failing_before_or_after_any_append_changes_nothing_in_the_end,
);

/// The earlier file, and the one whose import is killed: new, changed and invalid rows.
fn files() -> (String, String) {
    let second = rows(0..18)
        .replace("rossi1@", "rossi100@")
        .replace(&row(7), &row(7).replace(",Mario,", ",Maria,"))
        .replace(&row(5), &row(5).replace("2011-02-03,,", "2011-02-03,2013-01-01,"))
        + &row(30).replace("rossi30@", "rossi1@")
        + "R31,bad\n"
        + &row(14)
        + &row(32);
    (rows(0..9), second)
}

/// Rows, log and rejects of a world at the end.
async fn outcome(world: &World, path: &Path) -> (Vec<Registration>, Vec<NewEvent>, String) {
    assert!(world.registry.announcements(1).await.unwrap().is_empty(), "the log was told all");
    (world.rows().await, world.log().await, fs::read_to_string(rejects_of(path)).unwrap())
}

async fn begun(on: On) -> (World, PathBuf) {
    let world = World::new(on).await;
    let (first, second) = files();
    world.import(&world.write("first.csv", first)).await.unwrap();
    let path = world.write("second.csv", second);
    (world, path)
}

async fn killed_at_any_moment_and_run_again_it_ends_as_if_run_once(on: On) {
    let (world, path) = begun(on).await;
    let once = world.import(&path).await.unwrap();
    assert_eq!(balance(&once), (22, 10, 6, 3, 3));
    let expected = outcome(&world, &path).await;
    let mut moments = 0;
    for step in 1.. {
        let (world, path) = begun(on).await;
        let ended = {
            let mut importing = pin!(world.import(&path));
            let mut polls = 0;
            poll_fn(|context| {
                if polls == step {
                    return Poll::Ready(false);
                }
                polls += 1;
                importing.as_mut().poll(context).map(|ended| ended.is_ok())
            })
            .await
        };
        let world = world.reopened().await;
        let again = world.import(&path).await.unwrap();
        assert_eq!(again.balance.read, once.balance.read, "killed at {step}");
        assert_eq!(outcome(&world, &path).await, expected, "killed at {step}");
        moments = step;
        if ended {
            break;
        }
    }
    // A fast server is polled rarely: there are fewer points at which to kill.
    assert!(moments > 10, "it was killed at {moments} moments only");
}

/// A log that fails at one append, before or after writing it.
struct Failing {
    log: Arc<dyn EventStore>,
    left: std::sync::atomic::AtomicU32,
    after: bool,
}

#[async_trait::async_trait]
impl LogLayer for Failing {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.log)
    }

    async fn append(
        &self,
        append: eventstore::Append,
    ) -> Result<eventstore::Appended, eventstore::Error> {
        let fails = self.left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1;
        if !fails || self.after {
            let appended = self.log.append(append).await?;
            if !fails {
                return Ok(appended);
            }
        }
        Err(eventstore::Error::StreamNotFound("made to fail".into()))
    }
}

async fn the_log_failing_before_or_after_any_append_changes_nothing_in_the_end(on: On) {
    let (world, path) = begun(on).await;
    world.import(&path).await.unwrap();
    let expected = outcome(&world, &path).await;
    for after in [false, true] {
        let mut failures = 0;
        for append in 1.. {
            let (world, path) = begun(on).await;
            let log = world.store.clone();
            let failing = Failing { log: log.clone(), left: append.into(), after };
            let world = World { store: Arc::new(Layered(failing)), ..world };
            let failed = world.import(&path).await.is_err();
            let world = World { store: log, ..world }.reopened().await;
            world.import(&path).await.unwrap();
            assert_eq!(outcome(&world, &path).await, expected, "append {append}, after: {after}");
            if !failed {
                break;
            }
            failures += 1;
        }
        assert!(failures >= 3, "only {failures} appends were made to fail");
    }
}
