//! The relay and a real nats-server.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::jetstream;
use bus::{Connection, EventMirror, JetStreamMirror, NatsOptions};
use eventstore::{EventStore, Filter};
use projections::{Expand, Relay, RelaySettings};

use crate::relay::given::{Log, TTL, catch_up, programme, settings};
use crate::relay::server::Server;

async fn mirror(server: &Server) -> Arc<dyn EventMirror> {
    let options = NatsOptions::new(&server.url(), programme());
    let connection = Connection::open(&options).await.unwrap();
    Arc::new(JetStreamMirror::open(&connection).await.unwrap())
}

/// Position, part and id of every message in the stream, read from the server.
async fn mirrored(server: &Server) -> Vec<(u64, u32, String)> {
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream("tramonto_cec-pac_event").await.unwrap();
    let mut messages = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let headers = stream.get_raw_message(sequence).await.unwrap().headers;
        let said = |name| headers.get(name).map_or("0", |value| value.as_str());
        let (position, part) = (said("ce-position").parse(), said("ce-part").parse());
        messages.push((position.unwrap(), part.unwrap(), said("ce-id").to_owned()));
        assert_eq!(said("ce-id"), said("Nats-Msg-Id"));
    }
    messages
}

/// The expected stream: the log, each event once, in order.
async fn logged(log: &Log) -> Vec<(u64, u32, String)> {
    let page = log.store.read_all(0, &Filter::default(), 10_000).await.unwrap();
    page.events.iter().map(|each| (each.position, 0, each.event.id.to_string())).collect()
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

#[tokio::test]
async fn a_server_with_an_older_or_empty_disk_is_refilled() {
    let mut server = Server::start(&[]).await;
    let mirror = mirror(&server).await;
    let log = Log::with(programme(), 130).await;
    let relay = log.relay(&mirror, settings("one"));
    catch_up(&relay).await;
    server.kill();
    let older = tempfile::tempdir().unwrap();
    let older = older.path().join("data");
    copy(&server.data(), &older);
    server.restart().await;
    log.append(70).await;
    ticked(&relay).await;
    assert_eq!(mirrored(&server).await, logged(&log).await);

    server.kill();
    std::fs::remove_dir_all(server.data()).unwrap();
    copy(&older, &server.data());
    server.restart().await;
    assert!(mirrored(&server).await.len() <= 130, "the newer ones are lost");
    ticked(&relay).await;
    assert_eq!(mirrored(&server).await, logged(&log).await);

    server.kill();
    std::fs::remove_dir_all(server.data()).unwrap();
    server.restart().await;
    ticked(&relay).await;
    assert_eq!(mirrored(&server).await, logged(&log).await);
}

/// Ticks like a service until nothing is left, with retries.
async fn ticked(relay: &Relay) {
    loop {
        match relay.tick().await {
            Ok(tick) if tick.progress == 0 => return,
            Ok(_) => {}
            Err(error) => assert!(error.may_retry(), "{error}"),
        }
    }
}

#[tokio::test]
async fn relays_that_take_the_lease_from_each_other_mirror_every_event_once_in_order() {
    let server = Server::start(&[]).await;
    let log = Arc::new(Log::with(programme(), 300).await);
    let ended = Arc::new(AtomicBool::new(false));
    let mut relays = Vec::new();
    for owner in ["one", "other", "third"] {
        let mirror = mirror(&server).await;
        let relay = log.relay(&mirror, settings(owner));
        let ended = Arc::clone(&ended);
        relays.push(tokio::spawn(async move {
            let mut published = 0;
            while !ended.load(Ordering::Relaxed) {
                match relay.tick().await {
                    Ok(tick) => published += tick.progress,
                    Err(error) => assert!(error.may_retry(), "{error}"),
                }
                // A relay on standby must not keep the others from their turn.
                mirror.last().await.unwrap();
            }
            published
        }));
    }
    let watched = mirror(&server).await;
    for round in 1..=40_u64 {
        // The lease expires again and again, in the middle of its holder's work.
        log.advance(TTL * 2);
        if round % 4 == 0 {
            log.append(20).await;
        }
        watched.last().await.unwrap();
    }
    while watched.last().await.unwrap().last.is_none_or(|last| last.position < 500) {
        log.advance(TTL * 2);
    }
    ended.store(true, Ordering::Relaxed);
    let mut busy = 0;
    for relay in relays {
        busy += u32::from(relay.await.unwrap() > 0);
    }
    assert!(busy > 1, "the lease changed hands");
    assert_eq!(mirrored(&server).await, logged(&log).await);
}

#[tokio::test]
async fn a_killed_relay_is_followed_by_one_that_goes_on_in_the_middle_of_a_set() {
    let server = Server::start(&[]).await;
    let mirror = mirror(&server).await;
    let log = Log::with(programme(), 3).await;
    log.append_outcome(0..2_000).await;
    log.append(1).await;
    let per_mailbox =
        |owner| RelaySettings { expand: Expand::PerMailbox, page: 50, ..settings(owner) };
    let killed = tokio::spawn({
        let relay = log.relay(&mirror, per_mailbox("killed"));
        async move { relay.tick().await }
    });
    while mirror.last().await.unwrap().sequence < 200 {
        tokio::task::yield_now().await;
    }
    killed.abort();
    drop(killed.await);
    log.advance(TTL * 2);
    ticked(&log.relay(&mirror, per_mailbox("next"))).await;
    let found = mirrored(&server).await;
    let expected: Vec<_> = [(1, 0), (2, 0), (3, 0)]
        .into_iter()
        .chain((1..=2_000).map(|part| (4, part)))
        .chain([(5, 0)])
        .collect();
    let places: Vec<_> = found.iter().map(|(position, part, _)| (*position, *part)).collect();
    assert_eq!(places, expected);
}
