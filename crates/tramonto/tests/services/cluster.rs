//! A bus of three servers, of which one is lost.

use crate::servers::{Server, free_port};
use crate::world::{FEW, SMALL_ORDERS, World, done};

#[tokio::test]
async fn a_cluster_of_three_that_loses_a_node_in_mid_phase_changes_nothing() {
    let mut world = World::of(FEW).await;
    done(
        &world.store(),
        &["phase", "limit", "send", "--calls-per-second", "4", "--reason", "a brake"],
    );
    // The world's own server is used only to read the mirror at the end.
    world.nats.end("KILL");
    let routes = [free_port(), free_port(), free_port()];
    let all: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    let mut nodes = Vec::new();
    for (number, route) in all.iter().enumerate() {
        let folder = world.folder.path().join(format!("node{number}"));
        let mut node = Server::new("nats", folder, &["--cluster_name", "three"]);
        let name = format!("node{number}");
        let cluster = ["--server_name", &name, "--cluster", route, "--routes", &all.join(",")];
        node.set(&cluster.map(str::to_owned));
        node.start();
        nodes.push(node);
    }
    let bus: Vec<_> = nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.port)).collect();
    let (store, bus) = (world.store(), bus.join(","));
    let three = ["--bus-replicas", "3"];
    let scheduler = [SMALL_ORDERS, &three].concat();
    let mut services = vec![world.start_at("scheduler", &store, &bus, &scheduler)];
    for role in ["worker", "worker", "projector", "relay", "api"] {
        services.push(world.start_at(role, &store, &bus, &three));
    }
    world.until_outcomes(3).await;
    nodes.remove(0).end("KILL");
    // The mirror is read from a remaining node.
    world.nats = nodes.remove(0);
    world.check().await;
    drop((services, nodes));
}
