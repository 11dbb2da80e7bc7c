use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use engine::EngineSettings;
use rehearsal::{Rehearsal, prove};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::servers::Lookups;
use crate::{World, connect};

/// How mail servers come to know the rights.
#[async_trait]
pub trait Enforcement: Sized + Send + Sync {
    /// Made ready for a world that no engine runs on yet.
    async fn of(world: &World) -> Self;

    /// The engine on this world, working through it.
    async fn engine(&self, world: &World) -> Rehearsal;

    /// What the mail servers are given. Asked once everybody's mailbox is there.
    fn lookups(&self) -> Lookups;

    /// Gives a mailbox a password, by the SQL that operators are told.
    async fn set_password(&self, address: &str, hash: &str);

    /// Has it be this instant for the mail servers. No engine is at work.
    async fn set_clock(&self, instant: DateTime<Utc>);

    /// What is answered to one who may not send, and writes from one address to another.
    fn no_sending(&self, from: &str, _to: &str, why: &str) -> String {
        format!("550 5.7.1 <{from}>: SASL login name rejected: {why}")
    }

    /// No engine is needed any more: what it left is added up once more, and what is not the
    /// world's is taken away.
    async fn end(self, world: &World);
}

/// The mail directory in a file.
pub struct FileDirectory(PathBuf);

impl FileDirectory {
    /// A statement of an operator's.
    async fn execute(&self, statement: &'static str, values: [Option<String>; 2]) {
        // The same order as our own: the mail servers must find the write-ahead log when we are
        // gone.
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

impl FileDirectory {
    /// Somebody lets a mailbox send again, whatever the plan says.
    pub(super) async fn let_send(&self, address: &str) {
        let statement = "UPDATE armed SET send_until = -2147483648 WHERE number = \
                         (SELECT number FROM mailbox WHERE address = ?)";
        self.execute(statement, [Some(address.to_owned()), None]).await;
    }

    /// And not any more, since long ago.
    pub(super) async fn stop_sending(&self, address: &str) {
        let statement = "UPDATE armed SET send_until = 1 WHERE number = \
                         (SELECT number FROM mailbox WHERE address = ?)";
        self.execute(statement, [Some(address.to_owned()), None]).await;
    }
}

#[async_trait]
impl Enforcement for FileDirectory {
    async fn of(world: &World) -> Self {
        // The servers are other users than we are.
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

    async fn end(self, world: &World) {
        assert_eq!(prove(&world.home()).await.unwrap().problems, [""; 0]);
    }

    async fn set_clock(&self, instant: DateTime<Utc>) {
        let statement = "UPDATE clock SET rehearsed_at = CAST(? AS REAL)";
        self.execute(statement, [Some(instant.timestamp().to_string()), None]).await;
    }
}
