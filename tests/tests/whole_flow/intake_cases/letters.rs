//! Letters, links and codes in delivery.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Duration;
use domain::VoucherStanding;
use intake::{MessageStatus, RequestProcessor, Templates};
use mail::Outcome;
use platform::IssueVouchers;
use sqlx::Executor;

use crate::intake_cases::scene::{
    CLOSED, CLOSING, PORTAL, RECEIVING, Scene, by_hand, code, confirmed, link, processor, put_off,
    settings, to,
};

#[tokio::test]
async fn a_link_expires_with_its_mailbox_and_a_waiting_one_is_not_sent() {
    let mut scene = Scene::at(CLOSING).await;
    let holder = scene.person(true, 0).await;
    let waits = scene.person(true, 1).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    // The other letter is deferred past the end: it is not sent to a mailbox that nobody reads.
    scene.relay.outcomes.lock().unwrap().push(Outcome::Deferred { cause: "451".to_owned() });
    assert_eq!(scene.comes("b@mail.example", &waits.code).await.len(), 1);
    scene.goes_to(CLOSED);
    assert_eq!(scene.asks("POST", &link).await.0, 410);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["asked", "mailbox-closed"]);
    // An officer releases it, and the confirmation now goes to the address for notices.
    let held = scene.store.messages(MessageStatus::Held, 0, 10).await.unwrap();
    assert!(scene.store.release(held[0].number, None).await.unwrap());
    to(&scene.passes().await, waits.notify.as_deref().unwrap());
}

#[tokio::test]
async fn a_code_is_not_sent_to_a_mailbox_that_no_longer_receives() {
    let mut scene = Scene::at(CLOSING).await;
    let holder = put_off(&mut scene).await;
    scene.goes_to(CLOSED);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["mailbox-closed"]);
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Valid);
    assert!(!scene.vouchers.status(holder.number).await.unwrap().delivered);
}

#[tokio::test]
async fn a_permanently_refused_letter_puts_its_message_in_quarantine() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    // Letters are sent in the order in which they were queued: the link first.
    scene.relay.outcomes.lock().unwrap().push(Outcome::Refused { cause: "550".to_owned() });
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, "a@mail.example");
    let held = scene.store.messages(MessageStatus::Held, 0, 10).await.unwrap();
    let [message] = &held[..] else { panic!("{held:?}") };
    assert_eq!(message.reason.as_deref(), Some("letter-failed"));
    assert_eq!(message.mailbox, Some(holder.number));
    // Released, it asks the same holder again.
    assert!(scene.store.release(message.number, None).await.unwrap());
    to(&scene.passes().await, &holder.address);
}

#[tokio::test]
async fn without_a_portal_links_wait_for_one() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    scene.processor = processor(&scene.store, &scene.vouchers, &scene.running, &scene.relay, None);
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
async fn a_code_delivered_otherwise_or_revoked_is_handled_as_such() {
    for revoked in [false, true] {
        let mut scene = Scene::at(RECEIVING).await;
        let holder = put_off(&mut scene).await;
        let waiting = scene.store.codes_in_delivery().await.unwrap();
        assert_eq!(waiting, [holder.number].into());
        let origin = eventstore::Origin::part("operator");
        if revoked {
            scene.vouchers.revoke(holder.number, &origin).await.unwrap();
        } else {
            let code = vouchers::CodeId { number: holder.number, issue: 1 };
            scene.vouchers.record_delivered(&[code], &origin).await.unwrap();
        }
        scene.later(Duration::minutes(2));
        let letters = scene.passes().await;
        if revoked {
            let letter = to(&letters, &holder.address);
            assert!(letter.contains("X-Tramonto-Letter: refused"), "{letter}");
            assert!(letter.contains("Per conoscerne il motivo"), "{letter}");
        } else {
            assert_eq!(letters, []);
        }
        assert!(scene.store.codes_in_delivery().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_deferred_letter_is_retried_with_the_same_code() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = put_off(&mut scene).await;
    assert!(!scene.vouchers.status(holder.number).await.unwrap().delivered);
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    let id = scene.vouchers.identify(&code).await.unwrap();
    assert_eq!((id.number, id.issue), (holder.number, 1));
}

#[tokio::test]
async fn a_code_lost_in_a_crash_is_reissued() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = put_off(&mut scene).await;
    scene.restart();
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.vouchers.identify(&code).await.unwrap().issue, 2);
    assert_eq!(scene.vouchers.status(holder.number).await.unwrap().issue, 2);
}

#[tokio::test]
async fn a_letter_in_doubt_is_not_sent_again_nor_its_code_recorded_as_delivered() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    scene.relay.outcomes.lock().unwrap().push(Outcome::InDoubt { cause: "silent".to_owned() });
    assert_eq!(scene.passes().await, []);
    scene.later(Duration::days(3));
    assert_eq!(scene.passes().await, []);
    let letters = scene.store.letter_counts().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "in-doubt".to_owned(), 1)), "{letters:?}");
    assert!(!scene.vouchers.status(holder.number).await.unwrap().delivered);
    // A new request and confirmation get a new code, and the code in doubt becomes invalid.
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.vouchers.identify(&code).await.unwrap().issue, 2);
}

#[tokio::test]
async fn a_link_expires_and_another_can_be_requested() {
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
async fn codes_in_delivery_are_not_reissued() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = put_off(&mut scene).await;
    let lost = scene.person(true, 1).await.number;
    let origin = eventstore::Origin::part("operator");
    scene.vouchers.request(lost, &origin).await.unwrap();
    scene.vouchers.verify(lost, domain::Verification::Officer, &origin).await.unwrap();
    crate::issuer(&scene.vouchers).issue(&lost.into()).await.unwrap();
    scene.vouchers.deliver(lost).await.unwrap();
    let undelivered = scene.vouchers.undelivered().await.unwrap();
    assert_eq!(undelivered.with_code, [holder.number, lost].into());

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
    assert_eq!(scene.vouchers.status(lost).await.unwrap().issue, 2);

    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(
        scene.vouchers.identify(&code).await.unwrap().issue,
        1,
        "the one that was under way"
    );
}

