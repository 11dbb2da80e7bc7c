//! The rules of the workspace that no compiler knows, run as tests.
//!
//! The tests read manifests and sources as text, so this package knows none of our crates and is
//! built in seconds. A rule that part of the tree does not follow yet has a list of exceptions
//! beside it, which may only become shorter. Deliberately absent: a parser of Rust; [`source`]
//! tells code, comments and strings apart, and that is enough.

#![cfg(test)]

mod circles;
mod edges;
mod files;
mod manifests;
mod prose;
mod source;
mod waiting;
mod workspace;
