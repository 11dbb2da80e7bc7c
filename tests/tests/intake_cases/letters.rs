//! What becomes of letters, links and codes on their way.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Duration;
use domain::VoucherStanding;
use intake::{Answer, Desk, Standing, Templates};
use sqlx::Executor;

use crate::scene::{
    CLOSED, CLOSING, PORTAL, RECEIVING, Scene, by_hand, code, confirmed, desk, link, put_off,
    settings, to,
};

#[tokio::test]
async fn a_link_into_a_mailbox_ends_with_it_and_one_that_waited_does_not_leave() {
    let mut scene = Scene::at(CLOSING).await;
    let holder = scene.person(true, 0).await;
    let waits = scene.person(true, 1).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    // Another's is put off past the end: it does not go where nobody reads it.
    scene.relay.answers.lock().unwrap().push(Answer::Deferred("451".to_owned()));
    assert_eq!(scene.comes("b@mail.example", &waits.code).await.len(), 1);
    scene.goes_to(CLOSED);
    assert_eq!(scene.asks("POST", &link).await.0, 410);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["asked", "mailbox-closed"]);
    // An officer has it looked at again, and by now the address for notices is asked.
    let held = scene.store.messages(Standing::Held, 0, 10).await.unwrap();
    assert!(scene.store.release(held[0].number, None).await.unwrap());
    to(&scene.passes().await, waits.notify.as_deref().unwrap());
}

#[tokio::test]
async fn a_code_does_not_follow_into_a_mailbox_that_receives_no_more() {
    let mut scene = Scene::at(CLOSING).await;
    let holder = put_off(&mut scene).await;
    scene.goes_to(CLOSED);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["mailbox-closed"]);
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Valid);
    assert!(!scene.office.show(holder.number).await.unwrap().delivered);
}

#[tokio::test]
async fn a_letter_that_is_refused_for_good_leaves_its_message_to_an_officer() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    // The letters leave in the order in which they were written: the link first.
    scene.relay.answers.lock().unwrap().push(Answer::Refused("550".to_owned()));
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, "a@mail.example");
    let held = scene.store.messages(Standing::Held, 0, 10).await.unwrap();
    let [message] = &held[..] else { panic!("{held:?}") };
    assert_eq!(message.reason.as_deref(), Some("letter-failed"));
    assert_eq!(message.mailbox, Some(holder.number));
    // Looked at again, the same holder is asked again.
    assert!(scene.store.release(message.number, None).await.unwrap());
    to(&scene.passes().await, &holder.address);
}

#[tokio::test]
async fn without_a_portal_links_wait_for_one() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    scene.desk = desk(&scene.store, &scene.office, &scene.running, &scene.relay, None);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, "a@mail.example");
    scene.later(Duration::hours(5));
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["asked"]);
    scene.restart();
    scene.later(Duration::minutes(6));
    to(&scene.passes().await, &holder.address);
}

#[tokio::test]
async fn a_code_that_was_handed_over_otherwise_or_taken_back_is_told_as_it_is() {
    for revoked in [false, true] {
        let mut scene = Scene::at(RECEIVING).await;
        let holder = put_off(&mut scene).await;
        let waiting = scene.store.letters_with_codes_wait().await.unwrap();
        assert_eq!(waiting, [holder.number].into());
        let origin = eventstore::Origin::part("operator");
        if revoked {
            scene.office.revoke(holder.number, &origin).await.unwrap();
        } else {
            let code = vouchers::Kept { number: holder.number, issue: 1 };
            scene.office.handed_over(&[code], &origin).await.unwrap();
        }
        scene.later(Duration::minutes(2));
        let letters = scene.passes().await;
        if revoked {
            let letter = to(&letters, &holder.address);
            assert!(letter.contains("X-Tramonto-Letter: refused"), "{letter}");
            assert!(letter.contains("non vale pi"), "{letter}");
        } else {
            assert_eq!(letters, []);
        }
        assert!(scene.store.letters_with_codes_wait().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_letter_that_surely_did_not_leave_goes_later_with_the_same_code() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = put_off(&mut scene).await;
    assert!(!scene.office.show(holder.number).await.unwrap().delivered);
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    let kept = scene.office.read(&code).await.unwrap();
    assert_eq!((kept.number, kept.issue), (holder.number, 1));
}

#[tokio::test]
async fn a_code_that_was_lost_in_a_crash_is_replaced_and_works_no_more() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = put_off(&mut scene).await;
    scene.restart();
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().issue, 2);
    assert_eq!(scene.office.show(holder.number).await.unwrap().issue, 2);
}

