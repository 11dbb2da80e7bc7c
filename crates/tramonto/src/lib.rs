//! .

pub mod generate;
