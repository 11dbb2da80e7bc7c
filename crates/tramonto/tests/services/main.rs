//! The engine as services, with a real PostgreSQL and a real nats-server of the test's own, under whatever
//! can happen to processes, servers and wires. After each: everyone accounted for by log and directory, no
//! effect early, none lost, no outcome doubled, what is derived equal to a rebuild.

#![cfg(test)]

mod answering;
mod certificates;
mod cluster;
mod commanding;
mod embedded;
mod jwt;
mod killing;
mod leading;
mod letting_in;
mod partitions;
mod proxy;
mod secured;
mod servers;
mod starting;
mod stopping;
mod watching;
mod world;
