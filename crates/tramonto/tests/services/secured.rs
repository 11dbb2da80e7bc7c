//! A secured deployment: both servers require TLS, and every service has its own login with the
//! permissions of `deploy/postgres` and `deploy/nats`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection};

use crate::certificates::Authority;
use crate::servers::free_port;
use crate::watching::get;
use crate::world::{FEW, SMALL_ORDERS, Service, World, done};

/// The services, and the role of `deploy/postgres/roles.sql` of each.
const ROLES: [(&str, &str); 8] = [
    ("scheduler", "tramonto_writer"),
    ("worker", "tramonto_writer"),
    ("api", "tramonto_writer"),
    ("projector", "tramonto_projector"),
    ("relay", "tramonto_relay"),
    ("policy", "tramonto_policy"),
    ("intake", "tramonto_writer"),
    ("portal", "tramonto_portal"),
];

/// The roles of one process that runs every service.
const EVERY_ROLE: &str = "tramonto_writer, tramonto_projector, tramonto_relay";

/// Secrets that no log, answer or error may contain.
pub(crate) const STORE_SECRET: &str = "Amaranto-31";
pub(crate) const BUS_SECRET: &str = "Zafferano-74";

/// The servers' names in their certificates.
const NAMES: &[&str] = &["localhost", "127.0.0.1"];
pub(crate) const HOST: &str = NAMES[0];

/// A secured deployment.
pub(crate) struct Secured {
    pub(crate) world: World,
    store_password: String,
    pub(crate) bus_password: String,
    authority: String,
}

fn deployed(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file))
        .unwrap()
}

