//! What `deploy/postgres` holds: roles that may do what they are for and no more, settings that a
//! server starts with.

use std::path::Path;

use eventstore::ExpectedVersion::Any;
use eventstore::{DatabaseStore, EventStore};
use sqlx::{ConnectOptions, PgConnection};

use crate::database::{TestDatabase, execute};
use crate::fixture::{TestClock, log, to};
use crate::server::OwnServer;

fn deploy(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/postgres").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// Is a role let do something? It is done in a transaction that is rolled back.
async fn may(connection: &mut PgConnection, role: &str, sql: &str) -> bool {
    let tried = format!("BEGIN; SET LOCAL ROLE {role}; {sql}");
    let outcome = execute(connection, tried).await;
    execute(connection, "ROLLBACK").await.unwrap();
    match outcome {
        Ok(()) => true,
        Err(refused) => {
            assert!(refused.contains("permission denied"), "{role}: {sql}: {refused}");
            false
        }
    }
}

const WRITER: &str = "tramonto_writer";
const PROJECTOR: &str = "tramonto_projector";
const RELAY: &str = "tramonto_relay";
const READER: &str = "tramonto_reader";
const MAIL: &str = "tramonto_mail";
const ROLES: [&str; 4] = [WRITER, PROJECTOR, RELAY, READER];

/// What is tried, and who of writer, projector, relay, reader and the mail servers may.
const RIGHTS: [(&str, [bool; 5]); 20] = [
    ("SELECT * FROM tramonto.event", [true, true, true, true, false]),
    ("INSERT INTO tramonto.kind (name) VALUES ('new')", [true, false, false, false, false]),
    ("INSERT INTO tramonto.stream VALUES (9, 'a-9', 1, 0)", [true, false, false, false, false]),
    ("UPDATE tramonto.stream SET last_version = 1", [true, false, false, false, false]),
    ("UPDATE tramonto.stream SET name = 'b-1'", [false, false, false, false, false]),
    ("UPDATE tramonto.log_head SET position = position", [true, false, false, false, false]),
    ("DELETE FROM tramonto.log_head", [false, false, false, false, false]),
    ("UPDATE tramonto.event SET payload = '{}'", [false, false, false, false, false]),
    ("DELETE FROM tramonto.event", [false, false, false, false, false]),
    ("TRUNCATE tramonto.event", [false, false, false, false, false]),
    ("UPDATE tramonto.subscription SET checkpoint = 0", [true, true, true, false, false]),
    (
        "INSERT INTO tramonto.migration VALUES (9, '', now(), true, '', 0)",
        [false, false, false, false, false],
    ),
    ("CREATE TABLE tramonto.mine (a int)", [false, false, false, false, false]),
    (
        "INSERT INTO projection.mailbox VALUES (1); TRUNCATE projection.mailbox",
        [false, true, false, false, false],
    ),
    ("SELECT * FROM projection.mailbox", [true, true, false, true, false]),
    ("SELECT * FROM registry.person", [true, true, false, false, false]),
    ("UPDATE registry.person SET number = 1", [true, false, false, false, false]),
    ("UPDATE directory.rights SET number = 1", [true, true, false, false, false]),
    ("SELECT * FROM directory.rights", [true, true, false, false, true]),
    ("SELECT * FROM directory.armed", [true, true, false, false, false]),
];

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_no_more() {
    let database = TestDatabase::migrated().await;
    let mut owner = database.stranger().await;
    let roles = deploy("roles.sql");
    execute(&mut owner, &*roles).await.expect("the other schemas may be missing");
    let others = "
        CREATE SCHEMA projection; CREATE TABLE projection.mailbox (number int);
        CREATE SCHEMA registry; CREATE TABLE registry.person (number int);
        CREATE SCHEMA directory; CREATE TABLE directory.rights (number int);
        CREATE TABLE directory.armed (number int)";
    execute(&mut owner, others).await.unwrap();
    for _again in 0..2 {
        execute(&mut owner, &*roles).await.unwrap();
        for (sql, rights) in RIGHTS {
            for (role, right) in ROLES.into_iter().chain([MAIL]).zip(rights) {
                assert_eq!(may(&mut owner, role, sql).await, right, "{role}: {sql}");
            }
        }
    }
    a_store_works_with_each_role(&database, &mut owner).await;
}

async fn a_store_works_with_each_role(database: &TestDatabase, owner: &mut PgConnection) {
    let mut stores = Vec::new();
    for role in ROLES {
        let user = format!("{}_{role}", database.name());
        execute(owner, format!("DROP ROLE IF EXISTS {user}")).await.unwrap();
        execute(owner, format!("CREATE ROLE {user} LOGIN IN ROLE {role}")).await.unwrap();
        let options = database.options().username(&user);
        stores.push(DatabaseStore::connect(options, TestClock::new()).await.unwrap());
    }
    let minute = std::time::Duration::from_mins(1);
    let [writer, projector, relay, reader] = &stores[..] else { panic!("a store for each") };
    writer.append(to("order-1", Any, &[1, 2])).await.unwrap();
    writer.append(to("order-1", Any, &[3])).await.unwrap();
    let lease = projector.claim("s", "a", minute).await.unwrap().unwrap();
    projector.save_checkpoint(&lease, 2).await.unwrap();
    let lease = relay.claim("r", "a", minute).await.unwrap().unwrap();
    relay.save_checkpoint(&lease, 3).await.unwrap();
    assert_eq!(log(reader).await.len(), 3);
    for refused in [
        projector.append(to("order-1", Any, &[4])).await.map(|_| ()).unwrap_err(),
        relay.append(to("order-1", Any, &[4])).await.map(|_| ()).unwrap_err(),
        reader.append(to("order-1", Any, &[4])).await.map(|_| ()).unwrap_err(),
        reader.claim("s", "b", minute).await.map(|_| ()).unwrap_err(),
    ] {
        assert!(refused.to_string().contains("apply deploy/postgres/roles.sql"), "{refused}");
        assert!(!refused.may_retry());
    }
    for (store, role) in stores.iter().zip(ROLES) {
        store.close().await;
        execute(owner, format!("DROP ROLE {}_{role}", database.name())).await.unwrap();
    }
}

/// Names and values of a settings file.
fn settings(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split('#').next()?.trim().split_once('='));
    lines
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('\'').to_owned()))
        .collect()
}

#[tokio::test]
async fn a_server_starts_with_the_recommended_settings_and_keeps_them() {
    let settings = settings(&deploy("postgresql.conf"));
    assert!(settings.len() > 20, "the settings were not found");
    let given: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let server = OwnServer::start(&given).await;
    let mut connection = server.options().connect().await.unwrap();
    let names: Vec<&String> = settings.iter().map(|(name, _)| name).collect();
    let kept = "SELECT count(*) FROM pg_settings WHERE name = ANY($1) AND source = 'command line'";
    let kept: i64 = sqlx::query_scalar(kept).bind(&names).fetch_one(&mut connection).await.unwrap();
    assert_eq!(usize::try_from(kept).unwrap(), names.len(), "{names:?}");
    drop(connection);
    let database = TestDatabase::on(server.options()).await;
    DatabaseStore::migrate(database.options(), false).await.unwrap();
    let store = database.store(TestClock::new()).await;
    store.append(to("order-1", Any, &[1])).await.unwrap();
    store.close().await;
    drop(database);
}
