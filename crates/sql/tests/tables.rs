//! What holds of tables wherever they are: the same claims on a file and on a server.

#![cfg(test)]

use std::path::Path;

use sql::{Database, Durability, ForeignTable, Format, Param, Schema, Tables};
use sqlx::postgres::PgConnectOptions;

const CREATE: &str = "CREATE TABLE word (number BIGINT PRIMARY KEY, word TEXT NOT NULL);";
const SCHEMA: Schema = Schema {
    name: "sql_tables_test",
    steps: &[(
        "a table of words",
        "CREATE TABLE sql_tables_test.word (number BIGINT PRIMARY KEY, word TEXT NOT NULL);",
    )],
};

fn format() -> Format {
    Format {
        application_id: 0x5445_5354,
        schema_version: 1,
        create: CREATE.to_owned(),
        upgrades: &[],
        other_version: "use another version",
        durability: Durability::Original,
    }
}

async fn on_a_server() -> Tables {
    let place = std::env::var("TRAMONTO_TEST_POSTGRES");
    let place = place.expect("run it by tests/run or tests/with-servers, which start PostgreSQL");
    let options: PgConnectOptions = place.parse().unwrap();
    SCHEMA.migrate(options.clone(), false).await.unwrap();
    let tables = Tables::connect(options, &SCHEMA).await.unwrap();
    let mut writing = tables.begin().await.unwrap();
    writing.run("DELETE FROM word", Vec::new()).await.unwrap();
    writing.commit().await.unwrap();
    tables
}

async fn words(tables: &Tables) -> Vec<String> {
    let word = |(word,): (String,)| Ok(word);
    tables.all("SELECT word FROM word ORDER BY number", Vec::new(), word).await.unwrap()
}

async fn holds_of(tables: &Tables) {
    const INSERT: &str = "INSERT INTO word VALUES ($1, $2)";
    let given = |number, word: &str| vec![Param::Number(number), Param::Text(word.to_owned())];

    let mut dropped = tables.begin().await.unwrap();
    dropped.run(INSERT, given(1, "dropped")).await.unwrap();
    let seen: Vec<(String,)> = dropped.rows("SELECT word FROM word", Vec::new()).await.unwrap();
    assert_eq!(seen, [("dropped".to_owned(),)], "a transaction sees what it wrote");
    drop(dropped);
    assert!(words(tables).await.is_empty(), "what was not committed has not happened");

    let mut kept = tables.begin().await.unwrap();
    kept.run(INSERT, given(1, "kept")).await.unwrap();
    kept.commit().await.unwrap();
    assert_eq!(words(tables).await, ["kept"]);

    let mut twice = tables.begin().await.unwrap();
    assert!(twice.run(INSERT, given(1, "again")).await.is_err());
    drop(twice);
    let mut next = tables.begin().await.unwrap();
    next.run("DELETE FROM word WHERE number = $1", vec![Param::Number(1)]).await.unwrap();
    next.commit().await.unwrap();
    tables.vacuum(&["word"]).await.unwrap();
    assert!(words(tables).await.is_empty());
}

fn found(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test]
async fn a_transaction_in_a_file_is_whole_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::open(&folder.path().join("words.db"), &format()).await.unwrap();
    holds_of(&tables).await;
}

#[tokio::test]
async fn a_transaction_that_was_dropped_keeps_no_other_program_from_writing() {
    const INSERT: &str = "INSERT INTO word VALUES ($1, $2)";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.db");
    let [ours, theirs] = [
        Tables::open(&path, &format()).await.unwrap(),
        Tables::open(&path, &format()).await.unwrap(),
    ];
    for number in 0..20 {
        let mut dropped = ours.begin().await.unwrap();
        let given = |word: &str| vec![Param::Number(number), Param::Text(word.to_owned())];
        dropped.run(INSERT, given("dropped")).await.unwrap();
        drop(dropped);
        let mut kept = theirs.begin().await.unwrap();
        kept.run(INSERT, given("kept")).await.unwrap();
        kept.commit().await.unwrap();
    }
    assert_eq!(words(&ours).await, ["kept"; 20]);
    ours.close().await.unwrap();
}

#[tokio::test]
async fn a_transaction_on_a_server_is_whole_or_nothing() {
    holds_of(&on_a_server().await).await;
}

