//! What a tick does, told in dates: the plan of CEC-PAC, a clock that can be set, one log for all.
#![cfg(test)]

mod clock;
mod links;
#[path = "../../../../tests/src/log_layer.rs"]
mod log_layer;
mod phases;
mod race;
mod recurring;
mod rounds;
mod speed;
mod support;
mod vouchers;
