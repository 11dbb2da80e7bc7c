//! The contract of log archives, for the index and for a table in either database.

use archive::{Entry, Error, Kind, LogArchive, LogTable, Period};
use chrono::{DateTime, TimeDelta, Utc};
use sql::{Durability, Format, Param, PgConnectOptions, Schema, Tables};
use tempfile::TempDir;

use crate::maillog::{ANNA, BRUNO, MailLog, OFFICE, Style};
use crate::reading::IndexedLog;

const URP: &str = "urp@regione.example";
const COMUNE: &str = "mail.comune.example";
const START: &str = "2015-07-10T08:00:00Z";

type Logged = (i64, Text, Text, Option<Text>, Option<Text>, Text, Text, Text);
type Text = &'static str;

/// The entries of [`log`] as rows of a platform's table: second, message, sender, recipient,
/// subject, event, related, provider.
#[rustfmt::skip]
const ROWS: &[Logged] = &[
    (20, "3F2A0003@comune.example", URP, Some(BRUNO), None, "delivered", "3F2A0003", COMUNE),
    (4, "3F2A0001@pc.example", "Anna.Rossi@PostaCertificata.example", Some(URP), Some("Ricorso"),
     "accepted", "3F2A0001", "mx1"),
    (4, "3F2A0001@pc.example", "Anna.Rossi@PostaCertificata.example", Some(OFFICE),
     Some("Ricorso"), "accepted", "3F2A0001", "mx1"),
    (5, "3F2A0001@pc.example", ANNA, Some(OFFICE), Some("Ricorso"), "forwarded",
     "3F2A0001 R3F2A0001", "mx1"),
    (6, "3F2A0001@pc.example", ANNA, Some(URP), Some("Ricorso"), "forwarded",
     "3F2A0001 R3F2A0001", "mx1"),
    (10, "3F2A0002@comune.example", OFFICE, Some(ANNA), None, "taken-in-charge", "3F2A0002",
     COMUNE),
    (10, "3F2A0002@comune.example", OFFICE, Some(BRUNO), None, "taken-in-charge", "3F2A0002",
     COMUNE),
    (11, "3F2A0002@comune.example", OFFICE, Some("ANNA.ROSSI@postacertificata.example"), None,
     "stored", "3F2A0002", COMUNE),
    (12, "3F2A0002@comune.example", OFFICE, Some(ANNA), None, "delivered", "3F2A0002", COMUNE),
    (13, "3F2A0002@comune.example", OFFICE, Some(BRUNO), None, "stored", "3F2A0002", COMUNE),
    (14, "3F2A0002@comune.example", OFFICE, Some(BRUNO), None, "delivered", "3F2A0002", COMUNE),
    (18, "3F2A0003@comune.example", URP, Some(BRUNO), None, "taken-in-charge", "3F2A0003", COMUNE),
    (19, "3F2A0003@comune.example", URP, Some(BRUNO), None, "stored", "3F2A0003", COMUNE),
    (24, "44AA41C0", ANNA, Some(BRUNO), None, "accepted", "44AA41C0", "mx1"),
    (25, "44AA41C0", ANNA, Some(BRUNO), None, "failed", "44AA41C0", "mx1"),
    (26, "44AA41C0", ANNA, Some(BRUNO), None, "reported", "44AA41C0 55CD66", "mx1"),
    (28, "9", "x@altro.example", None, None, "accepted", "", "mx1"),
];

fn log() -> MailLog {
    let mut log = MailLog::new(Style::Rfc3339, START);
    log.sent(ANNA, &[OFFICE, URP], "Ricorso");
    log.received(OFFICE, &[ANNA, BRUNO]);
    log.received(URP, &[BRUNO]);
    log.line("dovecot", "master: nothing to tell");
    log.line("sshd", "session opened for user x");
    let queued = format!("44AA41C0: from=<{ANNA}>, size=1, nrcpt=1 (queue active)");
    log.line("postfix/qmgr", &queued);
    let failed =
        format!("44AA41C0: to=<{BRUNO}>, relay=none, delay=1, dsn=5.4.1, status=bounced (no)");
    log.line("postfix/smtp", &failed);
    log.line("postfix/bounce", "44AA41C0: sender non-delivery notification: 55CD66");
    log.line("postfix/qmgr", "44AA41C0: removed");
    log
}

fn second(second: i64) -> DateTime<Utc> {
    START.parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(second)
}

