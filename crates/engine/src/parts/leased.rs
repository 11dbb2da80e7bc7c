//! One process at a time: a lease in the log's own store, with standbys.
//!
//! The lease only saves duplicate work. What is safe without it stays safe: a process that was
//! suspended past its lease finds its checkpoint moved, or dispatches orders that change nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::EventStore;
use metrics::gauge;

use super::{Part, Progress};
use crate::Error;
use crate::health::PartStatus;

/// The exclusive right of one process to act, claimed again and again.
pub struct Lease {
    log: Arc<dyn EventStore>,
    name: &'static str,
    owner: String,
    ttl: Duration,
    renewed: Option<Instant>,
}

impl Lease {
    /// A lease that has not been claimed yet. `owner` is unique to this process.
    pub fn new(log: Arc<dyn EventStore>, name: &'static str, owner: String, ttl: Duration) -> Self {
        Self { log, name, owner, ttl, renewed: None }
    }

    /// Claims the lease, or renews it once a third of it has passed; false while another process
    /// holds it.
    pub async fn is_held(&mut self) -> Result<bool, eventstore::Error> {
        if self.renewed.is_some_and(|renewed| renewed.elapsed() < self.ttl / 3) {
            return Ok(true);
        }
        self.renewed = None;
        let claimed_at = Instant::now();
        let lease = self.log.claim(self.name, &self.owner, self.ttl).await?;
        self.renewed = lease.map(|_| claimed_at);
        let held = self.renewed.is_some();
        gauge!("tramonto_leader", "of" => self.name).set(f64::from(u8::from(held)));
        Ok(held)
    }
}

/// A part that acts only while this process holds its lease.
pub struct Leased {
    part: Box<dyn Part>,
    lease: Lease,
}

impl Leased {
    /// The part under a lease.
    pub fn new(part: Box<dyn Part>, lease: Lease) -> Self {
        Self { part, lease }
    }
}

#[async_trait]
impl Part for Leased {
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        self.part.measure(now).await?;
        if self.lease.is_held().await? {
            return self.part.tick(now).await;
        }
        self.part.lease_lost();
        Ok(Progress { status: PartStatus::Standby, ..Progress::idle(None) })
    }
}
