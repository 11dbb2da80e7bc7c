//! One call: its own connection, and a bounded wait.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};

use super::super::Error;
use super::PostgresDirectory;
use super::fault::{Address, Problem};
use super::waits::Waits;

impl PostgresDirectory {
    /// Runs an operation on its own connection.
    pub(super) async fn call<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        within(self.waits, &self.pool, &self.place, work).await
    }
}

pub(super) async fn within<T>(
    waits: Waits,
    pool: &sqlx::PgPool,
    place: &Address,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Problem>,
) -> Result<T, Error> {
    let connection = pool.acquire().await.map_err(|error| place.fault(error))?;
    let mut held = Held(Some(connection));
    let Some(connection) = held.0.as_deref_mut() else { return Err(place.silent()) };
    let done = tokio::time::timeout(waits.call, work(connection)).await;
    let done = done.unwrap_or(Err(Problem::Silence));
    if done.is_ok() {
        held.give_back();
    }
    done.map_err(|problem| problem.at(place))
}

/// A connection that returns to the pool only after a successful call: after a failed or cancelled
/// one it is closed, which rolls back the transaction.
struct Held(Option<PoolConnection<Postgres>>);

impl Held {
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut connection) = self.0.take() {
            connection.close_on_drop();
        }
    }
}
