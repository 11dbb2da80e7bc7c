//! The office of the vouchers, with a log, a registry, a book and keys of its own.

#![cfg(test)]

mod book;
mod crashes;
mod races;
mod rules;
mod tokens;
mod world;
mod yielding;
