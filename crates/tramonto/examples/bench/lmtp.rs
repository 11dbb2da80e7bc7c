//! E-mails delivered to the shipped LMTP server on loopback: each is on the disk, with fsync,
//! before it is answered 250. What is made of them afterwards is not in the figures.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::RealClock;
use intake::{Limits, Listen, MessageWriter, Rate, RateLimiter, Rules, Server, Store};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::report::{Report, milliseconds, whole};
use crate::{Args, Fallible, median, rate};

/// What must not be fallen below, in e-mails a second.
const AIM: f64 = 200.0;
/// A message of that number.
type Written = fn(u32) -> String;
const KINDS: [(&str, Written); 2] = [("plain", plain), ("in a certified-mail envelope", certified)];
const INTAKE: &str = "requests@agency.example";

pub(crate) async fn measure(args: &Args, report: &mut Report) -> Fallible<()> {
    report.section("### E-mails through LMTP, SQLite, fsync before each answer".to_owned());
    for (what, message) in KINDS {
        let bytes = message(0).len();
        for (connections, many) in [(1, 2_000), (10, 1_000)] {
            let mut rates = Vec::new();
            let mut waits = Vec::new();
            for _ in 0..args.rounds {
                let folder = tempfile::tempdir()?;
                let (took, waited) = hand_over(folder.path(), message, connections, many).await?;
                rates.push(took);
                waits.push(waited);
            }
            let rate = rate(u64::from(connections * many), median(rates));
            let median = milliseconds(median(waits));
            report.row(
                format!("e-mails of {bytes} bytes, {what}, over {connections} connection(s)"),
                format!("{}/s, {median} each at the median", whole(rate)),
                format!("{}/s asked for", whole(AIM)),
            );
        }
    }
    Ok(())
}

/// How long so many take in all, and one at the median, from its MAIL to its answer.
async fn hand_over(
    folder: &Path,
    message: Written,
    connections: u32,
    many: u32,
) -> Fallible<(Duration, Duration)> {
    let store = Arc::new(Store::open(&folder.join("intake.db")).await?);
    let writer = Arc::new(MessageWriter::new(Arc::clone(&store), Arc::new(RealClock)));
    let any = Rate { burst: u32::MAX, period: Duration::from_nanos(1) };
    let limiter = RateLimiter::new(any, any);
    let intake = watch::Sender::new(INTAKE.to_owned()).subscribe();
    let rules = Rules::new("mx.example".to_owned(), intake, 1 << 20, limiter, 64 << 20);
    let place = Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let server = Server::bind(&place, rules, Limits::default(), writer).await?;
    let Listen::Tcp(address) = *server.address() else { return Err("no port".into()) };
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.run(stop.clone()));
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..connections {
        let first = client * many;
        clients.spawn(async move {
            talk(address, message, first..first + many).await.map_err(|error| error.to_string())
        });
    }
    let mut waits = Vec::new();
    while let Some(talked) = clients.join_next().await {
        waits.extend(talked??);
    }
    let took = begun.elapsed();
    stop.cancel();
    running.await?;
    let kept: u64 = store.message_counts().await?.iter().map(|(_, _, many)| many).sum();
    if kept != u64::from(connections * many) {
        return Err(format!("{kept} of {} messages were kept", connections * many).into());
    }
    Ok((took, median(waits)))
}

/// One connection as Postfix has it: commands in one go up to DATA, then the message.
async fn talk(
    address: SocketAddr,
    message: Written,
    numbers: std::ops::Range<u32>,
) -> Fallible<Vec<Duration>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut answers = BufReader::new(read).lines();
    let mut answer = async |expected: &str| -> Fallible<()> {
        loop {
            let line = answers.next_line().await?.unwrap_or_default();
            if !line.starts_with(expected) {
                return Err(format!("{line:?} instead of {expected}").into());
            }
            if !line.starts_with(&format!("{expected}-")) {
                return Ok(());
            }
        }
    };
    answer("220").await?;
    write.write_all(b"LHLO mail.example\r\n").await?;
    answer("250").await?;
    let envelope = format!("MAIL FROM:<citizen@mail.example>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\n");
    let mut waits = Vec::new();
    for number in numbers {
        let message = format!("{}\r\n.\r\n", message(number));
        let begun = Instant::now();
        write.write_all(envelope.as_bytes()).await?;
        for expected in ["250", "250", "354"] {
            answer(expected).await?;
        }
        write.write_all(message.as_bytes()).await?;
        answer("250").await?;
        waits.push(begun.elapsed());
    }
    Ok(waits)
}

fn headers(number: u32) -> String {
    format!(
        "Received: from mail.example (mail.example [192.0.2.9]) by mx.example\r\nFrom: A Citizen \
         <citizen@mail.example>\r\nTo: {INTAKE}\r\nDate: Wed, 18 Mar 2015 09:00:00 \
         +0100\r\nSubject: richiesta\r\n\
         Message-ID: <{number}@mail.example>\r\nMIME-Version: 1.0\r\n"
    )
}

fn plain(number: u32) -> String {
    let text = "Buongiorno, chiedo il voucher per una casella. Cordiali saluti.\r\n".repeat(12);
    format!("{}Content-Type: text/plain\r\n\r\n{text}RSSMRA85T10A562S", headers(number))
}

/// A provider's envelope with the message inside, its data and its signature, of the usual sizes.
fn certified(number: u32) -> String {
    let certificate = format!("{}\r\n", "MIIB".repeat(19)).repeat(60);
    let data = format!("{}\r\n", "PHBv".repeat(19)).repeat(20);
    format!(
        "{}X-Trasporto: posta-certificata\r\nContent-Type: multipart/signed; \
         protocol=\"application/x-pkcs7-signature\"; boundary=\"s\"\r\n\r\n--s\r\nContent-Type: \
         multipart/mixed; \
         boundary=\"p\"\r\n\r\n--p\r\nContent-Type: text/plain\r\n\r\nMessaggio di posta \
         certificata\r\n--p\r\n\
         Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\r\n{}\r\n--p\r\nContent-Type: \
         application/xml; \
         name=\"daticert.xml\"\r\nContent-Transfer-Encoding: \
         base64\r\n\r\n{data}--p--\r\n--s\r\nContent-Type: \
         application/pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: \
         base64\r\n\r\n\
         {certificate}--s--",
        headers(number),
        plain(number),
    )
}
