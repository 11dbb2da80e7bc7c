//! The task that owns a writing connection.
//!
//! It takes the jobs in its queue and commits all appends of them in one transaction, so that many
//! small appends share one lock and one flush. A queued job is carried out even if its caller is
//! gone; its answer follows the commit, never precedes it.

use std::sync::Arc;
use std::time::Duration;

use sql::Error::{Rejected, Unavailable};
use sql::{Failure, StoreName};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::group::{Group, Outcome};
use crate::lease;
use crate::rules::Request;
use crate::session::Session;
use crate::{Appended, Clock, Error, Lease};

/// The most appends and events in one transaction: enough that a flush costs little per append, few
/// enough that the first is answered soon.
const GROUP_APPENDS: usize = 128;
const GROUP_EVENTS: usize = 10_000;

pub(crate) type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// A job for a writer.
pub(crate) enum Job {
    Append { request: Request, answer: Answer<Appended> },
    Claim { subscription: String, owner: String, ttl: Duration, answer: Answer<Option<Lease>> },
    Save { lease: Lease, position: u64, answer: Answer<()> },
}

/// A writing connection and what belongs to it.
pub(crate) struct Writer<S> {
    pub(crate) session: S,
    pub(crate) name: StoreName,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) head: watch::Sender<u64>,
}

impl<S: Session> Writer<S> {
    /// Carries out jobs until it is stopped or has no callers left, and then the jobs still queued.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                biased;
                taken = queue.recv_many(&mut waiting, GROUP_APPENDS) => if taken == 0 { break },
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            }
            let (mut appends, mut events) = (Vec::new(), 0);
            for job in waiting.drain(..) {
                if events >= GROUP_EVENTS || !matches!(job, Job::Append { .. }) {
                    self.appends(&mut appends).await;
                    events = 0;
                }
                match job {
                    Job::Append { request, answer } => {
                        events += request.events.len();
                        appends.push((request, answer));
                    }
                    Job::Claim { subscription, owner, ttl, answer } => {
                        reply(answer, self.claim(&subscription, &owner, ttl).await);
                    }
                    Job::Save { lease, position, answer } => {
                        reply(answer, self.save(&lease, position).await);
                    }
                }
            }
            self.appends(&mut appends).await;
        }
        self.session.close().await;
    }

    async fn appends(&mut self, appends: &mut Vec<(Request, Answer<Appended>)>) {
        let (requests, waiting): (Vec<_>, Vec<_>) = std::mem::take(appends).into_iter().unzip();
        if requests.is_empty() {
            return;
        }
        let outcomes = self.carry_out(&requests).await;
        for (answer, outcome) in waiting.into_iter().zip(outcomes) {
            reply(answer, outcome);
        }
    }

    /// Commits appends together; where one of them fails the others, each alone. A database that
    /// cannot be written to would fail each of them, after as long a wait; a full disk may have
    /// room for some.
    pub(crate) async fn carry_out(&mut self, requests: &[Request]) -> Vec<Result<Appended, Error>> {
        let error = match self.group(requests).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        let full = matches!(Failure::of(&error), Failure::DiskFull | Failure::Disk);
        let error = Error::of(&self.name, error);
        if let Error::Store(error @ (Unavailable { .. } | Rejected { .. })) = &error
            && !full
        {
            return requests.iter().map(|_| Err(error.clone().into())).collect();
        }
        if requests.len() == 1 {
            return vec![Err(error)];
        }
        tracing::debug!(%error, "group of appends failed; trying each alone");
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests.chunks(1) {
            match self.group(request).await {
                Ok(answers) => outcomes.extend(answers),
                Err(error) => outcomes.push(Err(Error::of(&self.name, error))),
            }
        }
        outcomes
    }

    /// Commits one transaction. A unique violation means that an id is in the log already: then it
    /// is done again with every id read first.
    async fn group(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<Appended, Error>>, sqlx::Error> {
        let mut outcome = self.attempt(requests, false).await;
        if outcome.as_ref().is_err_and(|error| Failure::of(error) == Failure::Duplicate) {
            outcome = self.attempt(requests, true).await;
        }
        let Outcome { answers, head, .. } = outcome?;
        advance(&self.head, head);
        Ok(answers)
    }

    async fn attempt(
        &mut self,
        requests: &[Request],
        check_ids: bool,
    ) -> Result<Outcome, sqlx::Error> {
        let carried_out = async {
            let head = self.session.begin().await?;
            let group = Group::new(requests, head, self.clock.now());
            group.carry_out(&mut self.session, check_ids).await
        };
        let outcome = carried_out.await;
        if let Ok(Outcome { wrote: false, .. }) = outcome {
            self.session.roll_back(None).await;
            return outcome;
        }
        let head = outcome.as_ref().ok().map(|outcome| outcome.head);
        self.end(outcome, head).await
    }

    async fn claim(
        &mut self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error> {
        let now = self.clock.now();
        let claimed = async {
            self.session.begin_lease().await?;
            lease::claim(&mut self.session, subscription, owner, now, ttl).await
        };
        let claimed = claimed.await;
        self.end(claimed, None).await.map_err(|error| Error::of(&self.name, error))
    }

    async fn save(&mut self, lease: &Lease, position: u64) -> Result<(), Error> {
        let saved = async {
            self.session.begin_lease().await?;
            lease::save(&mut self.session, lease, position).await
        };
        let saved = saved.await;
        self.end(saved, None).await.map_err(|error| Error::of(&self.name, error))?
    }

    /// Commits what went well and rolls back what did not.
    async fn end<T>(
        &mut self,
        outcome: Result<T, sqlx::Error>,
        head: Option<u64>,
    ) -> Result<T, sqlx::Error> {
        let ended = match outcome {
            Ok(value) => self.session.commit(head).await.map(|()| value),
            Err(error) => Err(error),
        };
        if let Err(error) = &ended {
            self.session.roll_back(Some(error)).await;
        }
        ended
    }
}

/// The caller may be gone; the write stays committed.
fn reply<T>(answer: Answer<T>, outcome: Result<T, Error>) {
    if answer.send(outcome).is_err() {
        tracing::debug!("caller of the event store is gone");
    }
}

/// Moves the watched end of the log forwards, never back; wakes watchers only when it moved.
pub(crate) fn advance(head: &watch::Sender<u64>, position: u64) {
    head.send_if_modified(|known| {
        let moved = position > *known;
        *known = position.max(*known);
        moved
    });
}
