//! The mail directory as the mail servers and the engine see it.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capabilities, Capability, MailboxSet};
use proptest::prelude::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tempfile::TempDir;
use workers::platform::{
    Answer, Cause, Directory, EffectKey, Error, Mode, Platform, Right, SetRights,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("directory.db")
}

fn call(
    numbers: impl IntoIterator<Item = u32>,
    capabilities: impl IntoIterator<Item = Capability>,
    right: Right,
) -> SetRights {
    SetRights {
        key: EffectKey {
            programme: "cec-pac".parse().unwrap(),
            revision: 1,
            phase: Some("receive-only".parse().unwrap()),
        },
        mailboxes: numbers.into_iter().collect(),
        capabilities: capabilities.into_iter().collect(),
        right,
        decided_at: 0,
    }
}

fn set(numbers: impl IntoIterator<Item = u32>) -> MailboxSet {
    numbers.into_iter().collect()
}

fn address(number: u32) -> String {
    format!("maria.rossi{number}@postacertificata.example")
}

async fn directory(folder: &TempDir, numbers: impl IntoIterator<Item = u32>) -> Directory {
    let directory = Directory::create(&file(folder), Mode::Rehearsal).await.unwrap();
    let rows: Vec<_> = numbers.into_iter().map(|number| (number, address(number))).collect();
    directory.provision(&rows, 1).await.unwrap();
    directory
}

/// Another program's connection, as a mail server has one.
async fn plain(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

/// What a mail server reads for an address: can send, read only, can receive, can log in.
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
async fn what_is_set_is_what_a_mail_server_looks_up() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..4).await;
    let past = Right::Until(at("2015-03-17T23:00:00Z"));
    let answer =
        directory.set(&call([1, 2], [Capability::Send, Capability::Modify], past)).await.unwrap();
    assert_eq!(answer, Answer { applied: set([1, 2]), ..Answer::default() });
    directory.set(&call([2], [Capability::Receive], past)).await.unwrap();
    directory.set(&call([3], [Capability::Access], past)).await.unwrap();

    let mut server = plain(&file(&folder)).await;
    let rights = [
        (0, [true, false, true, true]),
        (1, [false, true, true, true]),
        (2, [false, true, false, true]),
        (3, [true, false, true, false]),
    ];
    for (number, expected) in rights {
        assert_eq!(looked_up(&mut server, &address(number)).await, Some(expected), "{number}");
    }
    let reason =
        "SELECT '550 5.7.1 ' || send_reason FROM rights WHERE address = ? AND NOT can_send";
    let (reason,): (String,) =
        sqlx::query_as(reason).bind(address(1)).fetch_one(&mut server).await.unwrap();
    assert_eq!(reason, "550 5.7.1 this mailbox can no longer send");
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
async fn an_armed_right_ends_at_its_instant_and_not_before() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..3).await;
    let midnight = at("2015-03-17T23:00:00Z");
    let moments = [(-1_000, true), (-1, true), (0, false), (1, false), (86_400_000, false)];
    directory.set_clock(Some(at("2014-12-18T10:00:00Z"))).await.unwrap();
    directory.set(&call([1], [Capability::Send], Right::Until(midnight))).await.unwrap();
    let mut server = plain(&file(&folder)).await;
    for (milliseconds, allowed) in moments {
        let moment = midnight + TimeDelta::milliseconds(milliseconds);
        directory.set_clock(Some(moment)).await.unwrap();
        assert_eq!(may_send(&directory, [1]).await.contains(1), allowed, "{moment}");
        assert_eq!(looked_up(&mut server, &address(1)).await.unwrap()[0], allowed, "{moment}");
    }
    assert_eq!(may_send(&directory, [0, 2]).await, set([0, 2]));
}

#[tokio::test]
async fn a_fraction_of_a_second_ends_nothing_early_and_brings_nothing_back() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..2).await;
    let until = call([1], [Capability::Send], Right::Until(at("2015-03-18T10:00:00.5Z")));
    directory.set_clock(Some(at("2015-03-18T10:00:00.4Z"))).await.unwrap();
    directory.set(&until).await.unwrap();
    assert_eq!(may_send(&directory, [1]).await, set([1]), "armed");
    directory.set_clock(Some(at("2015-03-18T10:00:01Z"))).await.unwrap();
    assert_eq!(may_send(&directory, [1]).await, set([]), "at the next full second");
    assert_eq!(directory.set(&until).await.unwrap().already_so, set([1]));

    directory.set(&call([1], [Capability::Send], Right::Allowed)).await.unwrap();
    directory.set_clock(Some(at("2015-03-18T10:00:00.5Z"))).await.unwrap();
    directory.set(&until).await.unwrap();
    assert_eq!(may_send(&directory, [1]).await, set([]), "set at its instant, it is gone at once");
}

