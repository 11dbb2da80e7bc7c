//! Each rule at its boundary.

use domain::{InvalidCode, MailboxCommand, Verification, VoucherStanding};
use uuid::Uuid;
use vouchers::{CodeId, Error, Month, Undelivered};

use crate::world::{Dates, OLD, OPEN, World, issue, issue_some, origin};

/// The message of a rejection.
fn why<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    let error = answer.unwrap_err();
    assert!(!error.may_retry(), "{error}");
    error.to_string()
}

/// The first code of the first holder.
const FIRST: CodeId = CodeId { number: 0, issue: 1 };

#[tokio::test]
async fn a_voucher_is_requested_verified_issued_and_redeemed_once() {
    let world = World::with("redeem-by = 2017-03-18", &[OLD]).await;
    let vouchers = &world.vouchers;
    let credentials = world.issued(0).await;
    assert_eq!((credentials.id.number, credentials.id.issue), (0, 1));
    assert_eq!(credentials.redeem_by, Some("2017-03-18".parse().unwrap()));
    assert!(!vouchers.status(0).await.unwrap().delivered);
    vouchers.record_delivered(&[FIRST], &origin()).await.unwrap();
    assert!(vouchers.status(0).await.unwrap().delivered);

    world.at("2016-01-10T10:00:00+01:00");
    let spoken = credentials.code.shown().to_lowercase().replace('-', " ");
    let free_through = world.redeem(&spoken, "posta-sicura").await.unwrap();
    assert_eq!(free_through, "2017-01-09".parse().unwrap());
    let shown = vouchers.status(0).await.unwrap();
    assert_eq!(shown.free_through, Some(free_through));
    assert!(matches!(shown.standing, VoucherStanding::Redeemed { .. }));

    world.at("2016-01-12T10:00:00+01:00");
    let first =
        vouchers.redeem(&spoken, &"posta-sicura".parse().unwrap(), &origin()).await.unwrap();
    assert!(first.again, "a repetition returns the first result");
    assert_eq!(first.on, "2016-01-10".parse().unwrap());
    let second = why(world.redeem(&spoken, "altra-posta").await);
    assert!(second.contains("redeemed by posta-sicura on 2016-01-10"), "{second}");
}

#[tokio::test]
async fn mailboxes_requested_on_17_december_are_eligible_and_on_18_december_not() {
    let people: [Dates; 2] = [("2014-12-17", None), ("2014-12-18", None)];
    let world = World::with("", &people).await;
    world.vouchers.request(0, &origin()).await.unwrap();
    let late = why(world.vouchers.request(1, &origin()).await);
    assert!(late.contains("before 2014-12-18"), "{late}");
}

#[tokio::test]
async fn registrations_never_activated_or_lapsed_are_eligible_if_the_plan_says_registered() {
    let never: Dates = ("2014-12-01", None);
    let world = World::with("", &[never, never]).await;
    world.lapsed(1).await;
    for number in [0, 1] {
        world.issued(number).await;
    }
    let strict = World::with("eligible = \"activated\"", &[never, OLD]).await;
    let refused = why(strict.vouchers.request(0, &origin()).await);
    assert!(refused.contains("activated"), "{refused}");
    strict.vouchers.request(1, &origin()).await.unwrap();
}

#[tokio::test]
async fn the_window_opens_on_18_march_2015_in_rome_and_closes_with_the_programme() {
    let world = World::with("", &[OLD, OLD, OLD]).await;
    world.at("2015-03-17T23:59:59+01:00");
    let early = why(world.vouchers.request(0, &origin()).await);
    assert!(early.contains("from 2015-03-18 on"), "{early}");
    world.at("2015-03-18T00:00:00+01:00");
    world.vouchers.request(0, &origin()).await.unwrap();
    world.at("2018-03-17T23:59:59+01:00");
    world.verified(1).await;
    world.at("2018-03-18T00:00:00+01:00");
    let late = why(world.vouchers.request(2, &origin()).await);
    assert!(late.contains("can no longer be requested"), "{late}");
    let ended = why(issue(&world.vouchers, 1).await);
    assert!(ended.contains("can no longer be requested"), "{ended}");
}

#[tokio::test]
async fn a_request_on_the_last_day_is_served_after_it() {
    let world = World::with("last-day = 2016-02-29", &[OLD, OLD]).await;
    world.at("2016-02-29T23:59:59+01:00");
    world.vouchers.request(0, &origin()).await.unwrap();
    world.at("2016-03-01T00:00:00+01:00");
    let late = why(world.vouchers.request(1, &origin()).await);
    assert!(late.contains("2016-02-29"), "{late}");
    world.vouchers.verify(0, Verification::Confirmation, &origin()).await.unwrap();
    issue(&world.vouchers, 0).await.unwrap();
}