/// The contract.
async fn check(archive: &dyn LogArchive) {
    let entry = |at: i64, kind: Kind, recipients: &[&str]| {
        let (message_id, sender, subject, related, provider) = match at {
            0..=6 => ("3F2A0001@pc.example", ANNA, Some("Ricorso"), "3F2A0001", "mx1"),
            7..=14 => ("3F2A0002@comune.example", OFFICE, None, "3F2A0002", "mail.comune.example"),
            15..=20 => ("3F2A0003@comune.example", URP, None, "3F2A0003", "mail.comune.example"),
            _ => ("44AA41C0", ANNA, None, "44AA41C0", "mx1"),
        };
        let others = [(Kind::Forwarded, "R3F2A0001"), (Kind::Reported, "55CD66")];
        let other = others.into_iter().find(|(of, _)| *of == kind).map(|(_, other)| other);
        Entry {
            message_id: message_id.to_owned(),
            at: second(at),
            sender: Some(sender.to_owned()),
            recipients: recipients.iter().map(|each| (*each).to_owned()).collect(),
            subject: subject.map(str::to_owned),
            kind,
            related: [related].into_iter().chain(other).map(str::to_owned).collect(),
            provider: Some(provider.to_owned()),
        }
    };
    let of_anna = [
        entry(4, Kind::Accepted, &[OFFICE, URP]),
        entry(5, Kind::Forwarded, &[OFFICE]),
        entry(6, Kind::Forwarded, &[URP]),
        entry(10, Kind::TakenInCharge, &[ANNA]),
        entry(11, Kind::Stored, &[ANNA]),
        entry(12, Kind::Delivered, &[ANNA]),
        entry(24, Kind::Accepted, &[BRUNO]),
        entry(25, Kind::Failed, &[BRUNO]),
        entry(26, Kind::Reported, &[BRUNO]),
    ];
    let of_bruno = [
        entry(10, Kind::TakenInCharge, &[BRUNO]),
        entry(13, Kind::Stored, &[BRUNO]),
        entry(14, Kind::Delivered, &[BRUNO]),
        entry(18, Kind::TakenInCharge, &[BRUNO]),
        entry(19, Kind::Stored, &[BRUNO]),
        entry(20, Kind::Delivered, &[BRUNO]),
        entry(24, Kind::Accepted, &[BRUNO]),
        entry(25, Kind::Failed, &[BRUNO]),
    ];
    let all = async |address: &str| archive.messages(address, Period::ALL).await.unwrap();
    assert_eq!(all(ANNA).await, of_anna, "with all fields, in order");
    assert_eq!(all(&ANNA.to_uppercase()).await, of_anna, "however the address is written");
    assert_eq!(all(BRUNO).await, of_bruno, "who else got a message is its sender's to know");
    assert_eq!(all("nobody@postacertificata.example").await, []);
    assert_eq!(all("' OR 1=1 --").await, []);
    for (from, until, expected) in [(5, 12, 1..5), (12, 24, 5..6), (12, 25, 5..7), (7, 10, 0..0)] {
        let period = Period { from: second(from), until: second(until) };
        let found = archive.messages(ANNA, period).await.unwrap();
        assert_eq!(found, of_anna[expected], "from {from} on, before {until}");
    }
}

const COLUMNS: &str = "message_id, at, sender, recipient, subject, event, related, provider";
const IN_A_FILE: &str = "
    CREATE TABLE mail (message_id TEXT, at TEXT, sender TEXT, recipient TEXT, subject TEXT,
        event TEXT, related TEXT, provider TEXT, size INTEGER);
    CREATE VIEW log AS SELECT message_id, at, sender, recipient, subject, event, related, provider
        FROM mail;
    CREATE VIEW bare AS SELECT message_id, at, sender, recipient, event, related FROM mail;";
const ON_A_SERVER: Schema = Schema {
    name: "archive_contract_test",
    steps: &[(
        "a platform's tables",
        "CREATE TABLE archive_contract_test.mail (message_id TEXT, at TIMESTAMPTZ,
             sender VARCHAR(200), recipient TEXT, subject TEXT, event TEXT, related TEXT,
             provider TEXT, size INTEGER);
         CREATE VIEW archive_contract_test.log AS
             SELECT message_id, at, sender, recipient, subject, event, related, provider
             FROM archive_contract_test.mail;
         CREATE VIEW archive_contract_test.bare AS
             SELECT message_id, at, sender, recipient, event, related
             FROM archive_contract_test.mail;
         CREATE VIEW archive_contract_test.local AS
             SELECT message_id, at::timestamp AS at, sender, recipient, subject, event, related,
                 provider
             FROM archive_contract_test.mail;",
    )],
};

fn platform() -> Format {
    Format {
        application_id: 0x5445_5354,
        schema_version: 1,
        create: IN_A_FILE.to_owned(),
        upgrades: &[],
        other_version: "use another version",
        durability: Durability::Derived,
    }
}

/// A platform's table in a file.
async fn in_a_file() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("platform.db");
    let tables = Tables::open(&path, &platform()).await.unwrap();
    fill(&tables, "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)").await;
    tables.close().await.unwrap();
    (folder, path)
}