#[tokio::test]
async fn a_letter_of_which_nobody_knows_is_not_sent_again_and_the_code_is_not_said_to_be_delivered()
{
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    scene.relay.answers.lock().unwrap().push(Answer::InDoubt("silent".to_owned()));
    assert_eq!(scene.passes().await, []);
    scene.later(Duration::days(3));
    assert_eq!(scene.passes().await, []);
    let letters = scene.store.letters().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "doubt".to_owned(), 1)), "{letters:?}");
    assert!(!scene.office.show(holder.number).await.unwrap().delivered);
    // Who asks and confirms again gets a new code, and the one that may be somewhere is worth nothing.
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().issue, 2);
}

#[tokio::test]
async fn a_link_expires_and_another_can_be_asked_for() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let first = link(to(&letters, &holder.address));
    scene.later(Duration::days(7));
    assert_eq!(scene.asks("POST", &first).await.0, 410);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let second = link(to(&letters, &holder.address));
    assert_ne!(first, second);
    assert_eq!(scene.asks("POST", &second).await.0, 200);
    assert_eq!(scene.passes().await.len(), 1);
}

#[tokio::test]
async fn codes_that_are_on_their_way_by_letter_are_not_replaced_with_those_that_were_lost() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = put_off(&mut scene).await;
    let lost = scene.person(true, 1).await.number;
    let origin = eventstore::Origin::part("operator");
    scene.office.request(lost, &origin).await.unwrap();
    scene.office.verify(lost, domain::Proof::Officer, &origin).await.unwrap();
    scene.office.issue(lost, &origin).await.unwrap();
    let undelivered = scene.office.undelivered().await.unwrap();
    assert_eq!(undelivered.made, [holder.number, lost].into());

    let file = scene.world.home().folder().join("codes.csv");
    let store = scene.world.home().folder().to_owned();
    let reissue = ["voucher", "reissue", "--undelivered", "--reason", "lost", "--out"];
    let arguments = std::iter::once("tramonto").chain(reissue).map(OsString::from);
    let out = [file.clone().into(), "--store".into(), store.into()];
    let arguments: Vec<OsString> = arguments.chain(out).collect();
    let done = tokio::task::spawn_blocking(|| tramonto::commands::main(arguments)).await.unwrap();
    assert_eq!(format!("{done:?}"), format!("{:?}", ExitCode::SUCCESS));
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(written.lines().count(), 2, "one header, one code");
    assert_eq!(scene.office.show(lost).await.unwrap().issue, 2);

    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().issue, 1, "the one that was under way");
}

#[tokio::test]
async fn a_fault_while_a_code_is_made_leaves_its_letter_for_later() {
    let mut scene = Scene::at(RECEIVING).await;
    // Granted, and the letter put off; then the code of a life before this one has to be replaced.
    let holder = put_off(&mut scene).await;
    scene.restart();
    scene.later(Duration::minutes(2));
    let mut book = by_hand(&scene.world.home().vouchers()).await;
    book.execute("ALTER TABLE code RENAME TO away").await.unwrap();
    scene.desk.tick().await.expect_err("the book of codes can't be written");
    let letters = scene.store.letters().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "waiting".to_owned(), 1)), "{letters:?}");
    book.execute("ALTER TABLE away RENAME TO code").await.unwrap();
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert!(scene.office.read(&code).await.unwrap().issue > 1);
}

