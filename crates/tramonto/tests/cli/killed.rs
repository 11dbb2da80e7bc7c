//! The real process may be killed at any moment: what it started is finished once, and no mailbox
//! is missed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine::Home;
use rehearsal::prove;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::process;
use crate::scene::Scene;

const KILLS: u32 = 20;
const HEAD: &str = "SELECT position FROM log_head";
const COMPLETED: &str = "SELECT count(*) FROM event JOIN kind ON kind.id = event.kind
                         WHERE kind.name = 'phase-completed'";

fn tramonto(store: &Path, arguments: &[&str]) -> Command {
    let mut command = process::tramonto();
    command.arg("--store").arg(store).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Queries the log without our code.
async fn ask(store: &Path, question: &'static str) -> i64 {
    let options = SqliteConnectOptions::new().filename(store.join("log.db")).read_only(true);
    let mut log = options.connect().await.unwrap();
    let (answer,) = sqlx::query_as(question).fetch_one(&mut log).await.unwrap();
    log.close().await.unwrap();
    answer
}

#[tokio::test]
async fn a_run_killed_twenty_times_in_mid_sweep_ends_the_same() {
    let scene = Scene::empty();
    scene.populate(9000);
    let store = store_of(&scene);
    for kill in 0..KILLS {
        let begun_at = ask(&store, HEAD).await;
        let mut running =
            tramonto(&store, &["run", "--batch", "100", "--workers", "1"]).spawn().unwrap();
        let begun = Instant::now();
        // Killed after a few more events each time, wherever that is.
        while ask(&store, HEAD).await <= begun_at + i64::from(kill % 4) {
            assert!(begun.elapsed() < Duration::from_mins(1), "the run came to nothing");
            assert!(running.try_wait().unwrap().is_none(), "the run ended by itself");
        }
        running.kill().unwrap();
        running.wait().unwrap();
        let completed = ask(&store, COMPLETED).await;
        assert!(completed < 5, "killed {kill} times, and there was nothing left to kill");
    }
    done(&store, &["run", "--batch", "100", "--until-idle"]);
    assert_eq!(ask(&store, COMPLETED).await, 5, "every phase completed, once");
    let proof = prove(&Home::new(&store)).await.unwrap();
    assert_eq!(proof.problems, [""; 0]);
    assert!(proof.effects > 0);
}

fn store_of(scene: &Scene) -> PathBuf {
    scene.path("tramonto-store")
}

fn done(store: &Path, arguments: &[&str]) {
    assert!(tramonto(store, arguments).status().unwrap().success(), "{arguments:?}");
}

/// Queries a file of the store without our code; `None` if it cannot be queried now.
async fn asked(file: &Path, question: &'static str) -> Option<i64> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await.ok()?;
    let answer = sqlx::query_scalar(question).fetch_one(&mut connection).await;
    connection.close().await.unwrap();
    answer.ok()
}

/// Starts a command and kills it once the condition holds, or lets it end.
async fn killed_once(store: &Path, arguments: &[&str], mut so: impl AsyncFnMut() -> bool) {
    let mut running = tramonto(store, arguments).spawn().unwrap();
    let begun = Instant::now();
    while !so().await && running.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{arguments:?} came to nothing");
    }
    running.kill().unwrap();
    running.wait().unwrap();
}

