//! A programme whose holders request vouchers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    BirthPlace, CodiceFiscale, Command, Event, MailboxCommand, MailboxSet, Outcome, Person, Plan,
    Sex, State, Verdict, Verification, civil_date,
};
use eventstore::{
    Clock, DatabaseStore, EventStore, ExpectedVersion, Journal, MemoryStore, Origin,
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
use vouchers::{CodeStore, Credentials, Error, FORMAT, Issuer, NewCode, Report, SCHEMA, Vouchers};

use crate::log_layer::Layered;
use crate::yielding::Yielding;

/// A clock that the test sets.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Where the stores are.
pub(crate) enum Stores {
    Folder,
    Server(Box<PgConnectOptions>, String),
}

/// A programme with registered holders.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) vouchers: Vouchers,
    stores: Stores,
    clock: Hand,
}

pub(crate) fn origin() -> Origin {
    Origin { reason: Some("a letter".to_owned()), ..Origin::part("operator:test") }
}

/// The plan of CEC-PAC with further voucher rules.
pub(crate) fn plan(rules: &str) -> Plan {
    let text = include_str!("../../../../deploy/plans/cec-pac.toml");
    let eligible = "eligible = \"registered\"\n";
    let replaced = rules.contains("eligible");
    let text = if replaced { text.replacen(eligible, "", 1) } else { text.to_owned() };
    let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{rules}\n"), 1);
    Plan::parse("trial.toml", &text).unwrap().0
}

/// The days on which a mailbox was requested and activated.
pub(crate) type Dates = (&'static str, Option<&'static str>);

/// A mailbox requested and activated long ago.
pub(crate) const OLD: Dates = ("2013-05-01", Some("2013-05-20"));
/// An instant within the window.
pub(crate) const OPEN: &str = "2015-06-01T12:00:00+02:00";

impl World {
    /// In a folder, with the log in memory, which is fast.
    pub(crate) async fn with(rules: &str, people: &[Dates]) -> Self {
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self::begin(store, Stores::Folder, clock, rules, people).await
    }

    /// The same, with yields before and after each append.
    pub(crate) async fn that_yields(rules: &str, people: &[Dates]) -> Self {
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let memory = MemoryStore::new(Arc::new(clock.clone()));
        let store = Layered(Yielding(Arc::new(memory)));
        Self::begin(Arc::new(store), Stores::Folder, clock, rules, people).await
    }

    /// In a folder, with the log in `SQLite`.
    pub(crate) async fn in_files(rules: &str, people: &[Dates]) -> Self {
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.db");
        let store = Arc::new(DatabaseStore::open(&log, Arc::new(clock.clone())).await.unwrap());
        Self::begin_in(folder, store, Stores::Folder, clock, rules, people).await
    }

    /// In a `PostgreSQL` database of its own.
    pub(crate) async fn on_a_server(rules: &str, people: &[Dates]) -> Self {
        let server = std::env::var("TRAMONTO_TEST_POSTGRES");
        let server =
            server.expect("run it by tests/run or tests/with-servers, which start PostgreSQL");
        let server: PgConnectOptions = server.parse().unwrap();
        let name = format!("vouchers_{}", Uuid::now_v7().simple());
        let mut connection = server.connect().await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let options = server.database(&name);
        DatabaseStore::migrate(options.clone(), false).await.unwrap();
        Registry::migrate(options.clone(), false).await.unwrap();
        SCHEMA.migrate(options.clone(), false).await.unwrap();
        let clock = Hand(Arc::new(Mutex::new(OPEN.parse().unwrap())));
        let store = DatabaseStore::connect(options.clone(), Arc::new(clock.clone())).await.unwrap();
        Self::begin(Arc::new(store), Stores::Server(Box::new(options), name), clock, rules, people)
            .await
    }

    async fn begin(
        store: Arc<dyn EventStore>,
        stores: Stores,
        clock: Hand,
        rules: &str,
        people: &[Dates],
    ) -> Self {
        Self::begin_in(tempfile::tempdir().unwrap(), store, stores, clock, rules, people).await
    }

    async fn begin_in(
        folder: TempDir,
        store: Arc<dyn EventStore>,
        stores: Stores,
        clock: Hand,
        rules: &str,
        people: &[Dates],
    ) -> Self {
        let plan = plan(rules);
        Keyring::open_or_make(&folder.path().join("keys"), clock.now(), &mut SysRng).unwrap();
        let vouchers = open(folder.path(), &stores, &store, &clock, &plan).await;
        let adopted = State::default().decide(Command::Adopt(plan.clone()), clock.now()).unwrap();
        let stream = programme_stream(&plan.programme).unwrap();
        let journal = &vouchers.journal;
        journal.append(stream, ExpectedVersion::NoStream, &adopted, &origin()).await.unwrap();
        let world = Self { folder, store, vouchers, stores, clock };
        world.import(&plan, people).await;
        world
    }