#[tokio::test]
async fn a_letter_that_left_before_a_crash_is_sent_and_its_code_is_the_one_that_works() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    // The mail server has it, the log says so, and what was to note that it is sent stops.
    let mut letters = by_hand(&scene.world.home().intake()).await;
    let stop = "CREATE TRIGGER stop BEFORE UPDATE OF standing ON letter WHEN NEW.standing = 'sent' AND \
                OLD.kind = 'granted' BEGIN SELECT RAISE(ABORT, 'stopped'); END";
    letters.execute(stop).await.unwrap();
    while scene.desk.tick().await.is_ok_and(|tick| tick.progress > 0) {}
    let left = std::mem::take(&mut *scene.relay.letters.lock().unwrap());
    let code = code(to(&left, &holder.address));
    letters.execute("DROP TRIGGER stop").await.unwrap();
    let letters = scene.store.letters().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "claimed".to_owned(), 1)), "{letters:?}");
    scene.restart();
    scene.later(Duration::days(1));
    assert_eq!(scene.passes().await, [], "nothing is sent twice");
    let letters = scene.store.letters().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "sent".to_owned(), 1)), "{letters:?}");
    assert_eq!(scene.office.read(&code).await.unwrap().issue, 1);
    assert!(scene.office.show(holder.number).await.unwrap().delivered);
}

#[tokio::test]
async fn letters_have_the_words_of_the_operator_where_there_are_any() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    let folder = tempfile::tempdir().unwrap();
    let confirm = "Ufficio PEC\n\nPer confermare: {{ link }}\n";
    std::fs::write(folder.path().join("confirm.it.txt"), confirm).unwrap();
    let mut settings = settings(&scene.relay, Some(PORTAL));
    settings.templates = Templates::in_folder(folder.path()).unwrap();
    let registry = Arc::clone(&scene.running.engine.store.registry);
    scene.desk = Desk::new(Arc::clone(&scene.store), scene.office.clone(), registry, settings);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let letter = to(&letters, &holder.address);
    assert!(letter.contains("Subject: Ufficio PEC\r\n"), "{letter}");
    assert!(letter.contains(&format!("Per confermare: {}\r\n", link(letter))), "{letter}");
    assert!(letter.contains("somebody has asked in your name"), "the other language is ours");
    assert!(to(&letters, "a@mail.example").contains("Subject: Messaggio ricevuto\r\n"));
}

/// What a mail server reports of a letter that it could not deliver, or only not yet.
fn report(letter: &str, action: &str) -> String {
    let id = letter.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
    format!(
        "From: MAILER-DAEMON@mail.example\r\nContent-Type: multipart/report; report-type=delivery-status; \
         boundary=\"b\"\r\n\r\n--b\r\n\r\nIt could not be delivered.\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n\
         Action: {action}\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{id}\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn a_letter_that_comes_back_leaves_its_request_to_an_officer() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    let letters = scene.passes().await;
    let granted = to(&letters, &holder.address).to_owned();
    let reasons = async |scene: &Scene| scene.reasons().await.join(" ");
    // Late is not lost; and whoever never had a letter knows no Message-ID.
    assert_eq!(scene.comes_as("", report(&granted, "delayed")).await, []);
    let id = granted.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
    let forged = report(&granted, "failed").replace(&id[13..18], "AAAAA");
    assert_eq!(scene.comes_as("", forged).await, []);
    assert_eq!(reasons(&scene).await, "asked bounce bounce");
    // Told twice, it is known once.
    for times in 1..=2 {
        let report = report(&granted, "failed").replace("could", &format!("{times} times could"));
        assert_eq!(scene.comes_as("", report).await, []);
    }
    let returned = "letter-returned bounce bounce letter-returned letter-returned";
    assert_eq!(reasons(&scene).await, returned);
    let held = scene.store.messages(Standing::Held, 0, 10).await.unwrap();
    assert_eq!((held[0].number, held[0].mailbox), (1, Some(holder.number)));
    assert_eq!(held.len(), 3, "its reports are done with");
    let letters = scene.store.letters().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "failed".to_owned(), 1)), "{letters:?}");
    // All of it goes with its holder.
    assert_eq!(scene.store.erase(&[holder.number].into(), &[]).await.unwrap(), 3);
}
