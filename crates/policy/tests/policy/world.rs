//! A log in memory that can be taken away, a registry in a file, and a clock that is set.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::{CodiceFiscale, Command, Event, Person, Plan, Sex};
use eventstore::{
    Append, Clock, Error, EventStore, ExpectedVersion, Journal, MemoryStore, NewEvent, Origin,
    StreamName, mailbox_stream, programme_stream,
};
use policy::{Answer, Follower, Parser, Request, Snapshot};
use registry::{Encoding, ImportRequest, Registry, Source};
use tempfile::TempDir;

use crate::log_layer::{Layered, LogLayer};

/// The maximum age of the state.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) struct Time(Mutex<DateTime<Utc>>);

impl Time {
    pub(crate) fn set(&self, instant: DateTime<Utc>) {
        *self.0.lock().unwrap() = instant;
    }
}

impl Clock for Time {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A log that can be away, or another one.
pub(crate) struct Away {
    inner: Mutex<Arc<dyn EventStore>>,
    pub(crate) is_away: AtomicBool,
}

impl Away {
    pub(crate) fn put(&self, other: Arc<dyn EventStore>) {
        *self.inner.lock().unwrap() = other;
    }
}

impl LogLayer for Away {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    fn passes(&self) -> Result<(), Error> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Error::InvalidAppend("the test took the store away".to_owned()));
        }
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) time: Arc<Time>,
    pub(crate) log: Arc<Layered<Away>>,
    pub(crate) journal: Journal,
    pub(crate) registry: Registry,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) follower: Follower,
    pub(crate) plan: Plan,
}

impl World {
    /// Six people (`p0@box.example` and so on), of whom the fourth never went to the post office.
    pub(crate) async fn new() -> Self {
        Self::with(BOUND, &[]).await
    }

    pub(crate) async fn with(bound: Duration, own: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::cec_pac().unwrap();
        let time = Arc::new(Time(Mutex::new(utc("2014-12-17T11:00:00Z"))));
        let clock: Arc<dyn Clock> = Arc::<Time>::clone(&time);
        let inner: Arc<dyn EventStore> = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let away = Away { inner: Mutex::new(inner), is_away: AtomicBool::new(false) };
        let log = Arc::new(Layered(away));
        let port: Arc<dyn EventStore> = Arc::<Layered<Away>>::clone(&log);
        let programme = plan.programme.clone();
        let journal = Journal::new(
            programme.clone(),
            Arc::clone(&port),
            Arc::clone(&clock),
            domain::State::default(),
            0,
        );
        let path = folder.path().join("registry.db");
        let registry = Registry::open(&path, &programme).await.unwrap();
        let own: Vec<String> = own.iter().map(|&domain| domain.to_owned()).collect();
        let snapshot = Arc::new(Snapshot::new(clock, bound, &own));
        let beside = Registry::open_read_only(&path, &programme).await.unwrap();
        let follower = Follower::new(port, Arc::new(beside), Arc::clone(&snapshot));
        let world = Self { folder, time, log, journal, registry, snapshot, follower, plan };
        world.decided(Command::Adopt(world.plan.clone())).await;
        let rows: String = (0..6).map(|index| row(index, index, index != 3)).collect();
        world.import(&rows).await;
        world
    }

    /// Reads on.
    pub(crate) async fn follow(&mut self) {
        self.follower.tick().await.unwrap();
    }

    pub(crate) async fn decided(&self, command: Command) {
        let snapshot = self.journal.state().await.unwrap();
        let events = snapshot.decide(command, self.journal.now()).unwrap();
        drop(snapshot);
        let stream = programme_stream(self.journal.programme()).unwrap();
        self.append(stream, &events).await;
    }

    pub(crate) async fn happens(&self, number: u32, event: Event) {
        let stream = mailbox_stream(self.journal.programme(), number).unwrap();
        self.append(stream, &[event]).await;
    }

    async fn append(&self, stream: StreamName, events: &[Event]) {
        let origin = Origin::part("test");
        self.journal.append(stream, ExpectedVersion::Any, events, &origin).await.unwrap();
    }

    /// An event that this program can't understand.
    pub(crate) async fn unknown_event(&self) {
        let id = self.journal.new_id();
        let event = NewEvent {
            id,
            kind: "of-a-later-version".to_owned(),
            schema_version: 1,
            effective_at: self.journal.now(),
            actor: "test".to_owned(),
            reason: None,
            correlation_id: id,
            causation_id: None,
            payload: "{}".to_owned(),
        };
        let stream = programme_stream(self.journal.programme()).unwrap();
        let append = Append::to(stream, ExpectedVersion::Any, vec![event]);
        self.log.append(append).await.unwrap();
    }

    pub(crate) async fn import(&self, rows: &str) {
        let path = self.write("registry.csv", &(HEADER.to_owned() + rows));
        let request = ImportRequest {
            source: Source::File { path, control: None },
            rejects: None,
            encoding: Encoding::Utf8,
            ignore_extra: false,
            plan: &self.plan,
            now: utc("2014-12-17T11:00:00Z"),
            actor: "operator:anna",
            reason: None,
            progress: &mut |_| {},
        };
        let summary = registry::import(&*self.log, &self.registry, request).await.unwrap();
        assert_eq!(summary.balance.rejected, 0);
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What is answered at that instant, the store having been in contact just then.
    pub(crate) async fn at(&mut self, instant: DateTime<Utc>, request: &str) -> Answer {
        self.time.set(instant);
        self.follow().await;
        self.answer(request)
    }

    pub(crate) fn answer(&self, request: &str) -> Answer {
        self.snapshot.answer(&parsed(request))
    }
}

const HEADER: &str = "registration_id,codice_fiscale,surname,name,address,requested_on,\
                      activated_on,last_sent_on,notify_email\n";

/// The registration of a person with the address of that number.
pub(crate) fn row(person: u32, address: u32, activated: bool) -> String {
    let born_on: NaiveDate = "1950-01-01".parse().unwrap();
    let born_on = born_on + Days::new(person.into());
    let birth_place = "H501".parse().unwrap();
    let code = CodiceFiscale::compose(&Person {
        surname: "Rossi",
        name: "Mario",
        born_on,
        sex: Sex::Male,
        birth_place,
    });
    let activated = if activated { "2012-04-05" } else { "" };
    format!("R{person},{code},Rossi,Mario,p{address}@box.example,2011-02-03,{activated},,\n")
}

/// `sasl_username=…,recipient=…` as a request.
pub(crate) fn parsed(request: &str) -> Request {
    let text = format!("request=smtpd_access_policy\n{}\n\n", request.replace(',', "\n"));
    let mut bytes = text.as_bytes();
    Parser::default().take(&mut bytes).unwrap().unwrap()
}
