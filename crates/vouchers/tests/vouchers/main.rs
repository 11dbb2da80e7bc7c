//! Vouchers with a log, a registry, a code store and keys of their own.

#![cfg(test)]

mod code_store;
mod crashes;
#[path = "../../../../tests/src/log_layer.rs"]
mod log_layer;
mod races;
mod rules;
mod tokens;
mod world;
mod yielding;
