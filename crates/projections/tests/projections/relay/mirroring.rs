use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bus::{EventMirror, InProcessMirror};
use domain::MailboxId;
use eventstore::{EventStore, Filter};
use projections::{Error, Expand, RelaySettings};

use crate::relay::given::{Log, TTL, catch_up, positions, programme, settings};

fn mirror() -> (Arc<InProcessMirror>, Arc<dyn EventMirror>) {
    let mirror = Arc::new(InProcessMirror::default());
    let port: Arc<dyn EventMirror> = mirror.clone();
    (mirror, port)
}

fn per_mailbox() -> RelaySettings {
    RelaySettings { expand: Expand::PerMailbox, ..settings("one") }
}

#[tokio::test]
async fn every_event_is_mirrored_once_in_order() {
    let (mirror, port) = mirror();
    let log = Log::with(programme(), 20).await;
    let relay = log.relay(&port, settings("one"));
    assert_eq!(catch_up(&relay).await, 20);
    log.append(3).await;
    assert_eq!(catch_up(&relay).await, 3);
    assert_eq!(positions(&mirror.messages()), (1..=23).collect::<Vec<_>>());
    let lease = log.store.claim("relay", "one", TTL).await.unwrap().unwrap();
    assert_eq!(lease.checkpoint, 23);
}

#[tokio::test]
async fn a_message_has_the_position_and_the_correlation_of_its_event() {
    let (mirror, port) = mirror();
    let log = Log::with(programme(), 2).await;
    catch_up(&log.relay(&port, settings("one"))).await;
    let recorded = &log.store.read_all(1, &Filter::default(), 1).await.unwrap().events[0];
    let message = &mirror.messages()[1];
    assert_eq!((&*message.category, &*message.kind), ("registry", "registry-imported"));
    let event = &message.event;
    assert_eq!(event.id, recorded.event.id.to_string());
    assert_eq!(event.source, "/tramonto/cec-pac");
    assert_eq!(event.kind, "eu.tramonto.registry-imported");
    assert_eq!(event.subject.as_deref(), Some(recorded.stream.as_str()));
    assert_eq!(event.time, Some(recorded.event.effective_at));
    assert_eq!(event.data_schema.as_deref(), Some("urn:tramonto:registry-imported:v1"));
    assert_eq!(event.data, recorded.event.payload);
    let correlation = recorded.event.correlation_id;
    for (name, value) in [
        ("position", "2".to_owned()),
        ("previous", "1".to_owned()),
        ("correlationid", correlation.to_string()),
        ("actor", "test".to_owned()),
    ] {
        assert_eq!(event.extensions[name], value, "{name}");
    }
    let trace = format!("00-{}-", correlation.simple());
    assert!(event.extensions["traceparent"].starts_with(&trace));
}

#[tokio::test]
async fn a_mirror_that_lost_its_end_is_refilled_from_there() {
    let (mirror, port) = mirror();
    let log = Log::with(programme(), 20).await;
    let relay = log.relay(&port, settings("one"));
    catch_up(&relay).await;
    let before = mirror.messages();
    for kept in [13, 0] {
        mirror.lose_after(kept);
        assert_eq!(catch_up(&relay).await, 20 - u64::try_from(kept).unwrap());
        assert_eq!(mirror.messages(), before);
    }
}

