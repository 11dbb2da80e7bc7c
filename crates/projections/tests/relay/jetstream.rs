use bus::{Connection, EventMirror, JetStreamMirror, NatsOptions};
use std::sync::Arc;

use crate::given::{Log, catch_up, settings};

#[tokio::test]
async fn two_relays_at_once_mirror_every_event_once_in_order() {
    let url =
        std::env::var("TRAMONTO_TEST_NATS").expect("no nats-server to test with: run tests/run");
    let programme: domain::ProgrammeId =
        format!("t{}", uuid::Uuid::now_v7().simple()).parse().unwrap();
    let connection = Connection::open(&NatsOptions::new(&url, programme.clone())).await.unwrap();
    let mirror: Arc<dyn EventMirror> = Arc::new(JetStreamMirror::open(&connection).await.unwrap());
    let log = Log::with(programme, 100).await;
    catch_up(&log.relay(&mirror, settings("one"))).await;
    assert_eq!(mirror.last().await.unwrap().sequence, 100);
}
