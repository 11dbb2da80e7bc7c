//! What is in `deploy/` is what the engine is: each file is held to the program that reads it, and each flag,
//! variable, setting and metric that it names to the one that the engine has.
//!
//! Needs what `tests/run` installs: Python with `PyYAML`, Kubernetes' client and a validator of OpenAPI, promtool, systemd-analyze,
//! nats-server. What can't be had fails; nothing is skipped. Deliberately absent: a container engine and a
//! cluster. No image is built here and no manifest is applied.

#![cfg(test)]

#[path = "deploy/command_line.rs"]
mod command_line;
#[path = "deploy/compose.rs"]
mod compose;
#[path = "deploy/dockerfile.rs"]
mod dockerfile;
#[path = "deploy/files.rs"]
mod files;
#[path = "deploy/grafana.rs"]
mod grafana;
#[path = "deploy/kubernetes.rs"]
mod kubernetes;
#[path = "deploy/openapi.rs"]
mod openapi;
#[path = "deploy/prometheus.rs"]
mod prometheus;
#[path = "deploy/systemd.rs"]
mod systemd;

/// The services, as their commands are called.
const SERVICES: [&str; 6] = ["scheduler", "worker", "projector", "relay", "api", "policy"];

/// The port on which a service in a container answers.
const PORT: u64 = 9464;
