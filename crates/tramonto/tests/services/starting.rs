//! Any order of start, and what a service answers about itself meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::servers::free_port;
use crate::world::{FEW, SMALL_ORDERS, World, make_database, populate};

/// Asks a service over HTTP: the code and the body; `None` while nobody listens.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let code = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((code, body.to_owned()))
}

#[tokio::test]
async fn services_that_start_before_everything_they_need_wait_and_say_for_what() {
    let mut world = World::empty().await;
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let scheduler = {
        let more = [SMALL_ORDERS, &["--listen", &listen]].concat();
        world.start("scheduler", &more)
    };
    let _others = ["worker", "projector", "relay", "api"].map(|role| world.start(role, &[]));
    world.until("an answer", async || get(port, "/readyz").is_some()).await;
    let (code, body) = get(port, "/readyz").unwrap();
    assert_eq!(code, 503, "{body}");
    assert!(body.contains("waiting"), "{body}");
    assert_eq!(get(port, "/healthz").unwrap().0, 200, "to wait is not to hang");
    // The server without the database, the database without its tables, then with them and a plan, and the
    // bus last.
    world.postgres.start();
    world.until("the missing database", async || scheduler.told().contains("create it")).await;
    make_database(world.postgres.port).await;
    world.until("the missing tables", async || scheduler.told().contains("tramonto migrate")).await;
    populate(world.folder.path(), world.postgres.port, FEW);
    world.until("the bus", async || scheduler.told().contains("bus")).await;
    assert_eq!(world.outcomes().await, 0);
    world.nats.start();
    world.until_complete().await;
    world.until("readiness", async || get(port, "/readyz").unwrap().0 == 200).await;
    let (code, metrics) = get(port, "/metrics").unwrap();
    assert_eq!(code, 200);
    for line in [
        "tramonto_overdue_mailboxes{phase=\"receive-only\"} 0",
        "tramonto_phase_due_timestamp_seconds{phase=\"receive-only\"} 1426633200",
        "tramonto_leader{of=\"sweep\"} 1",
        "tramonto_incidents_open_mailboxes 0",
        "# TYPE tramonto_log_head_position gauge",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains('@'), "an address in the metrics");
    world.check().await;
}

/// A collector that keeps what it is sent.
async fn collector() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let take =
        async move |body: axum::body::Bytes| keeping.lock().unwrap().extend_from_slice(&body);
    let routes = axum::Router::new().route("/v1/traces", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (port, kept)
}

#[tokio::test]
async fn spans_of_orders_reach_a_collector_with_the_correlation_id_of_their_phase() {
    let mut world = World::of(FEW).await;
    let (port, kept) = collector().await;
    let endpoint = format!("http://127.0.0.1:{port}");
    let _others = [world.start("scheduler", SMALL_ORDERS), world.start("projector", &[])];
    let worker = world.start("worker", &["--otlp-endpoint", &endpoint]);
    world.until_complete().await;
    assert_eq!(worker.stop().await, Some(0));
    let mut database = world.connect().await;
    let (correlation,): (String,) = sqlx::query_as(
        "SELECT correlation_id::text FROM tramonto.event JOIN tramonto.kind ON kind.id = event.kind
         WHERE kind.name = 'sending-disabled' LIMIT 1",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    let kept = kept.lock().unwrap();
    let has = |text: &str| kept.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("tramonto-worker") && has(&correlation), "{} bytes came", kept.len());
}
