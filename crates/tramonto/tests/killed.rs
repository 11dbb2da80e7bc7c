//! The real process may be killed at any moment: what was begun is ended once, and nobody is missed.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tramonto::Home;
use tramonto::rehearse::prove;

const KILLS: u32 = 20;
const HEAD: &str = "SELECT position FROM log_head";
const COMPLETED: &str = "SELECT count(*) FROM event JOIN kind ON kind.id = event.kind
                         WHERE kind.name = 'phase-completed'";

fn tramonto(store: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tramonto"));
    command.arg("--store").arg(store).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    command
}

/// Asks the log with nothing of ours.
async fn ask(store: &Path, question: &'static str) -> i64 {
    let options = SqliteConnectOptions::new().filename(store.join("log.db")).read_only(true);
    let mut log = options.connect().await.unwrap();
    let (answer,) = sqlx::query_as(question).fetch_one(&mut log).await.unwrap();
    log.close().await.unwrap();
    answer
}

#[tokio::test]
async fn a_run_killed_twenty_times_in_mid_sweep_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let registry = folder.path().join("registry.csv");
    let registry = registry.to_str().unwrap();
    let done = |arguments: &[&str]| {
        assert!(tramonto(&store, arguments).status().unwrap().success(), "{arguments:?}");
    };
    done(&["generate", "--registrations", "9000", "--out", registry]);
    done(&["import", registry]);
    for kill in 0..KILLS {
        let begun_at = ask(&store, HEAD).await;
        let mut running =
            tramonto(&store, &["run", "--batch", "100", "--workers", "1"]).spawn().unwrap();
        let begun = Instant::now();
        // Killed after a few more events each time, in the middle of whatever that is.
        while ask(&store, HEAD).await <= begun_at + i64::from(kill % 4) {
            assert!(begun.elapsed() < Duration::from_mins(1), "the run came to nothing");
            assert!(running.try_wait().unwrap().is_none(), "the run ended by itself");
        }
        running.kill().unwrap();
        running.wait().unwrap();
        let completed = ask(&store, COMPLETED).await;
        assert!(completed < 5, "killed {kill} times, and there was nothing left to kill");
    }
    done(&["run", "--batch", "100", "--until-idle"]);
    assert_eq!(ask(&store, COMPLETED).await, 5, "every phase completed, once");
    let proof = prove(&Home::new(&store)).await.unwrap();
    assert_eq!(proof.problems, [""; 0]);
    assert!(proof.effects > 0);
}
