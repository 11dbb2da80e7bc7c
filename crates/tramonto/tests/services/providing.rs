//! The platform is a provider's API: a worker is killed while its request is carried out.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use domain::Capability;
use eventstore::Filter;
use roaring::RoaringBitmap;
use sqlx::Connection;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::raw;
use crate::receiver::{Receiver, SECRET};
use crate::world::{FEW, World};

/// The change that is carried out and never answered.
const UNANSWERED: u32 = 5;

/// A proxy in front of the receiver. It forwards one request without ever returning the response,
/// and reports that.
struct Front {
    url: String,
    serving: JoinHandle<()>,
}

impl Front {
    async fn before(receiver: &Receiver) -> (Self, oneshot::Receiver<()>) {
        let place = receiver.settings().endpoint.to_string();
        let place = place.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, told) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let (mut tell, mut changes, mut unanswered) = (Some(tell), 0, None);
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = raw::read(&mut stream).await else { continue };
                // One at a time, so that requests and effects have the same order.
                let mut behind = TcpStream::connect(&place).await.unwrap();
                behind.write_all(&request.bytes()).await.unwrap();
                let answer = raw::read(&mut behind).await.unwrap();
                changes += u32::from(request.header("idempotency-key").is_some());
                if changes == UNANSWERED && unanswered.is_none() {
                    tell.take().unwrap().send(()).unwrap();
                    unanswered = Some(stream);
                    continue;
                }
                let head = answer.head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                let answer = raw::Message { head, ..answer };
                // The client may have been killed by now.
                drop(stream.write_all(&answer.bytes()).await);
            }
        });
        (Self { url, serving }, told)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_while_the_provider_carries_its_request_out_leaves_everybody_done_once() {
    let mut world = World::of(FEW).await;
    let receiver = Receiver::start().await;
    let mut database = world.connect().await;
    let mailboxes = "SELECT number, address FROM registry.registration
                     WHERE activated_on IS NOT NULL ORDER BY number";
    let mailboxes: Vec<(i64, String)> =
        sqlx::query_as(mailboxes).fetch_all(&mut database).await.unwrap();
    database.close().await.unwrap();
    let mailboxes: Vec<(u32, String)> = mailboxes
        .into_iter()
        .map(|(number, address)| (u32::try_from(number).unwrap(), address))
        .collect();
    receiver.provision(&mailboxes).await;

    let (front, told) = Front::before(&receiver).await;
    let secret = world.folder.path().join("secret");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let platform = [
        "--platform",
        &front.url,
        "--platform-private",
        "--platform-batch",
        "250",
        "--platform-secret-file",
        secret.to_str().unwrap(),
    ];
    let scheduler = [&platform[..], &["--batch", "500", "--orders", "16"]].concat();
    let _others = [
        world.start("scheduler", &scheduler),
        world.start("projector", &platform),
        world.start("relay", &platform),
    ];
    let worker = world.start("worker", &platform);
    told.await.unwrap();
    assert!(world.completed().await < 2, "only one phase asks nothing of a provider");
    worker.kill();
    let _workers = ["worker", "worker"].map(|role| world.start(role, &platform));
    world.until_complete().await;

    let everybody: RoaringBitmap = mailboxes.iter().map(|(number, _)| *number).collect();
    let outcomes = Filter { categories: vec!["outcome".to_owned()] };
    let page = world.log().await.read_all(0, &outcomes, 100_000).await.unwrap();
    for ended in [Capability::Send, Capability::Modify, Capability::Receive, Capability::Access] {
        let (mut all, mut count) = (RoaringBitmap::new(), 0);
        for recorded in &page.events {
            let event = recorded.fact().unwrap().event;
            if let Some((_, outcome)) = event.as_removal().filter(|(of, _)| *of == ended) {
                all |= &*outcome.mailboxes;
                count += outcome.mailboxes.len();
            }
        }
        let due = if ended == Capability::Access { &RoaringBitmap::new() } else { &everybody };
        assert_eq!((&all, count), (due, due.len()), "{ended}");
    }
    // The same by the provider's own count: sending and changing together, then receiving.
    let undone = "SELECT count(*) FROM mailbox WHERE changes <> 2 OR send_until IS NULL
                  OR modify_until IS NULL OR receive_until IS NULL OR access_until IS NOT NULL";
    assert_eq!(receiver.count(undone).await, 0);
    assert_eq!(receiver.count("SELECT count(*) FROM mailbox").await, everybody.len());
    let provisioned = "SELECT count(*) FROM directory.mailbox";
    assert_eq!(world.ask(provisioned).await, 0, "a directory was filled that nobody asked for");
    world.check_copies().await;
}
