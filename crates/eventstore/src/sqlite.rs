//! The `SQLite` adapter.
/// A log in one `SQLite` file.
#[derive(Debug)]
pub struct SqliteStore {}
