//! Leases: one process is active for each, and says so.

use crate::servers::free_port;
use crate::watching::get;
use crate::world::{FEW, SMALL_ORDERS, World};

/// The leases.
const LEASED: [&str; 5] = ["sweep", "directory", "mailboxes", "relay", "drift"];

/// The leases that this process reports to hold.
fn led(port: u16) -> Vec<&'static str> {
    let metrics = get(port, "/metrics").map(|(_, metrics)| metrics).unwrap_or_default();
    let leads = |of: &&str| metrics.contains(&format!("tramonto_leader{{of=\"{of}\"}} 1"));
    LEASED.into_iter().filter(leads).collect()
}

#[tokio::test]
async fn of_two_processes_one_leads_at_each_thing_and_the_other_takes_over() {
    let mut world = World::of(FEW).await;
    let ports = [free_port(), free_port()];
    let [one, other] = ports.map(|port| {
        let listen = format!("127.0.0.1:{port}");
        let more = [SMALL_ORDERS, &["--listen", &listen]].concat();
        world.start("run", &more)
    });
    let all = async || {
        let mut found: Vec<_> = ports.iter().flat_map(|port| led(*port)).collect();
        let mut leased = LEASED;
        found.sort_unstable();
        leased.sort_unstable();
        found == leased
    };
    world.until("one leader of each", all).await;
    world.until_complete().await;
    assert!(all().await, "{:?}", ports.map(led));
    let standing_by = get(ports[0], "/readyz").unwrap().1 + &get(ports[1], "/readyz").unwrap().1;
    assert_eq!(standing_by.matches("standby").count(), LEASED.len(), "{standing_by}");
    one.kill();
    // The table's lease lasts half a minute, since a step of it may take long.
    let soon = ["sweep", "directory", "relay", "drift"];
    let taken_over = || soon.iter().all(|of| led(ports[1]).contains(of));
    world.until("the other at the rest", async || taken_over()).await;
    drop(other);
}