/// A file with a secret in it.
pub(crate) fn secret(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The database requires TLS and a password, except from the test itself as its owner.
pub(crate) fn close_database(world: &mut World, authority: &Authority, names: &[&str]) {
    let folder = world.folder.path().join("postgres");
    authority.certify(names, &folder);
    let rules =
        "host all tramonto 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(folder.join("pg_hba.conf"), rules).unwrap();
    world.postgres.set(&["ssl=on".to_owned()]);
}

/// The settings of a bus that requires TLS, with these additional ones.
pub(crate) fn close_bus(world: &mut World, authority: &Authority, users: &str) {
    let folder = world.folder.path();
    let certified = authority.certify(NAMES, folder);
    let tls = deployed("nats/tls.conf")
        .replace("/etc/nats/tls/server.crt", certified.certificate.to_str().unwrap())
        .replace("/etc/nats/tls/server.key", certified.key.to_str().unwrap());
    let config: PathBuf = folder.join("nats.conf");
    fs::write(&config, format!("max_payload: 8MB\n{tls}\n{users}\n")).unwrap();
    world.nats.set(&["--config".to_owned(), config.to_str().unwrap().to_owned()]);
}

impl Secured {
    pub(crate) async fn of(registrations: u32) -> Self {
        let mut world = World::stopped(registrations).await;
        let authority = Authority::new();
        close_database(&mut world, &authority, NAMES);
        let users = deployed("nats/users.conf")
            .replace("$TRAMONTO_NATS_PASSWORD", BUS_SECRET)
            .replace("$TRAMONTO_NATS_INTEGRATOR_PASSWORD", "others");
        assert!(!users.contains("TRAMONTO_NATS"), "{users}");
        close_bus(&mut world, &authority, &users);
        let authority = authority.write(&world.folder.path().join("authority.crt"));
        Self::started(world, authority).await
    }

    /// Starts both servers, secured before; each service has its login.
    pub(crate) async fn started(world: World, authority: String) -> Self {
        let folder = world.folder.path();
        let store_password = secret(folder, "store-password", STORE_SECRET);
        let bus_password = secret(folder, "bus-password", BUS_SECRET);
        Self { world, store_password, bus_password, authority }.start().await
    }

    async fn start(mut self) -> Self {
        let user = ("tramonto".to_owned(), BUS_SECRET.to_owned());
        self.world.client = async_nats::ConnectOptions::with_user_and_password(user.0, user.1)
            .add_root_certificates(self.authority.clone().into())
            .require_tls(true);
        self.world.postgres.start();
        self.world.nats.start();
        let mut owner = self.world.connect().await;
        sqlx::raw_sql(AssertSqlSafe(deployed("postgres/roles.sql")))
            .execute(&mut owner)
            .await
            .unwrap();
        for (service, role) in ROLES.into_iter().chain([("run", EVERY_ROLE)]) {
            let login = format!(
                "CREATE ROLE \"tramonto-{service}\" LOGIN PASSWORD '{STORE_SECRET}' IN ROLE {role}"
            );
            sqlx::raw_sql(AssertSqlSafe(login)).execute(&mut owner).await.unwrap();
        }
        owner.close().await.unwrap();
        self
    }

    pub(crate) fn store_as(&self, service: &str) -> String {
        format!("postgres://tramonto-{service}@{HOST}:{}/tramonto", self.world.postgres.port)
    }

    pub(crate) fn bus_as(&self, user: &str) -> String {
        format!("tls://{user}@{HOST}:{}", self.world.nats.port)
    }

    /// Starts a service with these logins.
    pub(crate) fn start_as(
        &mut self,
        role: &'static str,
        store: &str,
        bus: &str,
        more: &[&str],
    ) -> Service {
        let access = [
            ["--store-root-certificate", &self.authority.clone()],
            ["--store-password-file", &self.store_password.clone()],
            ["--bus-root-certificate", &self.authority.clone()],
            ["--bus-password-file", &self.bus_password.clone()],
        ];
        let more = [access.as_flattened(), more].concat();
        self.world.start_at(role, store, bus, &more)
    }

    /// Starts a service with its own logins.
    pub(crate) fn start_service(&mut self, role: &'static str, more: &[&str]) -> Service {
        let (store, bus) = (self.store_as(role), self.bus_as("tramonto"));
        self.start_as(role, &store, &bus, more)
    }
}

#[tokio::test]
async fn a_phase_completes_where_each_service_has_its_own_login_and_no_right_too_many() {
    let mut secured = Secured::of(FEW).await;
    let mut services = vec![secured.start_service("scheduler", SMALL_ORDERS)];
    let others = ["worker", "projector", "relay", "api"];
    services.extend(others.map(|role| secured.start_service(role, &[])));
    services.push(secured.start_service("policy", &["--policy-listen", "127.0.0.1:0"]));
    secured.world.check().await;
    for service in services {
        let told = service.told();
        assert!(!told.contains("bus reported an error"), "the bus refused something:\n{told}");
        assert!(!told.contains("lacks a permission"), "the database refused something:\n{told}");
        assert!(!told.contains(STORE_SECRET) && !told.contains(BUS_SECRET), "{told}");
        assert_eq!(service.stop().await, Some(0));
    }
    for change in ["UPDATE tramonto.event SET position = 0", "DELETE FROM tramonto.event"] {
        let mut owner = secured.world.connect().await;
        let tried = format!("SET ROLE \"tramonto-worker\"; {change}");
        let refused = sqlx::raw_sql(AssertSqlSafe(tried)).execute(&mut owner).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
}

/// Sends all of this to a port, and returns all output until the end, or until the last expected
/// text.
fn conversation(port: u16, said: &str, last: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(said.as_bytes()).unwrap();
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&heard).contains(last) {
        let read = stream.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        heard.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn requests_come_in_and_are_confirmed_where_intake_and_portal_have_logins_of_their_own() {
    let mut secured = Secured::of(FEW).await;
    let folder = secured.world.folder.path().to_owned();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (keys, archive) = (path("keys"), path("archive"));
    done(&secured.world.store(), &["key", "create", "--keys", &keys]);
    let (authority, password) = (secured.authority.clone(), secured.store_password.clone());
    let keyring = format!("{keys}/keyring.json");
    let access = [
        ["--store-root-certificate", &authority],
        ["--store-password-file", &password],
        ["--keyring-file", &keyring],
    ];
    let ports = [(); 4].map(|()| free_port());
    let places = ports.map(|port| format!("127.0.0.1:{port}"));
    let [lmtp, intake_watch, pages, portal_watch] = places.each_ref().map(String::as_str);
    let intake = ["service", "intake", "--listen", lmtp, "--watch", intake_watch];
    let portal =
        ["service", "portal", "--listen", pages, "--watch", portal_watch, "--archive", &archive];
    let mut start = |role, arguments: &[&str]| {
        let store = secured.store_as(role);
        secured.world.start_beside(role, &store, &[arguments, access.as_flattened()].concat())
    };
    let services = [start("intake", &intake), start("portal", &portal)];
    for watched in [ports[1], ports[3]] {
        let ready = async || get(watched, "/readyz").is_some_and(|(code, _)| code == 200);
        secured.world.until("a service", ready).await;
    }
    let message = "LHLO mx.example\r\nMAIL FROM:<a@b.example>\r\nRCPT \
                   TO:<richiestapec@agid.gov.it>\r\nDATA\r\n\
                   From: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n.\r\nQUIT\r\n";
    let heard = conversation(ports[0], message, "\r\n221 ");
    assert!(heard.contains("\r\n354 ") && heard.matches("\r\n250 ").count() >= 3, "{heard}");
    let looked = "SELECT count(*) FROM intake.message WHERE status <> 'new'";
    secured.world.until("a decision", async || secured.world.ask(looked).await == 1).await;
    let post = |path: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        conversation(ports[2], &request, "</html>")
    };
    let used = post("/voucher/confirm/no-such-link");
    assert!(used.starts_with("HTTP/1.1 410 "), "{used}");
    let unknown = post("/logs/no-such-link");
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    let measured = async || {
        let (_, metrics) = get(ports[1], "/metrics").unwrap();
        metrics.contains("tramonto_intake_held_messages")
            && metrics.contains("tramonto_intake_letters{")
    };
    secured.world.until("what waits", measured).await;
    for service in services {
        let told = service.told();
        assert!(!told.contains("may not") && !told.contains("permission"), "{told}");
        assert!(!told.contains(STORE_SECRET) && !told.contains("no-such-link"), "{told}");
        assert_eq!(service.stop().await, Some(0));
    }
    let mut owner = secured.world.connect().await;
    for look in ["registry.registration", "intake.message", "vouchers.code", "directory.mailbox"] {
        let tried = format!("SET ROLE \"tramonto-portal\"; SELECT * FROM {look}");
        let refused = sqlx::raw_sql(AssertSqlSafe(tried)).execute(&mut owner).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
        sqlx::raw_sql("RESET ROLE").execute(&mut owner).await.unwrap();
    }
    owner.close().await.unwrap();
}

#[tokio::test]
async fn one_process_that_is_every_service_needs_the_roles_of_all_of_them() {
    let mut secured = Secured::of(FEW).await;
    let service = secured.start_service("run", SMALL_ORDERS);
    secured.world.check().await;
    assert!(!service.told().contains("bus reported an error"), "{}", service.told());
}
