//! The real binary as a process, signals to it, and ports for it.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

/// The binary, without the tester's environment.
pub(crate) fn tramonto() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tramonto"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRAMONTO_") {
            command.env_remove(name);
        }
    }
    command.env("USER", "tester").stdin(Stdio::null());
    command
}

/// Sends a signal to a process.
pub(crate) fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", signal, &process.to_string()]).status().unwrap();
    assert!(sent.success(), "{signal} to {process}");
}

/// An address on which nothing listens now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap()
}
