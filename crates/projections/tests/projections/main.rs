//! Read models, derived from the log and rebuilt from it; the relay of the log to the bus.

#![cfg(test)]

mod derived;
mod relay;
