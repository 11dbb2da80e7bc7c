//! A deployment: two servers, a population, and services as processes.

mod checks;
mod log;
mod outages;
mod service;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::process;
use crate::servers::Server;
use crate::wait;
pub(crate) use service::{SMALL_ORDERS, Service, warnings};

/// Registrations of a population with some 100,000 active mailboxes.
pub(crate) const MANY: u32 = 177_000;
/// Registrations of a population that takes seconds.
pub(crate) const FEW: u32 = 9_000;

/// The timeout for everything that a deployment does by itself.
const TIMEOUT: Duration = Duration::from_mins(3);

/// The plan of CEC-PAC with its last two phases in the far future: they must have no effect.
pub(crate) static PLAN: LazyLock<String> = LazyLock::new(|| {
    let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/plans/cec-pac.toml");
    let plan = fs::read_to_string(plan).unwrap();
    let ahead = plan.replace("from = 2015-09-18", "from = 2095-09-18");
    let ahead = ahead.replace("from = 2018-03-18", "from = 2098-03-18");
    assert_ne!(plan, ahead);
    ahead
});

/// A deployment in its own folder.
pub(crate) struct World {
    pub(crate) postgres: Server,
    pub(crate) nats: Server,
    pub(crate) folder: TempDir,
    /// The test's own connection to the bus.
    pub(crate) client: async_nats::ConnectOptions,
    logs: u32,
    _slot: File,
}

impl World {
    /// Both servers run, the tables exist, the plan is adopted and the population is imported.
    pub(crate) async fn of(registrations: u32) -> Self {
        let mut world = Self::stopped(registrations).await;
        world.postgres.start();
        world.nats.start();
        world
    }

    /// Everything is imported, and no server runs yet.
    pub(crate) async fn stopped(registrations: u32) -> Self {
        let slot = slot();
        let imported = import(registrations).await;
        let folder = open_folder();
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(imported.join("postgres"))
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        Self::empty_in(folder, slot)
    }

    /// A population under this plan, with running servers.
    pub(crate) async fn under(plan: &str, registrations: u32) -> Self {
        let mut world = Self::empty();
        world.postgres.start();
        world.nats.start();
        make_database(world.postgres.port).await;
        populate(world.folder.path(), world.postgres.port, plan, registrations);
        world
    }

    /// Empty, without servers.
    pub(crate) fn empty() -> Self {
        Self::empty_in(open_folder(), slot())
    }

    fn empty_in(folder: TempDir, slot: File) -> Self {
        let (postgres, nats) = servers(folder.path());
        let client = async_nats::ConnectOptions::new();
        Self { postgres, nats, folder, client, logs: 0, _slot: slot }
    }

    /// The URL of the database.
    pub(crate) fn store(&self) -> String {
        store(self.postgres.port)
    }

    /// The URL of the bus.
    pub(crate) fn bus(&self) -> String {
        format!("nats://127.0.0.1:{}", self.nats.port)
    }

    /// Waits for a condition, with a timeout.
    pub(crate) async fn until(&self, what: &str, so: impl AsyncFnMut() -> bool) {
        assert!(wait::until_async(TIMEOUT, so).await, "{what} did not come{}", self.told());
    }

    /// The ends of the services' logs, for a failure.
    fn told(&self) -> String {
        let mut told = String::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let last: Vec<_> = text.lines().rev().take(4).collect();
                told += "\n";
                told += path.file_name().unwrap().to_str().unwrap();
                for line in last.iter().rev() {
                    told += "\n    ";
                    told += line;
                }
            }
        }
        told
    }
}

/// The binary, on that store.
pub(crate) fn tramonto(store: &str) -> Command {
    let mut command = process::tramonto();
    command.args(["--store", store]);
    command
}

/// Runs a command that must succeed.
pub(crate) fn done(store: &str, arguments: &[&str]) {
    drop(printed(store, arguments));
}

/// The same, and returns its output.
pub(crate) fn printed(store: &str, arguments: &[&str]) -> String {
    let ran = tramonto(store).args(arguments).output().unwrap();
    assert!(
        ran.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).unwrap()
}

/// Creates the tables, the plan and the population.
pub(crate) fn populate(folder: &Path, port: u16, plan: &str, registrations: u32) {
    let store = store(port);
    let (file, registry) = (folder.join("plan.toml"), folder.join("registry.csv"));
    fs::write(&file, plan).unwrap();
    let (plan, registry) = (file.to_str().unwrap(), registry.to_str().unwrap());
    done(&store, &["store", "migrate"]);
    done(&store, &["plan", "adopt", plan, "--reason", "test"]);
    let registrations = registrations.to_string();
    done(&store, &["registry", "generate", "--registrations", &registrations, "--out", registry]);
    done(&store, &["registry", "import", registry]);
}

pub(crate) async fn make_database(port: u16) {
    let any = options(port).database("postgres");
    let mut database = any.connect().await.unwrap();
    sqlx::raw_sql("CREATE DATABASE tramonto").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

/// The folder shared by the processes of all tests.
fn shared() -> PathBuf {
    let folder = std::env::var_os("TRAMONTO_TEST_SHARED");
    folder.expect("TRAMONTO_TEST_SHARED is not set; run tests/run or tests/with-servers").into()
}

/// At most two deployments run at a time across processes: more would starve each other.
fn slot() -> File {
    let file = |name: &str| File::create(shared().join(name)).unwrap();
    let first = file("first-deployment");
    if first.try_lock().is_ok() {
        return first;
    }
    let second = file("second-deployment");
    second.lock().unwrap();
    second
}

/// A cluster with a population, created by the first test that needs it; the others copy it.
async fn import(registrations: u32) -> PathBuf {
    let imported = shared().join(registrations.to_string());
    let importing = File::create(shared().join("importing.lock")).unwrap();
    importing.lock().unwrap();
    if !imported.exists() {
        let folder = shared().join("importing");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        let (mut postgres, _) = servers(&folder);
        postgres.start();
        make_database(postgres.port).await;
        populate(&folder, postgres.port, &PLAN, registrations);
        postgres.end("INT");
        fs::rename(folder, &imported).unwrap();
    }
    imported
}

fn servers(folder: &Path) -> (Server, Server) {
    // Processes are killed here, but the power never fails: no flush to disk is needed.
    let settings = ["fsync=off", "full_page_writes=off"];
    let postgres = Server::new("postgres", folder.join("postgres"), &settings);
    (postgres, Server::new("nats", folder.join("nats"), &[]))
}

/// A folder that the database server's own user can enter too.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), everyone).unwrap();
    folder
}

pub(crate) fn store(port: u16) -> String {
    format!("postgres://tramonto@127.0.0.1:{port}/tramonto")
}

fn options(port: u16) -> PgConnectOptions {
    store(port).parse().unwrap()
}
