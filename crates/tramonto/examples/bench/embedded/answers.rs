//! Answers to mail servers over real sockets, while the log grows by a hundred events a second.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::Duration as Span;
use domain::{Capabilities, Capability, Event, HoldPlaced, HoldReleased, MailboxSet, RightsArmed};
use eventstore::{Clock, ExpectedVersion, Origin, mailbox_stream, outcome_stream};
use policy::{Follower, Limits, Server, Snapshot};
use registry::Registry;
use rehearsal::VirtualClock;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::world::Running;
use crate::report::{Report, seconds, whole};
use crate::{Fallible, percentile};

const CONNECTIONS: usize = 8;
const LASTING: Duration = Duration::from_secs(5);
/// Answers a second over all connections, where they are asked for at a pace.
const PACE: u32 = 4_000;

pub(crate) async fn measure(running: &Running, report: &mut Report) -> Fallible<()> {
    let store = &running.engine.store;
    let log = Arc::clone(store.log());
    let path = running.folder()?.join("registry.db");
    let registry = Arc::new(Registry::open_read_only(&path, &running.plan.programme).await?);
    // A day on which nobody may send and everybody receive.
    let day = running.plan.starts_at(1) + Span::days(1);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::at(day));
    let snapshot = Arc::new(Snapshot::new(clock, Duration::from_secs(30), &[]));
    let mut follower =
        Follower::new(Arc::clone(&log), Arc::clone(&registry), Arc::clone(&snapshot));
    let begun = Instant::now();
    follower.tick().await?;
    let (addresses, bytes) = snapshot.size();
    let each = f64::from(u32::try_from(bytes)?) / f64::from(u32::try_from(addresses)?);
    report.row(
        "answers to mail servers: read at the start",
        seconds(begun.elapsed()),
        format!("{each:.1} bytes an address"),
    );
    let stop = CancellationToken::new();
    let server = Server::bind("127.0.0.1:0".parse()?, snapshot, Limits::default()).await?;
    let address = server.address();
    let server = tokio::spawn(server.run(stop.clone()));
    let mut appended = log.appended();
    let following = tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        loop {
            appended.borrow_and_update();
            if let Err(error) = follower.tick().await {
                eprintln!("the log is not followed: {error}");
            }
            // Looked at again each second, and when something was appended.
            drop(tokio::time::timeout(Duration::from_secs(1), appended.changed()).await);
        }
    }));
    let rows = registry.addresses(0..=99_999).await?;
    let addresses: Arc<Vec<String>> = Arc::new(rows.into_iter().map(|row| row.1).collect());
    for (label, pace) in [("at full speed", None), ("at a pace", Some(PACE))] {
        let growing = stop.child_token();
        let asking = Arc::clone(&addresses);
        let asked = tokio::task::spawn_blocking(move || ask(address, &asking, pace));
        let grown = grow(running, growing.clone());
        let asked = async {
            let asked = asked.await;
            growing.cancel();
            asked
        };
        let (asked, grown) = tokio::join!(asked, grown);
        let (mut times, events) = (asked??, grown?);
        let rate = f64::from(u32::try_from(times.len())?) / LASTING.as_secs_f64();
        let mut micros = |percent| percentile(&mut times, percent).as_micros();
        report.row(
            format!("answers, {CONNECTIONS} connections, {label}"),
            format!("{}/s, {} µs median, {} µs p99", whole(rate), micros(50), micros(99)),
            format!("{} µs worst; {events} events appended meanwhile", micros(100)),
        );
    }
    stop.cancel();
    server.await?;
    following.await?;
    Ok(())
}

/// Appends an event each ten milliseconds: mostly holds, and large sets.
async fn grow(running: &Running, stop: CancellationToken) -> Fallible<u32> {
    let journal = &running.engine.journal;
    let (mut ticks, mut events) = (tokio::time::interval(Duration::from_millis(10)), 0_u32);
    let mut set = MailboxSet::new().into_inner();
    set.insert_range(0..65_536);
    let set = MailboxSet::from(set);
    let origin = Origin::part("bench");
    while !stop.is_cancelled() {
        ticks.tick().await;
        let number = events / 2 % 1_000;
        let (hold, capabilities) =
            (Uuid::from_u128(number.into()), Capabilities::from(Capability::Send));
        let (stream, event) = match events % 10 {
            9 => {
                let mailboxes = set.clone();
                let armed =
                    RightsArmed { phase: None, revision: 1, capabilities, until: None, mailboxes };
                (outcome_stream(journal.programme(), None)?, Event::RightsArmed(armed))
            }
            place if place % 2 == 0 => {
                let placed = HoldPlaced { hold, number, capabilities, until: None };
                (mailbox_stream(journal.programme(), number)?, Event::HoldPlaced(placed))
            }
            _ => {
                let released = HoldReleased { hold, number };
                (mailbox_stream(journal.programme(), number)?, Event::HoldReleased(released))
            }
        };
        journal.append(stream, ExpectedVersion::Any, &[event], &origin).await?;
        events += 1;
    }
    Ok(events)
}

/// Asks over several connections at once, each from a thread of its own, as the processes of a mail
/// server do; the times of all answers.
fn ask(
    address: SocketAddr,
    addresses: &Arc<Vec<String>>,
    pace: Option<u32>,
) -> Result<Vec<Duration>, String> {
    let rest = pace.map(|pace| Duration::from_secs(1) * 8 / pace);
    let threads = (0..CONNECTIONS).map(|thread| {
        let addresses = Arc::clone(addresses);
        thread::spawn(move || {
            one(address, &addresses, thread, rest).map_err(|error| error.to_string())
        })
    });
    let threads: Vec<_> = threads.collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_panicked| "a thread ended".to_owned())??);
    }
    Ok(all)
}

fn one(
    address: SocketAddr,
    addresses: &[String],
    thread: usize,
    rest: Option<Duration>,
) -> Fallible<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let begun = Instant::now();
    let mut answer = [0; 256];
    let mut place = thread * 7_919;
    while begun.elapsed() < LASTING {
        place = place.wrapping_add(104_729);
        let ours = addresses.get(place % addresses.len()).ok_or("no addresses")?;
        // Half are refused, for they send, and half are not.
        let who = if place.is_multiple_of(2) { ours } else { "" };
        let request = format!(
            "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n\
             client_address=192.0.2.7\nclient_name=unknown\nhelo_name=mail.example\n\
             sender={who}\nrecipient={ours}\nsasl_username={who}\ninstance=1.2.3\nsize=0\n\n"
        );
        let asked = Instant::now();
        stream.write_all(request.as_bytes())?;
        let mut length = 0;
        while !answer.get(..length).is_some_and(|answer| answer.ends_with(b"\n\n")) {
            let read = stream.read(answer.get_mut(length..).unwrap_or_default())?;
            if read == 0 {
                return Err("the connection was closed".into());
            }
            length += read;
        }
        times.push(asked.elapsed());
        if answer.starts_with(b"action=451") {
            return Err("mail was deferred".into());
        }
        if let Some(rest) = rest {
            thread::sleep(rest.saturating_sub(asked.elapsed()));
        }
    }
    Ok(times)
}