#[tokio::test]
async fn a_text_is_found_in_whatever_column_it_stands_as_text_or_in_bytes() {
    const TRACED: &str = "
        DROP SCHEMA IF EXISTS sql_traces_test CASCADE;
        CREATE SCHEMA sql_traces_test;
        CREATE TABLE sql_traces_test.texts (number bigint, word text);
        CREATE TABLE sql_traces_test.bytes (number bigint, content bytea);
        CREATE TABLE sql_traces_test.empty (number bigint);
        INSERT INTO sql_traces_test.texts VALUES (1, 'to Needle@Posta.example'), (2, 'to nobody');
        INSERT INTO sql_traces_test.bytes VALUES (1, 'from needle@posta.example'), (2, 'x')";
    let place = std::env::var("TRAMONTO_TEST_POSTGRES").unwrap();
    let options: PgConnectOptions = place.parse().unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql(TRACED).execute(&mut connection).await.unwrap();
    let schemas = ["sql_traces_test", "not_there"];
    let found = async |text: &str| {
        let found = sql::residue(options.clone(), &schemas, &[text.to_owned()]).await.unwrap();
        found.into_iter().map(|(_, rows)| rows).collect::<Vec<_>>()
    };
    // By name: bytes, empty, texts.
    assert_eq!(found("needle@posta.example").await, [1, 0, 1]);
    assert_eq!(found("NEEDLE@posta").await, [1, 0, 1]);
    assert_eq!(found("somebody@posta.example").await, [0, 0, 0]);
    sqlx::raw_sql("DROP SCHEMA sql_traces_test CASCADE").execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn who_does_not_own_a_table_is_told_that_it_was_not_written_anew() {
    let place = std::env::var("TRAMONTO_TEST_POSTGRES").unwrap();
    let options: PgConnectOptions = place.parse().unwrap();
    SCHEMA.migrate(options.clone(), false).await.unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let guest = "
        DROP ROLE IF EXISTS sql_tables_guest;
        CREATE ROLE sql_tables_guest LOGIN;
        GRANT USAGE ON SCHEMA sql_tables_test TO sql_tables_guest;
        GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA sql_tables_test TO sql_tables_guest";
    sqlx::raw_sql(guest).execute(&mut connection).await.unwrap();
    let theirs = options.clone().username("sql_tables_guest");
    let tables = Tables::connect(theirs, &SCHEMA).await.unwrap();
    let refused = tables.vacuum(&["word"]).await.unwrap_err().to_string();
    assert!(refused.contains("only the owner of sql_tables_test.word"), "{refused}");
    tables.close().await.unwrap();
    let gone = "DROP OWNED BY sql_tables_guest; DROP ROLE sql_tables_guest";
    sqlx::raw_sql(gone).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn what_was_deleted_is_in_no_byte_of_a_vacuumed_file() {
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::open(&folder.path().join("words.db"), &format()).await.unwrap();
    let mut writing = tables.begin().await.unwrap();
    let word = "needle-".repeat(2_000);
    let given = vec![Param::Number(1), Param::Text(word)];
    writing.run("INSERT INTO word VALUES ($1, $2)", given).await.unwrap();
    writing.commit().await.unwrap();
    assert!(found(folder.path(), b"needle-needle"), "it is looked for in the right place");
    let mut writing = tables.begin().await.unwrap();
    writing.run("DELETE FROM word", Vec::new()).await.unwrap();
    writing.commit().await.unwrap();
    tables.vacuum(&[]).await.unwrap();
    assert!(!found(folder.path(), b"needle-needle"));
}

#[tokio::test]
async fn tables_opened_for_reading_take_no_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.db");
    Database::open(&path, &format()).await.unwrap().close().await.unwrap();
    let tables = Tables::open_read_only(&path, &format()).await.unwrap();
    assert!(tables.begin().await.is_err());
}

/// Somebody else's table can be read, and the database refuses everything else.
async fn is_read_only(foreign: ForeignTable) {
    const READ: &str = "SELECT word FROM {table}";
    const DELETE: &str = "DELETE FROM {table} RETURNING word";
    let before: Vec<(String,)> = foreign.rows(READ, Vec::new()).await.unwrap();
    assert_eq!(before, [("kept".to_owned(),)]);
    assert!(foreign.rows::<(String,)>(DELETE, Vec::new()).await.is_err());
    let after: Vec<(String,)> = foreign.rows(READ, Vec::new()).await.unwrap();
    assert_eq!(after, before);
    let columns = foreign.columns().await.unwrap();
    assert_eq!(columns.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["number", "word"]);
    foreign.close().await;
}

async fn keep_one(tables: &Tables, statement: &'static str) {
    let mut writing = tables.begin().await.unwrap();
    writing.run(statement, Vec::new()).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test]
async fn a_foreign_table_in_a_file_is_read_and_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.db");
    let tables = Tables::open(&path, &format()).await.unwrap();
    keep_one(&tables, "INSERT INTO word VALUES (1, 'kept')").await;
    is_read_only(ForeignTable::open(&path, "word".parse().unwrap()).await.unwrap()).await;
}

#[tokio::test]
async fn a_foreign_table_on_a_server_is_read_and_never_changed() {
    const FOREIGN: Schema = Schema {
        name: "sql_foreign_test",
        steps: &[(
            "a table of words",
            "CREATE TABLE sql_foreign_test.word (number BIGINT PRIMARY KEY, word TEXT NOT NULL);
             INSERT INTO sql_foreign_test.word VALUES (1, 'kept');",
        )],
    };
    let options: PgConnectOptions = std::env::var("TRAMONTO_TEST_POSTGRES")
        .expect("run it by tests/run or tests/with-servers, which start PostgreSQL")
        .parse()
        .unwrap();
    FOREIGN.migrate(options.clone(), false).await.unwrap();
    let name = "sql_foreign_test.word".parse().unwrap();
    is_read_only(ForeignTable::connect(options, name)).await;
}
