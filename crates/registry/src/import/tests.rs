/// Each case on a registry in a file, and on one in `PostgreSQL`.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod in_a_file {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::import::tests::On::File).await;
            })*
        }
        mod in_postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::import::tests::On::Postgres).await;
            })*
        }
    };
}

mod corpus;
mod file;
mod killed;
mod postgres;
mod register;

use std::sync::Arc;

use domain::{CodiceFiscale, Event, Person, Registration, Sex};
use eventstore::{Clock, Filter, MemoryStore, NewEvent};
use tempfile::TempDir;

use super::*;
use crate::fresh::Fresh;

pub(super) const HEADER: &str = "registration_id,codice_fiscale,surname,name,address,\
                                 requested_on,activated_on,last_sent_on,notify_email\n";
const SMALL: Sizes = Sizes { rows: 4, untold: 2 };

pub(super) fn noon() -> DateTime<Utc> {
    "2014-12-17T11:00:00Z".parse().unwrap()
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        noon()
    }
}

on_both!(
    a_file_goes_into_the_registry_and_its_days_into_the_log_without_personal_data,
    the_same_file_again_writes_nothing,
    the_same_file_does_not_restore_an_erased_holder,
    only_changes_of_a_later_file_are_recorded_by_column,
    another_programme_or_another_registry_of_the_same_people_is_refused,
    a_log_and_a_registry_of_different_backups_are_an_error,
    progress_is_reported_and_ends_with_the_whole_file,
);

/// Where the registry is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    File,
    Postgres,
}

/// A registry and a log, and a folder for files.
pub(super) struct World {
    pub(super) on: On,
    pub(super) folder: TempDir,
    pub(super) database: Option<Fresh>,
    pub(super) registry: Registry,
    pub(super) store: Arc<dyn EventStore>,
    pub(super) plan: Plan,
}

async fn opened(folder: &TempDir, database: Option<&Fresh>, plan: &Plan) -> Registry {
    match database {
        Some(database) => Registry::connect(database.options(), &plan.programme).await.unwrap(),
        None => Registry::open(&folder.path().join("registry.db"), &plan.programme).await.unwrap(),
    }
}

impl World {
    pub(super) async fn new(on: On) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::cec_pac().unwrap();
        let mut database = None;
        if on == On::Postgres {
            let fresh = Fresh::new().await;
            Registry::migrate(fresh.options(), false).await.unwrap();
            database = Some(fresh);
        }
        let registry = opened(&folder, database.as_ref(), &plan).await;
        let store = Arc::new(MemoryStore::new(Arc::new(Noon)));
        Self { on, folder, database, registry, store, plan }
    }

    /// Simulates a crash: memory is lost, the registry and the log remain.
    pub(super) async fn reopened(self) -> Self {
        let Self { on, folder, database, registry, store, plan } = self;
        drop(registry);
        let registry = opened(&folder, database.as_ref(), &plan).await;
        Self { on, folder, database, registry, store, plan }
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) async fn import(&self, path: &Path) -> Result<Summary, Error> {
        self.import_with(path, |_| {}).await
    }

    pub(super) async fn import_with(
        &self,
        path: &Path,
        set: impl FnOnce(&mut Request<'_>),
    ) -> Result<Summary, Error> {
        let mut progress = |_| {};
        let mut request = Request {
            source: Source::File { path: path.to_owned(), control: None },
            rejects: Some(rejects_of(path)),
            encoding: Encoding::Utf8,
            ignore_extra: false,
            plan: &self.plan,
            now: noon(),
            actor: "operator:anna",
            reason: Some("the file of the provider"),
            progress: &mut progress,
        };
        set(&mut request);
        in_batches(&*self.store, &self.registry, request, SMALL).await
    }

    pub(super) async fn rows(&self) -> Vec<Registration> {
        let all: Vec<u32> = (0..self.registry.next_number().await.unwrap()).collect();
        let entries = self.registry.entries(&all).await.unwrap();
        assert!(entries.iter().map(|entry| entry.number).eq(all), "numbers are dense");
        entries.into_iter().map(|entry| entry.registration).collect()
    }

    pub(super) async fn log(&self) -> Vec<NewEvent> {
        let page = self.store.read_all(0, &Filter::default(), 10_000).await.unwrap();
        page.events.into_iter().map(|recorded| recorded.event).collect()
    }

    pub(super) async fn events(&self) -> Vec<Event> {
        let decode =
            |event: NewEvent| Event::decode(&event.kind, event.schema_version, &event.payload);
        self.log().await.into_iter().map(|event| decode(event).unwrap()).collect()
    }

    /// Line, column and reason of each rejected row.
    pub(super) fn rejects(path: &Path) -> Vec<(u64, String, String)> {
        let mut reader = csv::Reader::from_path(rejects_of(path)).unwrap();
        reader
            .deserialize()
            .map(|row| {
                let (line, column, reason, _raw): (u64, String, String, String) = row.unwrap();
                (line, column, reason)
            })
            .collect()
    }
}

