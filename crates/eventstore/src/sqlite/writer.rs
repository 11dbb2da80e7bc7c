//! The task that owns the writing connection.
//!
//! It takes the jobs in its queue and commits all of them in one transaction, so that many small
//! appends share one flush to the disk. A queued job is carried out even if its caller is gone; its
//! answer follows the commit, never precedes it.

use std::sync::Arc;
use std::time::Duration;

use sql::{Failure, StoreName};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::names::NameIds;
use super::subscription;
use super::transaction::OpenTransaction;
use crate::error::is_duplicate;
use crate::group::{Group, Outcome, StreamCache};
use crate::head::advance;
use crate::rules::Request;
use crate::{Appended, Clock, Error, Lease};

/// The most appends and events in one transaction: enough that a flush costs little per append, few
/// enough that the first is answered soon.
const GROUP_APPENDS: usize = 128;
const GROUP_EVENTS: usize = 10_000;

type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// A job for the writer.
pub(crate) enum Job {
    Append { request: Request, answer: Answer<Appended> },
    Claim { subscription: String, owner: String, ttl: Duration, answer: Answer<Option<Lease>> },
    Save { lease: Lease, position: u64, answer: Answer<()> },
}

/// The writing connection and what belongs to it.
pub(crate) struct Writer {
    connection: SqliteConnection,
    name: StoreName,
    clock: Arc<dyn Clock>,
    head: watch::Sender<u64>,
    kinds: NameIds,
    categories: NameIds,
    streams: StreamCache,
}

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        name: StoreName,
        clock: Arc<dyn Clock>,
        head: watch::Sender<u64>,
    ) -> Self {
        let (kinds, categories) = (NameIds::kinds(), NameIds::categories());
        Self { connection, name, clock, head, kinds, categories, streams: StreamCache::default() }
    }

    /// Carries out jobs until it is stopped or has no callers left, and then the jobs still queued.
    /// It closes the readers before itself: the connection that closes last moves the write-ahead
    /// log into the file, and a reader may not.
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
            tracing::warn!(%error, store = %self.name, "event store did not close cleanly");
        }
    }

    /// Commits appends together; where that fails, each alone, so that none fails the others.
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
            Err(error) if Failure::of(&error) == Failure::Busy => {
                let error = self.name.error(error);
                requests.iter().map(|_| Err(error.clone().into())).collect()
            }
            Err(error) if requests.len() == 1 => vec![Err(Error::of(&self.name, error))],
            Err(error) => {
                tracing::debug!(%error, "group of appends failed; trying each alone");
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
        if outcome.as_ref().is_err_and(is_duplicate) {
            outcome = self.attempt(requests, true).await;
        }
        let Outcome { answers, head, .. } = outcome?;
        advance(&self.head, head);
        Ok(answers)
    }

    async fn attempt<'r>(
        &mut self,
        requests: &'r [Request],
        check_ids: bool,
    ) -> Result<Outcome<'r>, sqlx::Error> {
        self.begin().await?;
        match self.carry_out_all(requests, check_ids).await {
            Ok(outcome) if outcome.wrote => {
                self.commit().await?;
                self.streams.update(&outcome);
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
        check_ids: bool,
    ) -> Result<Outcome<'r>, sqlx::Error> {
        let Self { connection, kinds, categories, .. } = self;
        let mut transaction = OpenTransaction { connection, kinds, categories };
        let mut group = Group::new(requests, transaction.log_head().await?, self.clock.now());
        if !check_ids {
            self.streams.fill(&mut group);
        }
        group.carry_out(&mut transaction, check_ids).await
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
        claimed.await.map_err(|error| Error::of(&self.name, error))
    }

    async fn save(&mut self, lease: &Lease, position: u64) -> Result<(), Error> {
        let saved = async {
            self.begin().await?;
            let saved = subscription::save(&mut self.connection, lease, position).await;
            self.end(saved).await
        };
        saved.await.map_err(|error| Error::of(&self.name, error))?.into_result(lease, position)
    }

    /// Takes the write lock at once: a transaction that starts with a read cannot wait for it.
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

    /// After some failures the database has rolled back by itself and reports that here.
    async fn roll_back(&mut self) {
        self.kinds.clear();
        self.categories.clear();
        if let Err(error) = sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }
}

/// The caller may be gone; the write stays committed.
fn reply<T>(answer: Answer<T>, outcome: Result<T, Error>) {
    if answer.send(outcome).is_err() {
        tracing::debug!("caller of the event store is gone");
    }
}
