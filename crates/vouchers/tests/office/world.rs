//! A programme in which vouchers are asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    BirthPlace, CodiceFiscale, Command, Event, MailboxCommand, MailboxSet, Outcome, Person, Plan,
    Sex, State, Verdict, Verification, civil_date,
};
use eventstore::{
    Clock, EventStore, ExpectedVersion, Journal, MemoryStore, Origin, PostgresStore, SqliteStore,
    mailbox_stream, outcome_stream, programme_stream,
};
use keyring::Keyring;
use platform::IssueVouchers;
use projections::mailbox_now;
use rand::rngs::SysRng;
use registry::{Encoding, ImportRequest, Registry, Source};
use sql::Tables;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tempfile::TempDir;
use uuid::Uuid;
use vouchers::{CodeBook, Error, FORMAT, Grant, Minted, Office, SCHEMA};

use crate::yielding::Yielding;

/// A clock that is set.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Where a world lies.
pub(crate) enum Place {
    Folder,
    Server(Box<PgConnectOptions>, String),
}

/// A programme with people in it.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) office: Office,
    place: Place,
    clock: Hand,
}

pub(crate) fn origin() -> Origin {
    Origin { reason: Some("a letter".to_owned()), ..Origin::part("operator:test") }
}

/// The plan of CEC-PAC with more said of its vouchers.
pub(crate) fn plan(vouchers: &str) -> Plan {
    let text = include_str!("../../../../deploy/plans/cec-pac.toml");
    let eligible = "eligible = \"registered\"\n";
    let replaced = vouchers.contains("eligible");
    let text = if replaced { text.replacen(eligible, "", 1) } else { text.to_owned() };
    let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{vouchers}\n"), 1);
    Plan::parse("trial.toml", &text).unwrap().0
}

/// When a mailbox was asked for, and when it was activated.
pub(crate) type Dates = (&'static str, Option<&'static str>);

/// Someone who has a mailbox, and has had it for long.
pub(crate) const OLD: Dates = ("2013-05-01", Some("2013-05-20"));
/// Within the window.
pub(crate) const OPEN: &str = "2015-06-01T12:00:00+02:00";

impl World {
    /// In a folder, with the log in memory: quick.
    pub(crate) async fn with(vouchers: &str, people: &[Dates]) -> Self {
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self::begin(store, Place::Folder, clock, vouchers, people).await
    }

    /// The same, where each append can be broken off before it and after it.
    pub(crate) async fn that_yields(vouchers: &str, people: &[Dates]) -> Self {
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let store = Yielding(MemoryStore::new(Arc::new(clock.clone())));
        Self::begin(Arc::new(store), Place::Folder, clock, vouchers, people).await
    }

    /// In a folder, as it is shipped.
    pub(crate) async fn in_files(vouchers: &str, people: &[Dates]) -> Self {
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.db");
        let store = Arc::new(SqliteStore::open(&log, Arc::new(clock.clone())).await.unwrap());
        Self::begin_in(folder, store, Place::Folder, clock, vouchers, people).await
    }

    /// In a database.
    pub(crate) async fn on_a_server(vouchers: &str, people: &[Dates]) -> Self {
        let server = std::env::var("TRAMONTO_TEST_POSTGRES");
        let server =
            server.expect("run it by tests/run or tests/with-servers, which start PostgreSQL");
        let server: PgConnectOptions = server.parse().unwrap();
        let name = format!("vouchers_{}", Uuid::now_v7().simple());
        let mut connection = server.connect().await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let options = server.database(&name);
        PostgresStore::migrate(options.clone(), false).await.unwrap();
        Registry::migrate(options.clone(), false).await.unwrap();
        SCHEMA.migrate(options.clone(), false).await.unwrap();
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let store = PostgresStore::connect(options.clone(), Arc::new(clock.clone())).await.unwrap();
        Self::begin(
            Arc::new(store),
            Place::Server(Box::new(options), name),
            clock,
            vouchers,
            people,
        )
        .await
    }

    async fn begin(
        store: Arc<dyn EventStore>,
        place: Place,
        clock: Hand,
        vouchers: &str,
        people: &[Dates],
    ) -> Self {
        Self::begin_in(tempfile::tempdir().unwrap(), store, place, clock, vouchers, people).await
    }

    async fn begin_in(
        folder: TempDir,
        store: Arc<dyn EventStore>,
        place: Place,
        clock: Hand,
        vouchers: &str,
        people: &[Dates],
    ) -> Self {
        let plan = plan(vouchers);
        Keyring::open_or_make(&folder.path().join("keys"), clock.now(), &mut SysRng).unwrap();
        let office = office(folder.path(), &place, &store, &clock, &plan).await;
        let adopted = State::default().decide(Command::Adopt(plan.clone()), clock.now()).unwrap();
        let stream = programme_stream(&plan.programme).unwrap();
        let journal = office.journal();
        journal.append(stream, ExpectedVersion::NoStream, &adopted, &origin()).await.unwrap();
        let world = Self { folder, store, office, place, clock };
        world.import(&plan, people).await;
        world
    }