pub(super) fn code(index: u32) -> CodiceFiscale {
    let born_on = "1950-01-01".parse::<chrono::NaiveDate>().unwrap();
    let born_on = born_on + chrono::Days::new(index.into());
    let birth_place = "H501".parse().unwrap();
    let person = Person { surname: "Rossi", name: "Mario", born_on, sex: Sex::Male, birth_place };
    CodiceFiscale::compose(&person)
}

/// A valid row; every third is activated.
pub(super) fn row(index: u32) -> String {
    let activated = if index.is_multiple_of(3) { "2012-04-05" } else { "" };
    let code = code(index);
    format!(
        "R{index},{code},Rossi,Mario,mario.rossi{index}@posta.example,2011-02-03,{activated},,\n"
    )
}

pub(super) fn rows(indexes: std::ops::Range<u32>) -> String {
    HEADER.to_owned() + &indexes.map(row).collect::<String>()
}

pub(super) fn balance(summary: &Summary) -> (u64, u64, u64, u64, u64) {
    let RegistryImported { read, accepted, unchanged, changed, rejected, .. } = summary.balance;
    assert_eq!(read, accepted + unchanged + changed + rejected);
    (read, accepted, unchanged, changed, rejected)
}

async fn a_file_goes_into_the_registry_and_its_days_into_the_log_without_personal_data(on: On) {
    let world = World::new(on).await;
    let path = world.write("cec.csv", rows(0..10));
    let summary = world.import(&path).await.unwrap();
    assert_eq!(balance(&summary), (10, 10, 0, 0, 0));
    assert!(summary.recorded && !summary.resumed && summary.rejects.is_none());
    assert_eq!(world.rows().await.len(), 10);
    let events = world.events().await;
    let registered = events.iter().filter_map(|event| {
        let Event::MailboxesRegistered(event) = event else { return None };
        let activated = event.activated_on.iter().flatten().count();
        Some((event.first, event.requested_on.len(), activated))
    });
    let firsts: Vec<(u32, usize, usize)> = registered.collect();
    assert_eq!(firsts, [(0, 4, 2), (4, 4, 1), (8, 2, 1)]);
    let Some(Event::RegistryImported(imported)) = events.last() else { panic!("{events:?}") };
    assert_eq!(
        (imported.read, imported.accepted, &imported.sha256),
        (10, 10, &summary.balance.sha256)
    );
    for event in world.log().await {
        assert_eq!(event.actor, "operator:anna");
        assert_eq!(event.reason.as_deref(), Some("the file of the provider"));
        for personal in ["Rossi", "rossi", "RSSMRA", "posta.example"] {
            assert!(!event.payload.contains(personal), "{}", event.payload);
        }
    }
}

async fn the_same_file_again_writes_nothing(on: On) {
    let world = World::new(on).await;
    let bad = "R99,XXX,Rossi,Mario,m@posta.example,2011-02-03,,,\n";
    let path = world.write("cec.csv", rows(0..10) + bad);
    world.import(&path).await.unwrap();
    let (rows, log) = (world.rows().await, world.log().await);
    let summary = world.import(&path).await.unwrap();
    assert_eq!(balance(&summary), (11, 0, 10, 0, 1));
    assert!(!summary.recorded);
    assert_eq!((world.rows().await, world.log().await), (rows, log));
}

async fn the_same_file_does_not_restore_an_erased_holder(on: On) {
    let world = World::new(on).await;
    let path = world.write("cec.csv", rows(0..10));
    world.import(&path).await.unwrap();
    let log = world.log().await;
    assert_eq!(world.registry.erase(&[3, 9].into()).await.unwrap(), 2);
    let summary = world.import(&path).await.unwrap();
    assert_eq!(balance(&summary), (10, 0, 8, 0, 2), "the last number's holder among them");
    assert!(world.registry.find(9).await.unwrap().is_none());
    let rejects = fs::read_to_string(rejects_of(&path)).unwrap();
    assert!(rejects.contains("personal data was erased"), "{rejects}");
    let more = world.write("more.csv", rows(0..11));
    assert_eq!(balance(&world.import(&more).await.unwrap()), (11, 1, 8, 0, 2));
    assert!(world.registry.find(10).await.unwrap().is_some(), "with a number of its own");
    assert!(world.log().await.len() > log.len());
}

