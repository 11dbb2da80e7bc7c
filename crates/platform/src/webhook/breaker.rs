//! A circuit breaker: while a provider is down or asks for a pause, calls wait here.
//!
//! Closed, every call passes. After consecutive failures it opens: calls wait for a pause that
//! doubles with every opening, then one goes ahead as a probe. If the probe succeeds, the breaker
//! closes; if not, it opens again. It never needs an operator.

use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Consecutive failures that open it.
const FAILURES: u32 = 5;
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);
const OPEN: &str = "tramonto_webhook_breaker_open";

/// Admits calls, or lets them wait.
#[derive(Debug)]
pub(super) struct Breaker(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    /// Consecutive failures since it was last closed or opened.
    failures: u32,
    /// Openings since it was last closed.
    openings: u32,
    /// Results of calls that started before the last opening are ignored.
    generation: u64,
    not_before: Option<Instant>,
    probing: bool,
}

/// An admitted call. Dropped without a result, it does not count.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    generation: u64,
    probe: bool,
}

enum Turn {
    Now { generation: u64, probe: bool },
    At(Instant),
    AfterAChange,
}

impl Breaker {
    pub(super) fn new() -> Self {
        gauge!(OPEN).set(0);
        Self(watch::Sender::default())
    }

    /// Waits until a call may start; `None` if that would be after the deadline.
    pub(super) async fn enter(&self, deadline: Instant) -> Option<Pass<'_>> {
        // Before the check, so that no change between the check and the wait is missed.
        let mut changes = self.0.subscribe();
        loop {
            let mut turn = Turn::AfterAChange;
            self.0.send_if_modified(|state| {
                turn = state.turn(Instant::now());
                false
            });
            let wake = match turn {
                Turn::Now { generation, probe } => {
                    return Some(Pass { breaker: self, generation, probe });
                }
                Turn::At(instant) if instant > deadline => return None,
                Turn::At(instant) => instant,
                Turn::AfterAChange => deadline,
            };
            let in_time = timeout_at(wake, changes.changed()).await.is_ok();
            if !in_time && wake >= deadline {
                return None;
            }
        }
    }
}

impl State {
    fn turn(&mut self, now: Instant) -> Turn {
        if let Some(instant) = self.not_before.filter(|instant| *instant > now) {
            return Turn::At(instant);
        }
        let probe = self.openings > 0;
        if probe && self.probing {
            return Turn::AfterAChange;
        }
        self.probing = probe;
        Turn::Now { generation: self.generation, probe }
    }

    /// Ends a pause only after this one too.
    fn rest(&mut self, rest: Duration) {
        if !rest.is_zero() {
            self.not_before = self.not_before.max(Some(Instant::now() + rest));
        }
    }
}

impl Pass<'_> {
    /// The call succeeded.
    pub(super) fn answered(self) {
        self.record(|state| {
            if state.openings > 0 {
                tracing::info!("the provider's API has recovered");
                gauge!(OPEN).set(0);
            }
            *state = State { generation: state.generation, ..State::default() };
        });
    }

    /// The call failed; the provider may have asked for a pause.
    pub(super) fn failed(self, asked: Option<Duration>) {
        self.breaker.0.send_modify(|state| state.rest(asked.unwrap_or_default()));
        self.record(|state| {
            state.failures = state.failures.saturating_add(1);
            if !self.probe && state.failures < FAILURES {
                return;
            }
            let doubled = FIRST_REST * 2_u32.saturating_pow(state.openings.min(16));
            state.rest(doubled.min(LONGEST_REST));
            if state.openings == 0 {
                tracing::warn!("the provider's API fails repeatedly; calls to it are paused");
                gauge!(OPEN).set(1);
            }
            state.openings = state.openings.saturating_add(1);
            state.generation = state.generation.wrapping_add(1);
            state.failures = 0;
        });
    }

    /// Changes the state, unless the breaker has opened since the call started.
    fn record(&self, change: impl FnOnce(&mut State)) {
        self.breaker.0.send_modify(|state| {
            if state.generation == self.generation {
                change(state);
            }
        });
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.breaker.0.send_modify(|state| state.probing &= !self.probe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    async fn passes(breaker: &Breaker, within: u64) -> Option<Pass<'_>> {
        breaker.enter(in_seconds(within)).await
    }

    async fn open(breaker: &Breaker) {
        for _ in 0..FAILURES {
            passes(breaker, 0).await.unwrap().failed(None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_closes_after_a_probe() {
        let breaker = Breaker::new();
        for _ in 1..FAILURES {
            passes(&breaker, 0).await.unwrap().failed(None);
        }
        passes(&breaker, 0).await.unwrap().answered();
        open(&breaker).await;
        assert!(passes(&breaker, 0).await.is_none(), "it is open");
        let begun = Instant::now();
        let probe = passes(&breaker, 10).await.unwrap();
        assert_eq!(begun.elapsed(), FIRST_REST);
        assert!(passes(&breaker, 10).await.is_none(), "one probe at a time");
        probe.answered();
        for _ in 0..10 {
            passes(&breaker, 0).await.unwrap().answered();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn its_rests_grow_to_a_bound_and_begin_anew_after_it_was_closed() {
        let breaker = Breaker::new();
        open(&breaker).await;
        let mut rests = Vec::new();
        for _ in 0..8 {
            let begun = Instant::now();
            passes(&breaker, 1_000).await.unwrap().failed(None);
            rests.push(begun.elapsed().as_secs());
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        passes(&breaker, 1_000).await.unwrap().answered();
        open(&breaker).await;
        let begun = Instant::now();
        passes(&breaker, 1_000).await.unwrap().answered();
        assert_eq!(begun.elapsed(), FIRST_REST);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_passes_as_soon_as_the_probe_is_answered() {
        let breaker = Breaker::new();
        open(&breaker).await;
        let probe = passes(&breaker, 10).await.unwrap();
        let waiting = async { passes(&breaker, 30).await.unwrap().answered() };
        let begun = Instant::now();
        let answering = async {
            tokio::task::yield_now().await;
            probe.answered();
        };
        tokio::join!(waiting, answering);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_lets_another_go_ahead() {
        let breaker = Breaker::new();
        open(&breaker).await;
        drop(passes(&breaker, 10).await.unwrap());
        passes(&breaker, 0).await.unwrap().answered();
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_asks_to_be_left_alone_is() {
        let breaker = Breaker::new();
        passes(&breaker, 0).await.unwrap().failed(Some(Duration::from_secs(7)));
        assert!(passes(&breaker, 6).await.is_none());
        let begun = Instant::now();
        passes(&breaker, 10).await.unwrap().answered();
        assert_eq!(begun.elapsed().as_secs(), 7);
        passes(&breaker, 0).await.unwrap().answered();
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_fail_together_open_it_once() {
        let breaker = Breaker::new();
        let mut together = Vec::new();
        for _ in 0..20 {
            together.push(passes(&breaker, 0).await.unwrap());
        }
        for pass in together {
            pass.failed(None);
        }
        let begun = Instant::now();
        passes(&breaker, 100).await.unwrap().answered();
        assert_eq!(begun.elapsed(), FIRST_REST);
    }
}
