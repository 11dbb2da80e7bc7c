//! Requests: by whom, when, for whom.

use std::sync::Arc;

use chrono::Duration;
use domain::VoucherStanding;
use intake::{MessageStatus, NewMessage};

use crate::intake_cases::scene::{CONSULTED, PORTAL, RECEIVING, Scene, code, link, to};

#[tokio::test]
async fn a_code_goes_to_the_holder_who_confirms_and_the_link_works_once() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    let letters = scene.comes("someone@mail.example", &format!("CF {}", holder.code)).await;
    assert_eq!(letters.len(), 2);
    let received = to(&letters, "someone@mail.example");
    assert!(received.contains("Auto-Submitted: auto-replied"), "{received}");
    assert!(received.contains("In-Reply-To: <1@mail.example>"), "{received}");
    // To the mailbox, which still receives, not to the sender.
    let confirm = to(&letters, &holder.address);
    let link = link(confirm);
    assert!(!received.contains(PORTAL) && !received.contains(&holder.code));
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Requested);

    // Opening the page confirms nothing, however often.
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(scene.asks(method, &link).await.0, 200);
    }
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.asks("POST", &format!("{link}x")).await.0, 410);
    let (status, page) = scene.asks("POST", &link).await;
    assert_eq!(status, 200);
    for header in
        ["cache-control: no-store", "referrer-policy: no-referrer", "nosniff", "default-src 'none'"]
    {
        assert!(page.contains(header), "{header}: {page}");
    }
    assert_eq!(scene.asks("POST", &link).await.0, 410);

    let letters = scene.passes().await;
    assert_eq!(letters.len(), 1);
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.vouchers.identify(&code).await.unwrap().number, holder.number);
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Valid);
    assert!(scene.vouchers.status(holder.number).await.unwrap().delivered);
    // A second request gets a refusal at the mailbox.
    scene.later(Duration::days(2));
    let letters = scene.comes("someone@mail.example", &holder.code).await;
    assert!(to(&letters, &holder.address).contains("X-Tramonto-Letter: refused"));
    // The files contain neither code nor link.
    let token = link.rsplit('/').next().unwrap();
    for entry in std::fs::read_dir(scene.world.home().folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [token, &code] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn the_reply_does_not_reveal_whether_a_person_exists() {
    let mut scene = Scene::at(RECEIVING).await;
    let (one, other) = (scene.person(true, 0).await, scene.person(true, 1).await);
    let both = format!("{} {}", one.code, other.code);
    let mut answers = Vec::new();
    for (sender, text) in [
        ("a@mail.example", one.code.as_str()),
        ("b@mail.example", "RSSMRA85T10A562S"),
        ("c@mail.example", both.as_str()),
        ("d@mail.example", "nobody.at.all@postacertificata.example"),
    ] {
        let letters = scene.comes(sender, text).await;
        let answer = to(&letters, sender);
        // Except the date, the recipient and message numbers.
        let kept = answer.lines().filter(|line| {
            let own = ["To:", "In-Reply-To:", "References:", "Date:"];
            if let Some(id) = line.strip_prefix("Message-ID:") {
                // Consecutive numbers would reveal whether another letter was written in between.
                assert!(id.len() > 40, "{line}");
                return false;
            }
            !own.iter().any(|name| line.starts_with(name))
        });
        answers.push(kept.collect::<Vec<_>>().join("\n"));
        // If two holders are named, neither gets a letter and the sender learns nothing.
        assert_eq!(letters.len(), if sender == "a@mail.example" { 2 } else { 1 }, "{sender}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(scene.reasons().await, ["asked", "unknown", "several", "unknown"]);
    assert_eq!(scene.standing(&other).await, VoucherStanding::None);
}

#[tokio::test]
async fn nobody_gets_two_letters_in_a_day() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    assert_eq!(scene.comes("a@mail.example", &holder.code).await.len(), 2);
    for round in 0..20 {
        let text = format!("{} {round}", holder.address);
        // Case in the sender's address does not matter.
        let sender = if round % 2 == 0 { "a@mail.example" } else { "A@Mail.Example" };
        assert_eq!(scene.comes(sender, &text).await, [], "{round}");
    }
    // Another spelling of the address gets no reply either; the message is stored as received.
    assert_eq!(scene.comes("A@Mail.example", &format!("{} once more", holder.code)).await, []);
    let kept = scene.store.messages(MessageStatus::Done, 0, 100).await.unwrap();
    assert!(kept.iter().any(|message| message.sender.as_deref() == Some("A@Mail.example")));
    // A mail bomb from many senders: each gets one reply, the holder no letter.
    for round in 0..5 {
        let sender = format!("bomb{round}@mail.example");
        let letters = scene.comes(&sender, &holder.code).await;
        assert_eq!(letters.len(), 1);
        to(&letters, &sender);
    }
    scene.later(Duration::days(2));
    let letters = scene.comes("a@mail.example", &holder.code).await;
    assert_eq!(letters.len(), 2, "the next day another link goes out");
    for sender in ["", "MAILER-DAEMON@mail.example", "noreply@mail.example"] {
        assert_eq!(scene.comes(sender, &holder.code).await, [], "{sender}");
    }
}

#[tokio::test]
async fn after_receive_ends_the_address_for_notices_confirms() {
    let mut scene = Scene::at(CONSULTED).await;
    let (holder, other) = (scene.person(true, 0).await, scene.person(true, 1).await);
    let without = scene.person(false, 0).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, holder.notify.as_deref().unwrap());
    // The mailbox's address is widely known: it is not enough, and without an address for notices
    // there is no other way.
    assert_eq!(scene.comes("b@mail.example", &other.address).await.len(), 1);
    assert_eq!(scene.comes("c@mail.example", &without.code).await.len(), 1);
    assert_eq!(scene.reasons().await, ["asked", "officer", "officer"]);
}

#[tokio::test]
async fn a_released_message_still_needs_the_holder_s_confirmation() {
    let mut scene = Scene::at(RECEIVING).await;
    let (one, other) = (scene.person(true, 0).await, scene.person(true, 1).await);
    // Two holders in one message that names neither.
    let letters = scene.comes("a@mail.example", "we two would like what is offered").await;
    to(&letters, "a@mail.example");
    let number = scene.store.messages(MessageStatus::Held, 0, 10).await.unwrap()[0].number;
    let mut codes = Vec::new();
    for (holder, stands) in [(&one, MessageStatus::Held), (&other, MessageStatus::Done)] {
        let message = scene.store.message(number).await.unwrap().unwrap();
        assert_eq!(message.status, stands);
        assert!(scene.store.release(number, Some(holder.number)).await.unwrap());
        // A release is no proof: the holder gets a link, the sender nothing.
        let letters = scene.passes().await;
        let link = link(to(&letters, &holder.address));
        assert_eq!(letters.len(), 1);
        assert_eq!(scene.standing(holder).await, VoucherStanding::Requested);
        assert_eq!(scene.asks("POST", &link).await.0, 200);
        let letters = scene.passes().await;
        codes.push(code(to(&letters, &holder.address)));
        assert_eq!(scene.standing(holder).await, VoucherStanding::Valid);
    }
    for (code, holder) in codes.iter().zip([&one, &other]) {
        assert_eq!(scene.vouchers.identify(code).await.unwrap().number, holder.number);
    }
    // Released again on the same day, it yields no second letter.
    assert!(scene.store.release(number, Some(one.number)).await.unwrap());
    assert_eq!(scene.passes().await, []);
    // Erasing either holder erases the message.
    assert_eq!(scene.store.erase(&[other.number].into(), &[]).await.unwrap(), 1);
    assert_eq!(scene.store.message(number).await.unwrap(), None);
}

#[tokio::test]
async fn outside_the_window_everyone_gets_the_same_reply() {
    for instant in ["2015-03-17T22:59:59Z", "2018-03-18T09:00:00Z"] {
        let mut scene = Scene::at(instant).await;
        let holder = scene.person(true, 0).await;
        let letters = scene.comes("a@mail.example", &holder.code).await;
        assert!(to(&letters, "a@mail.example").contains("X-Tramonto-Letter: closed"), "{instant}");
        assert_eq!(letters.len(), 1);
        assert_eq!(scene.standing(&holder).await, VoucherStanding::None);
    }
}

#[tokio::test]
async fn the_window_applies_to_the_second_to_the_arrival() {
    // A message counts by its arrival, though it is processed two days later.
    for (came, open) in [
        ("2015-03-17T22:59:59Z", false),
        ("2015-03-17T23:00:00Z", true),
        ("2018-03-17T22:59:59Z", true),
        ("2018-03-17T23:00:00Z", false),
    ] {
        let mut scene = Scene::at(came).await;
        let holder = scene.person(true, 0).await;
        let content = format!("From: <a@mail.example>\r\n\r\n{}\r\n", holder.code).into_bytes();
        let (sender, received_at) = (Some("a@mail.example".to_owned()), came.parse().unwrap());
        scene.store.insert(&[NewMessage { sender, received_at, content }]).await.unwrap();
        if came.starts_with("2018") {
            scene.later(Duration::days(2));
        }
        let letters = scene.passes().await;
        let answer = if open { "received" } else { "closed" };
        let answer = format!("X-Tramonto-Letter: {answer}");
        assert!(to(&letters, "a@mail.example").contains(&answer), "{came}");
        assert_eq!(letters.len(), if open { 2 } else { 1 }, "{came}");
        let expected = if open { VoucherStanding::Requested } else { VoucherStanding::None };
        assert_eq!(scene.standing(&holder).await, expected, "{came}");
    }
}

#[tokio::test]
async fn a_holder_who_never_activated_waits_for_an_officer() {
    let mut scene = Scene::at(CONSULTED).await;
    let registry = Arc::clone(&scene.running.engine.registry);
    let mut never = 0;
    for number in 0..300 {
        let registration = registry.find(number).await.unwrap().unwrap().registration;
        if registration.activated_on.is_some() || registration.notify_email.is_none() || never == 3
        {
            continue;
        }
        never += 1;
        // The reply goes to the sender; the holder gets no link.
        let sender = format!("never{number}@mail.example");
        let letters = scene.comes(&sender, registration.codice_fiscale.as_str()).await;
        to(&letters, &sender);
        assert_eq!(scene.vouchers.status(number).await.unwrap().standing, VoucherStanding::None);
    }
    assert_eq!(scene.reasons().await, vec!["officer"; never]);
    assert!(never > 0);
}

#[tokio::test]
async fn a_request_of_the_last_day_is_served_when_confirmed_later() {
    let mut scene = Scene::of("last-day = 2015-04-30", "2015-04-30T21:00:00Z").await;
    let (holder, late) = (scene.person(true, 0).await, scene.person(true, 1).await);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    scene.later(Duration::hours(10));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.vouchers.identify(&code).await.unwrap().number, holder.number);
    // New requests are told that the window is closed.
    let letters = scene.comes("b@mail.example", &late.code).await;
    assert!(to(&letters, "b@mail.example").contains("X-Tramonto-Letter: closed"));
}

#[tokio::test]
async fn a_confirmation_after_the_limit_is_refused_with_the_reason() {
    let mut scene = Scene::of("max-issued = 1", RECEIVING).await;
    let mut letters = Vec::new();
    for (nth, sender) in ["a@mail.example", "b@mail.example"].into_iter().enumerate() {
        let holder = scene.person(true, nth).await;
        let asked = scene.comes(sender, &holder.code).await;
        let link = link(to(&asked, &holder.address));
        assert_eq!(scene.asks("POST", &link).await.0, 200);
        letters.push(to(&scene.passes().await, &holder.address).to_owned());
    }
    assert!(letters[0].contains("X-Tramonto-Letter: granted"), "{}", letters[0]);
    let told = letters[1].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("X-Tramonto-Letter: refused"), "{told}");
    assert!(told.contains("all the vouchers of the programme have been issued"), "{told}");
}
