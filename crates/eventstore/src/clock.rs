use chrono::{DateTime, Utc};

/// A source of time, passed in so that the same engine runs in real time, in catch-up and in
/// rehearsal. Only the binary implements one that reads the machine's clock.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> DateTime<Utc>;
}