fn server() -> PgConnectOptions {
    let place = std::env::var("TRAMONTO_TEST_POSTGRES");
    let place = place.expect("run it by tests/run or tests/with-servers, which start PostgreSQL");
    place.parse().unwrap()
}

async fn fill(tables: &Tables, values: &str) {
    let statement: &'static str = format!("INSERT INTO mail ({COLUMNS}) {values}").leak();
    let mut writing = tables.begin().await.unwrap();
    writing.run("DELETE FROM mail", Vec::new()).await.unwrap();
    for (at, message_id, sender, recipient, subject, event, related, provider) in ROWS {
        let text = |text: &str| Param::Text(text.to_owned());
        let given = vec![
            text(message_id),
            text(&second(*at).to_rfc3339()),
            text(sender),
            Param::OptionalText(recipient.map(str::to_owned)),
            Param::OptionalText(subject.map(str::to_owned)),
            text(event),
            text(related),
            text(provider),
        ];
        writing.run(statement, given).await.unwrap();
    }
    writing.commit().await.unwrap();
}

#[tokio::test]
async fn the_index_of_mail_logs_keeps_the_contract() {
    let place = IndexedLog::new().await;
    let log = place.file("mail.log", log().text().as_bytes());
    place.read(&[&log]).await;
    check(&place.index).await;
}

#[tokio::test]
async fn a_table_in_a_file_keeps_the_contract_and_is_unchanged() {
    let (_folder, path) = in_a_file().await;
    let before = std::fs::read(&path).unwrap();
    for name in ["mail", "log"] {
        let table = LogTable::open(&path, name.parse().unwrap()).await.unwrap();
        check(&table).await;
        table.close().await;
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_table_on_a_server_keeps_the_contract_and_a_time_without_a_zone_is_refused() {
    ON_A_SERVER.migrate(server(), false).await.unwrap();
    let tables = Tables::connect(server(), &ON_A_SERVER).await.unwrap();
    fill(&tables, "VALUES ($1, $2::timestamptz, $3, $4, $5, $6, $7, $8)").await;
    for name in ["archive_contract_test.mail", "archive_contract_test.log"] {
        let table = LogTable::connect(server(), name.parse().unwrap()).await.unwrap();
        check(&table).await;
        table.close().await;
    }
    let refused = async |name: &str| {
        LogTable::connect(server(), name.parse().unwrap()).await.unwrap_err().to_string()
    };
    let bare = refused("archive_contract_test.bare").await;
    assert!(bare.contains("no column subject, provider; create a view with"), "{bare}");
    let local = refused("archive_contract_test.local").await;
    assert!(
        local.contains("column at has type timestamp without time zone; expected timestamp with"),
        "{local}"
    );
    let none = refused("archive_contract_test.none").await;
    assert!(none.contains("table not found"), "{none}");
}

#[tokio::test]
async fn an_unusable_table_is_refused_with_the_reason() {
    let (folder, path) = in_a_file().await;
    let refused = async |name: &str| {
        LogTable::open(&path, name.parse().unwrap()).await.unwrap_err().to_string()
    };
    let bare = refused("bare").await;
    assert!(bare.contains("no column subject, provider; create a view with"), "{bare}");
    assert!(refused("none").await.contains("table not found"));
    assert!(refused("main.log").await.contains("give the table name alone"));
    let nowhere = folder.path().join("nowhere.db");
    let nowhere = LogTable::open(&nowhere, "log".parse().unwrap()).await.unwrap_err();
    assert!(nowhere.to_string().contains("there is no such file"), "{nowhere}");
    assert!(!folder.path().join("nowhere.db").exists());
}

#[tokio::test]
async fn an_unknown_value_is_refused_not_skipped() {
    for (column, value, problem) in [
        ("event", "'consegna'", "column event is not one of accepted"),
        ("at", "'2015-07-10 10:00'", "is not an instant"),
        ("message_id", "NULL", "a row has no message_id"),
    ] {
        let (_folder, path) = in_a_file().await;
        let tables = Tables::open(&path, &platform()).await.unwrap();
        let mut writing = tables.begin().await.unwrap();
        let statement: &'static str = format!("UPDATE mail SET {column} = {value}").leak();
        writing.run(statement, Vec::new()).await.unwrap();
        writing.commit().await.unwrap();
        let table = LogTable::open(&path, "log".parse().unwrap()).await.unwrap();
        let refused = table.messages(ANNA, Period::ALL).await.unwrap_err();
        assert!(matches!(refused, Error::Tables(_)) && !refused.may_retry(), "{refused}");
        assert!(refused.to_string().contains(problem), "{refused}");
        assert!(!refused.to_string().contains("postacertificata"), "{refused}");
    }
}
