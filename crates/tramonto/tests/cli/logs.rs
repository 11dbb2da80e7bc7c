//! `tramonto log-request`: from mail logs to a link, and to their destruction.

use sqlx::{ConnectOptions, Connection, Executor};

use crate::scene::Scene;

/// A store whose window for log requests is open today; the plan is the shipped one with another
/// end.
pub(crate) fn scene() -> Scene {
    scene_until("2090-03-18")
}

fn scene_until(end: &str) -> Scene {
    Scene::ending(end, 500)
}

pub(crate) fn mail_log(scene: &Scene, address: &str) {
    let lines = [
        "smtpd[1]: 3F2A41C0: client=mail.comune.example[192.0.2.2]",
        "cleanup[2]: 3F2A41C0: message-id=<uno@comune.example>",
        "qmgr[3]: 3F2A41C0: from=<urp@comune.example>, size=1, nrcpt=1 (queue active)",
        &format!(
            "lmtp[4]: 3F2A41C0: to=<{address}>, relay=x, delay=1, dsn=2.0.0, status=sent (250 Ok)"
        ),
        "qmgr[3]: 3F2A41C0: removed",
    ];
    let line = |text: &&str| format!("2015-07-10T10:00:00+02:00 mx1 postfix/{text}\n");
    scene.write("mail.log", &lines.iter().map(line).collect::<String>());
}

#[test]
fn a_request_is_recorded_verified_prepared_and_shown_and_names_nobody() {
    let scene = scene();
    let (address, _) = scene.activated();
    mail_log(&scene, &address);
    let indexed = scene.json(&["mail-log", "index", "mail.log"]);
    assert_eq!((&indexed["lines"], &indexed["messages"]), (&5.into(), &1.into()));
    assert_eq!(scene.json(&["mail-log", "index", "mail.log"])["lines"], 0, "each line counts once");
    let asked =
        scene.json(&["log-request", "create", &address, "--by", "holder", "--reason", "letter 1"]);
    let request = asked["request"].as_str().unwrap();
    let unverified = scene.refused(&["log-request", "prepare", request, "--reason", "round"]);
    assert!(unverified.contains("requester has not been verified"), "{unverified}");
    scene.ok(&["log-request", "verify", request, "--reason", "card seen, file 7"]);
    let portal = ["--portal", "https://log.example/"];
    let ready =
        scene.json(&[&["log-request", "prepare", "--reason", "round"], &portal[..]].concat());
    let link = ready["link"].as_str().unwrap();
    let secret = link.strip_prefix("https://log.example/logs/").unwrap();
    assert_eq!((ready["rows"].as_u64(), secret.len()), (Some(2), 43));
    assert!(scene.ok(&["log-request", "list"]).contains("prepared"));
    let shown = scene.ok(&["log-request", "show", request]);
    assert_eq!(shown.lines().count(), 3, "{shown}");
    let log = scene.ok(&["event", "list", "--json"]);
    for private in [address.as_str(), secret] {
        assert!(!shown.contains(private) && !log.contains(private));
    }
    assert!(scene.path(&format!("tramonto-store/exports/{request}.zip")).is_file());
}

#[test]
fn outside_the_window_nobody_is_served_and_after_the_end_the_logs_go() {
    let open = scene();
    let early = open.refused(&["mail-log", "destroy", "--reason", "file 90"]);
    assert!(
        early.contains("logs must be kept: requests are accepted through 2090-03-17"),
        "{early}"
    );
    let scene = scene_until("2018-03-18");
    let (address, _) = scene.activated();
    let late = scene.refused(&[
        "log-request",
        "create",
        &address,
        "--by",
        "authority",
        "--reason",
        "order 1",
    ]);
    assert!(late.contains("the last day for log requests was 2018-03-17"), "{late}");
    let destroyed = scene.json(&["mail-log", "destroy", "--reason", "file 90"]);
    assert_eq!(destroyed["messages"], 0);
    assert_eq!(scene.json(&["mail-log", "status"])["gone"], true);
    mail_log(&scene, &address);
    let gone = scene.refused(&["mail-log", "index", "mail.log"]);
    assert!(gone.contains("no log can be indexed"), "{gone}");
}

