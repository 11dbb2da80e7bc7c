//! PostgreSQL, nats-server and the services, each a process of its own, all under the shifted
//! clock.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bus::{Connection, JetStreamMirror, NatsOptions};
use chrono::{DateTime, Utc};
use domain::{ProgrammeId, State};
use eventstore::{Clock, DatabaseStore, EventStore, Journal};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;

use super::process::{Process, free_port, is_ready, listens};
use super::shifted::Shifted;
use crate::Fallible;

/// What makes a server of 24 GiB wait for its disk and not for its settings, engine and script
/// alike.
const SETTINGS: [&str; 3] = ["shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min"];

pub(crate) struct Deployment {
    pub(crate) clock: Arc<Shifted>,
    pub(crate) programme: ProgrammeId,
    services: Vec<Process>,
    bus: Option<(Process, u16)>,
    postgres: Option<Process>,
    postgres_port: u16,
    tramonto: PathBuf,
    buses: u32,
    folder: TempDir,
}

impl Deployment {
    /// Nothing runs yet.
    pub(crate) fn begin(programme: ProgrammeId) -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        // The database server may run as a user of its own.
        let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everyone)?;
        let clock = Shifted::in_folder(folder.path(), &installed("shift")?)?;
        installed("postgres")?;
        installed("nats")?;
        let tramonto = std::env::current_exe()?.with_file_name("../tramonto");
        Ok(Self {
            clock: Arc::new(clock),
            programme,
            services: Vec::new(),
            bus: None,
            postgres: None,
            postgres_port: free_port()?,
            tramonto,
            buses: 0,
            folder,
        })
    }

    /// From now on it is this instant, for PostgreSQL, which is restarted, and for all that
    /// starts later.
    pub(crate) async fn show(&mut self, instant: DateTime<Utc>) -> Fallible<()> {
        self.postgres.take().map_or(Ok(()), Process::stop)?;
        self.clock.show(instant);
        let folder = self.folder.path();
        let mut command = Command::new(script("postgres"));
        command.arg(folder.join("postgres")).arg(self.postgres_port.to_string()).args(SETTINGS);
        self.clock.for_server(&mut command);
        let mut postgres = Process::start("postgresql", &mut command, folder, "INT")?;
        let any = options(self.postgres_port, "postgres");
        postgres.until(async || any.connect().await.is_ok()).await?;
        self.postgres = Some(postgres);
        Ok(())
    }

    /// A file that belongs to the deployment.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn options(&self, database: &str) -> PgConnectOptions {
        options(self.postgres_port, database)
    }

    pub(crate) async fn connect(&self, database: &str) -> Fallible<PgConnection> {
        Ok(self.options(database).connect().await?)
    }

    /// Makes a database, of nothing or as a copy, with all of it on the disk.
    pub(crate) async fn create(&self, database: &str, like: Option<&str>) -> Fallible<()> {
        let mut any = self.connect("postgres").await?;
        let like = match like {
            // By files, where the server lets one choose: not through its own log, and in half the
            // time.
            Some(like) if any.server_version_num().is_some_and(|version| version >= 150_000) => {
                format!(" TEMPLATE {like} STRATEGY FILE_COPY")
            }
            Some(like) => format!(" TEMPLATE {like}"),
            None => String::new(),
        };
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {database}{like}")))
            .execute(&mut any)
            .await?;
        sqlx::query("CHECKPOINT").execute(&mut any).await?;
        Ok(())
    }

    pub(crate) async fn drop(&self, database: &str) -> Fallible<()> {
        let drop = format!("DROP DATABASE {database} WITH (FORCE)");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut self.connect("postgres").await?).await?;
        Ok(())
    }

    pub(crate) async fn log(&self, database: &str) -> Fallible<Arc<dyn EventStore>> {
        let clock: Arc<dyn Clock> = Arc::<Shifted>::clone(&self.clock);
        Ok(Arc::new(DatabaseStore::connect(self.options(database), clock).await?))
    }

    pub(crate) async fn journal(&self, database: &str) -> Fallible<Journal> {
        let clock: Arc<dyn Clock> = Arc::<Shifted>::clone(&self.clock);
        let log = self.log(database).await?;
        Ok(Journal::new(self.programme.clone(), log, clock, State::default(), 0))
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn run(&self, database: &str, arguments: &[&str]) -> Fallible<()> {
        let ran = self.command(database).args(arguments).stdout(Stdio::null()).output()?;
        if !ran.status.success() {
            let told = String::from_utf8_lossy(&ran.stderr);
            return Err(format!("tramonto {arguments:?}: {told}").into());
        }
        Ok(())
    }

    fn command(&self, database: &str) -> Command {
        let mut command = Command::new(&self.tramonto);
        let store = format!("postgres://tramonto@127.0.0.1:{}/{database}", self.postgres_port);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TRAMONTO_") {
                command.env_remove(name);
            }
        }
        command.args(["--store", &store]).env("USER", "bench").stdin(Stdio::null());
        self.clock.for_program(&mut command);
        command
    }

    /// A nats-server with nothing on it, in place of the one before.
    pub(crate) async fn fresh_bus(&mut self) -> Fallible<()> {
        drop(self.bus.take());
        self.buses += 1;
        let (folder, port) = (self.file(&format!("nats-{}", self.buses)), free_port()?);
        let mut command = Command::new(script("nats"));
        command.arg(&folder).arg(port.to_string());
        let mut bus = Process::start("nats-server", &mut command, self.folder.path(), "TERM")?;
        bus.until(async || listens(port)).await?;
        self.bus = Some((bus, port));
        Ok(())
    }

    fn bus_url(&self) -> Fallible<String> {
        let (_, port) = self.bus.as_ref().ok_or("there is no bus yet")?;
        Ok(format!("nats://127.0.0.1:{port}"))
    }

    pub(crate) async fn mirror(&self) -> Fallible<JetStreamMirror> {
        let options = NatsOptions::new(&self.bus_url()?, self.programme.clone());
        Ok(JetStreamMirror::open(&Connection::open(&options).await?).await?)
    }

    /// Starts services, as the words of their command lines, and waits until each is ready.
    pub(crate) async fn serve(&mut self, database: &str, services: &[&str]) -> Fallible<()> {
        let mut starting = Vec::new();
        for service in services {
            let port = free_port()?;
            let mut command = self.command(database);
            command.arg("service").args(service.split_whitespace());
            command.args(["--bus", &self.bus_url()?, "--listen", &format!("127.0.0.1:{port}")]);
            let name = service.split_whitespace().next().unwrap_or_default();
            starting.push((Process::start(name, &mut command, self.folder.path(), "TERM")?, port));
        }
        for (mut service, port) in starting {
            service.until(async || is_ready(port)).await?;
            self.services.push(service);
        }
        Ok(())
    }

    pub(crate) fn stop_services(&mut self) -> Fallible<()> {
        self.services.drain(..).try_for_each(Process::stop)
    }
}

fn options(port: u16, database: &str) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port);
    options.username("tramonto").database(database).disable_statement_logging()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers").join(name)
}

/// Where a program or a library is; installs it where it is missing.
fn installed(name: &str) -> Fallible<PathBuf> {
    let ran = Command::new(script("install")).arg(name).stderr(Stdio::inherit()).output()?;
    if !ran.status.success() {
        return Err(format!("{name} cannot be installed").into());
    }
    Ok(String::from_utf8(ran.stdout)?.trim_end().into())
}
