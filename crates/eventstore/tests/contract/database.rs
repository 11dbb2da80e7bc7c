//! A database of its own for each case, gone when the case is.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eventstore::{Clock, DatabaseStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

use crate::wait;

/// An empty database on the test server.
pub(crate) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

/// The test server, as its superuser.
pub(crate) fn server() -> PgConnectOptions {
    let url = std::env::var("TRAMONTO_TEST_POSTGRES").expect(
        "TRAMONTO_TEST_POSTGRES is not set; run tests/run, or this through tests/with-servers",
    );
    PgConnectOptions::from_str(&url).unwrap().disable_statement_logging()
}

/// A connection to a server that may still be starting.
async fn admitted(server: &PgConnectOptions) -> PgConnection {
    let mut admitted = None;
    let connects = async || match server.connect().await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57P03") => false,
        settled => {
            admitted = Some(settled.unwrap());
            true
        }
    };
    assert!(wait::until_async(Duration::from_mins(1), connects).await, "it never started");
    admitted.unwrap()
}

pub(crate) async fn execute(
    connection: &mut PgConnection,
    sql: impl Into<String>,
) -> Result<(), String> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await;
    done.map(|_| ()).map_err(|error| error.to_string())
}

impl TestDatabase {
    /// A database without any table.
    pub(crate) async fn empty() -> Self {
        Self::on(server()).await
    }

    /// The same, on a server of the caller's.
    pub(crate) async fn on(server: PgConnectOptions) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tramonto_{}_{count}", std::process::id());
        let mut connection = admitted(&server).await;
        execute(&mut connection, format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        execute(&mut connection, format!("CREATE DATABASE {name}")).await.unwrap();
        Self { server, name }
    }

    /// A database with the tables of the log.
    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        DatabaseStore::migrate(database.options(), false).await.unwrap();
        database
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// A store on the log of this database.
    pub(crate) async fn store(&self, clock: Arc<dyn Clock>) -> DatabaseStore {
        DatabaseStore::connect(self.options(), clock).await.unwrap()
    }

    /// A connection as any other program would make one.
    pub(crate) async fn stranger(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }
}

/// Dropped from a thread of its own, as nothing can be awaited here.
impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                if let Ok(mut connection) = server.connect().await {
                    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    execute(&mut connection, drop).await.unwrap();
                }
            });
        });
        if !std::thread::panicking() {
            dropping.join().unwrap();
        }
    }
}
