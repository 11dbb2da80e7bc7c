//! The mail directory in a file: tests specific to files. The common contract is in `contract`.

use std::path::{Path, PathBuf};

use domain::{Capability, MailboxSet};
use platform::{Cause, Directory, Error, Mode, Platform, Right, SetRights};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};
use tempfile::TempDir;

use crate::contract::home::{address, at, call, close, set};

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("directory.db")
}

async fn directory(folder: &TempDir, numbers: impl IntoIterator<Item = u32>) -> Directory {
    let directory = Directory::create(&file(folder), Mode::Rehearsal).await.unwrap();
    let rows: Vec<_> = numbers.into_iter().map(|number| (number, address(number))).collect();
    directory.provision(&rows, 1).await.unwrap();
    directory
}

/// Another program's connection, like a mail server's.
async fn plain(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

/// A mail server's lookup of an address: can send, read only, can receive, can log in.
async fn looked_up(connection: &mut SqliteConnection, address: &str) -> Option<[bool; 4]> {
    let sql = "SELECT can_send, read_only, can_receive, can_login FROM rights WHERE address = ?";
    let row = sqlx::query(sql).bind(address).fetch_optional(connection).await.unwrap()?;
    Some([0, 1, 2, 3].map(|column| row.get::<bool, _>(column)))
}

async fn may_send(directory: &Directory, numbers: impl IntoIterator<Item = u32>) -> MailboxSet {
    let numbers = set(numbers);
    let actual = directory.read(&numbers, Capability::Send.into()).await.unwrap();
    actual.now[&Capability::Send].clone()
}

#[tokio::test]
async fn an_address_is_found_in_any_case_through_the_index() {
    let folder = TempDir::new().unwrap();
    let _directory = directory(&folder, 0..3).await;
    let mut server = plain(&file(&folder)).await;
    let upper = address(1).to_uppercase();
    assert_eq!(looked_up(&mut server, &upper).await, Some([true, false, true, true]));
    assert_eq!(looked_up(&mut server, "nobody@postacertificata.example").await, None);

    let plan = "EXPLAIN QUERY PLAN SELECT '550 5.2.1 ' || receive_reason FROM rights
                WHERE address = ? AND NOT can_receive";
    let steps = sqlx::query(plan).bind("x").fetch_all(&mut server).await.unwrap();
    let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
    let uses = |what: &str| steps.iter().any(|step| step.starts_with(what));
    assert!(uses("SEARCH mailbox USING COVERING INDEX"), "{steps:?}");
    assert!(uses("SEARCH armed USING INTEGER PRIMARY KEY"), "{steps:?}");
    assert!(!uses("SCAN mailbox") && !uses("SCAN armed"), "{steps:?}");
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_migrated() {
    let folder = TempDir::new().unwrap();
    directory(&folder, 0..3).await.close().await.unwrap();
    let mut other = plain(&file(&folder)).await;
    let as_it_was =
        "DROP TABLE decision; DROP VIEW rights; ALTER TABLE mailbox DROP COLUMN password;
        ALTER TABLE refusal DROP COLUMN send_status; ALTER TABLE refusal DROP COLUMN receive_status;
        CREATE VIEW rights AS SELECT 1 AS number; PRAGMA user_version = 1";
    sqlx::raw_sql(as_it_was).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let directory = Directory::open(&file(&folder)).await.unwrap();
    let close = SetRights { decided_at: 7, ..close([1]) };
    assert_eq!(directory.set(&close).await.unwrap().applied, set([1]));
    let late = SetRights { decided_at: 6, right: Right::Allowed, ..close };
    assert_eq!(directory.set(&late).await.unwrap().failed[0].cause, Cause::SUPERSEDED);
    directory.close().await.unwrap();
    assert_eq!(Directory::open(&file(&folder)).await.unwrap().checkpoint().await.unwrap(), 1);
    let lookup = "SELECT send_status, send_reason, password FROM rights WHERE number = 1";
    let mut server = plain(&file(&folder)).await;
    let row: (String, String, Option<String>) =
        sqlx::query_as(lookup).fetch_one(&mut server).await.unwrap();
    assert_eq!(row, ("5.7.1".to_owned(), "this mailbox can no longer send".to_owned(), None));
}

#[tokio::test]
async fn a_mail_server_that_may_only_read_finds_what_it_needs_when_nothing_of_ours_runs() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..3).await;
    directory.set(&close([1])).await.unwrap();
    directory.close().await.unwrap();
    for beside in ["directory.db-wal", "directory.db-shm"] {
        assert!(folder.path().join(beside).is_file(), "{beside}");
    }
    assert_eq!(std::fs::metadata(folder.path().join("directory.db-wal")).unwrap().len(), 0);
}

