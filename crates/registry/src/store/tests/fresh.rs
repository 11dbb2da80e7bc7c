//! For tests: a `PostgreSQL` database of one's own, dropped at the end.

#![cfg(test)]

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use uuid::Uuid;

/// An empty database.
pub(crate) struct Fresh {
    server: PgConnectOptions,
    name: String,
}

impl Fresh {
    pub(crate) async fn new() -> Self {
        let server = std::env::var("TRAMONTO_TEST_POSTGRES");
        let server = server.expect("this test needs a PostgreSQL server: run tests/run");
        let server: PgConnectOptions = server.parse().unwrap();
        let name = format!("fresh_{}", Uuid::now_v7().simple());
        on(&server, format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let (server, drop) =
            (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // In a separate thread, since a runtime cannot block inside another.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(on(&server, drop));
        });
        assert!(dropped.join().is_ok() || std::thread::panicking());
    }
}

async fn on(server: &PgConnectOptions, statement: String) {
    let mut connection = server.connect().await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}
