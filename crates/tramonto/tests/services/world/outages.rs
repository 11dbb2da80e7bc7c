//! Outages as services report them: each part once when it fails, and once when it works again.

use std::collections::BTreeMap;

use super::{Service, World};

/// The parts that read the database in every tick, by role.
///
/// Not among them is `api`: it uses the database only for a command, which it answers with the
/// problem.
static PARTS: [(&str, &[&str]); 4] = [
    ("scheduler", &["scheduler", "sweep", "drift"]),
    ("worker", &["worker"]),
    ("projector", &["table", "provisioner"]),
    ("relay", &["relay"]),
];

/// How often a part has reported that it fails, and that it works again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outages {
    begun: usize,
    over: usize,
}

/// The outages of each part of a deployment, by the place of its service and its name.
type Reported = BTreeMap<(usize, &'static str), Outages>;

fn reported(services: &[Service]) -> Reported {
    let mut all = Reported::new();
    for (place, service) in services.iter().enumerate() {
        let log = service.told();
        let parts = PARTS.iter().find(|(role, _)| *role == service.role);
        for part in parts.into_iter().flat_map(|(_, parts)| parts.iter()) {
            let named = format!("part=\"{part}\"");
            let lines = || log.lines().filter(|line| line.contains(&named));
            let begun = lines().filter(|line| line.contains("tick failed")).count();
            let over = lines().filter(|line| line.contains("tick succeeded again")).count();
            all.insert((place, *part), Outages { begun, over });
        }
    }
    all
}

impl World {
    /// Stops the database and starts it again: meanwhile each part reports one outage, and
    /// afterwards that it is over.
    pub(crate) async fn lose_the_database(&mut self, services: &[Service]) {
        let before = reported(services);
        assert!(before.values().all(|part| part.begun == part.over), "{before:#?}");
        self.postgres.end("QUIT");
        let all_failed =
            async || reported(services).iter().all(|(part, now)| now.begun > before[part].begun);
        self.until("an outage of each part", all_failed).await;
        for (part, now) in reported(services) {
            let once = Outages { begun: before[&part].begun + 1, over: before[&part].over };
            assert_eq!(now, once, "{part:?}: reported once while it lasts");
        }
        self.postgres.start();
        let recovered = async || reported(services).values().all(|part| part.begun == part.over);
        self.until("the recovery of each part", recovered).await;
    }
}
