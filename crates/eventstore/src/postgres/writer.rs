//! The task that owns the writing connection.
//!
//! It takes what waits in its queue and commits all of it in one transaction, so that many small appends
//! share one lock and one flush. An append in the queue is carried out whether or not anybody still
//! waits for its answer; an answer is given after the commit, never before. The writers of several
//! processes compete for the counter row. A connection that failed is dropped, and the next append opens
//! another: the server may be stopped and started at any time.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::connections;
use super::fault::{self, Place};
use super::transaction::Session;
use crate::group::{Group, Head, Outcome};
use crate::head::tell;
use crate::rules::Request;
use crate::{Appended, Clock, Error};

/// How many appends share a transaction, and how many events: enough for one flush to cost nothing,
/// little enough for the first to be answered soon.
const GROUP_APPENDS: usize = 128;
const GROUP_EVENTS: usize = 10_000;

/// An append, and who waits for its answer.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Appended, Error>>,
}

/// The writing connection and what belongs to it.
pub(crate) struct Writer {
    options: PgConnectOptions,
    place: Place,
    clock: Arc<dyn Clock>,
    head: watch::Sender<u64>,
    /// `None` before the first append and after a failure.
    session: Option<Session>,
}

impl Writer {
    pub(crate) fn new(
        options: PgConnectOptions,
        place: Place,
        clock: Arc<dyn Clock>,
        head: watch::Sender<u64>,
    ) -> Self {
        Self { options, place, clock, head, session: None }
    }

    /// Carries out appends until told to stop or nobody can ask any more, and then those still waiting.
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
            connections::close(session.connection).await;
        }
    }

    async fn answer(
        &mut self,
        requests: &[Request],
        answers: &mut Vec<oneshot::Sender<Result<Appended, Error>>>,
    ) {
        let outcomes = self.carry_out(requests).await;
        for (answer, outcome) in answers.drain(..).zip(outcomes) {
            // Whoever asked may be gone; what was done stays done.
            if answer.send(outcome).is_err() {
                tracing::debug!("nobody waits for the answer of the event store any more");
            }
        }
    }

    /// Commits appends together; where one of them spoils that, each alone. Where the server fails, it
    /// would fail for each of them, after as long a wait.
    async fn carry_out(&mut self, requests: &[Request]) -> Vec<Result<Appended, Error>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let error = match self.group(requests).await {
            Ok(answers) => return answers,
            Err(error) => self.place.fault(error),
        };
        if requests.len() == 1 {
            return vec![Err(error)];
        }
        let all: Option<Vec<Error>> = requests.iter().map(|_| self.place.again(&error)).collect();
        if let Some(all) = all {
            return all.into_iter().map(Err).collect();
        }
        tracing::debug!(%error, "a group of appends failed; trying each alone");
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
        let (mut session, head) = self.begin().await?;
        let mut group = Group::new(requests, head, self.clock.now());
        if !careful {
            session.memory.recall(&mut group);
        }
        let outcome = match group.carry_out(&mut session, careful).await {
            Ok(outcome) if outcome.wrote => {
                session.commit(outcome.head).await?;
                session.memory.learn(&outcome);
                Ok(outcome)
            }
            Err(error) if fault::ends_the_session(&error) => return Err(error),
            nothing_written => {
                if let Err(error) = session.roll_back().await {
                    tracing::debug!(%error, "the writing connection was lost");
                    return nothing_written;
                }
                nothing_written
            }
        };
        self.session = Some(session);
        outcome
    }

    /// Begins a transaction. The connection of the last append may be gone since; then, as nothing was
    /// asked of it yet, a new one serves as well.
    async fn begin(&mut self) -> Result<(Session, Head), sqlx::Error> {
        if let Some(mut session) = self.session.take() {
            match session.begin().await {
                Ok(head) => return Ok((session, head)),
                Err(error) if fault::was_gone(&error) => {
                    tracing::debug!(%error, "the writing connection is opened anew");
                }
                Err(error) => return Err(error),
            }
        }
        let mut session = Session::new(connections::connect(&self.options).await?);
        let head = session.begin().await?;
        Ok((session, head))
    }
}
