//! The engine as services, with a real PostgreSQL and a real nats-server for each test, under
//! failures of processes, servers and networks. Afterwards, log and directory account for every
//! mailbox, no effect is early, lost or recorded twice, and projections equal a rebuild.

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
#[path = "../support/policy.rs"]
mod policy_client;
mod probing;
#[path = "../support/process.rs"]
mod process;
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