#[tokio::test]
async fn reading_of_logs_killed_again_and_again_counts_each_line_once() {
    const FILES: i64 = 300;
    let scene = Scene::ending("2090-03-18", 500);
    let store = store_of(&scene);
    let mut arguments = vec!["mail-log".to_owned(), "index".to_owned()];
    for file in 0..FILES {
        let stamp = format!("2015-07-{:02}T{:02}:00:00+02:00", 1 + file / 24, file % 24);
        let line = |number: i64| {
            format!(
                "{stamp} mx1 postfix/smtpd[1]: {number:X}: client=mail.comune.example[192.0.2.2]\n\
                 {stamp} mx1 postfix/qmgr[3]: {number:X}: from=<urp@comune.example>, size=1, \
                 nrcpt=1\n\
                 {stamp} mx1 postfix/lmtp[4]: {number:X}: to=<a@postacertificata.example>, \
                 relay=x, \
                 delay=1, dsn=2.0.0, status=sent (250 Ok)\n\
                 {stamp} mx1 postfix/qmgr[3]: {number:X}: removed\n"
            )
        };
        let text: String = (0..10).map(|message| line(0x3F2A_0000 + 10 * file + message)).collect();
        let path = scene.path(&format!("mail.log.{file}"));
        std::fs::write(&path, text).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let archive = store.join("archive.db");
    let files = async || asked(&archive, "SELECT count(*) FROM source").await.unwrap_or(0);
    let mut killed = 0;
    loop {
        let read = files().await;
        if read == FILES {
            break;
        }
        killed_once(&store, &arguments, async || files().await > read + 20).await;
        killed += 1;
    }
    assert!(killed > 3, "it was killed {killed} times");
    done(&store, &arguments);
    for (question, expected) in [
        ("SELECT sum(lines) FROM source", 40 * FILES),
        ("SELECT count(*) FROM source", FILES),
        ("SELECT count(*) FROM message", 10 * FILES),
        ("SELECT count(*) FROM unfinished", 0),
    ] {
        assert_eq!(asked(&archive, question).await, Some(expected), "{question}");
    }
}

#[tokio::test]
async fn an_erasure_killed_in_any_place_is_finished_and_leaves_nothing() {
    let scene = Scene::ending("2018-03-18", 500);
    let whole = store_of(&scene);
    done(&whole, &["run", "--until-idle"]);
    let row = scene.row(7);
    let known_by = [row[1].as_str(), row[4].as_str()];
    for number in 0..3 {
        let text = format!("From: {number}@posta.example\r\n\r\n{}\r\n", known_by[0]);
        scene.write("message.eml", &text);
        scene.ok(&["message", "receive", "message.eml"]);
    }
    const ORDERED: &str = "SELECT count(*) FROM event JOIN kind ON kind.id = event.kind
                           WHERE kind.name = 'erasure-ordered'";
    const ERASED: &str = "SELECT count(*) FROM event JOIN kind ON kind.id = event.kind
                          WHERE kind.name = 'holders-erased'";
    let mut interrupted = 0;
    for (round, (file, question, at)) in [
        ("log.db", ORDERED, 1),
        ("intake.db", "SELECT count(*) FROM message", 0),
        ("directory.db", "SELECT count(*) FROM mailbox WHERE address LIKE '%@%'", 0),
        ("registry.db", "SELECT count(*) FROM registration", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let store = scene.path(&format!("store-{round}"));
        let copied = Command::new("cp").arg("-a").args([&whole, &store]).status();
        assert!(copied.unwrap().success());
        assert_ne!(asked(&store.join(file), question).await, Some(at), "{file}");
        let path = store.join(file);
        let so = async || asked(&path, question).await == Some(at);
        killed_once(&store, &["erasure", "start", "--all", "--reason", "a test"], so).await;
        let log = store.join("log.db");
        interrupted += i64::from(asked(&log, ERASED).await == Some(0));
        done(&store, &["erasure", "resume"]);
        assert_eq!(asked(&log, ERASED).await, Some(1), "killed at {file}");
        assert_eq!(asked(&log, ORDERED).await, Some(1), "killed at {file}");
        let verify = [&["erasure", "verify"][..], &known_by].concat();
        assert!(tramonto(&store, &verify).status().unwrap().success(), "killed at {file}");
        for entry in std::fs::read_dir(&store).unwrap().map(Result::unwrap) {
            let bytes = std::fs::read(entry.path()).unwrap_or_default().to_ascii_lowercase();
            for text in known_by.map(str::to_lowercase) {
                let stands = bytes.windows(text.len()).any(|part| part == text.as_bytes());
                assert!(!stands, "killed at {file}: left in {}", entry.path().display());
            }
        }
        done(&store, &["store", "rebuild"]);
        let proof = prove(&Home::new(&store)).await.unwrap();
        assert_eq!(proof.problems, [""; 0], "killed at {file}");
    }
    assert!(interrupted > 1, "it was interrupted {interrupted} times");
}