#[tokio::test]
async fn a_code_is_valid_until_the_end_of_its_last_day_in_rome() {
    let world = World::with("redeem-by = 2016-02-29", &[OLD, OLD]).await;
    let (first, second) = (world.issued(0).await, world.issued(1).await);
    world.at("2016-02-29T23:59:59+01:00");
    assert_eq!(world.vouchers.expire(&origin()).await.unwrap(), 0, "the day is not over");
    let free_through = world.redeem(&first.code.shown(), "posta-sicura").await.unwrap();
    assert_eq!(free_through, "2017-02-28".parse().unwrap(), "a year from 29 February");
    world.at("2016-03-01T00:00:00+01:00");
    let late = why(world.redeem(&second.code.shown(), "posta-sicura").await);
    assert!(late.contains("2016-02-29"), "{late}");
    assert_eq!(world.vouchers.expire(&origin()).await.unwrap(), 1);
    assert_eq!(world.vouchers.expire(&origin()).await.unwrap(), 0, "once");
    let expired = why(world.redeem(&second.code.shown(), "posta-sicura").await);
    assert!(expired.contains("expired"), "{expired}");
    assert!(why(world.vouchers.request(1, &origin()).await).contains("each holder gets one, ever"));
}

#[tokio::test]
async fn a_mailbox_on_hold_gets_one_and_one_that_was_withdrawn_does_not() {
    let world = World::with("", &[OLD, OLD, OLD]).await;
    world.at("2015-02-01T12:00:00+01:00");
    let hold = MailboxCommand::PlaceHold {
        hold: Uuid::from_u128(1),
        capabilities: [domain::Capability::Access].into_iter().collect(),
        until: None,
    };
    world.mailbox(0, hold).await;
    world.at(OPEN);
    world.issued(0).await;
    world.verified(2).await;
    for number in [1, 2] {
        world.mailbox(number, MailboxCommand::Withdraw).await;
    }
    assert!(why(world.vouchers.request(1, &origin()).await).contains("withdrawn"));
    assert!(why(issue(&world.vouchers, 2).await).contains("withdrawn"));
}

#[tokio::test]
async fn no_voucher_is_issued_without_a_verified_request() {
    let world = World::with("", &[OLD]).await;
    assert!(why(issue(&world.vouchers, 0).await).contains("no pending voucher request"));
    world.vouchers.request(0, &origin()).await.unwrap();
    world.vouchers.request(0, &origin()).await.unwrap();
    assert!(why(issue(&world.vouchers, 0).await).contains("has not been verified"));
    world.vouchers.refuse(0, "not-the-holder", &origin()).await.unwrap();
    assert!(why(issue(&world.vouchers, 0).await).contains("no pending voucher request"));
    assert!(why(world.vouchers.request(9, &origin()).await).contains("not registered"));
    // A refused holder may request again.
    world.issued(0).await;
    assert!(why(world.vouchers.request(0, &origin()).await).contains("each holder gets one, ever"));
    world.vouchers.record_delivered(&[FIRST], &origin()).await.unwrap();
    assert!(why(issue(&world.vouchers, 0).await).contains("each holder gets one, ever"));
}

