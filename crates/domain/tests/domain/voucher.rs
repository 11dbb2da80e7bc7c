//! Vouchers: each rule at its boundary, and any scenario.

mod pending;
mod rules;
mod scenario;
mod world;
