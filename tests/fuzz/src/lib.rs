//! Fuzz targets for untrusted input, with coverage feedback.
//!
//! Each target is a function that takes any bytes and panics if an invariant is broken. libFuzzer
//! searches for such bytes (`tests/fuzz/run`); the tests run each target on its seeds. Invariant: a
//! target is a pure function of its bytes, so that every finding is reproducible. Deliberately
//! absent: mocks of our own parts; the targets call what is shipped.

#![expect(clippy::panic, reason = "that is how a target tells what it found")]

mod code;
// The e-mails of the whole-flow tests.
#[path = "../../src/corpus.rs"]
pub mod corpus;
mod lmtp;
mod message;
mod seeds;
mod syslog;
#[cfg(test)]
mod tests;

pub use code::code;
#[cfg(feature = "libfuzzer")]
#[doc(hidden)]
pub use libfuzzer_sys;
pub use lmtp::lmtp;
pub use message::message;
pub use seeds::{TARGETS, Target, write};
pub use syslog::syslog;

/// Makes a binary of a target: one for libFuzzer, or one that reads the files given as arguments.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! target {
    ($target:path) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $target(bytes));
    };
}

/// Makes a binary of a target: one for libFuzzer, or one that reads the files given as arguments.
#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! target {
    ($target:path) => {
        fn main() -> std::io::Result<()> {
            for file in std::env::args_os().skip(1) {
                $target(&std::fs::read(file)?);
            }
            Ok(())
        }
    };
}

/// The number of lines in these bytes.
fn lines_of(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').skip(1).count()
}
