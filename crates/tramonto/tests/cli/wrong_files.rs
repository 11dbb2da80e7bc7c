//! Stores that are missing, damaged, foreign, or in use.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::scene::Scene;

const READS: [&[&str]; 3] = [&["status"], &["event", "list"], &["incident", "list"]];

#[test]
fn a_read_command_does_not_create_a_store() {
    let scene = Scene::empty();
    for arguments in READS {
        let told = scene.refused(arguments);
        assert!(told.contains("there is no store at tramonto-store"), "{told}");
        assert!(told.contains("--store"), "{told}");
    }
    assert!(scene.refused(&["run"]).contains("there is no store"));
    assert!(scene.refused(&["phase", "pause", "--reason", "x"]).contains("there is no store"));
    assert!(scene.refused(&["registry", "import", "none.csv"]).contains("none.csv"));
    assert!(!scene.path("tramonto-store").exists());
}

#[test]
fn a_file_that_is_not_a_store_is_refused_and_not_changed() {
    let scene = Scene::empty();
    std::fs::create_dir(scene.path("tramonto-store")).expect("a folder");
    scene.write("tramonto-store/log.db", "a shopping list, rather long, and certainly no database");
    for arguments in READS {
        let told = scene.refused(arguments);
        assert!(told.contains("it is not a SQLite database (check the path)"), "{told}");
        assert!(told.contains("restore it from a backup"), "{told}");
    }
    assert!(scene.read("tramonto-store/log.db").starts_with("a shopping list"));
}

#[test]
fn a_store_of_a_newer_version_names_both_versions() {
    let scene = Scene::of_500();
    let path = scene.path("tramonto-store/log.db");
    let mut bytes = std::fs::read(&path).expect("a log");
    bytes[60..64].copy_from_slice(&77_u32.to_be_bytes());
    std::fs::write(&path, bytes).expect("it can be written");
    let told = scene.refused(&["status"]);
    assert!(told.contains("have version 77 and this program knows version"), "{told}");
}

#[test]
fn a_truncated_store_is_reported_as_damaged() {
    let scene = Scene::of_500();
    let path = scene.path("tramonto-store/log.db");
    for (length, said) in [(0, "empty"), (50, "ends inside its header"), (8192, "truncated")] {
        let file = std::fs::File::options().write(true).open(&path).expect("a log");
        let before = std::fs::read(&path).expect("a log");
        file.set_len(length).expect("it can be cut");
        let told = scene.refused(&["status"]);
        assert!(told.contains("damaged") && told.contains("restore it from a backup"), "{told}");
        assert!(told.contains(said), "{length}: {told}");
        std::fs::write(&path, before).expect("it can be restored");
    }
    scene.ok(&["status"]);
}

#[test]
fn a_second_engine_is_refused_with_the_first_one_s_number() {
    let scene = Scene::of_500();
    let mut engine = scene
        .command(&["run", "--log", "off"])
        .stderr(Stdio::null())
        .spawn()
        .expect("an engine runs");
    let pid = format!("pid {}", engine.id());
    // Only once it has the lock: a command before that could get it first, and the engine would be
    // refused.
    let began = Instant::now();
    let lock = scene.path("tramonto-store").join("engine.lock");
    let holder = || std::fs::read_to_string(&lock).unwrap_or_default();
    while holder().trim() != engine.id().to_string() {
        assert!(began.elapsed() < Duration::from_mins(1), "the engine did not take the lock");
        std::thread::yield_now();
    }
    let told = scene.refused(&["store", "rebuild"]);
    let second = scene.run(&["run", "--until-idle"]);
    let status = scene.run(&["status"]);
    engine.kill().expect("it can be stopped");
    engine.wait().expect("it stops");
    assert!(told.contains("another tramonto process") && told.contains(&pid), "{told}");
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains(&pid), "{}", second.err);
    assert_eq!(status.code, Some(0), "a look needs no lock: {}", status.err);
    scene.ok(&["run", "--until-idle"]);
}

