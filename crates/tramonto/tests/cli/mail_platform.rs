//! `platform check` and `platform create-view`: the mail servers' lookups, and what keeps them from
//! enforcing rights.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::scene::Scene;

/// The findings, one per line; the exit code agrees.
fn found(scene: &Scene, more: &[&str]) -> Vec<String> {
    let ran = scene.run(&[&["platform", "check"], more].concat());
    let lines = ran.out.lines().filter_map(|line| line.strip_prefix("found: "));
    let found: Vec<String> = lines.map(str::to_owned).collect();
    assert_eq!(ran.code, Some(if found.is_empty() { 0 } else { 4 }), "{}{}", ran.out, ran.err);
    found
}

fn mode(scene: &Scene, name: &str, mode: u32) {
    fs::set_permissions(scene.path(name), fs::Permissions::from_mode(mode)).expect("its mode");
}

#[test]
fn each_known_problem_of_the_file_is_reported_with_its_remedy() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    let file = "tramonto-store/directory.db";
    let files = ["", "-wal", "-shm"].map(|suffix| format!("{file}{suffix}"));
    for file in &files {
        mode(&scene, file, 0o644);
    }
    let one = |told: &str| {
        let found = found(&scene, &[]);
        assert!(found.len() == 1 && found[0].contains(told), "{told}: {found:?}");
    };
    mode(&scene, "", 0o700);
    one("is not accessible to the mail servers");
    mode(&scene, "", 0o755);
    assert_eq!(found(&scene, &[]), [""; 0]);
    mode(&scene, file, 0o600);
    one("only by its owner");
    // An empty write-ahead log follows the mode of its file.
    for file in &files {
        mode(&scene, file, 0o644);
    }

    let shm = scene.path(&files[2]);
    fs::rename(&shm, scene.path("away")).expect("moved");
    one("is missing, and Postfix exits on");
    fs::rename(scene.path("away"), &shm).expect("moved back");

    let by_hand = |sql: &str| {
        let path = scene.path(file);
        let done = std::process::Command::new("python3")
            .args([
                "-c",
                "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                          c.execute(sys.argv[2]); c.commit()",
            ])
            .arg(path)
            .arg(sql)
            .status();
        assert!(done.expect("python3 runs").success(), "{sql}");
        for file in files.iter().filter(|file| !scene.path(file).exists()) {
            // Python had the last writable connection, which deleted them.
            fs::write(scene.path(file), "").expect("put back");
            mode(&scene, file, 0o644);
        }
    };
    by_hand("UPDATE refusal SET send = 'no'");
    one("refusals that differ from the plan");
    scene.ok(&["run", "--until-idle"]);
    assert_eq!(found(&scene, &[]), [""; 0], "the engine wrote the plan's");
    by_hand("PRAGMA journal_mode = delete");
    one("is not in write-ahead mode");
    by_hand("PRAGMA journal_mode = wal");
    by_hand(
        "UPDATE mailbox SET password = '{SHA512-CRYPT}$6$salt$hash' WHERE number = (SELECT \
         min(number) FROM mailbox)",
    );
    one("holds password hashes and can be read by every user");
}

#[test]
fn settings_of_the_mail_servers_are_checked_if_given() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    scene.write(
        "dovecot.txt",
        "auth_cache_size = 10 M\nmail_plugins = acl\npassdb \
                                {\n  driver = sql\n}\nplugin {\n  acl = vfile\n}\n",
    );
    scene.write("postfix.txt", "smtpd_delay_reject = no\n");
    let found = found(&scene, &["--dovecot", "dovecot.txt", "--postfix", "postfix.txt"]);
    for told in ["auth_cache_size = 10 M", "smtpd_delay_reject = no", "as a neighbour"] {
        assert!(found.iter().any(|found| found.contains(told)), "{told}: {found:?}");
    }
    let told = scene.refused(&["platform", "check", "--dovecot", "none.txt"]);
    assert!(told.contains("doveconf -n"), "{told}");
}

#[test]
fn a_custom_view_serves_rights_and_the_lookups_use_its_names() {
    let scene = Scene::of_500();
    let (address, number) = scene.activated();
    scene.ok(&["run", "--until-idle"]);
    let columns = ["--column", "address=username", "--column", "can_login=active"];
    let made = [&["platform", "create-view", "accounts"][..], &columns].concat();
    for _again in 0..2 {
        assert!(scene.ok(&made).contains("in the view accounts"));
    }
    let sql = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT number, \
               active FROM accounts WHERE username = ?', [sys.argv[2]]).fetchone())";
    let row = std::process::Command::new("python3")
        .args(["-c", sql])
        .arg(scene.path("tramonto-store/directory.db"))
        .arg(&address)
        .output()
        .expect("python3 runs");
    assert_eq!(String::from_utf8_lossy(&row.stdout).trim(), format!("({number}, 0)"));
    let shown =
        scene.run(&[&["platform", "check", "--view", "accounts"][..], &columns].concat()).out;
    let lookup = "query = SELECT address FROM rights";
    let plain = scene.run(&["platform", "check"]).out;
    assert!(plain.contains(lookup), "{plain}");
    let paths: Vec<&str> =
        plain.lines().filter_map(|line| line.strip_prefix("dbpath = ")).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| path.starts_with('/')), "{paths:?}");
    assert!(!plain.contains("servers enforce the rights"), "{plain}");
    assert!(
        shown.contains("query = SELECT username FROM accounts WHERE username = '%s'"),
        "{shown}"
    );
    assert!(scene.refused(&["platform", "create-view", "mailbox"]).contains("is reserved"));
}
