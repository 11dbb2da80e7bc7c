//! Requests of holders during a programme: each gets what they are entitled to, and nobody else
//! does.

use chrono::TimeDelta;
use domain::{
    Event, ExportAccess, LogExportAccessed, LogExportExpired, LogExportPrepared, LogRequested,
    LogRequesterVerified, LogsDestroyed, MailboxSet, Requester, Verification,
    VoucherRemindersClaimed, VouchersIssued,
};
use engine::EngineSettings;
use eventstore::{Origin, archive_stream, voucher_stream};
use rehearsal::{Holders, prove};
use uuid::Uuid;
use whole_flow::{Nobody, World};

#[tokio::test]
async fn holders_get_their_vouchers_and_logs_through_a_whole_programme_that_crashes() {
    let world = World::with(600).await;
    let mut running = world.rehearsing(EngineSettings::default(), Some(20)).await;
    running.holders = Holders::new("40%".parse().unwrap(), 7);
    running.run(&mut Nobody).await.unwrap();
    assert!(running.crashes > 3, "it was dropped {} times", running.crashes);
    let told = running.holders.outcome().clone();
    assert_eq!(told.wrong, [""; 0]);
    assert!(told.granted > 150 && told.granted <= told.asked, "{told:?}");
    assert!(told.redeemed > 50, "{told:?}");
    assert_eq!(told.logs, 13, "twelve in the window, and one that came in its last second");
    assert!(told.turned_away > told.redeemed, "each code was shown twice: {told:?}");
    running.engine.stop().await.unwrap();
    let proof = prove(&world.home()).await.unwrap();
    assert_eq!(proof.problems, [""; 0]);
    let proven = (proof.vouchers, proof.redeemed);
    assert_eq!(proven, (told.granted, told.redeemed));
    assert_eq!(proof.exports, told.logs);
}

#[tokio::test]
async fn the_proof_finds_a_voucher_issued_twice_or_too_late() {
    let world = World::with(200).await;
    let mut running = world.rehearsing(EngineSettings::default(), None).await;
    running.holders = Holders::new("100%".parse().unwrap(), 7);
    running.run(&mut Nobody).await.unwrap();
    let journal = &running.engine.journal;
    let granted = journal.state().await.unwrap().vouchers.issued.min().unwrap();
    // Appended by hand, without a decision.
    let mailboxes = MailboxSet::from_iter([granted]);
    let reminded = mailboxes.clone();
    let again = [
        Event::VouchersIssued(VouchersIssued { revision: 1, mailboxes }),
        Event::VoucherRemindersClaimed(VoucherRemindersClaimed {
            scheduled_for: journal.now(),
            mailboxes: reminded,
        }),
    ];
    let stream = voucher_stream(journal.programme()).unwrap();
    let expected = journal.version_of(&stream).await.unwrap();
    journal.append(stream, expected, &again, &Origin::part("another hand")).await.unwrap();
    running.engine.stop().await.unwrap();
    let problems = prove(&world.home()).await.unwrap().problems;
    let says = |what: &str| problems.iter().any(|problem| problem.contains(what));
    assert!(says("issues a second voucher"), "{problems:?}");
    assert!(says("issues vouchers outside their time"), "{problems:?}");
    assert!(says("issues what was not verified"), "{problems:?}");
    assert!(says("reminds a holder more often than the plan allows"), "{problems:?}");
}

#[tokio::test]
async fn the_proof_finds_a_wrongly_delivered_export() {
    let world = World::with(60).await;
    let mut running = world.rehearsing(EngineSettings::default(), None).await;
    running.run(&mut Nobody).await.unwrap();
    let journal = &running.engine.journal;
    let (asks, never) = {
        let snapshot = journal.state().await.unwrap();
        let rights = &snapshot.rights;
        let never = (&rights.registered - &rights.activated).min().unwrap();
        (rights.activated.min().unwrap(), never)
    };
    let [first, second] = [1, 2].map(Uuid::from_u128);
    let requested = |request, number| {
        let (by, from, through, received_on) = (Requester::Holder, None, None, None);
        Event::LogRequested(LogRequested { request, number, by, from, through, received_on })
    };
    let prepared = |request| {
        Event::LogExportPrepared(LogExportPrepared {
            request,
            number: asks,
            files: 4,
            rows: 0,
            first: None,
            last: None,
            sha256: "0".repeat(64),
            expires_at: journal.now() + TimeDelta::days(30),
        })
    };
    let accessed = |number| {
        let (request, outcome) = (first, ExportAccess::Delivered);
        Event::LogExportAccessed(LogExportAccessed { request, number, outcome })
    };
    let proof = Verification::Officer;
    // Appended by hand, without a decision, after the window.
    let events = [
        requested(first, asks),
        requested(second, never),
        prepared(first),
        Event::LogRequesterVerified(LogRequesterVerified { request: first, number: asks, proof }),
        accessed(never),
        Event::LogExportExpired(LogExportExpired { request: first, number: asks }),
        accessed(asks),
        Event::LogsDestroyed(LogsDestroyed {
            messages: 0,
            addresses: 0,
            extracts: 0,
            digest: "0".repeat(64),
            kept: MailboxSet::default(),
        }),
    ];
    let stream = archive_stream(journal.programme()).unwrap();
    let expected = journal.version_of(&stream).await.unwrap();
    journal.append(stream, expected, &events, &Origin::part("another hand")).await.unwrap();
    running.engine.stop().await.unwrap();
    let problems = prove(&world.home()).await.unwrap().problems;
    for what in [
        "takes a request for a log outside its time",
        "takes a request for the log of a mailbox that never was one",
        "prepares an export without an eligible request",
        "delivers an export of another mailbox",
        "ends a link before its time",
        "delivers an export without a link, or after its end",
        "destroys logs that may still be requested",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(what)), "{what}: {problems:?}");
    }
}
