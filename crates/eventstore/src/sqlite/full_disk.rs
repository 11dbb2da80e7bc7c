//! A full disk, simulated by a limit on the pages of the file: nothing is lost, and writing resumes
//! later.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sql::StoreName;
use sqlx::SqliteConnection;
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

use super::open;
use super::session::FileSession;
use crate::rules::Request;
use crate::writer::Writer;
use crate::{Append, Clock, Error, ExpectedVersion, NewEvent, StreamName};

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

async fn limit(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(connection).await.unwrap();
}

async fn writer(folder: &TempDir) -> Writer<FileSession> {
    let path = folder.path().join("log.db");
    let name = StoreName::file(&path);
    open::prepare(&path, &name, true).await.unwrap();
    let connection = open::writing(&path, &name).await.unwrap();
    let session = FileSession::new(connection, None);
    Writer { session, name, clock: Arc::new(Stopped), head: watch::Sender::new(0) }
}

fn request(id: u128, bytes: usize) -> Request {
    let event = NewEvent {
        id: Uuid::from_u128(id),
        kind: "noted".to_owned(),
        schema_version: 1,
        effective_at: DateTime::UNIX_EPOCH,
        actor: "worker".to_owned(),
        reason: None,
        correlation_id: Uuid::nil(),
        causation_id: None,
        payload: format!("\"{}\"", "x".repeat(bytes)),
    };
    let stream = StreamName::new(format!("order-{id}")).unwrap();
    Request::new(Append::to(stream, ExpectedVersion::NoStream, vec![event])).unwrap()
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_what_fits_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(&folder).await;
    limit(writer.session.connection(), "PRAGMA max_page_count = 60").await;
    let requests = [request(1, 10), request(2, 1 << 20), request(3, 10), request(4, 1 << 20)];
    let outcomes = writer.carry_out(&requests).await;
    let positions: Vec<Option<u64>> =
        outcomes.iter().map(|outcome| outcome.as_ref().ok()?.last_position()).collect();
    assert_eq!(positions, [Some(1), None, Some(2), None]);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, Error::Store(sql::Error::Unavailable { .. })), "{refused:?}");
        assert!(refused.may_retry());
        assert!(refused.to_string().contains("free some space and try again"), "{refused}");
    }
    limit(writer.session.connection(), "PRAGMA max_page_count = 100000").await;
    let again = writer.carry_out(&requests[3..]).await;
    assert_eq!(again[0].as_ref().unwrap().last_position(), Some(3));
}
