//! The office of the archive: from a request to the extract in its holder's hands, and to the end.

#![cfg(test)]

mod crashes;
mod ending;
mod extracts;
mod links;
#[path = "../logs/stopped.rs"]
mod stopped;
mod world;