#[tokio::test]
async fn two_relays_take_turns_without_duplicates() {
    let (mirror, port) = mirror();
    let log = Log::with(programme(), 20).await;
    let (one, other) = (log.relay(&port, settings("one")), log.relay(&port, settings("other")));
    assert!(one.tick().await.unwrap().progress > 0);
    assert_eq!(other.tick().await.unwrap().progress, 0, "the lease is another's");
    log.advance(TTL * 2);
    assert!(other.tick().await.unwrap().progress > 0, "the first was silent too long");
    assert_eq!(one.tick().await.unwrap().progress, 0);
    catch_up(&other).await;
    assert_eq!(positions(&mirror.messages()), (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_mirror_of_another_log_is_left_alone() {
    let (mirror, port) = mirror();
    catch_up(&Log::with(programme(), 5).await.relay(&port, settings("one"))).await;
    let before = mirror.messages();
    let other = Log::with(programme(), 9).await;
    let refused = other.relay(&port, settings("one")).tick().await.unwrap_err();
    assert!(matches!(refused, Error::OtherMirror { position: 5 }), "{refused}");
    let shorter = Log::with(programme(), 4).await;
    let refused = shorter.relay(&port, settings("one")).tick().await.unwrap_err();
    assert!(matches!(refused, Error::MirrorAhead { mirrored: 5, head: 4 }), "{refused}");
    assert!(!refused.may_retry());
    assert_eq!(mirror.messages(), before);
}

#[tokio::test]
async fn an_event_of_many_mailboxes_is_expanded_if_configured() {
    let (mirror, port) = mirror();
    let log = Log::with(programme(), 1).await;
    log.append_outcome([3, 70_000, 70_001]).await;
    log.append_outcome([]).await;
    log.append(1).await;
    assert_eq!(catch_up(&log.relay(&port, per_mailbox())).await, 6);
    let messages = mirror.messages();
    assert_eq!(positions(&messages), [1, 2, 2, 2, 3, 4]);
    let second = &messages[2];
    assert_eq!((&*second.category, &*second.kind), ("mailbox", "sending-disabled"));
    assert_eq!(second.event.kind, "eu.tramonto.mailbox.sending-disabled");
    assert_eq!((&*second.event.extensions["part"], &*second.event.extensions["parts"]), ("2", "3"));
    let mailbox = MailboxId::new(&programme(), 70_000).to_string();
    assert_eq!(second.event.subject.as_ref(), Some(&mailbox));
    let data: serde_json::Value = serde_json::from_slice(&second.event.data).unwrap();
    assert_eq!((&data["mailbox"], &data["number"]), (&mailbox.into(), &70_000.into()));
    assert_eq!(data["verdict"], "applied");
    assert!(data.get("mailboxes").is_none());
    assert_eq!(messages[4].category, "outcome", "a set without members stays as it is");
    let ids: BTreeSet<_> = messages.iter().map(|message| &message.event.id).collect();
    assert_eq!(ids.len(), messages.len());
}

#[tokio::test]
async fn expansion_resumes_in_the_middle_wherever_the_mirror_ends() {
    let (mirror, port) = mirror();
    let log = Log::with(programme(), 2).await;
    log.append_outcome(100..120).await;
    log.append(2).await;
    let relay = log.relay(&port, per_mailbox());
    catch_up(&relay).await;
    let before = mirror.messages();
    assert_eq!(before.len(), 24);
    for kept in 0..before.len() {
        mirror.lose_after(kept);
        // An event that was started mailbox by mailbox is completed so, even by a relay with other
        // settings.
        let begun = (3..22).contains(&kept);
        let settings = if begun { settings("one") } else { per_mailbox() };
        catch_up(&log.relay(&port, settings)).await;
        assert_eq!(mirror.messages(), before, "{kept} kept");
    }
}

#[tokio::test]
async fn a_pass_is_over_in_a_part_of_the_lease_and_the_next_goes_on() {
    let (mirror, port) = mirror();
    let log = Log::empty(programme());
    log.append_outcome(0..1_000).await;
    let hasty = RelaySettings { lease_ttl: Duration::from_nanos(3), ..per_mailbox() };
    let relay = log.relay(&port, hasty);
    assert_eq!(relay.tick().await.unwrap().progress, 7, "one page, and its time is over");
    assert_eq!(relay.tick().await.unwrap().progress, 7);
    log.advance(TTL);
    catch_up(&log.relay(&port, per_mailbox())).await;
    assert_eq!(mirror.messages().len(), 1_000);
    let ids: BTreeSet<_> = mirror.messages().into_iter().map(|each| each.event.id).collect();
    assert_eq!(ids.len(), 1_000);
}