    async fn import(&self, plan: &Plan, people: &[Dates]) {
        let mut rows = String::from(
            "registration_id,codice_fiscale,surname,name,address,requested_on,activated_on,\
             last_sent_on,notify_email\n",
        );
        for (place, (requested_on, activated_on)) in people.iter().enumerate() {
            let born_on = NaiveDate::from_num_days_from_ce_opt(712_000).unwrap()
                + chrono::Days::new(u64::try_from(place).unwrap());
            let code = CodiceFiscale::compose(&Person {
                surname: "Prova",
                name: "Ada",
                born_on,
                sex: Sex::Female,
                birth_place: BirthPlace::ROME,
            });
            let activated_on = activated_on.unwrap_or_default();
            let (code, address) = (code.as_str(), format!("ada{place}@posta.example"));
            let row =
                format!("R{place},{code},Prova,Ada,{address},{requested_on},{activated_on},,");
            rows.push_str(&row);
            rows.push('\n');
        }
        let registry = self.registry().await;
        let request = ImportRequest {
            source: Source::Stream(Box::new(std::io::Cursor::new(rows))),
            rejects: None,
            encoding: Encoding::Utf8,
            ignore_extra: false,
            plan,
            now: "2014-12-30T00:00:00Z".parse().unwrap(),
            actor: "operator:test",
            reason: None,
            progress: &mut |_| {},
        };
        let summary = registry::import(&*self.store, &registry, request).await.unwrap();
        assert_eq!(summary.accepted, u64::try_from(people.len()).unwrap(), "{summary:?}");
        registry.close().await.unwrap();
    }

    async fn registry(&self) -> Registry {
        registry(self.folder.path(), &self.place, &self.office.journal().programme().clone()).await
    }

    /// Another process on the same store.
    pub(crate) async fn another(&self) -> Office {
        let plan = self.office.journal().state().await.unwrap().plan().cloned().unwrap();
        office(self.folder.path(), &self.place, &self.store, &self.clock, &plan).await
    }

    /// Sets the clock.
    pub(crate) fn at(&self, instant: &str) {
        *self.clock.0.lock().unwrap() = instant.parse().unwrap();
    }

    /// One who asked, and of whom that is sure.
    pub(crate) async fn verified(&self, number: u32) {
        self.office.request(number, &origin()).await.unwrap();
        self.office.verify(number, Verification::Officer, &origin()).await.unwrap();
    }

    /// One who was granted a voucher.
    pub(crate) async fn granted(&self, number: u32) -> Grant {
        self.verified(number).await;
        issue(&self.office, number).await.unwrap()
    }

    pub(crate) async fn redeem(&self, shown: &str, provider: &str) -> Result<NaiveDate, Error> {
        let redeemed = self.office.redeem(shown, &provider.parse().unwrap(), &origin()).await?;
        Ok(redeemed.free_through)
    }

    /// Has a mailbox decide on a command.
    pub(crate) async fn mailbox(&self, number: u32, command: MailboxCommand) {
        let journal = self.office.journal();
        let today = civil_date(journal.now(), chrono_tz::Europe::Rome);
        let events = {
            let snapshot = journal.state().await.unwrap();
            mailbox_now(&snapshot, number).decide(command, today).unwrap()
        };
        let stream = mailbox_stream(journal.programme(), number).unwrap();
        journal.append(stream, ExpectedVersion::Any, &events, &origin()).await.unwrap();
    }

    /// The registration lapses: it was never activated, and can't be any more.
    pub(crate) async fn lapsed(&self, number: u32) {
        let journal = self.office.journal();
        let event = Event::RegistrationsLapsed(Outcome {
            phase: None,
            revision: 1,
            due_at: journal.now(),
            verdict: Verdict::Applied,
            mailboxes: MailboxSet::from(number),
        });
        let stream = outcome_stream(journal.programme(), None).unwrap();
        journal.append(stream, ExpectedVersion::Any, &[event], &origin()).await.unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A worker issues the voucher of a holder, and its code is delivered.
pub(crate) async fn issue(office: &Office, number: u32) -> Result<Grant, Error> {
    office.issuer().issue(&MailboxSet::from(number)).await.unwrap();
    office.deliver(number).await
}

/// A worker issues so many of the vouchers that are to be issued; their codes.
pub(crate) async fn issue_some(office: &Office, most: usize) -> Result<Vec<Minted>, Error> {
    let journal = office.journal();
    let these: MailboxSet = {
        let known = journal.state().await?;
        known.vouchers_to_issue(journal.now()).iter().take(most).collect()
    };
    let answer = office.issuer().issue(&these).await.unwrap();
    office.mint_missing(&answer.applied).await
}

async fn office(
    folder: &Path,
    place: &Place,
    store: &Arc<dyn EventStore>,
    clock: &Hand,
    plan: &Plan,
) -> Office {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let programme = plan.programme.clone();
    let registry = registry(folder, place, &programme).await;
    let keyring = Keyring::open(&folder.join("keys")).unwrap();
    let tables = match place {
        Place::Folder => Tables::open(&folder.join("vouchers.db"), &FORMAT).await.unwrap(),
        Place::Server(options, _) => Tables::connect((**options).clone(), &SCHEMA).await.unwrap(),
    };
    let book = CodeBook::open(tables, &keyring).await.unwrap();
    let journal = Journal::new(programme, Arc::clone(store), clock, State::default(), 0);
    Office::new(Arc::new(journal), Arc::new(registry), Arc::new(book), Arc::new(keyring))
}

async fn registry(folder: &Path, place: &Place, programme: &domain::ProgrammeId) -> Registry {
    match place {
        Place::Folder => Registry::open(&folder.join("registry.db"), programme).await.unwrap(),
        Place::Server(options, _) => {
            Registry::connect((**options).clone(), programme).await.unwrap()
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let Place::Server(options, name) = &self.place else { return };
        let server = (**options).clone().database("postgres");
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        // A thread of its own, since a runtime can't wait inside another.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut connection = server.connect().await.unwrap();
                connection.execute(AssertSqlSafe(drop)).await.unwrap();
            });
        });
        assert!(dropped.join().is_ok() || std::thread::panicking());
    }
}
