use std::sync::Arc;

use async_trait::async_trait;
use bus::InProcess;
use chrono::{DateTime, Utc};
use domain::Capabilities;
use engine::embedded::{Engine, Ports};
use engine::store::Store;
use engine::{EngineSettings, RunMode};
use eventstore::Clock;
use platform::{Directory, Error, Layer, Mode};
use rehearsal::{Rehearsal, RehearsalSettings, VirtualClock};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};

use super::enforcement::Enforcement;
use super::servers::Lookups;
use crate::{World, connect};

/// The mail directory in a `PostgreSQL` database of one test.
pub struct SharedDirectory(PgConnectOptions);

fn server() -> PgConnectOptions {
    let url = std::env::var("TRAMONTO_TEST_POSTGRES");
    url.unwrap_or_else(|_| panic!("there is no PostgreSQL; run tests/run, which starts one"))
        .parse()
        .unwrap()
}

async fn on(options: &PgConnectOptions, statement: String) {
    let mut connection: PgConnection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
}

#[async_trait(?Send)]
impl Enforcement for SharedDirectory {
    async fn of(world: &World) -> Self {
        let name = format!("mail_{}", uuid::Uuid::now_v7().simple());
        on(&server(), format!("CREATE DATABASE {name}")).await;
        let options = server().database(&name);
        let directory = Directory::create_schema(options.clone(), Mode::Rehearsal).await.unwrap();
        directory.set_refusals(&world.plan.refusals).await.unwrap();
        let mut registry = connect(&world.home().registry()).await;
        let rows =
            sqlx::query("SELECT number, address FROM registration WHERE activated_on IS NOT NULL");
        let rows = rows.fetch_all(&mut registry).await.unwrap();
        let rows: Vec<(u32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        directory.provision(&rows, 1).await.unwrap();
        directory.close().await.unwrap();
        Self(options)
    }

    async fn engine(&self, world: &World) -> Rehearsal {
        let clock: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&world.clock);
        let store = Store::open_to_rehearse(&world.home(), &world.plan, clock).await.unwrap();
        let log = Arc::clone(store.log());
        let directory = Directory::connect(self.0.clone()).await.unwrap();
        let platform = Arc::new(InStep { directory, clock: Arc::clone(&world.clock) });
        let queue = Arc::new(InProcess::new(bus::Settings::default()));
        let settings = EngineSettings { mode: RunMode::Rehearsal, ..EngineSettings::default() };
        let ports = Ports { log, queue, platform };
        let engine = Engine::with_ports(store, ports, settings.clone()).await.unwrap();
        let (plan, clock) = (world.plan.clone(), Arc::clone(&world.clock));
        let settings = RehearsalSettings { plan, engine: settings, crash_every: None };
        Rehearsal::over(engine, clock, settings).await.unwrap()
    }

    fn lookups(&self) -> Lookups {
        let database = self.0.get_database().unwrap_or_default();
        let settings = [
            format!("PGHOST={}", self.0.get_host()),
            format!("PGPORT={}", self.0.get_port()),
            format!("PGDATABASE={database}"),
            format!("PGUSER={}", self.0.get_username()),
            "PGPASSWORD=trusted".to_owned(),
        ];
        Lookups { kind: "pgsql", settings: settings.into() }
    }

    async fn set_password(&self, address: &str, hash: &str) {
        let statement =
            format!("UPDATE directory.mailbox SET password = '{hash}' WHERE address = '{address}'");
        on(&self.0, statement).await;
    }

    async fn set_clock(&self, instant: DateTime<Utc>) {
        let instant = instant.to_rfc3339();
        on(&self.0, format!("UPDATE directory.clock SET rehearsed_at = '{instant}'")).await;
    }

    async fn end(self, _world: &World) {
        let name = self.0.get_database().unwrap_or_default();
        on(&server(), format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

/// A directory whose clock follows the engine's at every call.
struct InStep {
    directory: Directory,
    clock: Arc<VirtualClock>,
}

#[async_trait]
impl Layer for InStep {
    type Inner = Directory;

    fn inner(&self) -> &Directory {
        &self.directory
    }

    async fn around<T: Send>(
        &self,
        _name: &'static str,
        _capabilities: Capabilities,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        self.directory.set_clock(Some(self.clock.now())).await?;
        call.await
    }
}
