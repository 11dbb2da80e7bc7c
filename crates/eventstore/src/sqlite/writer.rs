//! The task that owns the writing connection.
//!
//! It takes what waits in its queue and commits all of it in one transaction, so that many small appends
//! share one flush to the disk. A job in the queue is carried out whether or not anybody still waits for
//! its answer; an answer is given after the commit, never before.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::fault::{self, Place};
use super::names::Names;
use super::subscription;
use super::transaction::Hand;
use crate::group::{Group, Memory, Outcome};
use crate::head::tell;
use crate::rules::Request;
use crate::{Appended, Clock, Error, Lease};

/// How many appends share a transaction, and how many events: enough for one flush to cost nothing,
/// little enough for the first to be answered soon.
const GROUP_APPENDS: usize = 128;
const GROUP_EVENTS: usize = 10_000;

type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// What can be asked of the writer.
pub(crate) enum Job {
    Append { request: Request, answer: Answer<Appended> },
    Claim { subscription: String, owner: String, ttl: Duration, answer: Answer<Option<Lease>> },
    Save { lease: Lease, position: u64, answer: Answer<()> },
}

/// The writing connection and what belongs to it.
pub(crate) struct Writer {
    connection: SqliteConnection,
    place: Place,
    clock: Arc<dyn Clock>,
    head: watch::Sender<u64>,
    kinds: Names,
    categories: Names,
    memory: Memory,
}

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        place: Place,
        clock: Arc<dyn Clock>,
        head: watch::Sender<u64>,
    ) -> Self {
        let (kinds, categories) = (Names::kinds(), Names::categories());
        Self { connection, place, clock, head, kinds, categories, memory: Memory::default() }
    }

    /// Carries out jobs until told to stop or nobody can ask any more, and then those still waiting.
    /// It closes the readers before itself: whoever closes last moves the write-ahead log into the
    /// file, and a reader may not.
    pub(crate) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Job>,
        stop: CancellationToken,
        readers: SqlitePool,
    ) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                biased;
                taken = queue.recv_many(&mut waiting, GROUP_APPENDS) => if taken == 0 { break },
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            }
            let mut appends = Vec::new();
            for job in waiting.drain(..) {
                match job {
                    Job::Append { request, answer } => appends.push((request, answer)),
                    Job::Claim { subscription, owner, ttl, answer } => {
                        self.appends(&mut appends).await;
                        reply(answer, self.claim(&subscription, &owner, ttl).await);
                    }
                    Job::Save { lease, position, answer } => {
                        self.appends(&mut appends).await;
                        reply(answer, self.save(&lease, position).await);
                    }
                }
                if appends.iter().map(|(request, _)| request.events.len()).sum::<usize>()
                    >= GROUP_EVENTS
                {
                    self.appends(&mut appends).await;
                }
            }
            self.appends(&mut appends).await;
        }
        readers.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, place = %self.place, "the event store did not close cleanly");
        }
    }

    /// Commits appends together; where that fails, each alone, so that none spoils the others.
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

    pub(super) async fn carry_out(&mut self, requests: &[Request]) -> Vec<Result<Appended, Error>> {
        match self.group(requests).await {
            Ok(answers) => answers,
            Err(error) if fault::is_busy(&error) => {
                requests.iter().map(|_| Err(self.place.busy())).collect()
            }
            Err(error) if requests.len() == 1 => vec![Err(self.place.fault(error))],
            Err(error) => {
                tracing::debug!(%error, "a group of appends failed; trying each alone");
                self.one_by_one(requests).await
            }
        }
    }

    #[cfg(test)]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    async fn one_by_one(&mut self, requests: &[Request]) -> Vec<Result<Appended, Error>> {
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests.chunks(1) {
            match self.group(request).await {
                Ok(answers) => outcomes.extend(answers),
                Err(error) => outcomes.push(Err(self.place.fault(error))),
            }
        }
        outcomes
    }

    /// One transaction. A unique violation means that an id is in the log already: then once more, with
    /// every id looked up first.
    async fn group(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<Appended, Error>>, sqlx::Error> {
        let mut outcome = self.attempt(requests, false).await;
        if outcome.as_ref().is_err_and(fault::is_unique_violation) {
            outcome = self.attempt(requests, true).await;
        }
        let Outcome { answers, head, .. } = outcome?;
        tell(&self.head, head);
        Ok(answers)
    }

    async fn attempt<'r>(
        &mut self,
        requests: &'r [Request],
        careful: bool,
    ) -> Result<Outcome<'r>, sqlx::Error> {
        self.begin().await?;
        match self.carry_out_all(requests, careful).await {
            Ok(outcome) if outcome.wrote => {
                self.commit().await?;
                self.memory.learn(&outcome);
                Ok(outcome)
            }
            nothing_written => {
                self.roll_back().await;
                nothing_written
            }
        }
    }

    async fn carry_out_all<'r>(
        &mut self,
        requests: &'r [Request],
        careful: bool,
    ) -> Result<Outcome<'r>, sqlx::Error> {
        let Self { connection, kinds, categories, .. } = self;
        let mut hand = Hand { connection, kinds, categories };
        let mut group = Group::new(requests, hand.log_head().await?, self.clock.now());
        if !careful {
            self.memory.recall(&mut group);
        }
        group.carry_out(&mut hand, careful).await
    }

    async fn claim(
        &mut self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error> {
        let now = self.clock.now();
        let claimed = async {
            self.begin().await?;
            let claim = subscription::claim(&mut self.connection, subscription, owner, now, ttl);
            let claimed = claim.await;
            self.end(claimed).await
        };
        claimed.await.map_err(|error| self.place.fault(error))
    }

    async fn save(&mut self, lease: &Lease, position: u64) -> Result<(), Error> {
        let saved = async {
            self.begin().await?;
            let saved = subscription::save(&mut self.connection, lease, position).await;
            self.end(saved).await
        };
        saved.await.map_err(|error| self.place.fault(error))?.told(lease, position)
    }

    /// Takes the write lock at once: a transaction that reads first could not wait for it.
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await.map(|_| ())
    }

    async fn end<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        let committed = sqlx::query("COMMIT").execute(&mut self.connection).await;
        if committed.is_err() {
            self.roll_back().await;
        }
        committed.map(|_| ())
    }

    /// The database has rolled back by itself after some failures, and then says so here.
    async fn roll_back(&mut self) {
        self.kinds.forget();
        self.categories.forget();
        if let Err(error) = sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            tracing::debug!(%error, "nothing was left to roll back");
        }
    }
}

/// Whoever asked may be gone; what was done stays done.
fn reply<T>(answer: Answer<T>, outcome: Result<T, Error>) {
    if answer.send(outcome).is_err() {
        tracing::debug!("nobody waits for the answer of the event store any more");
    }
}
