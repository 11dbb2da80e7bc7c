//! The mail directory in `PostgreSQL`: tests specific to it. The common contract is in `contract`.

mod inspected;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use domain::{Capability, MailboxSet};
use platform::{Cause, Directory, Error, Mode, Platform, Right, SetRights, Waits};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::contract::home::{self, server};
use crate::wait;

async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: impl Into<String>) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await.map(drop)
}

/// A database for one test, dropped by [`Database::drop`] whatever the result.
struct Database {
    options: PgConnectOptions,
}

impl Database {
    async fn new() -> Self {
        let name = format!("platform_{}", uuid::Uuid::now_v7().simple());
        run(&mut connect(&server()).await, format!("CREATE DATABASE {name}")).await.unwrap();
        Self { options: server().database(&name) }
    }

    fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    async fn plain(&self) -> PgConnection {
        connect(&self.options).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.options.get_database().unwrap());
        let dropped = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async { run(&mut connect(&server()).await, sql).await })
        });
        assert!(std::thread::panicking() || dropped.join().unwrap().is_ok());
    }
}

fn rows(numbers: impl IntoIterator<Item = u32>) -> Vec<(u32, String)> {
    numbers.into_iter().map(|number| (number, format!("maria{number}@pec.example"))).collect()
}

fn close(numbers: impl IntoIterator<Item = u32>) -> SetRights {
    SetRights { decided_at: 1, ..home::close(numbers) }
}

fn short() -> Waits {
    Waits {
        connect: Duration::from_secs(2),
        lock: Duration::from_millis(300),
        statement: Duration::from_secs(5),
        call: Duration::from_secs(1),
    }
}

#[tokio::test]
async fn a_directory_is_made_once_and_opened_as_what_it_is() {
    let database = Database::new().await;
    let error = Directory::connect(database.options()).await.unwrap_err();
    assert_eq!((error.cause(), error.may_retry()), (&Cause::GONE, true));
    assert!(error.to_string().contains("run `tramonto store migrate`"), "{error}");
    let pending = Directory::pending(database.options()).await.unwrap();
    assert_eq!(pending, ["create the schema directory with its tables, empty"]);

    let migrate = || Directory::migrate(database.options(), Mode::Production);
    let (one, other) = tokio::join!(migrate(), migrate());
    one.and(other).unwrap();
    assert!(Directory::pending(database.options()).await.unwrap().is_empty());
    let made = Directory::connect(database.options()).await.unwrap();
    made.provision(&rows([1]), 4).await.unwrap();
    migrate().await.unwrap();
    let again = Directory::connect(database.options()).await.unwrap();
    assert_eq!((again.identity(), again.mode()), (made.identity(), Mode::Production));
    assert_eq!(again.checkpoint().await.unwrap(), 4);
    again.close().await.unwrap();

    let error = Directory::create_schema(database.options(), Mode::Production).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let error = Directory::migrate(database.options(), Mode::Rehearsal).await.unwrap_err();
    assert!(!error.may_retry() && error.to_string().contains("for production"), "{error}");
}

