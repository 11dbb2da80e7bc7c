//! Any order of start, and the probe endpoints meanwhile.

use crate::servers::free_port;
use crate::watching::{Collector, get};
use crate::world::{FEW, PLAN, SMALL_ORDERS, World, make_database, populate};

#[tokio::test]
async fn services_that_start_before_everything_they_need_wait_and_say_for_what() {
    let mut world = World::empty();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let scheduler = {
        let more = [SMALL_ORDERS, &["--listen", &listen]].concat();
        world.start("scheduler", &more)
    };
    let _others = ["worker", "projector", "relay", "api"].map(|role| world.start(role, &[]));
    let answer = || get(port, "/readyz");
    let waits = || answer().is_some_and(|(_, body)| body.contains("waiting"));
    world.until("an answer", async || waits()).await;
    let (code, body) = answer().unwrap();
    assert_eq!(code, 503, "{body}");
    assert_eq!(get(port, "/healthz").unwrap().0, 200, "to wait is not to hang");
    // The server without the database, the database without its tables, then with them and a plan,
    // and the bus last.
    world.postgres.start();
    world.until("the missing database", async || scheduler.told().contains("create it")).await;
    make_database(world.postgres.port).await;
    world
        .until("the missing tables", async || scheduler.told().contains("tramonto store migrate"))
        .await;
    populate(world.folder.path(), world.postgres.port, &PLAN, FEW);
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

/// The spans of a phase in each service, from its date to the bus.
const SPANS: [(&str, &[&str]); 3] = [
    ("scheduler", &["due", "dispatch", "complete", "append"]),
    ("worker", &["order", "append"]),
    ("relay", &["mirror"]),
];

#[tokio::test]
async fn spans_reach_a_collector_with_the_correlation_id_of_their_phase() {
    let mut world = World::of(FEW).await;
    let collector = Collector::start().await;
    let _projector = world.start("projector", &[]);
    let services = SPANS.map(|(service, _)| {
        let small = if service == "scheduler" { SMALL_ORDERS } else { &[] };
        let more = [small, &["--otlp-endpoint", &collector.endpoint]].concat();
        world.start(service, &more)
    });
    world.check().await;
    for service in services {
        assert_eq!(service.stop().await, Some(0));
    }
    let mut database = world.connect().await;
    let (correlation,): (String,) = sqlx::query_as(
        "SELECT correlation_id::text FROM tramonto.event JOIN tramonto.kind ON kind.id = event.kind
         WHERE kind.name = 'sending-disabled' LIMIT 1",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    for (service, spans) in SPANS {
        for span in spans {
            let came = collector.has(&format!("tramonto-{service}"), span, &correlation);
            assert!(came, "{service}: {span} of {correlation}: {}", collector.all());
        }
    }
}
