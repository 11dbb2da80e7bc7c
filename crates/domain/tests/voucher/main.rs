//! The vouchers, rule by rule at its boundary, and any story of them.

#![cfg(test)]

mod rules;
mod story;
mod world;
