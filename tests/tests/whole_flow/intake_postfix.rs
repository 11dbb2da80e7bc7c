//! The LMTP server behind a real Postfix: every message arrives unchanged, or waits.
//!
//! Needs root, and installs what is missing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use eventstore::Clock;
use intake::{
    Limits, Listen, MessageStatus, MessageWriter, Rate, RateLimiter, Rules, Server, Store,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use whole_flow::corpus::{corpus, huge, reader};
use whole_flow::mail::{Enforcement, FileDirectory, MailServers, Smtp};
use whole_flow::{Nobody, World};

const INTAKE: &str = "richiestapec@agency.example";
const NOBODY: &str = "nobody@agency.example";
const CITIZEN: &str = "citizen@mail.example";
/// The size limit of Postfix and of the intake: more than the largest message of the corpus.
const LARGEST: usize = 40 << 20;
const TIMEOUT: Duration = Duration::from_mins(2);

/// The LMTP server and its store.
struct Port {
    store: Arc<Store>,
    kept: watch::Receiver<u64>,
    address: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Port {
    /// Accepts a burst of this many messages per sender, then one per hour, into the store of that
    /// name.
    async fn open(world: &World, name: &str, address: SocketAddr, per_sender: u32) -> Self {
        let store = Arc::new(Store::open(&world.folder.path().join(name)).await.unwrap());
        let clock: Arc<dyn Clock> = Arc::<rehearsal::VirtualClock>::clone(&world.clock);
        let writer = MessageWriter::new(Arc::clone(&store), clock);
        let kept = writer.stored();
        let rate = |burst| Rate { burst, period: Duration::from_hours(1) };
        let limiter = RateLimiter::new(rate(per_sender), rate(1_000));
        let intake = watch::Sender::new(INTAKE.to_owned()).subscribe();
        let rules = Rules::new("agency.example".into(), intake, LARGEST, limiter, 256 << 20);
        let listen = Listen::Tcp(address);
        let server = Server::bind(&listen, rules, Limits::default(), Arc::new(writer)).await;
        let server = server.unwrap();
        let &Listen::Tcp(address) = server.address() else { panic!("{}", server.address()) };
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(stop.clone()));
        Self { store, kept, address, stop, running }
    }

    /// Waits until this many messages have been stored since it was opened.
    async fn has_kept(&mut self, many: u64, servers: &MailServers) {
        let came = self.kept.wait_for(|kept| *kept >= many);
        let Ok(came) = tokio::time::timeout(TIMEOUT, came).await else {
            panic!(
                "{} of {many} came: {}\n{}",
                *self.kept.borrow(),
                servers.queue(),
                servers.logs()
            )
        };
        assert_eq!(*came.unwrap(), many);
    }

    /// Shuts down as the service does.
    async fn close(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    /// The stored messages with their senders, in the order of arrival.
    async fn messages(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for message in self.store.messages(MessageStatus::New, 0, 1_000).await.unwrap() {
            let content = self.store.content(message.number).await.unwrap().unwrap();
            all.push((message.sender.unwrap(), content));
        }
        all
    }
}

/// A Postfix that delivers the domain of the requests to this server.
async fn postfix(world: &World, port: SocketAddr) -> MailServers {
    let directory = FileDirectory::of(world).await;
    let mut engine = directory.engine(world).await;
    engine.run_until(world.clock.now(), &mut Nobody).await.unwrap();
    engine.engine.stop().await.unwrap();
    MailServers::start_with(
        &directory.lookups(),
        &[
            "relay_domains = agency.example",
            &format!("relay_transport = lmtp:inet:{port}"),
            &format!("message_size_limit = {LARGEST}"),
        ],
    )
}

/// One message per name, with a date, which Postfix would add otherwise.
fn letter(name: &str) -> Vec<u8> {
    format!(
        "From: <{CITIZEN}>\r\nTo: <{INTAKE}>\r\nDate: Wed, 18 Mar 2015 09:00:00 +0100\r\n\
         Message-ID: <{name}@mail.example>\r\nSubject: {name}\r\n\r\nVorrei il voucher.\r\n"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postfix_accepts_reaches_the_intake_now_or_once_it_listens_again() {
    let world = World::with(50).await;
    let port = Port::open(&world, "all.db", ([127, 0, 0, 1], 0).into(), 1_000).await;
    let servers = postfix(&world, port.address).await;
    let address = port.address;
    everything_arrives(port, &servers).await;
    deferred_messages_arrive_later(&world, address, &servers).await;
}

async fn everything_arrives(mut port: Port, servers: &MailServers) {
    let (examples, huge) = (corpus(), huge());
    let mut smtp = Smtp::open(servers.smtp);
    for example in &examples {
        smtp.submit(example.sender, &[INTAKE], &example.bytes);
    }
    smtp.submit(CITIZEN, &[INTAKE], &huge);
    // One of two recipients is unknown: the other one gets the message, and the sender, here the
    // intake, gets a report.
    let both = letter("for-two");
    smtp.submit(INTAKE, &[NOBODY, INTAKE], &both);
    let expected = examples.len() + 3;
    port.has_kept(u64::try_from(expected).unwrap(), servers).await;
    servers.wait_for_queue(|queue| queue.contains("queue is empty"));

    let mut came = port.messages().await;
    assert_eq!(came.len(), expected);
    // Postfix adds a header to each message; the rest is unchanged.
    let mut take = |name: &str, sender: &str, bytes: &[u8]| {
        let found = came.iter().position(|(_, content)| content.ends_with(bytes));
        let found = found.unwrap_or_else(|| panic!("{name} did not come as it was"));
        let (from, content) = came.swap_remove(found);
        assert_eq!(from, sender, "{name}");
        assert!(content.starts_with(b"Received: from client.example "), "{name}");
        reader().read(Some(&from), &content)
    };
    for example in &examples {
        example.agrees(&take(example.name, example.sender, &example.bytes));
    }
    assert_eq!(take("huge", CITIZEN, &huge).kind.code(), "too-large");
    assert_eq!(take("for two", INTAKE, &both).kind.code(), "no-identifier");
    let [(sender, content)] = came.as_slice() else { panic!("{} more came", came.len()) };
    assert_eq!(sender, "");
    let report = reader().read(Some(sender), content);
    assert_eq!(report.kind.code(), "bounce");
    assert_eq!(report.undelivered.as_deref(), Some("for-two@mail.example"));
    let told = String::from_utf8_lossy(content);
    for line in [
        &format!("Final-Recipient: rfc822; {NOBODY}"),
        "Status: 5.1.1",
        "550 5.1.1 unknown recipient",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains(&format!("Final-Recipient: rfc822; {INTAKE}")), "{told}");
    port.close().await;
}

/// Messages over the rate, and those that come while nothing listens, wait in Postfix.
async fn deferred_messages_arrive_later(world: &World, address: SocketAddr, servers: &MailServers) {
    let mut port = Port::open(world, "deferred.db", address, 1).await;
    let mut smtp = Smtp::open(servers.smtp);
    let letters = ["first", "over-the-pace", "while-we-were-gone"].map(letter);
    smtp.submit(CITIZEN, &[INTAKE], &letters[0]);
    port.has_kept(1, servers).await;
    smtp.submit(CITIZEN, &[INTAKE], &letters[1]);
    servers.wait_for_queue(|queue| queue.contains("451 4.7.1 too many messages"));
    port.close().await;
    smtp.submit(CITIZEN, &[INTAKE], &letters[2]);
    servers.wait_for_queue(|queue| queue.contains("Connection refused"));

    let mut port = Port::open(world, "deferred.db", address, 1_000).await;
    servers.wait_for_queue(|queue| {
        servers.flush();
        queue.contains("queue is empty")
    });
    port.has_kept(2, servers).await;
    let came = port.messages().await;
    assert_eq!(came.len(), 3);
    for letter in &letters {
        assert_eq!(came.iter().filter(|(_, content)| content.ends_with(letter)).count(), 1);
    }
    port.close().await;
}
