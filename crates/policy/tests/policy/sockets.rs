use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use policy::{Limits, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::{World, utc};

const PLENTY: Duration = Duration::from_mins(1);
const TO_P0: &str = "request=smtpd_access_policy\nrecipient=p0@box.example\n\n";
const TO_OTHERS: &str = "request=smtpd_access_policy\nrecipient=someone@mail.example\n\n";
const DUNNO: &str = "action=DUNNO\n\n";

/// A server over a world in which nobody receives any more.
struct Running {
    world: World,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Running {
    async fn with(limits: Limits) -> Self {
        let mut world = World::new().await;
        world.time.set(utc("2015-07-18T12:00:00Z"));
        world.follow().await;
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(anywhere, Arc::clone(&world.snapshot), limits).await.unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        let server = tokio::spawn(server.run(stop.clone()));
        Self { world, address, stop, server }
    }

    async fn new() -> Self {
        Self::with(Limits { idle: PLENTY, request: PLENTY, ..Limits::default() }).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads one answer.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n\n") {
        answer.push(tokio::time::timeout(PLENTY, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(answer).unwrap()
}

/// Everything up to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PLENTY, stream.read_to_end(&mut rest)).await.unwrap();
    // One that was closed with bytes unread may end with a reset.
    drop(read);
    String::from_utf8(rest).unwrap()
}

#[tokio::test]
async fn a_connection_asks_again_and_again_in_whatever_pieces() {
    let running = Running::new().await;
    let mut stream = running.connect().await;
    for _ in 0..3 {
        stream.write_all(TO_P0.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("action=550 5.2.1 "));
        stream.write_all(TO_OTHERS.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await, DUNNO);
    }
    for byte in TO_OTHERS.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(answer(&mut stream).await, DUNNO);
    let many = TO_OTHERS.repeat(500);
    stream.write_all(many.as_bytes()).await.unwrap();
    for _ in 0..500 {
        assert_eq!(answer(&mut stream).await, DUNNO);
    }
    drop(running.world);
}

#[tokio::test]
async fn garbage_has_the_mail_come_again_and_ends_the_connection() {
    let running = Running::new().await;
    let long = format!("request=smtpd_access_policy\nhelo_name={}", "x".repeat(100_000));
    let endless = "attribute=value\n".repeat(10_000);
    for garbage in ["GET / HTTP/1.1\r\n\r\n", "\n", "\0\0\n\n", &long, &endless] {
        let mut stream = running.connect().await;
        // A peer that has hung up is no longer written to.
        drop(stream.write_all(garbage.as_bytes()).await);
        let said = rest(&mut stream).await;
        // Where the peer was still sending, a reset may overtake the answer.
        assert!(said.starts_with("action=451 4.3.5 ") || said.is_empty(), "{said:?}");
    }
    let mut stream = running.connect().await;
    stream.write_all(b"GET / HTTP/1.1\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("action=451 4.3.5 "));
    let mut stream = running.connect().await;
    stream.write_all(TO_OTHERS.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await, DUNNO, "the next one is served");
}

#[tokio::test]
async fn who_says_nothing_or_never_ends_is_let_go() {
    let short = Duration::from_millis(50);
    let idle = Running::with(Limits { idle: short, request: PLENTY, ..Limits::default() }).await;
    assert_eq!(rest(&mut idle.connect().await).await, "");
    let slow = Running::with(Limits { idle: PLENTY, request: short, ..Limits::default() }).await;
    let mut stream = slow.connect().await;
    stream.write_all(b"request=smtpd_access").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_go_on() {
    let limits = Limits { connections: 2, idle: PLENTY, request: PLENTY };
    let running = Running::with(limits).await;
    let (mut one, mut two) = (running.connect().await, running.connect().await);
    for stream in [&mut one, &mut two] {
        stream.write_all(TO_OTHERS.as_bytes()).await.unwrap();
        assert_eq!(answer(stream).await, DUNNO);
    }
    assert_eq!(rest(&mut running.connect().await).await, "");
    drop(one);
    // A place is free again once the server has seen the end of the first.
    let begun = std::time::Instant::now();
    loop {
        let mut third = running.connect().await;
        drop(third.write_all(TO_OTHERS.as_bytes()).await);
        if let Ok(Ok(byte)) = tokio::time::timeout(PLENTY, third.read_u8()).await {
            assert_eq!(byte, b'a');
            break;
        }
        assert!(begun.elapsed() < PLENTY, "no place became free");
    }
    two.write_all(TO_OTHERS.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut two).await, DUNNO);
}

#[tokio::test]
async fn told_to_stop_it_answers_who_is_in_the_middle_and_takes_nobody_else() {
    let Running { world, address, stop, server } = Running::new().await;
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let mut asking = TcpStream::connect(address).await.unwrap();
    for stream in [&mut waiting, &mut asking] {
        stream.write_all(TO_OTHERS.as_bytes()).await.unwrap();
        assert_eq!(answer(stream).await, DUNNO);
    }
    let (head, tail) = TO_P0.split_at(40);
    asking.write_all(TO_OTHERS.as_bytes()).await.unwrap();
    asking.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut asking).await, DUNNO);
    stop.cancel();
    assert_eq!(rest(&mut waiting).await, "", "who waits is let go");
    let begun = std::time::Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < PLENTY, "it still takes connections");
    }
    drop(asking.write_all(tail.as_bytes()).await);
    let last = rest(&mut asking).await;
    assert!(last.starts_with("action=550 5.2.1 ") || last.is_empty(), "{last:?}");
    tokio::time::timeout(PLENTY, server).await.unwrap().unwrap();
    drop(world);
}
