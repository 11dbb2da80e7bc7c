use chrono::{DateTime, Utc};

/// Where the time comes from. Handed in, so that the same engine runs in real time, in catch-up and in
/// rehearsal; only the binary has an implementation that reads the machine's clock.
pub trait Clock: Send + Sync {
    /// The instant it is now.
    fn now(&self) -> DateTime<Utc>;
}