#[tokio::test]
async fn a_newer_directory_and_a_foreign_schema_are_refused_in_a_sentence() {
    let database = Database::new().await;
    let mut plain = database.plain().await;
    run(&mut plain, "CREATE SCHEMA directory").await.unwrap();
    let error = Directory::migrate(database.options(), Mode::Production).await.unwrap_err();
    assert!(error.to_string().contains("is not a mail directory"), "{error}");
    run(&mut plain, "DROP SCHEMA directory").await.unwrap();

    Directory::create_schema(database.options(), Mode::Production).await.unwrap();
    run(&mut plain, "UPDATE directory.directory SET version = 3").await.unwrap();
    let errors = [
        Directory::connect(database.options()).await.unwrap_err(),
        Directory::migrate(database.options(), Mode::Production).await.unwrap_err(),
        Directory::pending(database.options()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(!error.may_retry());
        assert!(error.to_string().contains("newer version of this program"), "{error}");
    }
}

#[tokio::test]
async fn production_refuses_any_clock_but_the_servers() {
    let database = Database::new().await;
    let directory = Directory::create_schema(database.options(), Mode::Production).await.unwrap();
    let error = directory.set_clock(Some(chrono::DateTime::UNIX_EPOCH)).await.unwrap_err();
    assert!(error.to_string().contains("was made for production"), "{error}");
    let tampered =
        run(&mut database.plain().await, "UPDATE directory.clock SET rehearsed_at = now()").await;
    assert!(tampered.unwrap_err().to_string().contains("check constraint"));

    directory.provision(&rows([1, 2]), 1).await.unwrap();
    directory.set(&close([1])).await.unwrap();
    let far = Right::Until("2515-03-17T23:00:00Z".parse().unwrap());
    directory.set(&SetRights { right: far, ..close([2]) }).await.unwrap();
    let actual = directory.read(&(1..3).collect(), Capability::Send.into()).await.unwrap();
    assert_eq!(actual.now[&Capability::Send], MailboxSet::from(2));
}

#[tokio::test]
async fn a_look_up_goes_through_the_indexes_and_a_phase_touches_none() {
    // Its own server: a transaction of any other test keeps `PostgreSQL` from reusing the space of
    // dead rows.
    let mut own = Own::new();
    own.start();
    let made = async || Directory::create_schema(own.options(), Mode::Rehearsal).await;
    let directory = until_it_answers(made).await;
    directory.provision(&rows(0..20_000), 1).await.unwrap();
    let mut plain = connect(&own.options()).await;
    run(&mut plain, "VACUUM ANALYZE directory.mailbox, directory.armed").await.unwrap();
    let steps: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT '550 5.7.1 ' || send_reason FROM directory.rights
         WHERE address = 'maria7@pec.example' AND NOT can_send",
    )
    .fetch_all(&mut plain)
    .await
    .unwrap();
    let steps = steps.join("\n");
    assert!(steps.contains("one_mailbox_per_address") && steps.contains("armed_pkey"), "{steps}");
    assert!(
        !steps.contains("Seq Scan on mailbox") && !steps.contains("Seq Scan on armed"),
        "{steps}"
    );

    // Every phase in turn finds free space in its pages: no index is written, the table does not
    // grow.
    for (count, capability) in
        [Capability::Send, Capability::Receive, Capability::Access].into_iter().enumerate()
    {
        let phase = SetRights { capabilities: capability.into(), ..close(0..20_000) };
        assert_eq!(directory.set(&phase).await.unwrap().applied.len(), 20_000, "{count}");
    }
    let size = "SELECT pg_relation_size('directory.armed')";
    let before: i64 = sqlx::query_scalar(size).fetch_one(&mut plain).await.unwrap();
    let back = SetRights { right: Right::Allowed, ..close(0..20_000) };
    directory.set(&back).await.unwrap();
    let after: i64 = sqlx::query_scalar(size).fetch_one(&mut plain).await.unwrap();
    assert!(after <= before + before / 20, "{before} bytes grew to {after}");
}

#[tokio::test]
async fn provisioning_never_goes_back_behind_another_process() {
    let database = Database::new().await;
    let one = Directory::create_schema(database.options(), Mode::Rehearsal).await.unwrap();
    let other = Directory::connect(database.options()).await.unwrap();
    one.provision(&[(1, "new@pec.example".to_owned())], 9).await.unwrap();
    let error = other.provision(&[(1, "old@pec.example".to_owned())], 8).await.unwrap_err();
    assert_eq!((error.cause(), error.may_retry()), (&Cause::SUPERSEDED, true));
    assert!(error.to_string().contains("up to position 9"), "{error}");
    let address: String = sqlx::query_scalar("SELECT address FROM directory.mailbox")
        .fetch_one(&mut database.plain().await)
        .await
        .unwrap();
    assert_eq!(address, "new@pec.example");
    let (first, second) = (rows(0..5_000), rows((0..5_000).rev()));
    let (one, other) = tokio::join!(one.provision(&first, 10), other.provision(&second, 10));
    one.and(other).unwrap();
}