#[tokio::test]
async fn production_refuses_any_clock_but_the_computers() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::create(&file(&folder), Mode::Production).await.unwrap();
    assert_eq!(directory.mode(), Mode::Production);
    let error = directory.set_clock(Some(at("2015-03-17T23:00:00Z"))).await.unwrap_err();
    assert!(error.to_string().contains("was made for production"), "{error}");
    let mut other = plain(&file(&folder)).await;
    let tampered = sqlx::query("UPDATE clock SET rehearsed_at = 0").execute(&mut other).await;
    assert!(tampered.unwrap_err().to_string().contains("CHECK constraint failed"));

    directory.provision(&[(1, address(1)), (2, address(2))], 1).await.unwrap();
    let far = Right::Until(at("2515-03-17T23:00:00Z"));
    directory.set(&close([1])).await.unwrap();
    directory.set(&call([2], [Capability::Send], far)).await.unwrap();
    assert_eq!(may_send(&directory, [1, 2]).await, set([2]));
}

#[tokio::test]
async fn a_missing_file_is_reported_and_nothing_counts_as_done() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..3).await;
    let away = folder.path().join("away.db");
    std::fs::rename(file(&folder), &away).unwrap();
    let change = close([1]);
    let calls = [
        directory.set(&change).await.unwrap_err(),
        directory.read(&change.mailboxes, Capability::Send.into()).await.unwrap_err(),
        directory.provision(&[], 9).await.unwrap_err(),
        directory.checkpoint().await.unwrap_err(),
    ];
    for error in calls {
        assert!(error.may_retry());
        assert_eq!(error.cause(), &Cause::GONE);
        assert!(error.to_string().contains("is gone; restore it from its backup"), "{error}");
    }
    let error = Directory::create(&file(&folder), Mode::Rehearsal).await.unwrap_err();
    assert!(error.to_string().contains("-wal already exists"), "{error}");
    std::fs::write(file(&folder), "something else").unwrap();
    let error = directory.set(&change).await.unwrap_err();
    assert!(error.to_string().contains("was replaced"), "{error}");

    std::fs::rename(&away, file(&folder)).unwrap();
    assert_eq!(directory.set(&change).await.unwrap().applied, set([1]));
}

#[tokio::test]
async fn every_unusable_directory_is_a_clear_error() {
    let folder = TempDir::new().unwrap();
    let made = directory(&folder, 0..20_000).await;
    made.close().await.unwrap();
    let good = std::fs::read(file(&folder)).unwrap();
    let newer = {
        let mut bytes = good.clone();
        bytes[60..64].copy_from_slice(&4_i32.to_be_bytes());
        bytes
    };
    let mut foreign = good.clone();
    foreign[68..72].fill(0);
    let mut scrambled = good.clone();
    scrambled[100..16_384].fill(0x5a);
    let files: [(&str, &[u8], &str); 6] = [
        ("an empty file", b"", "is not a mail directory"),
        ("a text", b"number,address\n", "is not a mail directory"),
        ("another database", &foreign, "is not a mail directory"),
        ("a newer version's", &newer, "newer version"),
        ("one cut short", &good[..good.len() / 2], "restore it from its backup"),
        ("one overwritten", &scrambled, "is damaged"),
    ];
    for (name, bytes, expected) in files {
        let path = folder.path().join("file.db");
        std::fs::write(&path, bytes).unwrap();
        let error = Directory::open(&path).await.expect_err(name);
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(!error.may_retry(), "{name}");
        std::fs::remove_file(&path).unwrap();
    }
    let error = Directory::open(&folder.path().join("none.db")).await.unwrap_err();
    assert!(error.to_string().contains("tramonto platform rebuild"), "{error}");
    let error = Directory::open(folder.path()).await.unwrap_err();
    assert!(error.to_string().contains("is not a file"), "{error}");
    let error = Directory::create(&file(&folder), Mode::Rehearsal).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    let nowhere = folder.path().join("no/such/folder.db");
    let error = Directory::create(&nowhere, Mode::Rehearsal).await.unwrap_err();
    assert!(error.to_string().contains("check that its folder exists"), "{error}");
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let draft = left.into_iter().find(|name| name.to_string_lossy().contains("new"));
    assert_eq!(draft, None, "no draft is left over");
    Directory::open(&file(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_read_only_directory_is_a_transient_error() {
    let folder = TempDir::new().unwrap();
    directory(&folder, 0..3).await.close().await.unwrap();
    let path = file(&folder);
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions.clone()).unwrap();
    let error = Directory::open(&path).await.unwrap_err();
    assert!(error.may_retry() && error.to_string().contains("is read-only"), "{error}");
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    std::fs::set_permissions(&path, permissions).unwrap();

    let mut other = plain(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = Directory::open(&path).await.unwrap_err();
    assert!(
        error.may_retry() && error.to_string().contains("another process holds the lock"),
        "{error}"
    );
}

#[test]
fn an_error_of_the_port_can_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Error>();
    crosses::<Directory>();
}
