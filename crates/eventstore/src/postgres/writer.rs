//! The task that owns the writing connection.
//!
//! It takes the appends in its queue and commits all of them in one transaction, so that many small
//! appends share one lock and one flush. A queued append is carried out even if its caller is gone;
//! its answer follows the commit, never precedes it. The writers of several processes compete for
//! the counter row. A failed connection is dropped, and the next append opens another: the server
//! may restart at any time.

use std::sync::Arc;

use sql::Error::{Rejected, Unavailable};
use sql::{StoreName, ends_the_session};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::transaction::Session;
use crate::error::is_duplicate;
use crate::group::{Group, Head, Outcome};
use crate::head::advance;
use crate::rules::Request;
use crate::{Appended, Clock, Error};

/// The most appends and events in one transaction: enough that a flush costs little per append, few
/// enough that the first is answered soon.
const GROUP_APPENDS: usize = 128;
const GROUP_EVENTS: usize = 10_000;

/// An append and the channel for its answer.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Appended, Error>>,
}

/// The writing connection and what belongs to it.
pub(crate) struct Writer {
    options: PgConnectOptions,
    name: StoreName,
    clock: Arc<dyn Clock>,
    head: watch::Sender<u64>,
    /// `None` before the first append and after a failure.
    session: Option<Session>,
}

impl Writer {
    pub(crate) fn new(
        options: PgConnectOptions,
        name: StoreName,
        clock: Arc<dyn Clock>,
        head: watch::Sender<u64>,
    ) -> Self {
        Self { options, name, clock, head, session: None }
    }

    /// Carries out appends until it is stopped or has no callers left, and then the appends still
    /// queued.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                biased;
                taken = queue.recv_many(&mut waiting, GROUP_APPENDS) => if taken == 0 { break },
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            }
            let (mut requests, mut answers, mut events) = (Vec::new(), Vec::new(), 0);
            for Job { request, answer } in waiting.drain(..) {
                events += request.events.len();
                requests.push(request);
                answers.push(answer);
                if events >= GROUP_EVENTS {
                    self.answer(&std::mem::take(&mut requests), &mut answers).await;
                    events = 0;
                }
            }
            self.answer(&requests, &mut answers).await;
        }
        if let Some(session) = self.session {
            sql::close(session.connection).await;
        }
    }

    async fn answer(
        &mut self,
        requests: &[Request],
        answers: &mut Vec<oneshot::Sender<Result<Appended, Error>>>,
    ) {
        let outcomes = self.carry_out(requests).await;
        for (answer, outcome) in answers.drain(..).zip(outcomes) {
            // The caller may be gone; the write stays committed.
            if answer.send(outcome).is_err() {
                tracing::debug!("caller of the event store is gone");
            }
        }
    }

    /// Commits appends together; where one of them fails the others, each alone. Where the server
    /// fails, it would fail each of them, after as long a wait.
    async fn carry_out(&mut self, requests: &[Request]) -> Vec<Result<Appended, Error>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let error = match self.group(requests).await {
            Ok(answers) => return answers,
            Err(error) => Error::of(&self.name, error),
        };
        if requests.len() == 1 {
            return vec![Err(error)];
        }
        if let Error::Store(error @ (Unavailable { .. } | Rejected { .. })) = &error {
            return requests.iter().map(|_| Err(error.clone().into())).collect();
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
        let (mut session, head) = self.begin().await?;
        let mut group = Group::new(requests, head, self.clock.now());
        if !check_ids {
            session.streams.fill(&mut group);
        }
        let outcome = match group.carry_out(&mut session, check_ids).await {
            Ok(outcome) if outcome.wrote => {
                session.commit(outcome.head).await?;
                session.streams.update(&outcome);
                Ok(outcome)
            }
            Err(error) if ends_the_session(&error) => return Err(error),
            nothing_written => {
                if let Err(error) = session.roll_back().await {
                    tracing::debug!(%error, "writing connection lost");
                    return nothing_written;
                }
                nothing_written
            }
        };
        self.session = Some(session);
        outcome
    }

    /// Begins a transaction. The connection of the last append may be gone since; as nothing was
    /// asked of it yet, a new one replaces it.
    async fn begin(&mut self) -> Result<(Session, Head), sqlx::Error> {
        if let Some(mut session) = self.session.take() {
            match session.begin().await {
                Ok(head) => return Ok((session, head)),
                Err(error) if was_gone(&error) => {
                    tracing::debug!(%error, "writing connection reopened");
                }
                Err(error) => return Err(error),
            }
        }
        let mut session = Session::new(sql::connect(&self.options).await?);
        let head = session.begin().await?;
        Ok((session, head))
    }
}

/// Whether the connection was gone before anything was asked of it. One that does not answer may
/// not be.
fn was_gone(error: &sqlx::Error) -> bool {
    let waited =
        matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut);
    ends_the_session(error) && !waited
}
