//! Log requests: who may receive which message log, and the links of their exports.
//!
//! Invariant: a request that cannot be served does not stop the others. A link is handed to the
//! caller once and stored nowhere.

use archive::{LogArchive, Terms};
use chrono::{NaiveDate, TimeDelta};
use domain::{Event, LogCommand, LogRequested, LogStanding, Plan, Requester, Verification};
use eventstore::{Decision, Origin, archive_stream, erasure_stream};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use views::{
    ExportPrepared, ExportsPrepared, LinksExpired, LogRequestCreated, LogRequestRefused,
    LogRequestVerified,
};

use super::decide::Decided;
use super::{Action, At, Caller, Convergent};
use crate::store::{Store, holder};
use crate::{Error, LogTableUrl, MailboxRef};

/// Records a request for the message log of a mailbox.
pub struct CreateLogRequest {
    /// Whose log.
    pub mailbox: MailboxRef,
    /// Who requests it.
    pub by: Requester,
    /// The first civil day; `None` for no lower bound.
    pub from: Option<NaiveDate>,
    /// The last civil day; `None` for no upper bound.
    pub through: Option<NaiveDate>,
    /// The day on which the request arrived; today where it is `None`.
    pub received_on: Option<NaiveDate>,
}

/// Records that the requester was verified.
pub struct VerifyLogRequest {
    /// Which request.
    pub request: Uuid,
    /// How.
    pub proof: Verification,
}

/// Refuses a request.
pub struct RefuseLogRequest {
    /// Which request.
    pub request: Uuid,
    /// Why, as a short code.
    pub cause: String,
}

/// Ends links that have expired, and deletes their exports.
pub struct ExpireLinks;

/// Prepares the exports of verified requests, and of those whose export was withdrawn.
pub struct PrepareExports<'a> {
    /// Only this request, whose failure fails the action; `None` for all.
    pub request: Option<Uuid>,
    /// The platform's table of messages, read instead of the index.
    pub log_table: Option<&'a LogTableUrl>,
    /// The password of that database's user.
    pub password: Option<SecretString>,
    /// The public URL of the portal, the base of every link.
    pub portal: &'a str,
    /// Whether links of holders with an address for notices go by letter.
    pub by_letter: bool,
    /// The lifetime of a link in days; `None` for the plan's.
    pub days: Option<u16>,
    /// Takes each outcome as soon as it is known.
    pub sink: &'a mut dyn ExportSink,
}

/// Takes the outcomes of preparing exports.
pub trait ExportSink: Send + Sync {
    /// So many requests will be tried.
    fn begin(&mut self, requests: u64);

    /// An export is ready.
    fn prepared(&mut self, export: &ExportPrepared) -> Result<(), Error>;

    /// A request could not be served.
    fn failed(&mut self, request: Uuid, problem: &Error) -> Result<(), Error>;
}

impl Action for CreateLogRequest {
    const DONE: &'static str = "requested";
    type Result = LogRequestCreated;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<LogRequestCreated>, Error> {
        let Self { mailbox, by, from, through, received_on } = self;
        let number = store.number_of(&mailbox).await?;
        let request = caller.id("log-request", store);
        let requested = LogRequested { request, number, by, from, through, received_on };
        let decided = decide(store, caller, LogCommand::Request(requested.clone())).await?;
        let decided = decided.led_to(|event| *event == Event::LogRequested(requested.clone()))?;
        Ok(decided.with(LogRequestCreated { request, mailbox: store.id_of(number) }))
    }
}

impl Action for VerifyLogRequest {
    const DONE: &'static str = "verified";
    type Result = LogRequestVerified;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<LogRequestVerified>, Error> {
        let Self { request, proof } = self;
        let decided = decide(store, caller, LogCommand::Verify { request, proof }).await?;
        let decided = decided.led_to(
            |event| matches!(event, Event::LogRequesterVerified(event) if event.request == request),
        )?;
        Ok(decided.with(LogRequestVerified { request }))
    }
}

impl Action for RefuseLogRequest {
    const DONE: &'static str = "refused";
    type Result = LogRequestRefused;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<LogRequestRefused>, Error> {
        let Self { request, cause } = self;
        let decided = decide(store, caller, LogCommand::Refuse { request, cause }).await?;
        let decided = decided.led_to(
            |event| matches!(event, Event::LogRequestRefused(event) if event.request == request),
        )?;
        Ok(decided.with(LogRequestRefused { request }))
    }
}

