//! Erasure of the holders' personal data.

use std::io::Write;
use std::process::Stdio;

use engine::Home;
use rehearsal::prove;

use crate::logs;
use crate::scene::{Ran, Scene};

/// Searches for texts given on standard input.
fn left(scene: &Scene, texts: &[&str]) -> Ran {
    let mut command = scene.command(&["erasure", "verify", "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("the binary runs");
    let mut input = running.stdin.take().expect("an input");
    input.write_all(texts.join("\n").as_bytes()).expect("it is read");
    drop(input);
    Ran::of(&running.wait_with_output().expect("it ends"))
}

/// The identifying texts of a holder, from the row of the generated registry file.
fn known_by(row: &[String]) -> [&str; 2] {
    [&row[1], &row[4]]
}

#[test]
fn a_holder_is_erased_from_every_byte_once_the_mailbox_is_closed() {
    let scene = Scene::of_500();
    let (address, number) = scene.activated();
    let row = scene.row(usize::try_from(number).expect("small") + 1);
    let why = ["--reason", "asked for by its holder"];
    let erase = [&["erasure", "start", &address][..], &why].concat();
    let refusal = scene.refused(&erase);
    assert!(refusal.contains("still open on the platform"), "{refusal}");
    assert!(!refusal.contains(&address), "{refusal}");
    scene.ok(&["run", "--until-idle"]);
    std::fs::remove_file(scene.path("registry.csv")).expect("the file is the operator's");
    let plain = format!("From: Z <z@posta.example>\r\nSubject: voucher\r\n\r\nper {address}\r\n");
    scene.write("plain.eml", &plain);
    let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &row[1]);
    let head = "From: Y <y@posta.example>\r\nSubject: voucher\r\nMIME-Version: 1.0\r\n";
    let encoded = "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n";
    scene.write("encoded.eml", &format!("{head}{encoded}\r\n{base64}\r\n"));
    scene.write("other.eml", "From: X <x@posta.example>\r\nSubject: other\r\n\r\nnobody\r\n");
    for message in ["plain.eml", "encoded.eml", "other.eml"] {
        scene.ok(&["message", "receive", message]);
    }
    let before = left(&scene, &known_by(&row));
    assert_eq!(before.code, Some(4), "it is looked for in the right places: {}", before.out);
    let told = scene.ok(&erase);
    assert!(
        told.contains("directory 1, messages 3, registry 1"),
        "all of them, at the end: {told}"
    );
    let after = left(&scene, &known_by(&row));
    assert_eq!(after.code, Some(0), "{}{}", after.out, after.err);
    for text in known_by(&row) {
        assert!(!after.out.contains(text));
    }
    let view = scene.ok(&["mailbox", "show", &number.to_string()]);
    assert!(view.contains("the holder's personal data were erased"), "{view}");
    assert!(
        scene.refused(&["mailbox", "show", &address]).contains("the registry has no such address")
    );
    let again = scene.ok(&["erasure", "start", &number.to_string(), "--reason", "again"]);
    assert!(again.contains("nothing to do: all erasures are complete"), "{again}");
}

#[test]
fn while_the_programme_lasts_only_what_is_the_holders_goes_from_logs_exports_and_e_mails() {
    let scene = logs::scene();
    let (address, number) = scene.activated();
    let row = scene.row(usize::try_from(number).expect("small") + 1);
    scene.ok(&["run", "--until-idle"]);
    logs::mail_log(&scene, &address);
    assert_eq!(scene.json(&["mail-log", "index", "mail.log"])["messages"], 1);
    let request = ["log-request", "create", &address, "--by", "holder", "--reason", "letter 1"];
    let request = scene.json(&request)["request"].as_str().expect("an id").to_owned();
    let erase = ["erasure", "start", &address, "--reason", "asked for by its holder"];
    let waits = scene.refused(&erase);
    assert!(waits.contains("unfinished log request"), "{waits}");
    scene.ok(&[
        "log-request",
        "refuse",
        &request,
        "--cause",
        "not-the-holder",
        "--reason",
        "file 8",
    ]);
    scene.write("theirs.eml", &format!("From: Z <z@posta.example>\r\n\r\nper {}\r\n", row[1]));
    scene.write("other.eml", "From: X <x@posta.example>\r\n\r\nnobody\r\n");
    for message in ["theirs.eml", "other.eml"] {
        scene.ok(&["message", "receive", message]);
    }
    assert_eq!(left(&scene, &known_by(&row)).code, Some(4));
    let told = scene.ok(&erase);
    assert!(told.contains("directory 1, exports 0, messages 1, registry 1"), "{told}");
    let after = left(&scene, &known_by(&row));
    assert_eq!(after.code, Some(0), "{}{}", after.out, after.err);
    assert_eq!(left(&scene, &["x@posta.example"]).code, Some(4), "nobody else's e-mail went");
}

#[test]
fn an_export_of_somebody_else_that_names_who_is_erased_is_withdrawn_and_prepared_anew() {
    let scene = logs::scene();
    let (address, number) = scene.activated();
    let row = scene.row(usize::try_from(number).expect("small") + 1);
    scene.ok(&["run", "--until-idle"]);
    let mut rows = (1..=500).map(|line| scene.row(line));
    let other = rows.rfind(|row| !row[6].is_empty()).expect("somebody")[4].clone();
    assert_ne!(other, address);
    logs::mail_log(&scene, &other);
    let log = scene.read("mail.log").replace("urp@comune.example", &address);
    scene.write("mail.log", &log);
    scene.ok(&["mail-log", "index", "mail.log"]);
    let request = ["log-request", "create", &other, "--by", "holder", "--reason", "letter 1"];
    let request = scene.json(&request)["request"].as_str().expect("an id").to_owned();
    scene.ok(&["log-request", "verify", &request, "--reason", "card seen"]);
    scene.ok(&["log-request", "prepare", "--reason", "round"]);
    let export = format!("exports/{request}.zip");
    let before = left(&scene, &known_by(&row));
    let before: serde_json::Value = serde_json::from_str(&before.out).expect("a document");
    assert!(before["places"][&export].as_u64() > Some(0), "packed, and found: {before}");
    let erase = ["erasure", "start", &address, "--reason", "asked for by its holder"];
    let elsewhere = scene.refused(&[&erase[..], &["--archive", "nowhere"]].concat());
    assert!(elsewhere.contains("the folder of --archive holds no mail logs"), "{elsewhere}");
    let never = scene.refused(&[&erase[..], &["--no-archive"]].concat());
    assert!(never.contains("the folder holds mail logs"), "{never}");
    let told = scene.ok(&erase);
    assert!(told.contains("withdrawn-exports 1"), "{told}");
    let after = left(&scene, &known_by(&row));
    assert_eq!(after.code, Some(0), "{}{}", after.out, after.err);
    let asked = scene.refused(&[
        "log-request",
        "create",
        &number.to_string(),
        "--by",
        "authority",
        "--reason",
        "order 7",
    ]);
    assert!(asked.contains("the holder's personal data were erased"), "{asked}");
    assert_eq!(scene.json(&["log-request", "prepare", "--reason", "round"])["request"], *request);
    scene.ok(&["mail-log", "index", "mail.log"]);
    assert_eq!(left(&scene, &known_by(&row)).code, Some(0), "nobody comes back");
}

#[test]
fn everyone_is_erased_at_the_end_and_the_log_and_its_counts_stay_whole() {
    let scene = Scene::of_500();
    let rows: Vec<_> = (1..=500).map(|line| scene.row(line)).collect();
    let why = ["--reason", "the programme has ended"];
    let early = scene.refused(&[&["erasure", "start", "--all"][..], &why].concat());
    assert!(early.contains("has not ended"), "{early}");
    let (held, number) = scene.activated();
    let number = usize::try_from(number).expect("small");
    scene.ok(&["hold", "place", &held, "--capability", "access", "--reason", "order 9"]);
    scene.ok(&["run", "--until-idle"]);
    std::fs::rename(scene.path("registry.csv"), scene.path("tramonto.csv")).expect("it is moved");
    let status = scene.json(&["status"]);
    let told = scene.ok(&[&["erasure", "start", "--all"][..], &why].concat());
    assert!(told.contains("registry 499"), "{told}");
    assert!(told.contains("kept for 1 mailbox: by a hold"), "{told}");
    let mut texts = rows.iter().enumerate().filter(|(place, _)| *place != number);
    let some: Vec<&str> =
        texts.by_ref().step_by(11).flat_map(|(_, row)| known_by(row)).take(90).collect();
    let gone = left(&scene, &some);
    assert_eq!(gone.code, Some(0), "{}{}", gone.out, gone.err);
    assert_eq!(
        left(&scene, &known_by(&rows[number])).code,
        Some(4),
        "a hold keeps its holder known"
    );
    let after = scene.json(&["status"]);
    assert_eq!(after["population"], status["population"]);
    assert_eq!(after["phases"], status["phases"]);
    scene.ok(&["store", "rebuild"]);
    assert_eq!(scene.json(&["status"])["phases"], status["phases"]);
    scene.ok(&["drift", "check"]);
    let kinds = ["erasure-ordered", "holders-erased"].map(|kind| {
        let events = scene.events(&["--kind", kind]);
        (events.len(), events[0]["reason"].as_str().map(str::to_owned))
    });
    assert_eq!(kinds, [(1, Some(why[1].to_owned())), (1, Some(why[1].to_owned()))]);
    let again = scene.run(&["registry", "import", "tramonto.csv"]);
    assert_eq!(again.code, Some(3), "{}{}", again.out, again.err);
    assert!(again.out.contains("499"), "nobody comes back with the file: {}", again.out);
}

#[test]
fn a_programme_with_vouchers_and_logs_forgets_everyone_and_its_proof_still_holds() {
    let scene = Scene::empty();
    // Monthly runs exercise the search for residue well enough.
    let plan = domain::Plan::CEC_PAC.replace("0 30 3 * * *", "0 30 3 1 * *");
    assert_ne!(plan, domain::Plan::CEC_PAC);
    scene.write("plan.toml", &plan);
    let asking = ["--registrations", "400", "--asking", "60%", "--plan", "plan.toml"];
    let kept = ["--store", "tramonto-store"];
    let told = scene.json(&[&["rehearse"][..], &asking, &kept].concat());
    let holders = &told["holders"];
    assert_eq!(holders["wrong"], serde_json::json!([]));
    assert_eq!(holders["logs"], 13);
    // The registry file belongs to its owner, wherever it was made.
    std::fs::rename(scene.path("tramonto-store/registry.csv"), scene.path("registry.csv"))
        .expect("moved");
    let rows: Vec<_> = (1..=400).map(|line| scene.row(line)).collect();
    let some: Vec<&str> = rows.iter().step_by(10).flat_map(|row| known_by(row)).collect();
    assert_eq!(left(&scene, &some).code, Some(4), "they are known");
    let report = scene.json(&["voucher", "report"]);
    assert_eq!(report["issued"], holders["granted"]);
    scene.ok(&["erasure", "start", "--all", "--reason", "the programme has ended"]);
    let gone = left(&scene, &some);
    assert_eq!(gone.code, Some(0), "{}{}", gone.out, gone.err);
    scene.ok(&["store", "rebuild"]);
    assert_eq!(scene.json(&["voucher", "report"]), report);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let proof = runtime.block_on(prove(&Home::new(scene.path("tramonto-store")))).expect("a proof");
    assert_eq!(proof.problems, [""; 0]);
    assert_eq!(Some(proof.vouchers), holders["granted"].as_u64());
}

#[test]
fn too_short_a_text_and_none_at_all_are_refused() {
    let scene = Scene::of_500();
    assert!(left(&scene, &["abc"]).err.contains("4 characters"));
    assert!(left(&scene, &[""]).err.contains("no search term given"));
}
