//! The mirror of the log: every event once, in order, whatever is lost or duplicated on the way.

mod given;
mod jetstream;
mod mirroring;
#[path = "../../../bus/tests/bus/server.rs"]
#[expect(dead_code, reason = "the tests of the bus use more of it")]
mod server;
