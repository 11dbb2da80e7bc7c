//! The log of a deployment, queried without our code.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::RealClock;
use eventstore::{DatabaseStore, EventStore};
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection};

use super::{World, options};

/// The phases of the tests' plan whose dates are past; the later ones are in the far future.
pub(super) const PAST_PHASES: i64 = 3;
/// Fencing tokens by the names of their leases.
pub(crate) type Tokens = BTreeMap<String, i64>;

impl World {
    /// Queries the database without our code.
    pub(crate) async fn ask(&self, question: &'static str) -> i64 {
        let mut database = self.connect().await;
        let (answer,) = sqlx::query_as(question).fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        answer
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        options(self.postgres.port).connect().await.unwrap()
    }

    /// The log, as the services read it.
    pub(crate) async fn log(&self) -> Arc<dyn EventStore> {
        let options = options(self.postgres.port);
        Arc::new(DatabaseStore::connect(options, Arc::new(RealClock)).await.unwrap())
    }

    /// The number of completed phases.
    pub(crate) async fn completed(&self) -> i64 {
        self.recorded("phase-completed").await
    }

    /// The number of events of a kind in the log.
    pub(crate) async fn recorded(&self, kind: &str) -> i64 {
        let mut database = self.connect().await;
        let count = "SELECT count(*) FROM tramonto.event JOIN tramonto.kind ON kind.id = event.kind
                     WHERE kind.name = $1";
        let count = sqlx::query_scalar(count).bind(kind).fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        count
    }

    /// The number of recorded outcomes of effects.
    pub(crate) async fn outcomes(&self) -> i64 {
        self.ask(
            "SELECT count(*) FROM tramonto.event JOIN tramonto.category ON category.id = \
             event.category
             WHERE category.name = 'outcome'",
        )
        .await
    }

    /// Waits until there are this many outcomes.
    pub(crate) async fn until_outcomes(&self, count: i64) {
        self.until("outcomes", async || self.outcomes().await >= count).await;
    }

    /// Waits until another process has taken over each of these leases from its current holder.
    pub(crate) async fn until_taken_over(&self, leased: &[&str], from: &Tokens) {
        let taken_over = async || {
            let now = self.tokens().await;
            leased.iter().all(|name| now.get(*name) > from.get(*name))
        };
        self.until("a new leader of each", taken_over).await;
    }

    /// The fencing token of each lease, which grows when another process takes it over.
    pub(crate) async fn tokens(&self) -> Tokens {
        let mut database = self.connect().await;
        let tokens = "SELECT name, token FROM tramonto.subscription";
        let tokens = sqlx::query_as(tokens).fetch_all(&mut database).await.unwrap();
        database.close().await.unwrap();
        tokens.into_iter().collect()
    }

    /// Waits until every due phase is complete.
    pub(crate) async fn until_complete(&self) {
        self.until_completed(PAST_PHASES).await;
    }

    /// Waits until this many phases are complete.
    pub(crate) async fn until_completed(&self, count: i64) {
        self.until("completed phases", async || self.completed().await >= count).await;
    }
}