#[tokio::test]
async fn the_wait_for_a_lock_of_another_program_is_bounded() {
    let database = Database::new().await;
    Directory::create_schema(database.options(), Mode::Rehearsal).await.unwrap();
    let directory = Directory::connect_with(database.options(), short()).await.unwrap();
    directory.provision(&rows(0..10), 1).await.unwrap();
    let mut other = database.plain().await;
    run(&mut other, "BEGIN; UPDATE directory.armed SET send_until = now()").await.unwrap();
    let begun = Instant::now();
    let error = directory.set(&close(0..10)).await.unwrap_err();
    assert!(
        error.may_retry() && error.to_string().contains("another process holds the lock"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(3));
    run(&mut other, "ROLLBACK").await.unwrap();
    assert_eq!(directory.set(&close(0..10)).await.unwrap().applied.len(), 10);
}

#[tokio::test]
async fn mailboxes_come_only_before_or_after_a_change_of_numbers_beside_them() {
    let database = Database::new().await;
    Directory::create_schema(database.options(), Mode::Rehearsal).await.unwrap();
    let directory = Directory::connect_with(database.options(), short()).await.unwrap();
    directory.provision(&rows([0, 70_000]), 1).await.unwrap();
    let mut change = database.plain().await;
    let lock = "BEGIN; SELECT FROM directory.decision WHERE part = 0 FOR UPDATE";
    run(&mut change, lock).await.unwrap();
    let error = directory.provision(&rows([1]), 2).await.unwrap_err();
    assert!(
        error.may_retry() && error.to_string().contains("another process holds the lock"),
        "{error}"
    );
    directory.provision(&rows([70_001]), 3).await.unwrap();
    run(&mut change, "COMMIT").await.unwrap();
    directory.provision(&rows([1]), 4).await.unwrap();
}

#[tokio::test]
async fn a_foreign_trigger_is_detected_and_nothing_is_changed() {
    let database = Database::new().await;
    let directory = Directory::create_schema(database.options(), Mode::Rehearsal).await.unwrap();
    directory.provision(&rows(0..10), 1).await.unwrap();
    let trigger = "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN IF new.number = 3 THEN RETURN NULL; END IF; RETURN new; END $$;
                   CREATE TRIGGER keep BEFORE UPDATE ON directory.armed
                     FOR EACH ROW EXECUTE FUNCTION keep()";
    run(&mut database.plain().await, trigger).await.unwrap();
    let error = directory.set(&close(0..10)).await.unwrap_err();
    assert!(error.to_string().contains("changed 9 rows where 10"), "{error}");
    let actual = directory.read(&(0..10).collect(), Capability::Send.into()).await.unwrap();
    assert_eq!(actual.now[&Capability::Send].len(), 10);
}

#[tokio::test]
async fn missing_permissions_and_a_missing_database_are_clear_errors() {
    let database = Database::new().await;
    Directory::create_schema(database.options(), Mode::Rehearsal).await.unwrap();
    let role = format!("nobody_{}", uuid::Uuid::now_v7().simple());
    let mut plain = database.plain().await;
    run(&mut plain, format!("CREATE ROLE {role} LOGIN PASSWORD 'very-secret'")).await.unwrap();
    let options = database.options().username(&role).password("very-secret");
    let error = Directory::connect(options).await.unwrap_err();
    assert!(
        error.may_retry() && error.to_string().contains("deploy/postgres/roles.sql"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("very-secret"));
    run(&mut plain, format!("DROP ROLE {role}")).await.unwrap();

    let error = Directory::connect(server().database("no_such_database")).await.unwrap_err();
    assert_eq!(error.cause(), &Cause::GONE, "{error}");
}

/// A `PostgreSQL` server that a test may stop.
struct Own {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Own {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        // The server runs as another user if the test runs as root.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port, process: None }
    }

    fn start(&mut self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let program: PathBuf = root.join("tests/servers/postgres");
        let mut command = Command::new(program);
        command.arg(self.folder.path().join("data")).arg(self.port.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
    }

    fn signal(&mut self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Like `pg_ctl stop -m immediate`.
    fn crash(&mut self) {
        self.signal("-QUIT");
        self.process.take().unwrap().wait().unwrap();
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("tramonto")
            .database("postgres")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.process.is_some() {
            // A suspended process ignores other signals, and this wait would never end.
            self.signal("-CONT");
            self.crash();
        }
    }
}

/// Calls until the platform answers: each error on the way must be retryable.
async fn until_it_answers<T>(call: impl AsyncFn() -> Result<T, Error>) -> T {
    let mut answer = None;
    let answers = async || match call().await {
        Ok(answered) => {
            answer = Some(answered);
            true
        }
        Err(error) => {
            assert!(error.may_retry(), "{error}");
            false
        }
    };
    let answered = wait::until_async(Duration::from_mins(1), answers).await;
    assert!(answered, "it never answered again");
    answer.unwrap()
}

#[tokio::test]
async fn a_server_that_crashes_and_comes_back_is_used_again_and_nothing_answered_is_lost() {
    let mut own = Own::new();
    own.start();
    let made = async || Directory::migrate(own.options(), Mode::Rehearsal).await;
    until_it_answers(made).await;
    let directory = Directory::connect_with(own.options(), short()).await.unwrap();
    directory.provision(&rows(0..1_000), 1).await.unwrap();
    assert_eq!(directory.set(&close(0..500)).await.unwrap().applied.len(), 500);
    own.crash();
    let error = directory.set(&close(0..1_000)).await.unwrap_err();
    assert!(error.may_retry() && error.to_string().contains("could not be reached"), "{error}");
    own.start();
    let answer = until_it_answers(async || directory.set(&close(0..1_000)).await).await;
    assert_eq!(answer.already_so, (0..500).collect());
    assert_eq!(answer.applied, (500..1_000).collect());

    // A hanging server is not waited for beyond the timeout, and used again once it resumes.
    let id = own.process.as_ref().unwrap().id();
    let all = |signal: &str| {
        assert!(
            Command::new("sh")
                .arg("-c")
                // A session may end between the two commands.
                .arg(format!("for each in $(pgrep -P {id}); do kill {signal} $each; done; true"))
                .status()
                .unwrap()
                .success()
        );
    };
    own.signal("-STOP");
    all("-STOP");
    let begun = Instant::now();
    let error = directory.read(&(0..1_000).collect(), Capability::Send.into()).await.unwrap_err();
    assert!(error.may_retry() && error.to_string().contains("could not be reached"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    own.signal("-CONT");
    all("-CONT");
    let read = async || directory.read(&(0..1_000).collect(), Capability::Send.into()).await;
    assert!(until_it_answers(read).await.now[&Capability::Send].is_empty());
}