#[tokio::test]
async fn a_repeated_call_changes_nothing_and_says_so() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..100).await;
    let rights = [
        Right::Until(at("2015-03-17T23:00:00Z")),
        Right::Until(at("2115-03-17T23:00:00Z")),
        Right::Allowed,
    ];
    for right in rights {
        let call = call(10..20, [Capability::Receive, Capability::Access], right);
        let first = directory.set(&call).await.unwrap();
        assert_eq!(first, Answer { applied: set(10..20), ..Answer::default() }, "{right:?}");
        let second = directory.set(&call).await.unwrap();
        assert_eq!(second, Answer { already_so: set(10..20), ..Answer::default() }, "{right:?}");
    }
}

#[tokio::test]
async fn a_mailbox_that_is_not_there_fails_for_good_and_the_others_are_done() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, [1, 2, 4]).await;
    let mut other = plain(&file(&folder)).await;
    sqlx::query("DELETE FROM mailbox WHERE number = 2").execute(&mut other).await.unwrap();
    let past = Right::Until(at("2015-03-17T23:00:00Z"));
    let call = call([1, 2, 3, 4, 70_000], [Capability::Send], past);
    let answer = directory.set(&call).await.unwrap();
    assert!(answer.is_partition_of(&call.mailboxes));
    assert_eq!(answer.applied, set([1, 4]));
    let [failure] = &answer.failed[..] else { panic!("{answer:?}") };
    assert_eq!(failure.mailboxes, set([2, 3, 70_000]));
    assert_eq!((&failure.cause, failure.transient), (&Cause::UNKNOWN_MAILBOX, false));

    let actual = directory.read(&call.mailboxes, Capabilities::OF_PLATFORM).await.unwrap();
    assert_eq!(actual.unknown, set([2, 3, 70_000]));
    assert_eq!(actual.now[&Capability::Send], set([]));
    assert_eq!(actual.now[&Capability::Access], set([1, 4]));
}

#[tokio::test]
async fn a_gate_of_the_engine_is_not_for_the_mail_directory() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, [1]).await;
    for capability in [Capability::Activate, Capability::RequestLogs, Capability::RequestVoucher] {
        let set = call([1], [Capability::Send, capability], Right::Allowed);
        let error = directory.set(&set).await.unwrap_err();
        assert_eq!((error.cause(), error.may_retry()), (&Cause::NOT_CONTROLLED, false));
        let error = directory.read(&set.mailboxes, capability.into()).await.unwrap_err();
        assert!(error.to_string().contains(capability.name()), "{error}");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_the_directory_whole() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..20_000).await;
    let all = call(0..20_000, [Capability::Send], Right::Until(at("2015-03-17T23:00:00Z")));
    for polls in 0..12 {
        // Dropped after that many polls, wherever it then is.
        let mut left = polls;
        let mut setting = Box::pin(directory.set(&all));
        std::future::poll_fn(|context| {
            if left == 0 || setting.as_mut().poll(context).is_ready() {
                return std::task::Poll::Ready(());
            }
            left -= 1;
            std::task::Poll::Pending
        })
        .await;
        drop(setting);
        let left = may_send(&directory, 0..20_000).await.len();
        assert!(left == 0 || left == 20_000, "{left} after {polls} polls");
    }
    let answer = directory.set(&all).await.unwrap();
    assert!(answer.is_partition_of(&all.mailboxes));
    assert!(may_send(&directory, 0..20_000).await.is_empty());
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
    let past = Right::Until(at("2015-03-17T23:00:00Z"));
    let far = Right::Until(at("2515-03-17T23:00:00Z"));
    directory.set(&call([1], [Capability::Send], past)).await.unwrap();
    directory.set(&call([2], [Capability::Send], far)).await.unwrap();
    assert_eq!(may_send(&directory, [1, 2]).await, set([2]));
}

