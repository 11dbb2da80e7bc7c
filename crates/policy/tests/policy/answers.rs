use chrono::TimeDelta;
use domain::{
    Capabilities, Capability, Command, Event, HoldPlaced, HoldReleased, MailboxWithdrawn,
};
use policy::Answer;
use uuid::Uuid;

use crate::world::{World, row, utc};

/// An outsider writes to one of ours, on port 25.
const TO_P0: &str = "sender=someone@mail.example,recipient=p0@box.example";
/// One of ours writes to an outsider, logged in.
const BY_P0: &str = "sasl_username=p0@box.example,sender=p0@box.example,recipient=x@mail.example";

fn code(answer: &Answer) -> String {
    answer.action().chars().take(9).collect()
}

fn of(request: &str, number: u32) -> String {
    request.replace("p0@", &format!("p{number}@"))
}

fn hold(number: u32, capability: Capability, until: Option<&str>) -> Event {
    Event::HoldPlaced(HoldPlaced {
        hold: Uuid::from_u128(number.into()),
        number,
        capabilities: Capabilities::from(capability),
        until: until.map(|day| day.parse().unwrap()),
    })
}

#[tokio::test]
async fn each_kind_of_mailbox_is_answered_right_at_each_boundary_and_a_second_before() {
    let mut world = World::new().await;
    // p0 is active, p3 was never activated, p4 is withdrawn, p1 may send until 31 March 2015, p2
    // receive.
    world.happens(4, Event::MailboxWithdrawn(MailboxWithdrawn { number: 4 })).await;
    world.happens(1, hold(1, Capability::Send, Some("2015-03-31"))).await;
    world.happens(2, hold(2, Capability::Receive, None)).await;
    let (sends, receives) = (utc("2015-03-17T23:00:00Z"), utc("2015-07-17T22:00:00Z"));
    let boundaries = [
        utc("2014-12-17T23:00:00Z"),
        sends,
        utc("2015-03-31T22:00:00Z"),
        receives,
        utc("2015-09-17T22:00:00Z"),
        utc("2018-03-17T23:00:00Z"),
    ];
    let (no_sending, no_receiving) = ("550 5.7.1", "550 5.2.1");
    for boundary in boundaries {
        for at in [boundary - TimeDelta::seconds(1), boundary] {
            let may = |so: bool, refusal: &str| if so { "DUNNO" } else { refusal }.to_owned();
            let expected = [
                (0, may(at < sends, no_sending), may(at < receives, no_receiving)),
                (
                    1,
                    may(at < utc("2015-03-31T22:00:00Z"), no_sending),
                    may(at < receives, no_receiving),
                ),
                (2, may(at < sends, no_sending), may(true, no_receiving)),
                (3, may(false, no_sending), may(false, "550 5.1.1")),
                (4, may(false, no_sending), may(false, no_receiving)),
                (9, may(true, no_sending), may(true, no_receiving)),
            ];
            for (number, by, to) in expected {
                let answered = code(&world.at(at, &of(BY_P0, number)).await);
                assert_eq!(answered, by, "p{number} sends at {at}");
                let answered = code(&world.at(at, &of(TO_P0, number)).await);
                assert_eq!(answered, to, "p{number} receives at {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_said_in_the_words_of_the_plan() {
    let mut world = World::new().await;
    let ended = utc("2015-07-18T00:00:00Z");
    for (request, expected) in [
        (
            BY_P0,
            "550 5.7.1 la CEC-PAC e' in chiusura: da questa casella non si possono piu' inviare \
             messaggi / CEC-PAC is closing: this mailbox can no longer send",
        ),
        (
            TO_P0,
            "550 5.2.1 la CEC-PAC e' in chiusura: questa casella non riceve piu' messaggi / \
             CEC-PAC is closing: this mailbox no longer receives messages",
        ),
    ] {
        assert_eq!(world.at(ended, request).await.action(), expected);
    }
}

#[tokio::test]
async fn who_sends_is_who_logged_in_and_the_sender_on_the_way_of_a_mail_proves_nothing() {
    let mut world = World::new().await;
    world.happens(1, hold(1, Capability::Send, None)).await;
    let ended = utc("2015-03-18T12:00:00Z");
    let (dunno, refused) = ("DUNNO", "550 5.7.1");
    for (request, expected) in [
        ("sasl_username=p0@box.example,sender=p0@box.example", refused),
        ("sasl_username=P0@Box.Example,sender=", refused),
        ("sasl_username=p1@box.example,sender=p1@box.example", dunno),
        ("sasl_username=p1@box.example,sender=p0@box.example", refused),
        ("sasl_username=system,sender=p0@box.example", refused),
        ("sender=p0@box.example,recipient=p1@box.example", dunno),
        ("policy_context=submission,sender=p0@box.example", refused),
        ("policy_context=submission,sender=p1@box.example", dunno),
        ("sender=,recipient=p0@box.example", dunno),
        ("sender=p0+x@box.example,policy_context=submission", refused),
        ("sender=,recipient=,sasl_username=", dunno),
        ("recipient=@", dunno),
        ("recipient=+@box.example", dunno),
    ] {
        assert_eq!(code(&world.at(ended, request).await), expected, "{request}");
    }
}

#[tokio::test]
async fn an_extension_leads_to_the_same_mailbox() {
    let mut world = World::new().await;
    let ended = utc("2015-07-18T12:00:00Z");
    let answer = world.at(ended, "recipient=p0+shop+2015@box.example").await;
    assert_eq!(code(&answer), "550 5.2.1");
}

#[tokio::test]
async fn what_is_none_of_ours_is_left_to_others_unless_its_domain_is_ours() {
    let unknown = "recipient=nobody@box.example";
    let noon = utc("2014-12-17T12:00:00Z");
    assert_eq!(World::new().await.at(noon, unknown).await, Answer::Dunno);
    let mut world = World::with(crate::world::BOUND, &["BOX.example"]).await;
    for (request, expected) in [
        (unknown, "550 5.1.1"),
        ("policy_context=submission,sender=nobody@box.example", "550 5.7.1"),
        ("recipient=p0@box.example", "DUNNO"),
        ("recipient=nobody@mail.example", "DUNNO"),
        ("recipient=Postmaster@box.example", "DUNNO"),
        ("recipient=abuse@box.example", "DUNNO"),
    ] {
        assert_eq!(code(&world.at(noon, request).await), expected, "{request}");
    }
}

#[tokio::test]
async fn holds_amendments_and_withdrawals_count_as_soon_as_they_are_in_the_log() {
    let mut world = World::new().await;
    let at = utc("2015-03-18T00:00:00Z");
    assert_eq!(code(&world.at(at, BY_P0).await), "550 5.7.1");
    world.happens(0, hold(0, Capability::Send, None)).await;
    assert_eq!(world.at(at, BY_P0).await, Answer::Dunno);
    let hold = Uuid::from_u128(0);
    world.happens(0, Event::HoldReleased(HoldReleased { hold, number: 0 })).await;
    assert_eq!(code(&world.at(at, BY_P0).await), "550 5.7.1");
    let mut later = world.plan.clone();
    later.phases[1].from = "2015-03-20".parse().unwrap();
    world.decided(Command::Amend(later)).await;
    assert_eq!(world.at(at, BY_P0).await, Answer::Dunno);
    assert_eq!(world.at(at, TO_P0).await, Answer::Dunno);
    world.happens(0, Event::MailboxWithdrawn(MailboxWithdrawn { number: 0 })).await;
    assert_eq!(code(&world.at(at, TO_P0).await), "550 5.2.1");
}

#[tokio::test]
async fn registrations_and_changed_addresses_are_followed() {
    let mut world = World::new().await;
    let ended = utc("2015-07-18T12:00:00Z");
    assert_eq!(world.at(ended, &of(TO_P0, 6)).await, Answer::Dunno, "nobody's yet");
    world.import(&row(6, 6, true)).await;
    assert_eq!(code(&world.at(ended, &of(TO_P0, 6)).await), "550 5.2.1");
    world.happens(6, hold(6, Capability::Receive, None)).await;
    assert_eq!(world.at(ended, &of(TO_P0, 6)).await, Answer::Dunno);
    // The held mailbox gets another address; the old one leads nowhere any more.
    world.import(&row(6, 7, true)).await;
    assert_eq!(world.at(ended, &of(TO_P0, 7)).await, Answer::Dunno);
    let (addresses, _) = world.snapshot.size();
    assert_eq!(addresses, 7);
    // And another gets the address that became free.
    world.import(&row(0, 6, true)).await;
    assert_eq!(code(&world.at(ended, &of(TO_P0, 6)).await), "550 5.2.1");
    assert_eq!(world.at(ended, TO_P0).await, Answer::Dunno);
}
