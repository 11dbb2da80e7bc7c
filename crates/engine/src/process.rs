//! The scaffold of a process that runs until it is stopped.
//!
//! It listens for signals, answers the probe endpoints, waits for missing dependencies, and gives
//! in-flight work a bounded time at the end. Every way to run uses it.

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use eventstore::Clock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::backoff::backoff;
use crate::endpoints;
use crate::health::{Health, PartStatus};
use crate::metrics::Metrics;
use crate::parts::Part;
use crate::runner::Runner;
use crate::signals::stop_on_signal;
use crate::tasks::Tasks;

/// A process between its start and its end. Clones are the same process.
#[derive(Clone)]
pub struct Process {
    /// Its name in logs.
    pub name: &'static str,
    /// The health of its parts.
    pub health: Arc<Health>,
    /// What it measures.
    pub metrics: Arc<Metrics>,
    /// Cancelled by the first signal.
    pub stop: CancellationToken,
    /// What it waits for at its end.
    pub tasks: Tasks,
    signals: Arc<JoinHandle<()>>,
}

impl Process {
    /// Starts to listen for signals, to measure, and to answer the probe endpoints at an address.
    pub async fn start(name: &'static str, listen: Option<SocketAddr>) -> Result<Self, Error> {
        let process = Self::without_endpoints(name)?;
        if let Some(address) = listen {
            process.answer_probes(address).await?;
        }
        Ok(process)
    }

    /// Starts without probe endpoints.
    pub fn without_endpoints(name: &'static str) -> Result<Self, Error> {
        let stop = CancellationToken::new();
        Ok(Self {
            name,
            health: Arc::default(),
            metrics: Arc::new(Metrics::begin()?),
            signals: Arc::new(tokio::spawn(stop_on_signal(stop.clone()))),
            stop,
            tasks: Tasks::default(),
        })
    }

    /// Answers the probe endpoints at an address, which port 0 leaves to the system.
    pub async fn answer_probes(&self, address: SocketAddr) -> Result<(), Error> {
        let (health, metrics) = (Arc::clone(&self.health), Arc::clone(&self.metrics));
        let bound = endpoints::serve(address, health, metrics, self.stop.clone()).await?;
        tracing::info!(service = self.name, %bound, "probe endpoints open");
        Ok(())
    }

    /// Repeats an attempt until it succeeds; `None` where the process was stopped first.
    ///
    /// Each new reason is logged once, and shown as the status of `part`.
    pub async fn wait_for<T, E: Display, F: Future<Output = Result<T, E>>>(
        &self,
        part: &'static str,
        mut attempt: impl FnMut() -> F,
    ) -> Option<T> {
        let mut failures = 0_u32;
        let mut logged = String::new();
        loop {
            let outcome = tokio::select! {
                () = self.stop.cancelled() => return None,
                outcome = attempt() => outcome,
            };
            let problem = match outcome {
                Ok(found) => {
                    if !logged.is_empty() {
                        tracing::info!(part, "dependency available");
                    }
                    return Some(found);
                }
                Err(error) => error.to_string(),
            };
            self.health.report(part, PartStatus::Waiting(problem.clone()));
            if logged != problem {
                tracing::warn!(part, problem, "waiting for a dependency");
                logged = problem;
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(backoff(failures)) => {}
            }
            failures = failures.saturating_add(1);
        }
    }

    /// Runs a part until the stop, woken by each change of `wakeups`.
    pub async fn run(
        &self,
        name: &'static str,
        part: &mut dyn Part,
        clock: Arc<dyn Clock>,
        wakeups: watch::Receiver<u64>,
    ) {
        let runner = Runner::new(clock, Arc::clone(&self.health), self.stop.clone());
        runner.run(name, part, wakeups).await;
    }

    /// Stops the tasks: they have that long to end, then they are aborted, and in-flight orders
    /// return to the queue.
    pub async fn finish(&self, limit: Duration) {
        self.stop.cancel();
        if !self.tasks.finish_within(limit).await {
            tracing::warn!(service = self.name, "in-flight work aborted: shutdown timed out");
        }
    }

    /// Ends the handling of signals, last of all: until here, a second signal ends the process
    /// without waiting for in-flight work.
    pub fn end(self) {
        self.signals.abort();
        tracing::info!(service = self.name, "stopped; everything recorded is kept");
    }
}
