//! What is in `deploy/` is what the engine is: each file is held to the program that reads it, and
//! each flag, variable, setting and metric that it names to the one that the engine has.
//!
//! Needs what `tests/run` installs: Python with `PyYAML`, Kubernetes' client and a validator of
//! OpenAPI, promtool, systemd-analyze, nats-server. What can't be had fails; nothing is skipped.
//! Deliberately absent: a container engine and a cluster. No image is built here and no manifest is
//! applied.

mod command_line;
mod compose;
mod dockerfile;
mod files;
mod grafana;
mod kubernetes;
mod openapi;
mod prometheus;
mod systemd;

/// The services, as their commands are called.
const SERVICES: [&str; 6] = ["scheduler", "worker", "projector", "relay", "api", "policy"];

/// What needs no bus and is no service of the target.
const BESIDE: [&str; 2] = ["intake", "portal"];

/// Every long-running service, by name.
fn every_service() -> Vec<&'static str> {
    SERVICES.into_iter().chain(BESIDE).collect()
}

/// The command that starts a service.
fn command(name: &str) -> Vec<String> {
    vec!["service".to_owned(), name.to_owned()]
}

/// The variable that says where a service is watched.
fn watched_by(name: &str) -> String {
    if BESIDE.contains(&name) {
        return format!("TRAMONTO_{}_WATCH", name.to_uppercase());
    }
    "TRAMONTO_LISTEN".to_owned()
}

/// The port on which a service in a container answers.
const PORT: u64 = 9464;
