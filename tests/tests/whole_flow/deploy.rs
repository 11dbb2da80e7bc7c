//! The files in `deploy/` match the engine: each file is validated by the program that reads it,
//! and each flag, variable, setting and metric in it exists in the engine.
//!
//! Needs what `tests/run` installs: Python with `PyYAML`, Kubernetes' client and a validator of
//! OpenAPI, promtool, systemd-analyze, nats-server. A missing tool is a failure; nothing is
//! skipped. Deliberately absent: a container engine and a cluster. No image is built here and no
//! manifest is applied.

mod command_line;
mod compose;
mod dockerfile;
mod files;
mod grafana;
mod kubernetes;
mod openapi;
mod prometheus;
mod systemd;

/// The services, by the names of their commands.
const SERVICES: [&str; 6] = ["scheduler", "worker", "projector", "relay", "api", "policy"];

/// Services without a bus that are not part of the systemd target.
const BESIDE: [&str; 2] = ["intake", "portal"];

/// Every long-running service, by name.
fn every_service() -> Vec<&'static str> {
    SERVICES.into_iter().chain(BESIDE).collect()
}

/// The command that starts a service.
fn command(name: &str) -> Vec<String> {
    vec!["service".to_owned(), name.to_owned()]
}

/// The variable with the address of a service's probe endpoints.
fn watched_by(name: &str) -> String {
    if BESIDE.contains(&name) {
        return format!("TRAMONTO_{}_WATCH", name.to_uppercase());
    }
    "TRAMONTO_LISTEN".to_owned()
}

/// The port of a service in a container.
const PORT: u64 = 9464;
