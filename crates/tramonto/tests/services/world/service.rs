//! Services as processes: started, signalled, killed, and what they log.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{World, tramonto};
use crate::process::send;
use crate::servers::script;
use crate::wait;

/// So that a phase has some hundred orders.
pub(crate) const SMALL_ORDERS: &[&str] = &["--batch", "500", "--orders", "16"];

/// A running service.
pub(crate) struct Service {
    pub(crate) role: &'static str,
    child: Child,
    log: PathBuf,
}

/// The command that starts it: a service, or `run` for all of them.
fn words(role: &'static str) -> &'static [&'static str] {
    match role {
        "run" => &["run"],
        "scheduler" => &["service", "scheduler"],
        "worker" => &["service", "worker"],
        "projector" => &["service", "projector"],
        "relay" => &["service", "relay"],
        "api" => &["service", "api"],
        "policy" => &["service", "policy"],
        other => panic!("{other} is no service"),
    }
}

impl World {
    /// Starts a service that uses both servers.
    pub(crate) fn start(&mut self, role: &'static str, more: &[&str]) -> Service {
        let (store, bus) = (self.store(), self.bus());
        self.start_at(role, &store, &bus, more)
    }

    /// Starts a service that uses servers at these URLs.
    pub(crate) fn start_at(
        &mut self,
        role: &'static str,
        store: &str,
        bus: &str,
        more: &[&str],
    ) -> Service {
        let mut command = tramonto(store);
        command
            .args(words(role))
            .args(["--bus", bus, "--lease", "3", "--stop-within", "10"])
            .args(if more.contains(&"--listen") { &[][..] } else { &["--listen", "off"] })
            .args(more);
        self.spawn(role, command)
    }

    /// Starts a service whose clock is ahead by this time.
    pub(crate) fn start_later(
        &mut self,
        role: &'static str,
        by: Duration,
        more: &[&str],
    ) -> Service {
        let library = Command::new(script("install")).arg("shift").output().unwrap();
        assert!(library.status.success(), "{}", String::from_utf8_lossy(&library.stderr));
        let library = String::from_utf8(library.stdout).unwrap();
        let mut command = tramonto(&self.store());
        command
            .args(words(role))
            .args(["--bus", &self.bus(), "--lease", "3", "--listen", "off"])
            .args(more)
            .env("LD_PRELOAD", library.trim())
            .env("SHIFT_US", by.as_micros().to_string());
        self.spawn(role, command)
    }

    /// Starts a service without a bus.
    pub(crate) fn start_beside(
        &mut self,
        role: &'static str,
        store: &str,
        arguments: &[&str],
    ) -> Service {
        let mut command = tramonto(store);
        command.args(arguments);
        self.spawn(role, command)
    }

    fn spawn(&mut self, role: &'static str, mut command: Command) -> Service {
        self.logs += 1;
        let log = self.folder.path().join(format!("{role}-{}.log", self.logs));
        let told = File::create(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(told).spawn().unwrap();
        Service { role, child, log }
    }

    /// Starts one of each, with orders small enough for many of them, and a rate-limited worker.
    pub(crate) fn start_all(&mut self) -> Vec<Service> {
        let scheduler = self.start("scheduler", SMALL_ORDERS);
        let mut services = vec![scheduler];
        services.extend(
            ["worker", "worker", "projector", "relay", "api"].map(|role| self.start(role, &[])),
        );
        services
    }

    /// Waits until every service of these roles has warned since.
    pub(crate) async fn until_warned(&self, services: &[Service], roles: &[&str], since: &[usize]) {
        let warned = async || {
            let now = warnings(services);
            let each = services.iter().zip(now.iter().zip(since));
            let mut each = each.filter(|(it, _)| roles.contains(&it.role));
            each.all(|(_, (now, since))| now > since)
        };
        self.until("the warnings", warned).await;
    }
}

impl Service {
    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        send(name, self.child.id());
    }

    /// Asks it to stop, and returns its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        let mut ended = None;
        let has_ended = async || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        };
        let stops = wait::until_async(Duration::from_secs(15), has_ended).await;
        assert!(stops, "it does not stop: {}", self.told());
        ended.and_then(|status| status.code())
    }

    /// Its log.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A process that has exited cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The number of warnings and errors that each service has logged.
pub(crate) fn warnings(services: &[Service]) -> Vec<usize> {
    let count = |told: String| told.matches("WARN").count() + told.matches("ERROR").count();
    services.iter().map(|service| count(service.told())).collect()
}
