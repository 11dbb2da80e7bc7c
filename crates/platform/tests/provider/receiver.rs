//! The reference receiver of `deploy/webhook`, as a process of its own on a port of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::Clock;
use platform::Error;
use platform::webhook::{Addresses, Secrets, Settings};
use roaring::RoaringBitmap;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// What requests are signed with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The receiver, until it is dropped, and its file as another program sees it.
pub(crate) struct Receiver {
    folder: TempDir,
    process: std::sync::Mutex<Option<Child>>,
    url: String,
    database: Mutex<SqliteConnection>,
}

/// The real clock: the receiver compares the instant of a request with its own.
pub(crate) struct Real;

impl Clock for Real {
    #[expect(clippy::disallowed_methods, reason = "the receiver's process has no other clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Everybody has the address that the function tells.
pub(crate) struct Addressed(pub(crate) fn(u32) -> String);

#[async_trait]
impl Addresses for Addressed {
    async fn addresses(&self, mailboxes: &RoaringBitmap) -> Result<Vec<(u32, String)>, Error> {
        Ok(mailboxes.iter().map(|number| (number, (self.0)(number))).collect())
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("deploy/webhook/receiver.py"))
        .find(|program| program.exists())
        .expect("deploy/webhook/receiver.py is part of this repository")
}

fn spawn(database: &Path, listen: &str, certificate: Option<&Path>) -> (Child, String) {
    let mut process = Command::new("python3")
        .arg(program())
        .args(certificate.map(|file| format!("--certificate={}", file.display())))
        .args(["--listen", listen, "--database"])
        .arg(database)
        .env("TRAMONTO_PLATFORM_SECRET", SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the reference receiver needs python3");
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listens on ").expect("it did not start").to_owned();
    (process, url)
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::start_with(TempDir::new().unwrap(), None).await
    }

    /// With TLS, by a certificate and its key in one file.
    pub(crate) async fn start_with(folder: TempDir, certificate: Option<&Path>) -> Self {
        let path = folder.path().join("mail.db");
        let (process, url) = spawn(&path, "127.0.0.1:0", certificate);
        let process = std::sync::Mutex::new(Some(process));
        let options = SqliteConnectOptions::new().filename(path);
        let database = SqliteConnection::connect_with(&options).await.unwrap().into();
        Self { folder, process, url, database }
    }

    pub(crate) fn stop(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// At the same place.
    pub(crate) fn start_again(&self) {
        let listen = self.url.strip_prefix("http://").unwrap();
        let (process, _) = spawn(&self.folder.path().join("mail.db"), listen, None);
        *self.process.lock().unwrap() = Some(process);
    }

    /// How it is used, where nothing else is said: it keeps instants.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings =
            Settings::new(self.url.parse().unwrap(), Secrets::parse(SECRET).unwrap());
        settings.private = true;
        settings.arms = true;
        settings
    }

    pub(crate) async fn run(&self, sql: String) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        sql.execute(&mut *self.database.lock().await).await.unwrap();
    }

    /// Makes mailboxes of these numbers, with every right.
    pub(crate) async fn provision(&self, rows: &[(u32, String)]) {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for (number, address) in rows {
            sqlx::query("INSERT OR IGNORE INTO mailbox (number, address) VALUES (?, ?)")
                .bind(number)
                .bind(address)
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn set_clock(&self, instant: DateTime<Utc>) {
        let instant = instant.timestamp_millis();
        self.run(format!("DELETE FROM clock; INSERT INTO clock VALUES ({instant})")).await;
    }

    /// Who has which rights, in the order send, read only, receive, log in.
    pub(crate) async fn looked_up(&self, address: &str) -> Option<[bool; 4]> {
        const NOW: &str =
            "(SELECT coalesce(max(rehearsed_at), unixepoch('subsec') * 1000) FROM clock)";
        let sql = format!(
            "SELECT coalesce(send_until > {NOW}, 1), NOT coalesce(modify_until > {NOW}, 1),
                    coalesce(receive_until > {NOW}, 1), coalesce(access_until > {NOW}, 1)
             FROM mailbox WHERE address = ?"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(address);
        let row = row.fetch_optional(&mut *self.database.lock().await).await.unwrap()?;
        Some([0, 1, 2, 3].map(|column| row.get::<bool, _>(column)))
    }

    /// A number that it works out with SQL.
    pub(crate) async fn count(&self, sql: &'static str) -> u64 {
        let found: i64 =
            sqlx::query_scalar(sql).fetch_one(&mut *self.database.lock().await).await.unwrap();
        u64::try_from(found).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}
