//! The mail servers' side: findings of an inspection, a view with custom names, and a directory of
//! an earlier version.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Plan;
use platform::{Directory, Mode, Platform, RightsView};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::{Database, Own, close, connect, rows, run, until_it_answers};

/// The columns of the tables and the view, with type and default.
const COLUMNS: &str = "SELECT concat_ws(' ', table_name, column_name, data_type, column_default)
                       FROM information_schema.columns WHERE table_schema = 'directory' ORDER BY 1";

/// The directory as created by the first version.
const FIRST: &str = "
    DROP VIEW directory.rights;
    ALTER TABLE directory.mailbox DROP COLUMN password;
    ALTER TABLE directory.refusal DROP COLUMN send_status, DROP COLUMN receive_status;
    CREATE VIEW directory.rights AS
      SELECT number, address,
        send_until > statement_timestamp() AS can_send,
        read_only_from <= statement_timestamp() AS read_only,
        receive_until > statement_timestamp() AS can_receive,
        login_until > statement_timestamp() AS can_login,
        (SELECT send FROM directory.refusal) AS send_reason,
        (SELECT read_only FROM directory.refusal) AS read_only_reason,
        (SELECT receive FROM directory.refusal) AS receive_reason,
        (SELECT login FROM directory.refusal) AS login_reason
      FROM directory.mailbox JOIN directory.armed USING (number);
    UPDATE directory.directory SET version = 1;";

/// The current instant by the server's clock, which is this machine's too.
async fn now(connection: &mut PgConnection) -> DateTime<Utc> {
    sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn problems_of_mail_servers_are_found_until_they_are_fixed() {
    // A role belongs to a whole server, and other tests create theirs on the shared one.
    let mut server = Own::new();
    server.start();
    let create = || Directory::create_schema(server.options(), Mode::Production);
    let directory = until_it_answers(create).await;
    directory.provision(&rows([7]), 1).await.unwrap();
    let refusals = Plan::cec_pac().unwrap().refusals;
    let mut plain = connect(&server.options()).await;
    let found = async |ahead| {
        let now = now(&mut connect(&server.options()).await).await + TimeDelta::seconds(ahead);
        directory.inspect_server(Some(&refusals), now).await.unwrap()
    };
    let is = |found: &[String], expected: &[&str]| {
        let fits = found.iter().zip(expected).all(|(found, told)| found.contains(told));
        assert!(fits && found.len() == expected.len(), "{expected:?}: {found:?}");
    };
    is(&found(0).await, &["refusals that differ from the plan", "there is no role tramonto_mail"]);
    directory.set_refusals(&refusals).await.unwrap();
    run(&mut plain, "CREATE ROLE tramonto_mail").await.unwrap();
    is(&found(0).await, &["may not read directory.rights"]);
    let grant = "GRANT USAGE ON SCHEMA directory TO tramonto_mail;
                 GRANT SELECT ON directory.rights TO tramonto_mail";
    run(&mut plain, grant).await.unwrap();
    is(&found(0).await, &[]);
    is(&found(-90).await, &["differs from this machine's by 90 seconds"]);
    assert_eq!(directory.inspect_server(None, now(&mut plain).await).await.unwrap(), [""; 0]);

    // A custom view, recreated any number of times, and readable by the same role.
    let view = |name: &str, column: &str| {
        let columns = vec!["address=username".parse().unwrap(), column.parse().unwrap()];
        RightsView::new(name.parse().unwrap(), columns).unwrap()
    };
    directory.make_view(&view("accounts", "can_send=sends")).await.unwrap();
    directory.make_view(&view("accounts", "can_login=active")).await.unwrap();
    directory.set(&close([7])).await.unwrap();
    run(&mut plain, "SET ROLE tramonto_mail").await.unwrap();
    let row = "SELECT number, active, can_send FROM directory.accounts WHERE username = $1";
    let row = sqlx::query(row).bind("maria7@pec.example").fetch_one(&mut plain).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get(1), row.get(2)), (7, true, false));
    run(&mut plain, "SELECT FROM directory.mailbox").await.unwrap_err();
    run(&mut plain, "RESET ROLE; CREATE TABLE directory.notes (text text)").await.unwrap();
    directory.make_view(&view("notes", "can_login=active")).await.unwrap_err();
    run(&mut plain, "SELECT text FROM directory.notes").await.unwrap();
}

#[tokio::test]
async fn a_directory_for_rehearsals_and_a_clock_that_stands_still_are_found() {
    let database = Database::new().await;
    let directory = Directory::create_schema(database.options(), Mode::Rehearsal).await.unwrap();
    let mut plain = database.plain().await;
    let mut found =
        async || directory.inspect_server(None, now(&mut plain).await).await.unwrap().join("\n");
    let before = found().await;
    assert!(before.contains("was made for rehearsals") && !before.contains("is stopped"));
    directory.set_clock(Some(DateTime::UNIX_EPOCH)).await.unwrap();
    assert!(found().await.contains("is stopped; start it again: UPDATE directory.clock"));
}

#[tokio::test]
async fn a_directory_of_the_first_version_is_brought_up_to_date_and_loses_nothing() {
    let database = Database::new().await;
    let made = Directory::create_schema(database.options(), Mode::Production).await.unwrap();
    made.provision(&rows([1, 2]), 5).await.unwrap();
    made.set(&close([1])).await.unwrap();
    let mut plain = database.plain().await;
    let columns = sqlx::query_scalar(COLUMNS).fetch_all(&mut plain).await.unwrap();
    let columns: Vec<String> = columns;
    run(&mut plain, FIRST).await.unwrap();
    let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
    let reader = format!(
        "CREATE ROLE {role}; GRANT USAGE ON SCHEMA directory TO {role};
         GRANT SELECT ON directory.rights TO {role}"
    );
    run(&mut plain, reader).await.unwrap();

    let error = Directory::connect(database.options()).await.unwrap_err();
    assert!(
        error.may_retry() && error.to_string().contains("run `tramonto store migrate`"),
        "{error}"
    );
    let pending = async || Directory::pending(database.options()).await.unwrap();
    assert_eq!(pending().await, ["bring the tables of the schema directory from version 1 to 2"]);
    let migrate = || Directory::migrate(database.options(), Mode::Production);
    let (one, other) = tokio::join!(migrate(), migrate());
    one.and(other).unwrap();
    assert!(pending().await.is_empty());
    let after: Vec<String> = sqlx::query_scalar(COLUMNS).fetch_all(&mut plain).await.unwrap();
    assert_eq!(after, columns, "it is not what a new one is");

    let open = Directory::connect(database.options()).await.unwrap();
    assert_eq!((open.identity(), open.checkpoint().await.unwrap()), (made.identity(), 5));
    run(&mut plain, format!("SET ROLE {role}")).await.unwrap();
    let sql =
        "SELECT string_agg(concat_ws(' ', number, can_send, send_status), ', ' ORDER BY number)
               FROM directory.rights";
    let seen: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut plain).await.unwrap();
    assert_eq!(seen, "1 f 5.7.1, 2 t 5.7.1", "who looked rights up before does so still");
    let over = format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}");
    run(&mut plain, over).await.unwrap();
}
