//! A small world shared by the whole-flow tests, in which the real engine runs the real plan.
//!
//! Deliberately absent: mocks of our own parts. The store, the directory and the registry are real,
//! on a real disk; only the clock is virtual.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a world that can't be set up ends the test"
)]

pub mod corpus;
pub mod mail;
pub mod relay;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Capabilities, Capability, Mailbox, MailboxCommand, Plan, State};
use engine::Home;
use engine::{EngineSettings, RunMode};
use eventstore::{Clock, Origin, mailbox_stream};
use keyring::Keyring;
use rand::rngs::SysRng;
use registry::Summary;
use rehearsal::generate::{Options, generate};
use rehearsal::{Observer, Rehearsal, RehearsalSettings, VirtualClock, begins_at, load};
use sql::Tables;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use vouchers::{CodeStore, FORMAT, Vouchers};

/// An observer that does nothing.
pub struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _: DateTime<Utc>, _: &State) {}
}

/// A store with a population, before the first phase.
pub struct World {
    /// The folder, deleted at the end.
    pub folder: tempfile::TempDir,
    /// The clock.
    pub clock: Arc<VirtualClock>,
    /// The plan.
    pub plan: Plan,
}

impl World {
    /// A store with this many generated registrations.
    pub async fn with(registrations: u32) -> Self {
        Self::of(Plan::cec_pac().unwrap(), registrations).await
    }

    /// The same, with another plan.
    pub async fn of(mut plan: Plan, registrations: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Monthly runs exercise the search for residue well enough; nightly ones take minutes.
        for recurring in &mut plan.recurring {
            "0 30 3 1 * *".clone_into(&mut recurring.cron);
        }
        let clock = Arc::new(VirtualClock::at(begins_at(&plan)));
        let world = Self { folder, clock, plan };
        let file = world.registry(registrations);
        world.import(&file).await;
        world
    }

    /// The path of the store.
    pub fn home(&self) -> Home {
        Home::new(self.folder.path().join("store"))
    }

    /// A generated registry file.
    pub fn registry(&self, registrations: u32) -> PathBuf {
        let path = self.folder.path().join("registry.csv");
        let mut file = Vec::new();
        generate(&Options { registrations, seed: 1 }, &mut file).unwrap();
        std::fs::write(&path, file).unwrap();
        path
    }

    /// Imports a registry file, as an operator would.
    pub async fn import(&self, file: &Path) -> Summary {
        load(&self.home(), &self.clock, &self.plan, file, &mut |_| {}).await.unwrap()
    }

    /// Opens the engine on it.
    pub async fn rehearsing(
        &self,
        settings: EngineSettings,
        crash_every: Option<u64>,
    ) -> Rehearsal {
        let settings = EngineSettings { mode: RunMode::Rehearsal, ..settings };
        let rehearsal =
            RehearsalSettings { plan: self.plan.clone(), engine: settings, crash_every };
        Rehearsal::open(&self.home(), Arc::clone(&self.clock), rehearsal).await.unwrap()
    }

    /// The programme's keys, and vouchers beside an engine that runs.
    pub async fn vouchers(&self, running: &Rehearsal) -> (Arc<Keyring>, Vouchers) {
        let home = self.home();
        let keyring = Keyring::open_or_make(&home.keys(), self.clock.now(), &mut SysRng).unwrap();
        let keyring = Arc::new(keyring);
        let tables = Tables::open(&home.vouchers(), &FORMAT).await.unwrap();
        let codes = Arc::new(CodeStore::open(tables, &keyring).await.unwrap());
        let (journal, registry) = (&running.engine.journal, &running.engine.registry);
        let (journal, registry) = (Arc::clone(journal), Arc::clone(registry));
        let vouchers = Vouchers::new(journal, registry, codes, Arc::clone(&keyring));
        (keyring, vouchers)
    }

    /// What a mailbox may do now, queried with plain SQL like the mail servers do.
    pub async fn actual(&self, number: u32) -> Option<Capabilities> {
        let mut directory = connect(&self.home().directory()).await;
        let query =
            "SELECT can_send, read_only, can_receive, can_login FROM rights WHERE number = ?";
        let row = sqlx::query(query).bind(number).fetch_optional(&mut directory).await.unwrap()?;
        let rights = [
            (Capability::Send, row.get::<bool, _>(0)),
            (Capability::Modify, !row.get::<bool, _>(1)),
            (Capability::Receive, row.get::<bool, _>(2)),
            (Capability::Access, row.get::<bool, _>(3)),
        ];
        Some(rights.into_iter().filter(|(_, may)| *may).map(|(capability, _)| capability).collect())
    }
}

/// Opens a file of ours without our code.
pub async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap()
}

/// Executes a command about one mailbox, as the command line does.
pub async fn command(running: &Rehearsal, number: u32, command: MailboxCommand) {
    let journal = &running.engine.journal;
    let stream = mailbox_stream(journal.programme(), number).unwrap();
    let version = journal.version_of(&stream).await.unwrap();
    let (mailbox, today) = {
        let snapshot = journal.state().await.unwrap();
        let zone = snapshot.plan().unwrap().zone;

        (projections::mailbox_now(&snapshot, number), domain::civil_date(journal.now(), zone))
    };
    let events = Mailbox::decide(&mailbox, command, today).unwrap();
    journal.append(stream, version, &events, &Origin::part("test")).await.unwrap();
}

/// One number of each kind of mailbox in a generated population.
pub struct Kinds {
    /// Registered, never activated.
    pub never_activated: u32,
    /// Activated on the last possible day.
    pub activated_late: u32,
    /// Activated early, and in use.
    pub used: u32,
    /// Other active ones.
    pub others: Vec<u32>,
}

/// A number, its day of activation, and the day of the last message sent.
type Row = (u32, Option<i64>, Option<i64>);

/// Picks one of each kind, with plain SQL on the registry.
pub async fn kinds(home: &Home) -> Kinds {
    let mut registry = connect(&home.registry()).await;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, activated_on, last_sent_on FROM registration ORDER BY number",
    )
    .fetch_all(&mut registry)
    .await
    .unwrap();
    let first = |wanted: &dyn Fn(&Row) -> bool| {
        rows.iter().find(|row| wanted(row)).map(|row| row.0).unwrap()
    };
    let never_activated = first(&|row| row.1.is_none());
    let late = rows.iter().filter(|row| row.1.is_some()).max_by_key(|row| row.1).unwrap();
    let used = first(&|row| row.2.is_some() && row.0 != late.0);
    let taken = BTreeSet::from([late.0, used]);
    let others = rows.iter().filter(|row| row.1.is_some() && !taken.contains(&row.0));
    Kinds {
        never_activated,
        activated_late: late.0,
        used,
        others: others.map(|row| row.0).collect(),
    }
}
