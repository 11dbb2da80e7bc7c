//! A platform of each kind, and independent access to its data with plain SQL.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Capability, MailboxSet, Refusals};
use platform::{Directory, EffectKey, Error, Mode, Platform, Right, SetRights, Webhook};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, FromRow, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::receiver::{Addressed, Real, Receiver};

/// Each claim of a sibling module, on one kind of platform.
macro_rules! suite {
    ($name:ident on $kind:ident: $($module:ident::$claim:ident,)+) => {
        mod $name {
            $(#[tokio::test]
            async fn $claim() {
                use super::{home, $module};
                home::run(home::Kind::$kind, $module::$claim).await;
            })+
        }
    };
}

/// Requirements on a mail directory.
macro_rules! on_every_directory {
    ($($claims:tt)+) => {
        suite!(sqlite_directory on File: $($claims)+);
        suite!(postgres_directory on Postgres: $($claims)+);
    };
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    File,
    Postgres,
    Webhook,
}

pub(crate) enum Home {
    File { folder: TempDir, directory: Directory, server: Mutex<SqliteConnection> },
    Postgres { options: Box<PgConnectOptions>, directory: Directory, server: Mutex<PgConnection> },
    Webhook { receiver: Receiver, platform: Box<Webhook> },
}

/// Runs a test on its own directory, which is deleted afterwards, whatever the result.
pub(crate) async fn run<F>(kind: Kind, test: impl FnOnce(Arc<Home>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let home = Arc::new(Home::new(kind).await);
    let outcome = tokio::spawn(test(Arc::clone(&home))).await;
    home.gone().await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

pub(crate) fn server() -> PgConnectOptions {
    let url = std::env::var("TRAMONTO_TEST_POSTGRES")
        .expect("TRAMONTO_TEST_POSTGRES names no PostgreSQL; run tests/run, which starts one");
    url.parse().unwrap()
}

async fn on_server(sql: String) {
    let mut connection = PgConnection::connect_with(&server()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

impl Home {
    async fn new(kind: Kind) -> Self {
        match kind {
            Kind::File => {
                let folder = TempDir::new().unwrap();
                let path = folder.path().join("directory.db");
                let directory = Directory::create(&path, Mode::Rehearsal).await.unwrap();
                let options = SqliteConnectOptions::new().filename(path);
                let server = SqliteConnection::connect_with(&options).await.unwrap().into();
                Self::File { folder, directory, server }
            }
            Kind::Postgres => {
                let name = format!("directory_{}", uuid::Uuid::now_v7().simple());
                on_server(format!("CREATE DATABASE {name}")).await;
                let options = server().database(&name);
                let directory =
                    Directory::create_schema(options.clone(), Mode::Rehearsal).await.unwrap();
                let server = PgConnection::connect_with(&options).await.unwrap().into();
                Self::Postgres { options: Box::new(options), directory, server }
            }
            Kind::Webhook => {
                let receiver = Receiver::start().await;
                let platform = Box::new(webhook(&receiver));
                Self::Webhook { receiver, platform }
            }
        }
    }

    async fn gone(&self) {
        if let Self::Postgres { options, .. } = self {
            let name = options.get_database().unwrap();
            on_server(format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    pub(crate) fn platform(&self) -> &dyn Platform {
        match self {
            Self::File { directory, .. } | Self::Postgres { directory, .. } => directory,
            Self::Webhook { platform, .. } => &**platform,
        }
    }

    fn directory(&self) -> &Directory {
        match self {
            Self::File { directory, .. } | Self::Postgres { directory, .. } => directory,
            Self::Webhook { .. } => panic!("a provider has data of its own"),
        }
    }

    /// The same directory, as another process opens it.
    pub(crate) async fn once_more(&self) -> Arc<dyn Platform> {
        match self {
            Self::File { folder, .. } => {
                Arc::new(Directory::open(&folder.path().join("directory.db")).await.unwrap())
            }
            Self::Postgres { options, .. } => {
                Arc::new(Directory::connect((**options).clone()).await.unwrap())
            }
            Self::Webhook { receiver, .. } => Arc::new(webhook(receiver)),
        }
    }

    pub(crate) async fn provision(
        &self,
        rows: &[(u32, String)],
        checkpoint: u64,
    ) -> Result<(), Error> {
        match self {
            Self::Webhook { receiver, .. } => {
                receiver.provision(rows).await;
                Ok(())
            }
            Self::File { .. } | Self::Postgres { .. } => {
                self.directory().provision(rows, checkpoint).await
            }
        }
    }

    /// Adds mailboxes with these numbers and distinct addresses.
    pub(crate) async fn with(&self, numbers: impl IntoIterator<Item = u32>) {
        let rows: Vec<_> = numbers.into_iter().map(|number| (number, address(number))).collect();
        self.provision(&rows, 1).await.unwrap();
    }

    pub(crate) async fn set_refusals(&self, refusals: &Refusals) -> bool {
        self.directory().set_refusals(refusals).await.unwrap()
    }

    /// An operator sets a mailbox's password.
    pub(crate) async fn set_password(&self, number: u32, hash: &str) {
        let sql = format!("UPDATE {{}}mailbox SET password = '{hash}' WHERE number = {number}");
        self.by_hand(&sql).await;
    }

    pub(crate) async fn erase(&self, numbers: &[u32]) -> u64 {
        self.directory().erase(&numbers.iter().copied().collect()).await.unwrap()
    }

    /// Do the files contain this text? Files of a server are not searched.
    pub(crate) fn is_in_the_files(&self, needle: &str) -> bool {
        let Self::File { folder, .. } = self else { return false };
        let files = std::fs::read_dir(folder.path()).unwrap();
        let bytes: Vec<u8> =
            files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    }

    /// The password that Dovecot reads.
    pub(crate) async fn password(&self, address: &str) -> Option<String> {
        let lookup = "SELECT password FROM {}rights WHERE address = $1";
        let (password,) = self.lookup(lookup, address).await.unwrap();
        password
    }

    /// A mail server's lookup of an address; `{}` precedes the name of a table.
    async fn lookup<T>(&self, sql: &str, address: &str) -> Option<T>
    where
        T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        match self {
            Self::File { server, .. } => {
                let lookup = sqlx::query_as(AssertSqlSafe(sql.replace("{}", ""))).bind(address);
                lookup.fetch_optional(&mut *server.lock().await).await.unwrap()
            }
            Self::Postgres { server, .. } => {
                let lookup = AssertSqlSafe(sql.replace("{}", "directory."));
                let lookup = sqlx::query_as(lookup).bind(address);
                lookup.fetch_optional(&mut *server.lock().await).await.unwrap()
            }
            Self::Webhook { .. } => panic!("a provider has mail servers of its own"),
        }
    }

    pub(crate) async fn checkpoint(&self) -> u64 {
        self.directory().checkpoint().await.unwrap()
    }

    pub(crate) async fn set_clock(&self, instant: DateTime<Utc>) {
        match self {
            Self::Webhook { receiver, .. } => receiver.set_clock(instant).await,
            Self::File { .. } | Self::Postgres { .. } => {
                self.directory().set_clock(Some(instant)).await.unwrap();
            }
        }
    }

    /// Another program removes a mailbox from the directory.
    pub(crate) async fn remove(&self, number: u32) {
        self.by_hand(&format!("DELETE FROM {{}}mailbox WHERE number = {number}")).await;
    }

    /// Another program changes the platform's data; `{}` precedes the name of a table.
    pub(crate) async fn by_hand(&self, sql: &str) {
        match self {
            Self::File { server, .. } => {
                let sql = sqlx::raw_sql(AssertSqlSafe(sql.replace("{}", "")));
                sql.execute(&mut *server.lock().await).await.unwrap();
            }
            Self::Postgres { server, .. } => {
                let sql = sqlx::raw_sql(AssertSqlSafe(sql.replace("{}", "directory.")));
                sql.execute(&mut *server.lock().await).await.unwrap();
            }
            Self::Webhook { receiver, .. } => receiver.run(sql.replace("{}", "")).await,
        }
    }

    /// Makes the platform unreachable; its data is kept.
    pub(crate) async fn leave(&self) {
        match self {
            Self::File { folder, .. } => {
                let file = folder.path().join("directory.db");
                std::fs::rename(&file, file.with_extension("away")).unwrap();
            }
            Self::Postgres { options, .. } => {
                let name = options.get_database().unwrap();
                on_server(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
                on_server(format!("{sql} = '{name}'")).await;
            }
            Self::Webhook { receiver, .. } => receiver.stop(),
        }
    }

    pub(crate) async fn come_back(&self) {
        match self {
            Self::File { folder, .. } => {
                let file = folder.path().join("directory.db");
                std::fs::rename(file.with_extension("away"), &file).unwrap();
            }
            Self::Postgres { options, .. } => {
                let name = options.get_database().unwrap();
                on_server(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
            }
            Self::Webhook { receiver, .. } => receiver.start_again(),
        }
    }

    /// Somebody restores a mailbox's right to send by hand.
    pub(crate) async fn give_back(&self, number: u32) {
        let (table, no_end) = match self {
            Self::File { .. } => ("armed", "-2147483648"),
            Self::Postgres { .. } => ("armed", "'infinity'"),
            Self::Webhook { .. } => ("mailbox", "NULL"),
        };
        let sql = format!("UPDATE {{}}{table} SET send_until = {no_end} WHERE number = {number}");
        self.by_hand(&sql).await;
    }

    /// A mail server's lookup of an address: can send, read only, can receive, can log in. Mail
    /// servers query `PostgreSQL` in lower case.
    pub(crate) async fn looked_up(&self, address: &str) -> Option<[bool; 4]> {
        let address = match self {
            Self::File { .. } => address.to_owned(),
            Self::Postgres { .. } => address.to_lowercase(),
            Self::Webhook { receiver, .. } => return receiver.looked_up(address).await,
        };
        let lookup = "SELECT can_send, read_only, can_receive, can_login FROM {}rights
                      WHERE address = $1";
        let rights: (bool, bool, bool, bool) = self.lookup(lookup, &address).await?;
        Some(rights.into())
    }

    /// Postfix's refusal of a mailbox that may not send.
    pub(crate) async fn refusal(&self, address: &str) -> Option<String> {
        let lookup = "SELECT '550 ' || send_status || ' ' || send_reason FROM {}rights
                      WHERE address = $1 AND NOT can_send";
        let (refusal,) = self.lookup(lookup, address).await?;
        Some(refusal)
    }

    pub(crate) async fn may(
        &self,
        capability: Capability,
        numbers: impl IntoIterator<Item = u32>,
    ) -> MailboxSet {
        let actual = self.platform().read(&set(numbers), capability.into()).await.unwrap();
        actual.now[&capability].clone()
    }
}

/// The adapter of another process: a call is one request, as it is one transaction in a directory.
fn webhook(receiver: &Receiver) -> Webhook {
    let mut settings = receiver.settings();
    settings.batch = 65_536;
    let addresses = Arc::new(Addressed(address));
    Webhook::new("cec-pac".parse().unwrap(), settings, addresses, Arc::new(Real)).unwrap()
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn set(numbers: impl IntoIterator<Item = u32>) -> MailboxSet {
    numbers.into_iter().collect()
}

pub(crate) fn address(number: u32) -> String {
    format!("maria.rossi{number}@postacertificata.example")
}

pub(crate) fn call(
    numbers: impl IntoIterator<Item = u32>,
    capabilities: impl IntoIterator<Item = Capability>,
    right: Right,
) -> SetRights {
    SetRights {
        key: key(),
        mailboxes: numbers.into_iter().collect(),
        capabilities: capabilities.into_iter().collect(),
        right,
        decided_at: 0,
    }
}

pub(crate) fn key() -> EffectKey {
    EffectKey {
        programme: "cec-pac".parse().unwrap(),
        revision: 1,
        phase: Some("receive-only".parse().unwrap()),
    }
}

/// Ends the right to send, a while ago.
pub(crate) fn close(numbers: impl IntoIterator<Item = u32>) -> SetRights {
    call(numbers, [Capability::Send], past())
}

pub(crate) fn past() -> Right {
    Right::Until(at("2015-03-17T23:00:00Z"))
}
