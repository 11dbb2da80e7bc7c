use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::{Clock, DatabaseStore, EventStore};
use policy::{Follower, Limits, Server, Snapshot};
use registry::Registry;
use rehearsal::Rehearsal;
use rehearsal::VirtualClock;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::enforcement::{Enforcement, FileDirectory};
use super::servers::{Lookups, MailServers};
use super::smtp::Smtp;
use crate::World;

/// The walk takes minutes, during which only the test follows the log.
const BOUND: Duration = Duration::from_hours(1);

/// Postfix asks the policy server for each mail. The existence of mailboxes and logins come from a
/// directory, which nobody asks for rights to send and to receive.
pub struct PolicyService {
    directory: FileDirectory,
    clock: Arc<VirtualClock>,
    follower: Mutex<Follower>,
    snapshot: Arc<Snapshot>,
    address: SocketAddr,
    answering: Option<Answering>,
}

impl PolicyService {
    /// Simulates a killed process.
    fn stop_answering(&mut self) {
        if let Some(Answering { stop, thread, .. }) = self.answering.take() {
            stop.cancel();
            thread.join().unwrap();
        }
    }
}

#[async_trait(?Send)]
impl Enforcement for PolicyService {
    async fn of(world: &World) -> Self {
        let directory = FileDirectory::of(world).await;
        let clock = Arc::new(VirtualClock::at(world.clock.now()));
        let handed: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&clock);
        let log = world.home().log();
        let log = DatabaseStore::open_read_only(&log).await.unwrap();
        let log: Arc<dyn EventStore> = Arc::new(log);
        let path = world.home().registry();
        let registry = Registry::open_read_only(&path, &world.plan.programme).await.unwrap();
        let snapshot = Arc::new(Snapshot::new(handed, BOUND, &[]));
        let follower = Mutex::new(Follower::new(log, Arc::new(registry), Arc::clone(&snapshot)));
        let answering = Answering::on(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::clone(&snapshot));
        let address = answering.address;
        Self { directory, clock, follower, snapshot, address, answering: Some(answering) }
    }

    async fn engine(&self, world: &World) -> Rehearsal {
        self.directory.engine(world).await
    }

    fn lookups(&self) -> Lookups {
        let mut settings = self.directory.lookups().settings;
        settings.push(format!("POLICY={}", self.address));
        Lookups { kind: "policy", settings }
    }

    async fn set_password(&self, address: &str, hash: &str) {
        self.directory.set_password(address, hash).await;
    }

    async fn set_clock(&self, instant: DateTime<Utc>) {
        self.directory.set_clock(instant).await;
        self.clock.set(instant);
        self.follower.lock().await.tick().await.unwrap();
    }

    /// Mail waits while the policy server is down, and is delivered later.
    async fn check_before(
        &mut self,
        world: &World,
        servers: &MailServers,
        [address, _]: [&str; 2],
    ) {
        let deliver = |subject| Smtp::deliver(servers.smtp, address, subject);
        // Not read yet: the policy server defers the mail, and without one, Postfix itself does.
        for round in ["not-read-yet", "gone", "back"] {
            match round {
                "gone" => self.stop_answering(),
                "back" => {
                    self.answering = Some(Answering::on(self.address, Arc::clone(&self.snapshot)));
                    self.set_clock(world.clock.now()).await;
                }
                _ => {}
            }
            let reply = deliver(round);
            let expected = if round == "back" { "250 2.0.0 Ok: queued" } else { "451 4.3.5 " };
            assert!(reply.starts_with(expected), "{round}: {reply}\n{}", servers.logs());
        }
        servers.wait_for(address, "back");
    }

    fn no_sending(&self, _from: &str, to: &str, why: &str) -> String {
        format!("550 5.7.1 <{to}>: Recipient address rejected: {why}")
    }

    async fn end(mut self, world: &World) {
        self.stop_answering();
        self.directory.end(world).await;
    }
}

/// In a separate thread: the test waits for the mail servers, and they wait for the answers.
struct Answering {
    address: SocketAddr,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Answering {
    fn on(address: SocketAddr, snapshot: Arc<Snapshot>) -> Self {
        let (told, bound) = std::sync::mpsc::channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let server = Server::bind(address, snapshot, Limits::default()).await.unwrap();
                told.send(server.address()).unwrap();
                server.run(stopped).await;
            });
        });
        Self { address: bound.recv().unwrap(), stop, thread }
    }
}
