//! The reference adapter: a log in memory.
/// A log in memory, for tests and as the reference of what the port means.
#[derive(Debug, Default)]
pub struct MemoryStore {}
