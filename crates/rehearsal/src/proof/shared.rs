//! The log and the mail directory of a shared store, read with plain SQL.

use domain::Event;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use super::{Directory, FromLog, Texts, sets_of};
use engine::Error;

pub(super) async fn read(options: &PgConnectOptions) -> Result<(FromLog, Directory), Error> {
    let unreadable = |error: sqlx::Error| {
        Error::Unavailable(format!(
            "the database cannot be read for the completeness check: {error}"
        ))
    };
    let mut connection = options.connect().await.map_err(unreadable)?;
    let log = read_log(&mut connection).await.map_err(unreadable)?;
    let mut from_log = FromLog::default();
    for (position, kind, version, effective_at, recorded_at, actor, payload) in log {
        let version = u16::try_from(version).unwrap_or(u16::MAX);
        let event = Event::decode(&kind, version, &payload)
            .map_err(|error| Error::Invalid(format!("event {position}: {error}")))?;
        from_log.newest = from_log.newest.max(recorded_at);
        from_log.add(event, position, &actor, effective_at);
    }
    let row = read_directory(&mut connection).await.map_err(unreadable)?;
    connection.close().await.map_err(unreadable)?;
    Ok((from_log, sets_of(row)))
}

type Row = (i64, String, i32, i64, i64, String, String);

async fn read_log(connection: &mut PgConnection) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "SELECT event.position, kind.name, schema_version,
                (extract(epoch FROM effective_at) * 1000000)::bigint,
                (extract(epoch FROM recorded_at) * 1000000)::bigint, actor, payload
         FROM tramonto.event JOIN tramonto.kind ON kind.id = event.kind ORDER BY event.position",
    )
    .fetch_all(connection)
    .await
}

async fn read_directory(connection: &mut PgConnection) -> Result<Texts, sqlx::Error> {
    sqlx::query_as(
        "SELECT coalesce(string_agg(number::text, ','), ''),
                coalesce(string_agg(number::text, ',') FILTER (WHERE can_send), ''),
                coalesce(string_agg(number::text, ',') FILTER (WHERE NOT read_only), ''),
                coalesce(string_agg(number::text, ',') FILTER (WHERE can_receive), ''),
                coalesce(string_agg(number::text, ',') FILTER (WHERE can_login), '')
         FROM directory.rights",
    )
    .fetch_one(connection)
    .await
}
