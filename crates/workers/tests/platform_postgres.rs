//! The mail directory in PostgreSQL: what only it has to answer for.

#![cfg(test)]

use domain::{Capability, MailboxSet};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use workers::platform::{EffectKey, Mode, Platform, PostgresDirectory, Right, SetRights};

fn server() -> PgConnectOptions {
    let url = std::env::var("TRAMONTO_TEST_POSTGRES").expect("no PostgreSQL: run tests/run");
    url.parse().unwrap()
}

#[tokio::test]
async fn what_is_decided_late_changes_nothing() {
    let mut c = PgConnection::connect_with(&server()).await.unwrap();
    let name = format!("t{}", uuid::Uuid::now_v7().simple());
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut c).await.unwrap();
    let options = server().database(&name);
    let d = PostgresDirectory::create(options.clone(), Mode::Rehearsal).await.unwrap();
    let rows: Vec<_> = (0..100_000).map(|n| (n, format!("A{n}@x.example"))).collect();
    d.provision(&rows, 3).await.unwrap();
    let all: MailboxSet = (0..100_000).collect();
    let mut call = SetRights {
        key: EffectKey { programme: "cec-pac".parse().unwrap(), revision: 1, phase: None },
        mailboxes: all.clone(),
        capabilities: Capability::Send.into(),
        right: Right::Until("2015-03-17T23:00:00Z".parse().unwrap()),
        decided_at: 7,
    };
    assert_eq!(d.set(&call).await.unwrap().applied, all);
    assert_eq!(d.set(&call).await.unwrap().already_so, all);
    call.decided_at = 6;
    assert_eq!(d.set(&call).await.unwrap().failed[0].mailboxes, all);
    let actual = d.read(&all, Capability::Send.into()).await.unwrap();
    assert!(actual.now[&Capability::Send].is_empty() && actual.unknown.is_empty());
}
