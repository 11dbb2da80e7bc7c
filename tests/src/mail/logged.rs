//! Logs of real mail servers, indexed while they are written.

use std::collections::BTreeSet;
use std::time::Duration;

use archive::{Domains, Entry, Index, IndexRequest, Kind, LogArchive, Period};
use engine::RealClock;
use eventstore::Clock;

use super::check::PASSWORD;
use super::servers::{MailServers, wait};
use super::smtp::{ELSEWHERE, Smtp};
use crate::World;

const TIMEOUT: Duration = Duration::from_mins(1);

/// Two holders write to each other, and somebody from outside writes to one of them and to an
/// unknown address; then each has the entries of their own mailbox only.
pub(super) async fn what_postfix_logs_is_read(
    world: &World,
    servers: &MailServers,
    [anna, bruno]: [&str; 2],
) {
    let index = Index::open(&world.folder.path().join("postfix.db")).await.unwrap();
    let begun = RealClock.now();

    let mut smtp = Smtp::open(servers.submission);
    assert!(smtp.log_in(anna, PASSWORD).starts_with("235 "));
    assert!(smtp.send(anna, bruno, "between two").starts_with("250 "));
    let sent = [Kind::Accepted, Kind::Delivered];
    // Indexed while it is written: each pass resumes where the last one ended.
    let first = entries(servers, &index, anna, sent.len()).await;
    assert_eq!(first.iter().map(|entry| entry.kind).collect::<Vec<_>>(), sent);
    assert!(Smtp::deliver(servers.smtp, anna, "from outside").starts_with("250 "));
    let nobody = anna.replace('@', ".nobody@");
    assert!(Smtp::deliver(servers.smtp, &nobody, "to nobody").starts_with("550 "));

    let all = entries(servers, &index, anna, 4).await;
    let of = |kind| all.iter().filter(move |entry| entry.kind == kind);
    let (accepted, taken) =
        (of(Kind::Accepted).next().unwrap(), of(Kind::TakenInCharge).next().unwrap());
    assert_eq!(all.len(), 4);
    assert_eq!(accepted.sender.as_deref(), Some(anna));
    assert_eq!(taken.sender.as_deref(), Some(ELSEWHERE));
    for (message, recipient) in [(accepted, bruno), (taken, anna)] {
        let delivered = of(Kind::Delivered).find(|entry| entry.message_id == message.message_id);
        assert_eq!(delivered.unwrap().recipients, [recipient]);
    }
    // A line has neither a year nor a zone.
    let (from, until) = (begun - chrono::Duration::seconds(1), RealClock.now());
    assert!(all.iter().all(|entry| from <= entry.at && entry.at <= until), "{all:?}");

    let theirs = entries(servers, &index, bruno, 1).await;
    let messages: BTreeSet<_> = theirs.iter().map(|entry| &entry.message_id).collect();
    assert_eq!(messages, [&accepted.message_id].into());
    index.close().await.unwrap();
}

/// The entries of a mailbox, once there are this many.
async fn entries(servers: &MailServers, index: &Index, address: &str, many: usize) -> Vec<Entry> {
    let mut found = Vec::new();
    let are_there = async || {
        let request = IndexRequest {
            files: vec![servers.log_of_postfix()],
            domains: Domains::new(["postacertificata.example".to_owned()]),
            zone: chrono_tz::UTC,
            not_after: None,
        };
        index.read_logs(request, |_| {}).await.unwrap();
        found = index.messages(address, Period::ALL).await.unwrap();
        found.len() >= many
    };
    let came = wait::until_async(TIMEOUT, are_there).await;
    assert!(came, "not in the log: {found:?}\n{}", servers.logs());
    found
}
