//! A manual change of the mail directory is found, reported, repaired, and certified.

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::scene::Scene;

/// Runs SQL on the mail directory, as an administrator of the mail servers could.
pub(crate) fn by_hand(scene: &Scene, sql: &str) -> Option<bool> {
    let options = SqliteConnectOptions::new().filename(scene.path("tramonto-store/directory.db"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sql = sql.to_owned();
    runtime.block_on(async {
        let mut directory = options.connect().await.expect("the directory opens");
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_optional(&mut directory).await;
        row.expect("it is SQL").map(|row| row.get::<bool, _>(0))
    })
}

/// A store whose service has ended, and one of its mailboxes.
fn ended() -> (Scene, u64) {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    let (_, number) = scene.activated();
    (scene, number)
}

fn reopen(scene: &Scene, number: u64) {
    let sql =
        format!("UPDATE armed SET login_until = -2147483648 WHERE number = {number} RETURNING 1");
    by_hand(scene, &sql);
}

fn may_log_in(scene: &Scene, number: u64) -> bool {
    by_hand(scene, &format!("SELECT can_login FROM rights WHERE number = {number}")).expect("a row")
}

/// The JSON output of a command, and its exit code.
fn asked(scene: &Scene, arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = scene.run(&[arguments, &["--json"]].concat());
    (ran.code, serde_json::from_str(&ran.out).expect("JSON"))
}

#[test]
fn a_mailbox_reopened_by_hand_is_found_repaired_and_certified() {
    let (scene, number) = ended();
    let clean = scene.ok(&["drift", "check"]);
    assert!(clean.ends_with("no drift\n"), "{clean}");
    assert!(scene.ok(&["drift", "certify"]).contains("no drift was open"));

    reopen(&scene, number);
    let (code, checked) = asked(&scene, &["drift", "check"]);
    assert_eq!((code, &checked["drifting"]), (Some(4), &Value::from(1)), "{checked}");
    let (code, certificate) = asked(&scene, &["drift", "certify"]);
    assert_eq!((code, &certificate["certified"]), (Some(4), &Value::from(false)));
    assert_eq!(certificate["open"][0]["mailboxes"], 1, "{certificate}");
    scene.ok(&["run", "--until-idle"]);
    assert!(may_log_in(&scene, number), "it was only to be reported");

    let told = scene.ok(&["drift", "repair", "--reason", "reopened by mistake"]);
    assert!(told.contains("the engine repairs it"), "{told}");
    scene.ok(&["run", "--until-idle"]);
    assert!(!may_log_in(&scene, number));
    let (code, certificate) = asked(&scene, &["drift", "certify"]);
    assert_eq!((code, &certificate["certified"]), (Some(0), &Value::from(true)), "{certificate}");
    let shown = scene.ok(&["mailbox", "show", &number.to_string()]);
    assert!(
        shown.contains("access on the platform was allowed instead of gone; repair scheduled"),
        "{shown}"
    );
    let found = scene.events(&["--kind", "drift-found"]);
    assert_eq!(found.len(), 2, "reported, and then repaired");
    assert_eq!(found[1]["reason"], "reopened by mistake");
}

#[test]
fn no_certificate_without_a_comparison() {
    let (scene, number) = ended();
    let ran = scene.run(&["drift", "certify", "--date", "2014-01-01"]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(ran.out.contains("had not been compared before"), "{}", ran.out);
    let later = scene.refused(&["drift", "certify", "--date", "2214-01-01"]);
    assert!(later.contains("2214-01-01 is in the future"), "{later}");
    by_hand(&scene, &format!("DELETE FROM mailbox WHERE number = {number} RETURNING 1"));
    let (code, checked) = asked(&scene, &["drift", "check"]);
    assert_eq!(code, Some(0), "missing is told, and no drift of a right");
    assert_eq!(checked["checked"]["unknown_to_platform"], serde_json::json!([number]));
    let ran = scene.run(&["drift", "certify"]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.out.contains("lacked 1 mailbox"), "{}", ran.out);
}
