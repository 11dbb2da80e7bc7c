//! Canaries, probed by one worker of two.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use rehearsal::generate::{Options, generate};

use crate::servers::free_port;
use crate::watching::get;
use crate::world::World;

const REGISTRATIONS: u32 = 500;

/// The plan of CEC-PAC with the first activated mailbox as its canary.
fn watched() -> String {
    let mut file = Vec::new();
    generate(&Options { registrations: REGISTRATIONS, seed: 1 }, &mut file).unwrap();
    let file = String::from_utf8(file).unwrap();
    let mut rows = file.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let address = rows.find(|row| !row[6].is_empty()).unwrap()[4].to_owned();
    let plan = include_str!("../../../../deploy/plans/cec-pac.toml");
    format!("{plan}\n[canaries]\naddresses = [\"{address}\"]\n")
}

/// A server on port 25 that accepts every recipient; it ends with the test.
fn obeying_nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    url
}

fn serve(stream: TcpStream) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"220 mx\r\n").ok()?;
    let mut line = String::new();
    while stream.read_line(&mut line).ok()? > 0 {
        stream.get_mut().write_all(b"250 2.1.5 Ok\r\n").ok()?;
        line.clear();
    }
    Some(())
}

#[tokio::test]
async fn one_worker_of_two_probes_and_tells_that_a_mail_server_does_not_obey() {
    let mut world = World::under(&watched(), REGISTRATIONS).await;
    let mx = obeying_nobody();
    let ports = [free_port(), free_port()];
    let workers = ports.map(|port| {
        let listen = format!("127.0.0.1:{port}");
        world.start("worker", &["--canary-smtp", &mx, "--listen", &listen])
    });
    let probed = async || world.recorded("canary-probed").await;
    world.until("a probe", async || probed().await > 0).await;
    let told = |port: u16| get(port, "/metrics").map(|(_, metrics)| metrics).unwrap_or_default();
    let all = || ports.map(told).join("\n");
    let contradicts = || all().matches("tramonto_canary_contradictions 1").count() == 2;
    world.until("the gauge of both", async || contradicts()).await;
    assert_eq!(all().matches("tramonto_leader{of=\"canaries\"} 1").count(), 1, "{}", all());
    assert_eq!(probed().await, 1, "the other recorded it again");
    drop(workers);
}