    async fn import(&self, plan: &Plan, people: &[Dates]) {
        let mut rows = String::from(
            "registration_id,codice_fiscale,surname,name,address,requested_on,activated_on,\
             last_sent_on,notify_email\n",
        );
        for (index, (requested_on, activated_on)) in people.iter().enumerate() {
            let born_on = NaiveDate::from_num_days_from_ce_opt(712_000).unwrap()
                + chrono::Days::new(u64::try_from(index).unwrap());
            let code = CodiceFiscale::compose(&Person {
                surname: "Prova",
                name: "Ada",
                born_on,
                sex: Sex::Female,
                birth_place: BirthPlace::ROME,
            });
            let activated_on = activated_on.unwrap_or_default();
            let (code, address) = (code.as_str(), format!("ada{index}@posta.example"));
            let row =
                format!("R{index},{code},Prova,Ada,{address},{requested_on},{activated_on},,");
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
        assert_eq!(summary.balance.accepted, u64::try_from(people.len()).unwrap(), "{summary:?}");
        registry.close().await.unwrap();
    }

    async fn registry(&self) -> Registry {
        registry(self.folder.path(), &self.stores, &self.vouchers.journal.programme().clone()).await
    }

    /// The vouchers as another process opens them.
    pub(crate) async fn another(&self) -> Vouchers {
        let plan = self.vouchers.journal.state().await.unwrap().plan().cloned().unwrap();
        open(self.folder.path(), &self.stores, &self.store, &self.clock, &plan).await
    }

    /// Sets the clock.
    pub(crate) fn at(&self, instant: &str) {
        *self.clock.0.lock().unwrap() = instant.parse().unwrap();
    }

    /// Requests a voucher and verifies the request.
    pub(crate) async fn verified(&self, number: u32) {
        self.vouchers.request(number, &origin()).await.unwrap();
        self.vouchers.verify(number, Verification::Officer, &origin()).await.unwrap();
    }

    /// Requests a voucher, has it issued and generates its code.
    pub(crate) async fn issued(&self, number: u32) -> Credentials {
        self.verified(number).await;
        issue(&self.vouchers, number).await.unwrap()
    }

    pub(crate) async fn redeem(&self, presented: &str, provider: &str) -> Result<NaiveDate, Error> {
        let redeemed =
            self.vouchers.redeem(presented, &provider.parse().unwrap(), &origin()).await?;
        Ok(redeemed.free_through)
    }

    /// Carries out a command of a mailbox.
    pub(crate) async fn mailbox(&self, number: u32, command: MailboxCommand) {
        let journal = &self.vouchers.journal;
        let today = civil_date(journal.now(), chrono_tz::Europe::Rome);
        let events = {
            let snapshot = journal.state().await.unwrap();
            mailbox_now(&snapshot, number).decide(command, today).unwrap()
        };
        let stream = mailbox_stream(journal.programme(), number).unwrap();
        journal.append(stream, ExpectedVersion::Any, &events, &origin()).await.unwrap();
    }

    /// Records that a registration lapsed.
    pub(crate) async fn lapsed(&self, number: u32) {
        let journal = &self.vouchers.journal;
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

    pub(crate) async fn report(&self) -> Report {
        let journal = &self.vouchers.journal;
        Report::of(&journal.state().await.unwrap(), journal.now())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A worker that issues these vouchers.
pub(crate) fn issuer(vouchers: &Vouchers) -> Issuer {
    let registry = Arc::clone(&vouchers.registry);
    Issuer::new(Arc::clone(&vouchers.journal), registry)
}

/// Issues the voucher of a holder as a worker, and generates its code.
pub(crate) async fn issue(vouchers: &Vouchers, number: u32) -> Result<Credentials, Error> {
    issuer(vouchers).issue(&MailboxSet::from(number)).await.unwrap();
    vouchers.deliver(number).await
}

/// Issues at most `most` vouchers as a worker, and generates their codes.
pub(crate) async fn issue_some(vouchers: &Vouchers, most: usize) -> Result<Vec<NewCode>, Error> {
    let journal = &vouchers.journal;
    let these: MailboxSet = {
        let known = journal.state().await?;
        known.vouchers_to_issue(journal.now()).iter().take(most).collect()
    };
    let answer = issuer(vouchers).issue(&these).await.unwrap();
    vouchers.generate_missing(&answer.applied).await
}

async fn open(
    folder: &Path,
    stores: &Stores,
    store: &Arc<dyn EventStore>,
    clock: &Hand,
    plan: &Plan,
) -> Vouchers {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let programme = plan.programme.clone();
    let registry = registry(folder, stores, &programme).await;
    let keyring = Keyring::open(&folder.join("keys")).unwrap();
    let tables = match stores {
        Stores::Folder => Tables::open(&folder.join("vouchers.db"), &FORMAT).await.unwrap(),
        Stores::Server(options, _) => Tables::connect((**options).clone(), &SCHEMA).await.unwrap(),
    };
    let codes = CodeStore::open(tables, &keyring).await.unwrap();
    let journal = Journal::new(programme, Arc::clone(store), clock, State::default(), 0);
    Vouchers::new(Arc::new(journal), Arc::new(registry), Arc::new(codes), Arc::new(keyring))
}

async fn registry(folder: &Path, stores: &Stores, programme: &domain::ProgrammeId) -> Registry {
    match stores {
        Stores::Folder => Registry::open(&folder.join("registry.db"), programme).await.unwrap(),
        Stores::Server(options, _) => {
            Registry::connect((**options).clone(), programme).await.unwrap()
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let Stores::Server(options, name) = &self.stores else { return };
        let server = (**options).clone().database("postgres");
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        // In a thread of its own: a runtime cannot block inside another.
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
