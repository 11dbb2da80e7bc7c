use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use engine::EngineSettings;
use rehearsal::{Rehearsal, prove};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::logged::what_postfix_logs_is_read;
use super::servers::{Lookups, MailServers};
use crate::{World, connect};

/// How mail servers learn the rights.
#[async_trait(?Send)]
pub trait Enforcement: Sized + Send + Sync {
    /// Prepares a world on which no engine runs yet.
    async fn of(world: &World) -> Self;

    /// The engine on this world, working through it.
    async fn engine(&self, world: &World) -> Rehearsal;

    /// The lookup settings of the mail servers. Called once every mailbox exists.
    fn lookups(&self) -> Lookups;

    /// Gives a mailbox a password, with the documented SQL.
    async fn set_password(&self, address: &str, hash: &str);

    /// Sets the clock of the mail servers. No engine runs.
    async fn set_clock(&self, instant: DateTime<Utc>);

    /// The expected reply to a mailbox that may not send, for a sender and a recipient.
    fn no_sending(&self, from: &str, _to: &str, why: &str) -> String {
        format!("550 5.7.1 <{from}>: SASL login name rejected: {why}")
    }

    /// What else these servers are checked for, before the first boundary: two holders may do
    /// everything, and the first one has a password.
    async fn check_before(&mut self, _world: &World, _servers: &MailServers, _two: [&str; 2]) {}

    /// Somebody lets a mailbox send again, against the plan; false if the servers learn that right
    /// from the log, which nobody changes by hand.
    async fn let_send(&self, _address: &str) -> bool {
        false
    }

    /// The right ends again, at the instant of the plan.
    async fn stop_sending(&self, _address: &str, _at: DateTime<Utc>) {}

    /// The engine is no longer needed: checks its results once more, and removes what is not part
    /// of the world.
    async fn end(self, world: &World);
}

/// The mail directory in a file.
pub struct FileDirectory(PathBuf);

impl FileDirectory {
    /// Executes a statement as an operator does.
    async fn execute(&self, statement: &'static str, values: [Option<String>; 2]) {
        // Open before ours is closed: the mail servers must find the write-ahead log.
        let mut reader = connect(&self.0).await;
        sqlx::query("SELECT 1 FROM directory").execute(&mut reader).await.unwrap();
        let mut writer = SqliteConnectOptions::new().filename(&self.0).connect().await.unwrap();
        let mut query = sqlx::query(statement);
        for value in values.into_iter().flatten() {
            query = query.bind(value);
        }
        assert_eq!(query.execute(&mut writer).await.unwrap().rows_affected(), 1);
        writer.close().await.unwrap();
        reader.close().await.unwrap();
    }
}

#[async_trait(?Send)]
impl Enforcement for FileDirectory {
    async fn of(world: &World) -> Self {
        // The servers run as other users.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(world.folder.path(), open).unwrap();
        Self(world.home().directory())
    }

    async fn engine(&self, world: &World) -> Rehearsal {
        world.rehearsing(EngineSettings::default(), None).await
    }

    fn lookups(&self) -> Lookups {
        let settings = vec![format!("DIRECTORY={}", self.0.display())];
        Lookups { kind: "sqlite", settings }
    }

    async fn set_password(&self, address: &str, hash: &str) {
        let statement = "UPDATE mailbox SET password = ? WHERE address = ?";
        self.execute(statement, [Some(hash.to_owned()), Some(address.to_owned())]).await;
    }

    async fn check_before(&mut self, world: &World, servers: &MailServers, two: [&str; 2]) {
        what_postfix_logs_is_read(world, servers, two).await;
    }

    async fn let_send(&self, address: &str) -> bool {
        let statement = "UPDATE armed SET send_until = -2147483648 WHERE number = \
                         (SELECT number FROM mailbox WHERE address = ?)";
        self.execute(statement, [Some(address.to_owned()), None]).await;
        true
    }

    async fn stop_sending(&self, address: &str, at: DateTime<Utc>) {
        let statement = "UPDATE armed SET send_until = CAST(? AS INTEGER) WHERE number = \
                         (SELECT number FROM mailbox WHERE address = ?)";
        self.execute(statement, [Some(at.timestamp().to_string()), Some(address.to_owned())]).await;
    }

    async fn end(self, world: &World) {
        assert_eq!(prove(&world.home()).await.unwrap().problems, [""; 0]);
    }

    async fn set_clock(&self, instant: DateTime<Utc>) {
        let statement = "UPDATE clock SET rehearsed_at = CAST(? AS REAL)";
        self.execute(statement, [Some(instant.timestamp().to_string()), None]).await;
    }
}