#[test]
fn a_missing_directory_is_reported_and_rebuilt_with_the_rights_of_the_log() {
    let scene = Scene::of_500();
    let (address, number) = scene.activated();
    scene.ok(&["hold", "place", &address, "--capability", "access", "--reason", "order 1"]);
    scene.ok(&["run", "--until-idle"]);
    let before = rights(&scene);
    assert_eq!(before.iter().filter(|row| row.1).count(), 1, "one is held");
    assert_eq!(before.iter().find(|row| row.1).map(|row| row.0), Some(number));
    assert!(scene.refused(&["platform", "rebuild"]).contains("never overwritten"));
    for more in ["", "-wal", "-shm"] {
        let gone = std::fs::remove_file(scene.path(&format!("tramonto-store/directory.db{more}")));
        assert!(gone.is_ok() || !more.is_empty());
    }
    let told = scene.refused(&["run", "--until-idle"]);
    assert!(told.contains("directory.db"), "{told}");
    assert!(scene.ok(&["platform", "rebuild"]).contains("with the rights of the log"));
    assert_eq!(rights(&scene), before);
    scene.ok(&["run", "--until-idle"]);
    assert_eq!(rights(&scene), before);
}

/// Number and whether it can log in, from the view of the mail servers.
fn rights(scene: &Scene) -> Vec<(u64, bool)> {
    use sqlx::{ConnectOptions, Connection};
    let path = scene.path("tramonto-store/directory.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = options.connect().await.expect("a directory");
        let rows: Vec<(i64, bool)> =
            sqlx::query_as("SELECT number, can_login FROM rights ORDER BY number")
                .fetch_all(&mut connection)
                .await
                .expect("rights");
        connection.close().await.expect("it closes");
        rows.into_iter()
            .map(|(number, may)| (u64::try_from(number).expect("a number"), may))
            .collect()
    })
}

#[test]
fn a_damaged_projection_does_not_hide_the_status_and_is_built_again() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    scene
        .write("tramonto-store/state.db", "not a database, but long enough to be looked at at all");
    for more in ["-wal", "-shm"] {
        drop(std::fs::remove_file(scene.path(&format!("tramonto-store/state.db{more}"))));
    }
    let status = scene.run(&["status"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    assert!(status.err.contains("tramonto store rebuild"), "{}", status.err);
    scene.ok(&["store", "rebuild"]);
    assert!(scene.run(&["status"]).err.is_empty());
}

#[test]
fn damaged_read_models_are_listed_and_a_mailbox_is_read_from_the_log() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    let (address, _) = scene.activated();
    let history = || scene.json(&["mailbox", "show", &address])["happened"].clone();
    let before = history();
    assert!(!before.as_array().expect("a list").is_empty());
    let damage = |name: &str| {
        let text = "not a database, but longer than the header of one, which has a hundred bytes; \
                    so it is read as far as that";
        scene.write(&format!("tramonto-store/{name}"), text);
        for more in ["-wal", "-shm"] {
            drop(std::fs::remove_file(scene.path(&format!("tramonto-store/{name}{more}"))));
        }
        let statuses = scene.json(&["store", "status"]);
        let statuses = statuses.as_array().expect("each read model");
        statuses.iter().map(|status| status["damaged"] == true).collect::<Vec<_>>()
    };
    assert_eq!(damage("mailboxes.db"), [false, true]);
    assert_eq!(damage("state.db"), [true, true]);
    let table = scene.ok(&["store", "status"]);
    assert_eq!(table.matches("damaged: run `tramonto store rebuild`").count(), 2, "{table}");
    assert_eq!(history(), before);
    let stopped = scene.refused(&["run", "--until-idle", "--log", "off"]);
    assert!(stopped.contains("tramonto store rebuild"), "{stopped}");
    assert!(!stopped.contains("backup"), "a second remedy: {stopped}");
}