#[tokio::test]
async fn a_failure_to_make_a_code_defers_its_letter() {
    let mut scene = Scene::at(RECEIVING).await;
    // Granted, and its letter deferred; after a restart the code has to be reissued.
    let holder = put_off(&mut scene).await;
    scene.restart();
    scene.later(Duration::minutes(2));
    let mut codes = by_hand(&scene.world.home().vouchers()).await;
    codes.execute("ALTER TABLE code RENAME TO away").await.unwrap();
    scene.processor.tick().await.expect_err("the codes can't be written");
    let letters = scene.store.letter_counts().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "waiting".to_owned(), 1)), "{letters:?}");
    codes.execute("ALTER TABLE away RENAME TO code").await.unwrap();
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert!(scene.vouchers.identify(&code).await.unwrap().issue > 1);
}

#[tokio::test]
async fn a_letter_sent_before_a_crash_counts_as_sent_with_its_code() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    // The mail server has the letter and the log says so, but recording it as sent fails.
    let mut letters = by_hand(&scene.world.home().intake()).await;
    let stop = "CREATE TRIGGER stop BEFORE UPDATE OF status ON letter WHEN NEW.status = 'sent' AND \
                OLD.kind = 'granted' BEGIN SELECT RAISE(ABORT, 'stopped'); END";
    letters.execute(stop).await.unwrap();
    while scene.processor.tick().await.unwrap().progress > 0 {}
    assert!(scene.issued().await, "the verified request awaits a voucher");
    scene.later(Duration::seconds(2));
    while scene.processor.tick().await.is_ok_and(|tick| tick.progress > 0) {}
    let left = std::mem::take(&mut *scene.relay.letters.lock().unwrap());
    let code = code(to(&left, &holder.address));
    letters.execute("DROP TRIGGER stop").await.unwrap();
    let letters = scene.store.letter_counts().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "claimed".to_owned(), 1)), "{letters:?}");
    scene.restart();
    scene.later(Duration::days(1));
    assert_eq!(scene.passes().await, [], "nothing is sent twice");
    let letters = scene.store.letter_counts().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "sent".to_owned(), 1)), "{letters:?}");
    assert_eq!(scene.vouchers.identify(&code).await.unwrap().issue, 1);
    assert!(scene.vouchers.status(holder.number).await.unwrap().delivered);
}

#[tokio::test]
async fn an_operator_s_templates_replace_the_built_in_ones() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    let folder = tempfile::tempdir().unwrap();
    let confirm = "Ufficio PEC\n\nPer confermare: {{ link }}\n";
    std::fs::write(folder.path().join("confirm.it.txt"), confirm).unwrap();
    let mut settings = settings(&scene.relay, Some(PORTAL));
    settings.templates = Templates::load(Some(folder.path())).unwrap();
    let registry = Arc::clone(&scene.running.engine.registry);
    scene.processor =
        RequestProcessor::new(Arc::clone(&scene.store), scene.vouchers.clone(), registry, settings);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let letter = to(&letters, &holder.address);
    assert!(letter.contains("Subject: Ufficio PEC\r\n"), "{letter}");
    assert!(letter.contains(&format!("Per confermare: {}\r\n", link(letter))), "{letter}");
    assert!(letter.contains("has been requested in your name"), "the other language is built in");
    assert!(to(&letters, "a@mail.example").contains("Subject: Messaggio ricevuto\r\n"));
}

/// A delivery report for a letter: failed, or delayed.
fn report(letter: &str, action: &str) -> String {
    let id = letter.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
    format!(
        "From: MAILER-DAEMON@mail.example\r\nContent-Type: multipart/report; \
         report-type=delivery-status; \
         boundary=\"b\"\r\n\r\n--b\r\n\r\nIt could not be delivered.\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n\
         Action: {action}\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: \
         text/rfc822-headers\r\n\r\n{id}\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn a_bounced_letter_puts_its_request_in_quarantine() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    let letters = scene.passes().await;
    let granted = to(&letters, &holder.address).to_owned();
    let reasons = async |scene: &Scene| scene.reasons().await.join(" ");
    // A delay is not a failure, and an unknown Message-ID is not ours.
    assert_eq!(scene.comes_as("", report(&granted, "delayed")).await, []);
    let id = granted.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
    let forged = report(&granted, "failed").replace(&id[13..18], "AAAAA");
    assert_eq!(scene.comes_as("", forged).await, []);
    assert_eq!(reasons(&scene).await, "asked bounce bounce");
    // A repeated report is recorded once.
    for times in 1..=2 {
        let report = report(&granted, "failed").replace("could", &format!("{times} times could"));
        assert_eq!(scene.comes_as("", report).await, []);
    }
    let returned = "letter-returned bounce bounce letter-returned letter-returned";
    assert_eq!(reasons(&scene).await, returned);
    let held = scene.store.messages(MessageStatus::Held, 0, 10).await.unwrap();
    assert_eq!((held[0].number, held[0].mailbox), (1, Some(holder.number)));
    assert_eq!(held.len(), 3, "its reports are done with");
    let letters = scene.store.letter_counts().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "failed".to_owned(), 1)), "{letters:?}");
    // Erasing the holder erases all of it.
    assert_eq!(scene.store.erase(&[holder.number].into(), &[]).await.unwrap(), 3);
}