#[test]
fn a_log_with_the_addresses_of_others_alone_leaves_nothing_in_the_index() {
    let scene = scene();
    mail_log(&scene, "c@altro.example");
    let indexed = scene.json(&["mail-log", "index", "mail.log"]);
    assert_eq!((&indexed["lines"], &indexed["messages"]), (&5.into(), &0.into()));
    for file in ["archive.db", "archive.db-wal"] {
        let bytes = std::fs::read(scene.path("tramonto-store").join(file)).unwrap_or_default();
        assert!(!bytes.windows(13).any(|part| part == b"altro.example"), "{file}");
    }
    let (address, _) = scene.activated();
    scene.refused(&["mail-log", "index", "no-such-file.log"]);
    scene.refused(&["log-request", "show", "0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11"]);
    assert!(
        scene
            .refused(&[
                "log-request",
                "verify",
                "0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11",
                "--reason",
                "x"
            ])
            .contains("is not open")
    );
    assert!(!scene.ok(&["log-request", "list"]).contains(&address));
}

/// A platform's own table, with one message for the mailbox and one for another address.
fn platform(scene: &Scene, address: &str) {
    let rows = format!(
        "CREATE TABLE log (message_id, at, sender, recipient, subject, event, related, provider);
         INSERT INTO log VALUES
             ('1@comune.example', '2015-07-10T10:00:00+02:00', 'urp@comune.example', '{address}',
                 'Avviso', 'delivered', 'A', 'mx'),
             ('2@comune.example', '2015-07-10T10:00:00+02:00', 'urp@comune.example', \
             'c@altro.example',
                 'Avviso', 'delivered', 'B', 'mx');
         CREATE VIEW bare AS SELECT message_id, at, sender, recipient, subject, event FROM log;"
    );
    let path = scene.path("platform.db");
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut file =
            options.create_if_missing(true).connect().await.expect("a file of a platform");
        file.execute(sqlx::AssertSqlSafe(rows)).await.expect("a file of a platform");
        file.close().await.expect("a file of a platform");
    });
}

#[test]
fn an_export_is_prepared_from_a_platform_s_own_table_which_is_left_as_it_was() {
    let scene = scene();
    let (address, _) = scene.activated();
    platform(&scene, &address);
    let before = std::fs::read(scene.path("platform.db")).unwrap();
    let asked =
        scene.json(&["log-request", "create", &address, "--by", "holder", "--reason", "letter 1"]);
    let request = asked["request"].as_str().unwrap();
    scene.ok(&["log-request", "verify", request, "--reason", "card seen, file 7"]);
    let from = |table| ["log-request", "prepare", "--reason", "round", "--log-table", table];
    let bare = scene.refused(&from("platform.db#bare"));
    assert!(bare.contains("no column related, provider; create a view with"), "{bare}");
    let wrong = scene.run(&from("mysql://anna:secret@db/t#log"));
    assert!(wrong.code == Some(2) && !wrong.err.contains("secret"), "{}", wrong.err);
    let ready = scene.json(&from("platform.db#log"));
    assert_eq!(ready["rows"], 1, "the stranger's is not the mailbox's");
    assert_eq!(std::fs::read(scene.path("platform.db")).unwrap(), before);
}

#[test]
fn a_holder_s_link_is_only_sent_by_letter_and_an_authority_s_is_shown() {
    let scene = scene();
    let address = with_an_address(&scene);
    for (by, shown) in [("holder", false), ("authority", true)] {
        let asked =
            scene.json(&["log-request", "create", &address, "--by", by, "--reason", "file 7"]);
        let request = asked["request"].as_str().unwrap();
        scene.ok(&["log-request", "verify", request, "--reason", "file 7"]);
        let ready = scene.json(&["log-request", "prepare", "--send", "--reason", "round"]);
        assert_eq!(ready["link"].is_string(), shown, "{by}: {ready}");
    }
}

/// An activated mailbox whose holder has an address for notices.
fn with_an_address(scene: &Scene) -> String {
    let registry = scene.read("registry.csv");
    let mut rows = registry.lines();
    let columns: Vec<&str> = rows.next().expect("a header").split(',').collect();
    let place = |name: &str| columns.iter().position(|column| *column == name).expect("a column");
    let (address, activated, notice) =
        (place("address"), place("activated_on"), place("notify_email"));
    let row = rows.map(|row| row.split(',').collect::<Vec<_>>());
    let mut found = row.filter(|row| !row[activated].is_empty() && !row[notice].is_empty());
    found.next().expect("somebody")[address].to_owned()
}

