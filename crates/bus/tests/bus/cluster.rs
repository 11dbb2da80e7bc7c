//! The cluster of deploy/nats, on loopback.

use std::process::Command;
use std::sync::Arc;

use bus::{
    CloudEvent, Connection, Delivery, EventMirror, InHandTimes, JetStreamMirror, JetStreamQueue,
    Login, Mirrored, NatsOptions, Tail, WorkQueue,
};
use secrecy::SecretString;

use crate::given::{SETTINGS, WAIT_FOR, next, options, order, publish};
use crate::server::{Server, deployed, free_port, program};
use crate::wait;

fn checked(node: usize) -> Command {
    let mut check = Command::new(program());
    check.arg("-t").arg("--config").arg(deployed(&format!("node{node}.conf")));
    check
}

#[test]
fn nats_server_reads_the_files_of_all_three_nodes() {
    for node in 1..=3 {
        let read = checked(node)
            .env("TRAMONTO_NATS_PASSWORD", "letters")
            .env("TRAMONTO_NATS_INTEGRATOR_PASSWORD", "others")
            .output()
            .unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn without_its_passwords_no_node_starts() {
    let read = checked(1).output().unwrap();
    let told = String::from_utf8_lossy(&read.stderr);
    assert!(!read.status.success() && told.contains("TRAMONTO_NATS_PASSWORD"), "{told}");
}

async fn three() -> Vec<Server> {
    let ports: Vec<_> = (0..3).map(|_| free_port()).collect();
    let routes: Vec<_> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    let mut servers = Vec::new();
    for (node, route) in routes.iter().enumerate() {
        let options = [
            ("--cluster", route.clone()),
            ("--routes", routes.join(",")),
            ("--http_port", free_port().to_string()),
        ];
        let options =
            options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        servers.push(Server::node(node + 1, options));
    }
    for server in &mut servers {
        server.wait().await;
    }
    servers
}

fn of_all(servers: &[Server]) -> NatsOptions {
    let mut all = options(&servers[0]);
    all.urls = servers.iter().map(|server| SecretString::from(server.url())).collect();
    let (user, password) = ("tramonto".to_owned(), SecretString::from("letters"));
    all.login = Login::User { user, password };
    all.replicas = 3;
    all.timeout = std::time::Duration::from_secs(5);
    all
}

/// Retries until the cluster has elected a leader.
async fn again<T>(mut work: impl AsyncFnMut() -> Result<T, bus::Error>) -> T {
    let mut done = None;
    let works = async || match work().await {
        Ok(result) => {
            done = Some(result);
            true
        }
        Err(error) => {
            assert!(error.may_retry(), "{error}");
            false
        }
    };
    assert!(wait::until_async(WAIT_FOR, works).await, "it never works");
    done.unwrap()
}

fn message(position: u64) -> Mirrored {
    let event = CloudEvent {
        id: format!("event-{position}"),
        source: "/tramonto/cec-pac".into(),
        kind: "eu.tramonto.sending-disabled".into(),
        data: "{}".into(),
        ..CloudEvent::default()
    };
    let event = event.with("position", position);
    Mirrored { category: "outcome".into(), kind: "sending-disabled".into(), event }
}

/// Publishes a page like the relay: from the end of the mirror.
async fn mirrored(mirror: &JetStreamMirror, to: u64) -> Tail {
    again(async || {
        let tail = mirror.last().await?;
        let from = tail.last.as_ref().map_or(1, |last| last.position + 1);
        let page: Vec<_> = (from..=to).map(message).collect();
        mirror.publish(&tail, &page).await
    })
    .await
}

async fn done(delivery: Box<dyn Delivery>, seen: &mut Vec<u32>) {
    let numbers: Vec<_> = delivery.order().mailboxes.iter().collect();
    if delivery.ack().await.is_ok() {
        seen.extend(numbers);
    }
}

#[tokio::test]
async fn a_cluster_of_three_goes_on_when_it_loses_a_node() {
    let mut servers = three().await;
    let connection = again(async || Connection::open(&of_all(&servers)).await).await;
    let times = InHandTimes::default();
    let queue = again(async || JetStreamQueue::open(&connection, SETTINGS, times).await).await;
    let queue: Arc<dyn WorkQueue> = Arc::new(queue);
    let mirror = again(async || JetStreamMirror::open(&connection).await).await;
    for number in 1..=6 {
        publish(&queue, &order(number)).await;
    }
    assert_eq!(mirrored(&mirror, 200).await.sequence, 200);
    let mut seen = Vec::new();
    done(next(&queue).await, &mut seen).await;

    servers[0].kill();

    let end = mirrored(&mirror, 400).await;
    assert_eq!((end.sequence, end.last.map(|last| last.position)), (400, Some(400)));
    publish(&queue, &order(7)).await;
    while seen.len() < 7 {
        done(next(&queue).await, &mut seen).await;
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}