#[tokio::test]
async fn provisioning_keeps_rights_swaps_addresses_and_moves_its_checkpoint_with_its_rows() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..1_200).await;
    let past = Right::Until(at("2015-03-17T23:00:00Z"));
    directory.set(&call([1], [Capability::Send], past)).await.unwrap();
    assert_eq!(directory.checkpoint().await.unwrap(), 1);

    let swapped = [(1, address(2)), (2, address(1)), (5_000, address(5_000))];
    directory.provision(&swapped, 7).await.unwrap();
    assert_eq!(directory.checkpoint().await.unwrap(), 7);
    let mut server = plain(&file(&folder)).await;
    assert!(!looked_up(&mut server, &address(2)).await.unwrap()[0], "rights stay with the mailbox");
    assert!(looked_up(&mut server, &address(1)).await.unwrap()[0]);
    assert!(looked_up(&mut server, &address(5_000)).await.unwrap()[0]);

    let taken = [(6_000, address(6_000)), (6_001, address(3))];
    let error = directory.provision(&taken, 8).await.unwrap_err();
    assert!(!error.may_retry() && error.to_string().contains("address"), "{error}");
    assert_eq!(directory.checkpoint().await.unwrap(), 7);
    assert_eq!(looked_up(&mut server, &address(6_000)).await, None);

    let identity = directory.identity();
    directory.close().await.unwrap();
    let again = Directory::open(&file(&folder)).await.unwrap();
    assert_eq!((again.identity(), again.mode()), (identity, Mode::Rehearsal));
    assert_eq!(again.checkpoint().await.unwrap(), 7);
}

#[tokio::test]
async fn a_file_that_vanished_is_said_to_be_gone_and_nothing_counts_as_done() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder, 0..3).await;
    let away = folder.path().join("away.db");
    std::fs::rename(file(&folder), &away).unwrap();
    let change = call([1], [Capability::Send], Right::Until(at("2015-03-17T23:00:00Z")));
    let calls = [
        directory.set(&change).await.unwrap_err(),
        directory.read(&change.mailboxes, Capability::Send.into()).await.unwrap_err(),
        directory.provision(&[], 9).await.unwrap_err(),
        directory.checkpoint().await.unwrap_err(),
    ];
    for error in calls {
        assert!(error.may_retry());
        assert_eq!(error.cause(), &Cause::GONE);
        assert!(error.to_string().contains("is gone; put it back from its backup"), "{error}");
    }
    let error = Directory::create(&file(&folder), Mode::Rehearsal).await.unwrap_err();
    assert!(error.to_string().contains("-wal is in the way"), "{error}");
    std::fs::write(file(&folder), "something else").unwrap();
    let error = directory.set(&change).await.unwrap_err();
    assert!(error.to_string().contains("was replaced"), "{error}");

    std::fs::rename(&away, file(&folder)).unwrap();
    assert_eq!(directory.set(&change).await.unwrap().applied, set([1]));
}