/// An event in short.
fn told(event: &Event) -> String {
    if let Event::RegistrationsCorrected(event) = event {
        format!("{:?} {:?}", event.mailboxes, event.fields)
    } else if let Event::MailboxesActivated(event) = event {
        format!("{:?} activated {}", event.mailboxes, event.activated_on.get(0).unwrap())
    } else if let Event::MailboxesRegistered(event) = event {
        format!("registered from {}", event.first)
    } else {
        event.kind().0.to_owned()
    }
}

async fn only_changes_of_a_later_file_are_recorded_by_column(on: On) {
    let world = World::new(on).await;
    world.import(&world.write("first.csv", rows(0..10))).await.unwrap();
    let before = world.log().await.len();
    let later = rows(0..11)
        .replace("mario.rossi2@", "mario.rossi222@")
        .replace(&row(4), &row(4).replace(",Mario,", ",Maria,").replace("2011-02-03", "2011-02-04"))
        .replace(&row(7), &row(7).replace("2011-02-03,,", "2011-02-03,2013-01-01,"))
        .replace(&row(9), &row(9).replace("2012-04-05", ""));
    let path = world.write("later.csv", later);
    let summary = world.import(&path).await.unwrap();
    assert_eq!(balance(&summary), (11, 1, 6, 3, 1));
    let rejected = World::rejects(&path);
    assert_eq!((rejected[0].0, rejected[0].1.as_str()), (11, "activated_on"));
    assert_eq!(
        world.registry.find_address("mario.rossi222@posta.example").await.unwrap().unwrap().number,
        2
    );
    let events: Vec<Event> = world.events().await.split_off(before);
    let told: Vec<String> = events.iter().map(told).collect();
    assert_eq!(
        told,
        [
            r#"{2} ["address"]"#,
            "{7} activated 2013-01-01",
            r#"{4} ["name", "requested_on"]"#,
            "registered from 10",
            "registry-imported",
        ]
    );
}

async fn another_programme_or_another_registry_of_the_same_people_is_refused(on: On) {
    let world = World::new(on).await;
    world.import(&world.write("cec.csv", rows(0..40))).await.unwrap();
    let log = world.log().await;
    let others = world.write("others.csv", rows(0..40).replace("\nR", "\nX"));
    let refused = in_batches_of(&world, &others, 100).await.unwrap_err();
    assert!(matches!(refused, Error::OtherRegistry { rows: 40 }), "{refused}");
    let plan = Plan { programme: "other".parse().unwrap(), ..world.plan.clone() };
    let mut progress = |_| {};
    let request = Request { plan: &plan, ..request(&world, &others, &mut progress) };
    let refused = import(&*world.store, &world.registry, request).await.unwrap_err();
    assert!(refused.to_string().contains("the programme cec-pac, not of other"), "{refused}");
    assert_eq!(world.log().await, log);
}

fn request<'a>(
    world: &'a World,
    path: &Path,
    progress: &'a mut (dyn FnMut(Progress) + Send),
) -> Request<'a> {
    Request {
        source: Source::File { path: path.to_owned(), control: None },
        rejects: None,
        encoding: Encoding::Utf8,
        ignore_extra: false,
        plan: &world.plan,
        now: noon(),
        actor: "operator:anna",
        reason: None,
        progress,
    }
}

async fn in_batches_of(world: &World, path: &Path, rows: usize) -> Result<Summary, Error> {
    let mut progress = |_| {};
    let request = request(world, path, &mut progress);
    in_batches(&*world.store, &world.registry, request, Sizes { rows, untold: 1 }).await
}

async fn a_log_and_a_registry_of_different_backups_are_an_error(on: On) {
    let world = World::new(on).await;
    let path = world.write("cec.csv", rows(0..10));
    world.import(&path).await.unwrap();
    let fresh = World { store: world.store.clone(), ..World::new(on).await };
    let error = fresh.import(&path).await.unwrap_err();
    assert!(matches!(error, Error::Apart { in_log: 10, in_registry: 0 }), "{error}");
}

async fn progress_is_reported_and_ends_with_the_whole_file(on: On) {
    let world = World::new(on).await;
    let path = world.write("cec.csv", rows(0..10));
    let mut told = Vec::new();
    let mut progress = |progress| told.push(progress);
    let request = request(&world, &path, &mut progress);
    in_batches(&*world.store, &world.registry, request, SMALL).await.unwrap();
    let length = fs::metadata(&path).unwrap().len();
    assert_eq!(told.iter().map(|told| told.rows).collect::<Vec<_>>(), [4, 8, 10]);
    assert_eq!(told.last().unwrap().bytes_read, length);
    assert_eq!(told.last().unwrap().bytes_total, Some(length));
}
