//! Answers of the real binary to mail servers, beside an engine on the same folder and within it.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::policy_client::query;
use crate::process::{free_address, send};
use crate::scene::Scene;
use crate::wait;

const TIMEOUT: Duration = Duration::from_mins(1);

/// No mailbox may send any more; receiving ends in the far future.
fn plan() -> String {
    let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/plans/cec-pac.toml");
    let mut plan = std::fs::read_to_string(plan).expect("the plan");
    for (then, ahead) in [
        ("from = 2015-07-18", "from = 2095-07-18"),
        ("from = 2015-09-18", "from = 2095-09-18"),
        ("from = 2018-03-18", "from = 2098-03-18"),
    ] {
        plan = plan.replace(then, ahead);
    }
    plan
}

/// A policy server; killed when it is dropped.
struct Answering {
    child: Child,
    address: SocketAddr,
}

impl Answering {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let address = free_address();
        let listen = address.to_string();
        let arguments = [arguments, &["--listen", "off", "--policy-listen", &listen]].concat();
        let mut command = scene.command(&arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("it runs"), address }
    }

    /// The answer for an address, over a new connection; empty if nothing listens.
    fn ask(&self, attribute: &str, address: &str) -> String {
        let stream = TcpStream::connect(self.address);
        stream.and_then(|mut stream| query(&mut stream, attribute, address)).unwrap_or_default()
    }

    fn until(&self, attribute: &str, address: &str, expected: &str) {
        let mut answer = String::new();
        let answered = wait::until(TIMEOUT, || {
            answer = self.ask(attribute, address);
            answer.starts_with(&format!("action={expected}"))
        });
        assert!(answered, "{attribute}: {answer:?}, not {expected}");
    }

    /// Ends it with SIGTERM; returns its output.
    fn stop(mut self) -> String {
        send("TERM", self.child.id());
        let mut said = String::new();
        let read = self.child.stderr.take().map(|mut told| told.read_to_string(&mut said));
        assert!(read.is_some_and(|read| read.is_ok()));
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{said}");
        said
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // A process that has exited cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_store_is_followed_from_before_it_exists_beside_the_engine_that_works_on_it() {
    let scene = Scene::empty();
    scene.write("plan.toml", &plan());
    let policy = Answering::start(&scene, &["service", "policy"]);
    policy.until("recipient", "anna@box.example", "451 4.3.5");
    scene.ok(&["registry", "generate", "--registrations", "500", "--out", "registry.csv"]);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "test"]);
    scene.ok(&["registry", "import", "registry.csv"]);
    let (address, _) = scene.activated();
    policy.until("sasl_username", &address, "550 5.7.1");
    policy.until("recipient", &address, "DUNNO");
    policy.until("recipient", "someone@mail.example", "DUNNO");
    let engine = scene.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut engine = engine.expect("it runs");
    let placed =
        scene.json(&["hold", "place", &address, "--capability", "send", "--reason", "order 1"]);
    policy.until("sasl_username", &address, "DUNNO");
    let hold = placed["hold"].as_str().expect("its id").to_owned();
    scene.ok(&["hold", "release", &address, &hold, "--reason", "order 1 lifted"]);
    policy.until("sasl_username", &address, "550 5.7.1");
    engine.kill().expect("it runs");
    engine.wait().expect("it ends");
    policy.until("recipient", &address, "DUNNO");
    let said = policy.stop();
    assert!(!said.contains(&address) && !said.contains("panicked"), "{said}");
}

#[test]
fn an_engine_answers_mail_servers_itself() {
    let scene = Scene::empty();
    scene.write("plan.toml", &plan());
    scene.ok(&["registry", "generate", "--registrations", "500", "--out", "registry.csv"]);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "test"]);
    scene.ok(&["registry", "import", "registry.csv"]);
    let (address, _) = scene.activated();
    let domain = address.split('@').nth(1).expect("a domain");
    let engine = Answering::start(&scene, &["run", "--policy-domains", domain]);
    engine.until("sasl_username", &address, "550 5.7.1");
    engine.until("recipient", &address, "DUNNO");
    engine.until("recipient", &format!("nobody.at.all@{domain}"), "550 5.1.1");
    assert!(engine.stop().contains("everything recorded is kept"));
}

#[test]
fn an_address_in_use_is_reported_with_the_next_step() {
    let scene = Scene::empty();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken =
        taken.local_addr().map(|address| (taken, address.to_string())).expect("its address");
    let told =
        scene.refused(&["service", "policy", "--listen", "off", "--policy-listen", &taken.1]);
    assert!(told.contains("choose another address with --policy-listen"), "{told}");
}