#[tokio::test]
async fn whatever_is_no_usable_directory_is_told_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let made = directory(&folder, 0..20_000).await;
    made.close().await.unwrap();
    let good = std::fs::read(file(&folder)).unwrap();
    let newer = {
        let mut bytes = good.clone();
        bytes[60..64].copy_from_slice(&2_i32.to_be_bytes());
        bytes
    };
    let mut foreign = good.clone();
    foreign[68..72].fill(0);
    let mut scrambled = good.clone();
    scrambled[100..16_384].fill(0x5a);
    let files: [(&str, &[u8], &str); 6] = [
        ("an empty file", b"", "is no mail directory"),
        ("a text", b"number,address\n", "is no mail directory"),
        ("another database", &foreign, "is no mail directory"),
        ("a newer version's", &newer, "newer version"),
        ("one cut short", &good[..good.len() / 2], "put it back from its backup"),
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
    assert!(error.to_string().contains("is no file"), "{error}");
    let error = Directory::create(&file(&folder), Mode::Rehearsal).await.unwrap_err();
    assert!(error.to_string().contains("in the way"), "{error}");
    let nowhere = folder.path().join("no/such/folder.db");
    let error = Directory::create(&nowhere, Mode::Rehearsal).await.unwrap_err();
    assert!(error.to_string().contains("check that its folder exists"), "{error}");
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let draft = left.into_iter().find(|name| name.to_string_lossy().contains("new"));
    assert_eq!(draft, None, "no draft is left behind");
    Directory::open(&file(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_directory_that_can_not_be_written_to_may_be_tried_again() {
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
    assert!(error.may_retry() && error.to_string().contains("is locked by another"), "{error}");
}

/// What the property test does to a directory and to its model.
#[derive(Debug, Clone)]
enum Step {
    Set { mailboxes: BTreeSet<u32>, capabilities: Vec<Capability>, until: Option<i64> },
    Clock(i64),
    Remove(u32),
}

fn step() -> impl Strategy<Value = Step> {
    // Dense, ragged and far-flung numbers: each takes another way through the directory.
    let number = prop_oneof![8 => 0..120_u32, 1 => 65_500..65_580_u32, 1 => any::<u32>()];
    let numbers = prop_oneof![
        proptest::collection::btree_set(number, 0..60),
        (0..120_u32, 0..120_u32).prop_map(|(from, more)| (from..from + more).collect()),
    ];
    let capabilities = proptest::sample::subsequence(
        vec![Capability::Send, Capability::Modify, Capability::Receive, Capability::Access],
        1..=4,
    );
    let change = (numbers, capabilities, proptest::option::of(990..1_010_i64));
    prop_oneof![
        6 => change.prop_map(|(mailboxes, capabilities, until)| {
            Step::Set { mailboxes, capabilities, until }
        }),
        2 => (990..1_010_i64).prop_map(Step::Clock),
        1 => (0..120_u32).prop_map(Step::Remove),
    ]
}

/// Each mailbox's instants by capability; a capability that is not in it has no end.
type Model = BTreeMap<u32, BTreeMap<Capability, i64>>;

fn expected(model: &mut Model, step: &Step, now: i64) -> Answer {
    let Step::Set { mailboxes, capabilities, until } = step else { return Answer::default() };
    let (mut applied, mut already_so) = (BTreeSet::new(), BTreeSet::new());
    for number in mailboxes {
        let Some(instants) = model.get_mut(number) else { continue };
        let so = capabilities.iter().all(|capability| match (instants.get(capability), until) {
            (Some(kept), Some(until)) => kept == until || (*kept <= now && *until <= now),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        });
        if so {
            already_so.insert(*number)
        } else {
            applied.insert(*number)
        };
        for capability in capabilities.iter().filter(|_| !so) {
            match until {
                Some(until) => instants.insert(*capability, *until),
                None => instants.remove(capability),
            };
        }
    }
    Answer { applied: set(applied), already_so: set(already_so), failed: Vec::new() }
}

async fn agrees(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = TempDir::new().unwrap();
    let numbers = (0..120).filter(|number| number % 3 != 0).chain([65_535, 65_536, u32::MAX]);
    let mut model: Model = numbers.map(|number| (number, BTreeMap::new())).collect();
    let directory = directory(&folder, model.keys().copied()).await;
    let mut now = 1_000;
    directory.set_clock(DateTime::from_timestamp(now, 0)).await.unwrap();
    let mut other = plain(&file(&folder)).await;
    for step in &steps {
        let foretold = expected(&mut model, step, now);
        match step {
            Step::Set { mailboxes, capabilities, until } => {
                let right = until.map_or(Right::Allowed, |until| {
                    Right::Until(DateTime::from_timestamp(until, 0).unwrap())
                });
                let call = call(mailboxes.iter().copied(), capabilities.iter().copied(), right);
                let answer = directory.set(&call).await.unwrap();
                prop_assert!(answer.is_partition_of(&call.mailboxes));
                prop_assert_eq!(answer.applied, foretold.applied);
                prop_assert_eq!(answer.already_so, foretold.already_so);
            }
            Step::Clock(instant) => {
                now = *instant;
                directory.set_clock(DateTime::from_timestamp(now, 0)).await.unwrap();
            }
            Step::Remove(number) => {
                model.remove(number);
                let sql = format!("DELETE FROM mailbox WHERE number = {number}");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut other).await.unwrap();
            }
        }
        let asked = set((0..130).chain(65_530..65_540).chain([u32::MAX]));
        let actual = directory.read(&asked, Capabilities::OF_PLATFORM).await.unwrap();
        let unknown = asked.iter().filter(|number| !model.contains_key(number));
        prop_assert_eq!(actual.unknown, set(unknown));
        for (capability, allowed) in actual.now {
            let may = model
                .iter()
                .filter(|(_, instants)| instants.get(&capability).is_none_or(|until| now < *until));
            prop_assert_eq!(allowed, set(may.map(|(number, _)| *number)), "{}", capability);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_directory_does_what_a_map_of_instants_would(
        steps in proptest::collection::vec(step(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(agrees(steps))?;
    }
}

#[test]
fn an_error_of_the_port_can_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Error>();
    crosses::<Directory>();
}
