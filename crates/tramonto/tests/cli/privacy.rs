//! Personal data stays in the registry: not in the log, not in output, not in messages.

use crate::scene::Scene;

#[test]
fn no_name_address_or_codice_fiscale_leaves_the_registry() {
    let scene = Scene::of_500();
    let (address, number) = scene.activated();
    let number = number.to_string();
    let mut told = Vec::new();
    for arguments in [
        &["registry", "import", "registry.csv", "--log", "trace"][..],
        &["status", "--json", "--log", "trace"],
        &[
            "hold",
            "place",
            &address,
            "--capability",
            "access",
            "--reason",
            "order 1",
            "--log",
            "trace",
        ],
        &["mailbox", "show", &address, "--log", "trace"],
        &["mailbox", "show", &address, "--json"],
        &["mailbox", "withdraw", &address, "--reason", "too early"],
        &["run", "--until-idle", "--log", "debug"],
        &["event", "list", "--json", "--log", "trace"],
        &["event", "list", "--mailbox", &address],
        &["mailbox", "show", &number],
        &["store", "rebuild", "--log", "trace"],
    ] {
        let ran = scene.run(arguments);
        told.push((format!("{arguments:?}"), ran.out + &ran.err));
    }
    let text = scene.read("registry.csv").replacen("@postacertificata", "@@postacertificata", 1);
    scene.write("broken.csv", &text);
    let ran = scene.run(&["registry", "import", "broken.csv", "--log", "trace"]);
    told.push(("a broken import".to_owned(), ran.out + &ran.err));
    for file in ["log.db", "log.db-wal", "state.db", "mailboxes.db"] {
        let bytes = std::fs::read(scene.path("tramonto-store").join(file)).unwrap_or_default();
        told.push((file.to_owned(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(told.iter().any(|(_, text)| text.contains("mailboxes-registered")), "the log was read");
    for place in 1..=500 {
        let row = scene.row(place);
        for private in [&row[1], &row[2], &row[4], &row[8]] {
            // The shortest generated surnames are also parts of common words.
            if private.len() < 6 {
                continue;
            }
            for (source, text) in &told {
                assert!(!text.contains(private.as_str()), "{source} holds {private}");
            }
        }
    }
}
