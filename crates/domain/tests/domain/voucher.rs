//! Vouchers: each rule at its boundary, and any scenario.

mod rules;
mod scenario;
mod world;
