//! .

pub mod platform;