#[test]
fn an_invalid_row_stops_only_the_export_that_needs_it() {
    let scene = scene();
    let (address, _) = scene.activated();
    let other = with_an_address(&scene);
    assert_ne!(address, other);
    platform(&scene, &address);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(scene.path("platform.db"));
        let mut file = options.connect().await.expect("a file of a platform");
        let row = format!(
            "INSERT INTO log (at, sender, recipient, event) VALUES ('?', 'x', '{other}', 'y')"
        );
        file.execute(sqlx::AssertSqlSafe(row)).await.expect("a row");
        file.close().await.expect("a file of a platform");
    });
    let requests = [&other, &address].map(|of| {
        let asked =
            scene.json(&["log-request", "create", of, "--by", "holder", "--reason", "letter 1"]);
        let request = asked["request"].as_str().unwrap().to_owned();
        scene.ok(&["log-request", "verify", &request, "--reason", "card seen"]);
        request
    });
    let prepare = ["log-request", "prepare", "--log-table", "platform.db#log", "--reason", "round"];
    let round = scene.run(&prepare);
    assert_eq!(round.code, Some(3), "{}{}", round.out, round.err);
    assert!(
        round.out.contains(&format!("request {} cannot be served: ", requests[0])),
        "{}",
        round.out
    );
    assert!(round.out.contains(&format!("request {}: 1 entries", requests[1])), "{}", round.out);
    assert!(!round.out.contains(&other), "{}", round.out);
}

#[test]
fn no_letter_is_queued_for_an_unverified_request() {
    let scene = scene();
    let address = with_an_address(&scene);
    let asked =
        scene.json(&["log-request", "create", &address, "--by", "holder", "--reason", "letter 1"]);
    let request = asked["request"].as_str().unwrap();
    let unverified =
        scene.refused(&["log-request", "prepare", request, "--send", "--reason", "round"]);
    assert!(unverified.contains("requester has not been verified"), "{unverified}");
    assert_eq!(letters(&scene), 0);
    scene.ok(&["log-request", "verify", request, "--reason", "card seen, file 7"]);
    scene.ok(&["log-request", "prepare", request, "--send", "--reason", "round"]);
    assert_eq!(letters(&scene), 1, "a verified one is counted where it is stored");
}

/// The number of queued letters; the first one creates their store.
fn letters(scene: &Scene) -> i64 {
    let path = scene.path("tramonto-store/intake.db");
    if !path.exists() {
        return 0;
    }
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut file = options.connect().await.expect("a file");
        sqlx::query_scalar("SELECT count(*) FROM letter").fetch_one(&mut file).await.expect("rows")
    })
}

#[test]
fn messages_kept_by_a_hold_are_reported_and_destroyed_after_its_release() {
    let scene = scene_until("2018-03-18");
    let (address, number) = scene.activated();
    mail_log(&scene, &address);
    // The window has ended, so no command indexes logs any more.
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let index = archive::Index::open(&scene.path("tramonto-store/archive.db")).await.unwrap();
        let domain = address.rsplit_once('@').unwrap().1.to_owned();
        let request = archive::IndexRequest {
            files: vec![scene.path("mail.log")],
            domains: archive::Domains::new([domain]),
            zone: chrono_tz::UTC,
            not_after: None,
        };
        assert_eq!(index.read_logs(request, |_| {}).await.unwrap().messages, 1);
        index.close().await.unwrap();
    });
    let there = scene.ok(&["mail-log", "status"]);
    assert!(there.contains("not destroyed: 1 messages"), "{there}");
    let number = number.to_string();
    let hold = ["hold", "place", &number, "--capability", "access", "--reason", "order 9"];
    let hold = scene.json(&hold)["hold"].as_str().expect("an id").to_owned();
    scene.ok(&["mail-log", "destroy", "--reason", "file 90"]);
    let kept = scene.ok(&["mail-log", "status"]);
    assert!(kept.contains("a hold keeps 1 messages of 1 mailbox"), "{kept}");
    scene.ok(&["hold", "release", &number, &hold, "--reason", "order 10"]);
    let due = scene.run(&["mail-log", "status"]);
    assert_eq!(due.code, Some(4), "{}{}", due.out, due.err);
    assert!(due.out.contains("1 messages that no hold keeps"), "{}", due.out);
    scene.ok(&["mail-log", "destroy", "--reason", "file 91"]);
    let gone = scene.json(&["mail-log", "status"]);
    assert_eq!((&gone["gone"], &gone["held"]["messages"]), (&true.into(), &0.into()));
}
