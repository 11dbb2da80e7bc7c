//! The mirror of the log: every event once, in order, whatever is lost or doubled on the way.

#![cfg(test)]

mod given;
mod jetstream;
mod mirroring;
