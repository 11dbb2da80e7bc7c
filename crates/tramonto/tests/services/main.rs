//! The engine as services, with a real PostgreSQL and a real nats-server of the test's own, under
//! whatever can happen to processes, servers and wires. After each: everyone accounted for by log
//! and directory, no effect early, none lost, no outcome doubled, what is derived equal to a
//! rebuild.

#![cfg(test)]

mod answering;
mod certificates;
mod cluster;
mod commanding;
mod drifting;
mod embedded;
mod erasing;
mod jwt;
mod killing;
mod leading;
mod letting_in;
mod partitions;
mod probing;
mod providing;
mod proxy;
#[path = "../../../platform/tests/provider/raw.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod raw;
#[path = "../../../platform/tests/provider/receiver.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod receiver;
mod secured;
mod servers;
#[path = "../../../workers/tests/workers/notices/server.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod smtp;
mod starting;
mod stopping;
mod telling;
#[path = "../../../../tests/src/wait.rs"]
mod wait;
mod watching;
mod world;
