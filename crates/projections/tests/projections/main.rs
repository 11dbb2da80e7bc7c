//! Read models, derived from the log and rebuilt from it; the relay of the log to the bus.

#![cfg(test)]

mod derived;
#[path = "../../../../tests/src/log_layer.rs"]
mod log_layer;
mod relay;
