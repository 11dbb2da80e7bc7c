//! Answers to mail servers while the database is up, while it is down, and afterwards.

use std::net::{SocketAddr, TcpStream};

use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::policy_client::query;
use crate::process::free_address;
use crate::proxy::Proxy;
use crate::world::{FEW, World, done, store};

/// One persistent connection, like Postfix's.
struct MailServer {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl MailServer {
    fn ask(&mut self, attribute: &str, address: &str) -> String {
        let asked = match &mut self.stream {
            Some(stream) => query(stream, attribute, address),
            none => TcpStream::connect(self.address)
                .and_then(|stream| query(none.insert(stream), attribute, address)),
        };
        asked.unwrap_or_else(|_| {
            self.stream = None;
            String::new()
        })
    }
}

#[tokio::test]
async fn a_database_that_is_away_defers_mail_and_lets_none_through_nor_refuses_any_wrongly() {
    let mut world = World::of(FEW).await;
    let mut database = world.connect().await;
    let roles = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/postgres/roles.sql");
    let roles = std::fs::read_to_string(roles).unwrap();
    database.execute(AssertSqlSafe(roles)).await.unwrap();
    // Minimal permissions: numbers and addresses of the registry.
    database.execute("CREATE ROLE mailer LOGIN IN ROLE tramonto_policy").await.unwrap();
    let some = "SELECT address FROM registry.registration WHERE activated_on IS NOT NULL LIMIT 2";
    let some: Vec<(String,)> = sqlx::query_as(some).fetch_all(&mut database).await.unwrap();
    database.close().await.unwrap();
    let [(held,), (closed,)] = &some[..] else { panic!("two activated mailboxes") };
    let place = ["hold", "place", held, "--capability", "receive", "--reason", "order 1"];
    done(&world.store(), &place);

    let address = free_address();
    let listen = address.to_string();
    let wire = Proxy::to(world.postgres.port).await;
    let store = store(wire.port).replace("tramonto@", "mailer@");
    let told = ["--policy-listen", &listen, "--policy-stale", "1"];
    let bus = "nats://127.0.0.1:1";
    let policy = world.start_at("policy", &store, bus, &told);
    let mut server = MailServer { address, stream: None };
    world.until("an answer", async || server.ask("recipient", held) == "action=DUNNO").await;
    assert!(server.ask("recipient", closed).starts_with("action=550 5.2.1 "));
    assert!(server.ask("sasl_username", held).starts_with("action=550 5.7.1 "));

    let deferred = async |server: &mut MailServer, address: &str, right: &str| {
        let answer = server.ask("recipient", address);
        let later = answer.starts_with("action=451 4.3.5 ");
        assert!(later || answer.starts_with(right), "{answer}");
        later
    };
    let back = async |server: &mut MailServer, address: &str, right: &str| {
        !deferred(server, address, right).await
    };
    // A stopped server refuses connections; a cut connection is silent.
    for gone in ["stopped", "cut off"] {
        if gone == "stopped" {
            world.postgres.end("INT");
        } else {
            wire.cut();
        }
        let (keeps, ended) = ("action=DUNNO", "action=550 5.2.1");
        world.until(gone, async || deferred(&mut server, held, keeps).await).await;
        world.until(gone, async || deferred(&mut server, closed, ended).await).await;
        assert!(deferred(&mut server, "someone@mail.example", "action=451").await);
        if gone == "stopped" {
            world.postgres.start();
        } else {
            wire.mend();
        }
        world.until("held", async || back(&mut server, held, keeps).await).await;
        world.until("closed", async || back(&mut server, closed, ended).await).await;
    }
    let told = policy.told();
    assert!(![held, closed].into_iter().any(|address| told.contains(address)), "{told}");
    assert_eq!(policy.stop().await, Some(0));
}