impl Convergent for ExpireLinks {
    const DONE: &'static str = "expired";
    type Result = LinksExpired;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<LinksExpired>, Error> {
        let ended = store.archive().await?.expire(by).await?.len();
        let links = u64::try_from(ended).unwrap_or(u64::MAX);
        store.at_end(LinksExpired { links }).await
    }
}

impl Convergent for PrepareExports<'_> {
    const DONE: &'static str = "prepared";
    type Result = ExportsPrepared;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<ExportsPrepared>, Error> {
        let Some(url) = self.log_table else {
            return self.prepare_all(store, by, store.archive().await?.index()).await;
        };
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        let table = url.open(password).await?;
        let done = self.prepare_all(store, by, &table).await;
        table.close().await;
        done
    }
}

impl PrepareExports<'_> {
    async fn prepare_all(
        self,
        store: &Store,
        by: &Origin,
        logs: &dyn LogArchive,
    ) -> Result<At<ExportsPrepared>, Error> {
        store.archive().await?.expire(by).await?;
        let requests = waiting(store, self.request).await?;
        self.sink.begin(u64::try_from(requests.len()).unwrap_or(u64::MAX));
        let mut done = ExportsPrepared::default();
        for (request, number) in requests {
            match self.prepare(store, by, logs, (request, number)).await {
                Ok(export) => {
                    done.prepared += 1;
                    self.sink.prepared(&export)?;
                }
                Err(problem) if self.request.is_some() => return Err(problem),
                Err(problem) => {
                    done.failed += 1;
                    self.sink.failed(request, &problem)?;
                }
            }
        }
        store.at_end(done).await
    }

    async fn prepare(
        &self,
        store: &Store,
        origin: &Origin,
        logs: &dyn LogArchive,
        (request, number): (Uuid, u32),
    ) -> Result<ExportPrepared, Error> {
        let (holder, has_address) = holder(store.registry().await?, number).await?;
        let (goes, planned) = {
            let state = store.journal().state().await?;
            let open = state.log_requests.open.get(&request);
            let goes = open.is_some_and(|open| {
                open.by == Requester::Holder && open.standing != LogStanding::Requested
            });
            (goes, state.plan().map(Plan::link_days))
        };
        let by_letter = self.by_letter && has_address && goes;
        if by_letter {
            // Before the export is recorded: the letter waits for it, so a crash loses no letter.
            let now = store.journal().now();
            store.messages().await?.queue_export(request, number, now).await?;
        }
        let archive = store.archive().await?;
        let days = self.days.map(u32::from).or(planned).unwrap_or_default();
        let terms = Terms { lasting: TimeDelta::days(days.into()), by_letter };
        let ready = archive.prepare(request, &holder, logs, terms, origin).await?;
        let (prepared, portal) = (ready.prepared, self.portal.trim_end_matches('/'));
        Ok(ExportPrepared {
            request,
            mailbox: store.id_of(number),
            rows: prepared.rows,
            sha256: prepared.sha256,
            expires_at: prepared.expires_at,
            link: (!by_letter).then(|| format!("{portal}/logs/{}", ready.secret)),
        })
    }
}

/// The request that is named; or all that are verified, and those whose export was withdrawn.
async fn waiting(store: &Store, named: Option<Uuid>) -> Result<Vec<(Uuid, u32)>, Error> {
    let mut waiting: Vec<(Uuid, u32)> = {
        let state = store.journal().state().await?;
        let requests = &state.log_requests;
        if let Some(request) = named {
            let open = requests.open.get(&request).ok_or_else(|| {
                Error::NotFound(format!(
                    "no request {request} is open; see `tramonto log-request list`"
                ))
            })?;
            return Ok(vec![(request, open.number)]);
        }
        requests.to_prepare().map(|(request, open)| (request, open.number)).collect()
    };
    waiting.extend(store.archive().await?.withdrawn().await?);
    Ok(waiting)
}

/// Decides on a command; decides again after a concurrent erasure.
async fn decide(store: &Store, caller: &Caller, command: LogCommand) -> Result<Decided, Error> {
    let stream = archive_stream(store.programme())?;
    let on = Decision::on(stream.clone()).depends_on(erasure_stream(store.programme())?);
    let decide = |state: &domain::State, now| Ok(state.decide_log_request(command.clone(), now)?);
    store.decide_on(caller, stream, &on, decide).await
}
