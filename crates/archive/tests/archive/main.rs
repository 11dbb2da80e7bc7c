//! Message logs: indexing (generated, rotated, compressed, truncated logs), and requests from
//! preparation to destruction.

#![cfg(test)]

mod contract;
mod crashes;
mod ending;
mod exports;
mod index_crashes;
mod links;
mod maillog;
mod reading;
mod stopped;
mod world;
