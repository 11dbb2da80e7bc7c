//! The office of the archive: from a request to the extract in its holder's hands, and to the end.

#![cfg(test)]

mod ending;
mod extracts;
mod links;
mod world;
