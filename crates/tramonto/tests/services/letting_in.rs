//! Authentication at a database and a bus that require it, and the errors without it.

use std::process::Output;

use crate::certificates::Authority;
use crate::jwt::signed;
use crate::secured::{BUS_SECRET, STORE_SECRET, Secured, close_bus, close_database, secret};
use crate::world::{FEW, World, tramonto};

/// One sentence, without any secret.
fn assert_one_sentence(output: &Output, says: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains(says), "{says} is not in: {told}");
    assert!(!told.contains(STORE_SECRET), "{told}");
}

#[tokio::test]
async fn a_database_is_trusted_by_its_certificate_and_trusts_a_password() {
    let mut world = World::stopped(FEW).await;
    let (authority, other) = (Authority::new(), Authority::new());
    close_database(&mut world, &authority, &["localhost"]);
    let folder = world.folder.path();
    let [ours, theirs] = [(&authority, "ours.crt"), (&other, "theirs.crt")]
        .map(|(authority, file)| authority.write(&folder.join(file)));
    let right = secret(folder, "right", STORE_SECRET);
    let wrong = secret(folder, "wrong", &format!("not-{STORE_SECRET}"));
    let secured = Secured::started(world, ours.clone()).await;
    let ask = |store: &str, more: &[&str]| {
        let mut asked = tramonto(store);
        asked.args(["event", "list", "--json"]).args(more).output().unwrap()
    };
    let store = secured.store_as("relay");
    let trusting = ["--store-root-certificate", &ours, "--store-password-file", &right];
    let answer = ask(&store, &trusting);
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert!(!answer.stdout.is_empty());

    let other = ["--store-root-certificate", &theirs, "--store-password-file", &right];
    assert_one_sentence(&ask(&store, &other), "--store-root-certificate");
    let by_number = store.replace("localhost", "127.0.0.1");
    assert_one_sentence(&ask(&by_number, &trusting), "--store-root-certificate");
    let open = format!("{store}?sslmode=disable");
    assert_one_sentence(&ask(&open, &trusting[2..]), "pg_hba.conf");
    let guessed = ["--store-root-certificate", &ours, "--store-password-file", &wrong];
    assert_one_sentence(&ask(&store, &guessed), "check user, password");
    let nowhere = ["--store-password-file", "/nowhere/password"];
    assert_one_sentence(&ask(&store, &nowhere), "/nowhere/password");
    let no_authority = ["--store-root-certificate", "/nowhere/ours.crt"];
    assert_one_sentence(&ask(&store, &no_authority), "/nowhere/ours.crt");
    let no_pem = ["--store-root-certificate", &right];
    assert_one_sentence(&ask(&store, &no_pem), "certificate");
    let in_url = store.replace("relay@", &format!("relay:{STORE_SECRET}x@"));
    assert_one_sentence(&ask(&in_url, &trusting[..2]), "check user, password");
}

/// A bus with TLS and these settings, and a database without authentication.
async fn with_bus(users: &str) -> (World, String) {
    let mut world = World::stopped(FEW).await;
    let authority = Authority::new();
    close_bus(&mut world, &authority, users);
    let ours = authority.write(&world.folder.path().join("ours.crt"));
    world.postgres.start();
    world.nats.start();
    (world, ours)
}

/// A service that connects reports that, or why it cannot.
async fn assert_says(world: &mut World, bus: &str, access: &[&str], says: &str) {
    let service = world.start_at("relay", &world.store(), bus, access);
    world.until(says, async || service.told().contains(says)).await;
    let told = service.told();
    for secret in [BUS_SECRET, "SUA", "eyJ"] {
        assert!(!told.contains(secret), "{told}");
    }
}

const RUNS: &str = "started service=";