#[tokio::test]
async fn the_limit_of_the_plan_is_reached_exactly() {
    let world = World::with("max-issued = 2", &[OLD, OLD, OLD]).await;
    for number in 0..3 {
        world.verified(number).await;
    }
    let new = issue_some(&world.vouchers, 10).await.unwrap();
    assert_eq!(new.iter().map(|new| new.id.number).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(issue_some(&world.vouchers, 10).await.unwrap(), []);
    assert!(why(issue(&world.vouchers, 2).await).contains("all 2 vouchers"));
    let report = world.report().await;
    assert_eq!((report.issued, report.limit, report.left), (2, Some(2), Some(0)));
}

#[tokio::test]
async fn a_replaced_code_redeems_nothing() {
    let world = World::with("", &[OLD]).await;
    let first = world.issued(0).await;
    let second = world.vouchers.reissue(0, &origin()).await.unwrap();
    assert_eq!(second.id.issue, 2);
    assert_ne!(first.code, second.code);
    for dead in [first.code.shown(), first.token] {
        assert!(why(world.redeem(&dead, "posta-sicura").await).contains("replaced"));
    }
    world.redeem(&second.token, "posta-sicura").await.unwrap();
    let late = why(world.vouchers.reissue(0, &origin()).await);
    assert!(late.contains("redeemed by posta-sicura"), "{late}");
}

#[tokio::test]
async fn a_revoked_voucher_is_invalid_and_no_other_is_issued() {
    let world = World::with("", &[OLD]).await;
    let credentials = world.issued(0).await;
    world.vouchers.revoke(0, &origin()).await.unwrap();
    world.vouchers.revoke(0, &origin()).await.unwrap();
    assert!(why(world.redeem(&credentials.code.shown(), "posta-sicura").await).contains("revoked"));
    assert!(why(world.vouchers.request(0, &origin()).await).contains("each holder gets one, ever"));
    assert!(why(world.vouchers.reissue(0, &origin()).await).contains("revoked"));
}

#[tokio::test]
async fn a_guessed_code_has_the_error_of_a_mistyped_one() {
    let world = World::with("", &[OLD]).await;
    let credentials = world.issued(0).await;
    let guessed = domain::VoucherCode::from_random(7).shown();
    let guess = world.redeem(&guessed, "posta-sicura").await.unwrap_err();
    assert!(matches!(guess, Error::UnknownCode));
    let mut mistyped = credentials.code.canonical();
    let last = if mistyped.ends_with('2') { '3' } else { '2' };
    mistyped.replace_range(17.., &last.to_string());
    let mistype = world.redeem(&mistyped, "posta-sicura").await.unwrap_err();
    assert!(matches!(mistype, Error::InvalidCode(InvalidCode::Check)));
    assert_eq!(guess.to_string(), mistype.to_string());
}

#[tokio::test]
async fn a_code_not_recorded_as_delivered_is_replaced_and_not_generated_twice() {
    let world = World::with("", &[OLD, OLD]).await;
    let lost = world.issued(0).await;
    let again = issue(&world.vouchers, 0).await.unwrap_err();
    assert!(matches!(again, Error::CodeExists), "{again}");
    let undelivered = world.vouchers.undelivered().await.unwrap();
    assert_eq!(undelivered, Undelivered { with_code: [0].into(), without_code: [].into() });
    let new = world.vouchers.reissue_all(&[0, 1].into(), &origin()).await.unwrap();
    assert_eq!(new.iter().map(|new| (new.id.number, new.id.issue)).collect::<Vec<_>>(), [(0, 2)]);
    assert!(why(world.redeem(&lost.code.shown(), "posta-sicura").await).contains("replaced"));
    let expected = Undelivered { with_code: [0].into(), without_code: [].into() };
    world.vouchers.record_delivered(&[FIRST], &origin()).await.unwrap();
    assert_eq!(world.vouchers.undelivered().await.unwrap(), expected, "that code was replaced");
    world.vouchers.record_delivered(&[CodeId { number: 0, issue: 2 }], &origin()).await.unwrap();
    assert_eq!(world.vouchers.undelivered().await.unwrap(), Undelivered::default());
    world.redeem(&new[0].code.shown(), "posta-sicura").await.unwrap();
}

#[tokio::test]
async fn the_report_counts_by_provider_and_month() {
    let world = World::with("max-issued = 10\nredeem-by = 2016-12-31", &[OLD; 5]).await;
    let mut codes = Vec::new();
    for number in 0..5 {
        codes.push(world.issued(number).await.code.shown());
    }
    for (number, provider, at) in [
        (0, "posta-sicura", "2016-01-31T23:59:00+01:00"),
        (1, "posta-sicura", "2016-02-01T00:01:00+01:00"),
        (2, "altra-posta", "2016-02-02T10:00:00+01:00"),
        (3, "posta-sicura", "2016-02-20T10:00:00+01:00"),
    ] {
        world.at(at);
        world.redeem(&codes[number], provider).await.unwrap();
    }
    world.at("2017-01-01T00:00:00+01:00");
    world.vouchers.expire(&origin()).await.unwrap();
    let report = world.report().await;
    let months: Vec<_> = report
        .redemptions
        .iter()
        .map(|one| (one.provider.to_string(), one.month.as_str(), one.redeemed))
        .collect();
    let expected = [
        ("altra-posta".to_owned(), "2016-02", 1),
        ("posta-sicura".to_owned(), "2016-01", 1),
        ("posta-sicura".to_owned(), "2016-02", 2),
    ];
    assert_eq!(months, expected);
    assert_eq!((report.issued, report.redeemed, report.expired, report.left), (5, 4, 1, Some(5)));
    let month = |one: &Month| (one.month.clone(), one.issued, one.redeemed, one.expired);
    let expected = [
        ("2015-06".to_owned(), 5, 0, 0),
        ("2016-01".to_owned(), 0, 1, 0),
        ("2016-02".to_owned(), 0, 3, 0),
        ("2017-01".to_owned(), 0, 0, 1),
    ];
    assert_eq!(report.months.iter().map(month).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_repeated_command_succeeds_and_its_id_is_refused_to_others() {
    let world = World::with("", &[OLD, OLD]).await;
    let vouchers = world.vouchers.for_command(Uuid::from_u128(7));
    vouchers.request(0, &origin()).await.unwrap();
    world.vouchers.refuse(0, "unreadable", &origin()).await.unwrap();
    // The repetition records no second request, though one would be accepted.
    vouchers.request(0, &origin()).await.unwrap();
    assert_eq!(world.vouchers.status(0).await.unwrap().standing, VoucherStanding::Refused);
    for taken in [
        vouchers.request(1, &origin()).await,
        vouchers.verify(0, Verification::Officer, &origin()).await,
        vouchers.revoke(1, &origin()).await,
    ] {
        assert!(matches!(taken, Err(Error::IdTaken)), "{taken:?}");
    }
    assert_eq!(world.vouchers.status(1).await.unwrap().standing, VoucherStanding::None);
}
