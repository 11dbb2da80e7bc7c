//! The registry in `PostgreSQL`: the same results, and clear errors without a connection.

use sqlx::{ConnectOptions, Executor};

use super::*;
use crate::fresh::Fresh;

async fn made() -> (Fresh, Registry) {
    let fresh = Fresh::new().await;
    Registry::migrate(fresh.options(), false).await.unwrap();
    let registry = Registry::connect(fresh.options(), &programme("cec-pac")).await.unwrap();
    (fresh, registry)
}

async fn refusal(fresh: &Fresh, name: &str) -> Error {
    Registry::connect(fresh.options(), &programme(name)).await.unwrap_err()
}

async fn operator(fresh: &Fresh, statement: &'static str) {
    let mut connection = fresh.options().connect().await.unwrap();
    connection.execute(statement).await.unwrap();
}

#[tokio::test]
async fn it_answers_as_a_file_does() {
    let (_fresh, registry) = made().await;
    fill(&registry).await;
    finds(&registry).await;
    lists(&registry).await;
    keeps_apart(&registry).await;
    erases(&registry).await;
}

#[tokio::test]
async fn it_is_there_again_for_its_own_programme_alone() {
    let (fresh, registry) = made().await;
    fill(&registry).await;
    registry.close().await.unwrap();
    let again = Registry::connect(fresh.options(), &programme("cec-pac")).await.unwrap();
    assert_eq!(again.counts().await.unwrap().registered, 2);
    let error = refusal(&fresh, "other").await.to_string();
    assert!(error.contains("of the programme cec-pac, not of other"), "{error}");
}

#[tokio::test]
async fn one_of_several_concurrent_programmes_gets_it() {
    let fresh = Fresh::new().await;
    Registry::migrate(fresh.options(), false).await.unwrap();
    let (one, other) = (programme("one"), programme("other"));
    let (one, other) = tokio::join!(
        Registry::connect(fresh.options(), &one),
        Registry::connect(fresh.options(), &other)
    );
    assert!(one.is_ok() != other.is_ok());
}

#[tokio::test]
async fn tables_are_made_once_however_many_make_them_at_once() {
    let fresh = Fresh::new().await;
    let steps = Registry::migrate(fresh.options(), true).await.unwrap();
    let names: Vec<String> = steps.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["registry 1: the tables of the registry", "registry 2: who was erased"]);
    let error = refusal(&fresh, "cec-pac").await.to_string();
    assert!(
        error.contains("no schema registry") && error.contains("tramonto store migrate"),
        "{error}"
    );
    let (one, other) = tokio::join!(
        Registry::migrate(fresh.options(), false),
        Registry::migrate(fresh.options(), false)
    );
    let taken = [one.unwrap(), other.unwrap()].concat();
    assert_eq!(taken, steps, "one made them, the other found them");
    assert!(Registry::migrate(fresh.options(), true).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused() {
    let (fresh, registry) = made().await;
    registry.close().await.unwrap();
    let newer = "
        INSERT INTO registry.migration
        SELECT 99, 'later', installed_on, true, checksum, 0 FROM registry.migration
        WHERE version = 1";
    operator(&fresh, newer).await;
    for error in [
        refusal(&fresh, "cec-pac").await,
        Registry::migrate(fresh.options(), false).await.unwrap_err(),
        Registry::migrate(fresh.options(), true).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Store(sql::Error::Rejected { .. })), "{error}");
        assert!(error.to_string().contains("step 99"), "{error}");
        assert!(error.to_string().contains("or a newer one"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_can_not_be_used_is_told_apart() {
    let fresh = Fresh::new().await;
    let missing = fresh.options().database("nowhere");
    let error = Registry::connect(missing, &programme("cec-pac")).await.unwrap_err();
    assert!(matches!(error, Error::Store(sql::Error::Rejected { .. })), "{error}");
    assert!(error.to_string().contains("no such database"), "{error}");
    // Nothing listens on this reserved port.
    let silent = fresh.options().port(1).password("a secret");
    let error = Registry::connect(silent, &programme("cec-pac")).await.unwrap_err();
    assert!(error.may_retry(), "{error}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1") && !text.contains("secret"), "{text}");
}