#[tokio::test]
async fn a_bus_is_trusted_by_its_certificate_and_trusts_a_password() {
    let users = format!("authorization {{ user: tramonto, password: {BUS_SECRET} }}");
    let (mut world, ours) = with_bus(&users).await;
    let folder = world.folder.path();
    let theirs = Authority::new().write(&folder.join("theirs.crt"));
    let right = secret(folder, "right", BUS_SECRET);
    let wrong = secret(folder, "wrong", &format!("not-{BUS_SECRET}"));
    let port = world.nats.port;
    let bus = format!("tls://tramonto@localhost:{port}");
    let trusting = ["--bus-root-certificate", &ours, "--bus-password-file", &right];
    assert_says(&mut world, &bus, &trusting, RUNS).await;
    let other = ["--bus-root-certificate", &theirs, "--bus-password-file", &right];
    assert_says(&mut world, &bus, &other, "--bus-root-certificate").await;
    let unnamed = format!("tls://tramonto@[::ffff:127.0.0.1]:{port}");
    assert_says(&mut world, &unnamed, &trusting, "--bus-root-certificate").await;
    let guessed = ["--bus-root-certificate", &ours, "--bus-password-file", &wrong];
    assert_says(&mut world, &bus, &guessed, "the credentials are wrong or missing").await;
    let nowhere = ["--bus-root-certificate", "/nowhere/ours.crt"];
    assert_says(&mut world, &bus, &nowhere, "/nowhere/ours.crt").await;
    let no_pem = ["--bus-root-certificate", &right];
    assert_says(&mut world, &bus, &no_pem, "certificate").await;
    let in_url = format!("tls://tramonto:{BUS_SECRET}@localhost:{port}");
    assert_says(&mut world, &in_url, &trusting[..2], RUNS).await;
}

#[tokio::test]
async fn a_bus_trusts_a_token() {
    let (mut world, ours) = with_bus(&format!("authorization {{ token: {BUS_SECRET} }}")).await;
    let folder = world.folder.path();
    let right = secret(folder, "right", BUS_SECRET);
    let wrong = secret(folder, "wrong", &format!("not-{BUS_SECRET}"));
    let bus = format!("tls://localhost:{}", world.nats.port);
    let trusting = ["--bus-root-certificate", &ours, "--bus-token-file", &right];
    assert_says(&mut world, &bus, &trusting, RUNS).await;
    let guessed = ["--bus-root-certificate", &ours, "--bus-token-file", &wrong];
    assert_says(&mut world, &bus, &guessed, "the credentials are wrong or missing").await;
}

#[tokio::test]
async fn a_bus_trusts_a_credentials_file() {
    let everything = ["tramonto.>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"];
    let ours = signed(&everything, &["tramonto.>", "_INBOX.>"]);
    let theirs = signed(&everything, &["tramonto.>", "_INBOX.>"]);
    let (mut world, authority) = with_bus(&ours.settings).await;
    let folder = world.folder.path();
    let right = secret(folder, "right.creds", &ours.credentials);
    let wrong = secret(folder, "wrong.creds", &theirs.credentials);
    let none = secret(folder, "none.creds", "nothing of the kind");
    let bus = format!("tls://localhost:{}", world.nats.port);
    let trusting = ["--bus-root-certificate", &authority, "--bus-credentials"];
    let with = |file| [&trusting[..], &[file]].concat();
    assert_says(&mut world, &bus, &with(&right), RUNS).await;
    assert_says(&mut world, &bus, &with(&wrong), "the credentials are wrong or missing").await;
    assert_says(&mut world, &bus, &with(&none), "none.creds cannot be read").await;
    assert_says(&mut world, &bus, &with("/nowhere/at.creds"), "/nowhere/at.creds").await;
}

#[tokio::test]
async fn a_service_with_too_few_rights_says_what_it_lacks() {
    let mut secured = Secured::of(FEW).await;
    let (few, bus) = (secured.store_as("relay"), secured.bus_as("tramonto"));
    let worker = secured.start_as("projector", &few, &bus, &[]);
    let says = "deploy/postgres/roles.sql";
    secured.world.until(says, async || worker.told().contains(says)).await;
    drop(worker);
    secured.bus_password = secret(secured.world.folder.path(), "others", "others");
    let (store, bus) = (secured.store_as("relay"), secured.bus_as("integrator"));
    let relay = secured.start_as("relay", &store, &bus, &[]);
    let says = "deploy/nats/users.conf";
    secured.world.until(says, async || relay.told().contains(says)).await;
    assert!(relay.told().contains("$JS.API.STREAM"), "{}", relay.told());
}
