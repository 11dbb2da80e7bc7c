//! A deployment: two servers, a population, and services as processes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::ProgrammeId;
use engine::RealClock;
use eventstore::{Clock, DatabaseStore, EventStore};
use projections::Table;
use rehearsal::prove_shared;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::servers::{Server, script, send};
use crate::wait;

/// Registrations of a population with some 100,000 active mailboxes.
pub(crate) const MANY: u32 = 177_000;
/// Registrations of a population that takes seconds.
pub(crate) const FEW: u32 = 9_000;

/// The phases of the tests' plan whose dates are past; the later ones are in the far future.
const PAST_PHASES: i64 = 3;
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

/// Fencing tokens by the names of their leases.
pub(crate) type Tokens = BTreeMap<String, i64>;

/// A running service.
pub(crate) struct Service {
    pub(crate) role: &'static str,
    child: Child,
    log: PathBuf,
}

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

/// The command that starts it: a service, or `run` for all of them.
fn words(role: &'static str) -> &'static [&'static str] {
    match role {
        "run" => &["run"],
        "scheduler" => &["service", "scheduler"],
        "worker" => &["service", "worker"],
        "projector" => &["service", "projector"],
        "relay" => &["service", "relay"],
        "api" => &["service", "api"],
        "policy" => &["service", "policy"],
        other => panic!("{other} is no service"),
    }
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

    /// Starts a service that uses both servers.
    pub(crate) fn start(&mut self, role: &'static str, more: &[&str]) -> Service {
        let (store, bus) = (self.store(), self.bus());
        self.start_at(role, &store, &bus, more)
    }

    /// Starts a service that uses servers at these URLs.
    pub(crate) fn start_at(
        &mut self,
        role: &'static str,
        store: &str,
        bus: &str,
        more: &[&str],
    ) -> Service {
        let mut command = tramonto(store);
        command
            .args(words(role))
            .args(["--bus", bus, "--lease", "3", "--stop-within", "10"])
            .args(if more.contains(&"--listen") { &[][..] } else { &["--listen", "off"] })
            .args(more);
        self.spawn(role, command)
    }

    /// Starts a service whose clock is ahead by this time.
    pub(crate) fn start_later(
        &mut self,
        role: &'static str,
        by: Duration,
        more: &[&str],
    ) -> Service {
        let library = Command::new(script("install")).arg("shift").output().unwrap();
        assert!(library.status.success(), "{}", String::from_utf8_lossy(&library.stderr));
        let library = String::from_utf8(library.stdout).unwrap();
        let mut command = tramonto(&self.store());
        command
            .args(words(role))
            .args(["--bus", &self.bus(), "--lease", "3", "--listen", "off"])
            .args(more)
            .env("LD_PRELOAD", library.trim())
            .env("SHIFT_US", by.as_micros().to_string());
        self.spawn(role, command)
    }

    /// Starts a service without a bus.
    pub(crate) fn start_beside(
        &mut self,
        role: &'static str,
        store: &str,
        arguments: &[&str],
    ) -> Service {
        let mut command = tramonto(store);
        command.args(arguments);
        self.spawn(role, command)
    }

    fn spawn(&mut self, role: &'static str, mut command: Command) -> Service {
        self.logs += 1;
        let log = self.folder.path().join(format!("{role}-{}.log", self.logs));
        let told = File::create(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(told).spawn().unwrap();
        Service { role, child, log }
    }

    /// Starts one of each, with orders small enough for many of them, and a rate-limited worker.
    pub(crate) fn start_all(&mut self) -> Vec<Service> {
        let scheduler = self.start("scheduler", SMALL_ORDERS);
        let mut services = vec![scheduler];
        services.extend(
            ["worker", "worker", "projector", "relay", "api"].map(|role| self.start(role, &[])),
        );
        services
    }

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

    /// Waits for a condition, with a timeout.
    pub(crate) async fn until(&self, what: &str, so: impl AsyncFnMut() -> bool) {
        assert!(wait::until_async(TIMEOUT, so).await, "{what} did not come{}", self.told());
    }

    /// Waits until every service of these roles, or any one where none is named, has warned since.
    pub(crate) async fn until_warned(&self, services: &[Service], roles: &[&str], since: &[usize]) {
        let warned = async || {
            let now = warnings(services);
            let mut each = services.iter().zip(now.iter().zip(since));
            if roles.is_empty() {
                return each.any(|(_, (now, since))| now > since);
            }
            each.filter(|(it, _)| roles.contains(&it.role)).all(|(_, (now, since))| now > since)
        };
        self.until("the warnings", warned).await;
    }

    /// Waits until this many phases are complete.
    pub(crate) async fn until_completed(&self, count: i64) {
        self.until("completed phases", async || self.completed().await >= count).await;
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

    /// Checks all invariants once every due phase is complete.
    pub(crate) async fn check(&self) {
        self.until_complete().await;
        assert_eq!(self.completed().await, PAST_PHASES, "a phase completed twice, or early");
        let proof = prove_shared(&options(self.postgres.port)).await.unwrap();
        assert_eq!(proof.problems, [""; 0], "{}", self.told());
        assert!(proof.effects > 0);
        // No effect of the future phases: everyone can still log in.
        let shut_out = "SELECT count(*) FROM directory.rights WHERE NOT can_login";
        assert_eq!(self.ask(shut_out).await, 0, "access ended early");
        self.check_copies().await;
    }

    /// Checks the projections and the mirror.
    pub(crate) async fn check_copies(&self) {
        self.derived_is_what_a_rebuild_derives().await;
        self.mirror_is_the_log().await;
    }

    /// Compares the stream on the bus with the log, message by message.
    async fn mirror_is_the_log(&self) {
        let log = "SELECT id::text FROM tramonto.event ORDER BY position";
        let mut database = self.connect().await;
        let client = self.client.clone().connect(self.bus()).await.unwrap();
        let bus = async_nats::jetstream::new(client);
        let is_the_log = async || {
            let log: Vec<String> = sqlx::query_scalar(log).fetch_all(&mut database).await.unwrap();
            let mirror = mirrored(&bus).await;
            // The relay may still be publishing; what it has published must be correct already.
            assert!(log.starts_with(&mirror), "the mirror is no prefix of the log{}", self.told());
            mirror == log
        };
        self.until("the rest of the mirror", is_the_log).await;
    }

    /// Compares the projectors' table with one rebuilt from the log, in a file.
    async fn derived_is_what_a_rebuild_derives(&self) {
        let (options, log) = (options(self.postgres.port), self.log().await);
        let programme: ProgrammeId = "cec-pac".parse().unwrap();
        let kept = Table::connect(options, programme.clone(), Arc::clone(&log), "test".to_owned())
            .await
            .unwrap();
        let caught_up = async || kept.status(RealClock.now()).await.unwrap().lag_events == 0;
        self.until("the table", caught_up).await;
        let path = self.folder.path().join("derived-anew.db");
        let anew = Table::open(&path, programme, log).await.unwrap();
        while anew.tick(RealClock.now()).await.unwrap().progress > 0 {}
        assert_eq!(kept.digest().await.unwrap(), anew.digest().await.unwrap(), "{}", self.told());
    }
}

/// The ids of the events in the mirror's stream, in order.
async fn mirrored(bus: &async_nats::jetstream::Context) -> Vec<String> {
    let Ok(mut stream) = bus.get_stream("tramonto_cec-pac_event").await else { return Vec::new() };
    let state = stream.info().await.unwrap().state.clone();
    let mut ids = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        ids.push(message.headers.get("ce-id").unwrap().to_string());
    }
    ids
}

/// So that a phase has some hundred orders.
pub(crate) const SMALL_ORDERS: &[&str] = &["--batch", "500", "--orders", "16"];

impl Service {
    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        send(name, self.child.id());
    }

    /// Asks it to stop, and returns its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        let mut ended = None;
        let has_ended = async || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        };
        let stops = wait::until_async(Duration::from_secs(15), has_ended).await;
        assert!(stops, "it does not stop: {}", self.told());
        ended.and_then(|status| status.code())
    }

    /// Its log.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A process that has exited cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The number of warnings and errors that each service has logged.
pub(crate) fn warnings(services: &[Service]) -> Vec<usize> {
    let count = |told: String| told.matches("WARN").count() + told.matches("ERROR").count();
    services.iter().map(|service| count(service.told())).collect()
}

/// The binary, without the tester's environment.
pub(crate) fn tramonto(store: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tramonto"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRAMONTO_") {
            command.env_remove(name);
        }
    }
    command.args(["--store", store]).env("USER", "tester").stdin(Stdio::null());
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
