//! Requests by e-mail: their store, wherever it is, and the service that takes them.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Tick;
use eventstore::{Clock, Journal};
use intake::{
    Limits, MessageWriter, ProcessorSettings, Rate, RateLimiter, Reader, RequestProcessor, Rules,
    Server, Store, Templates,
};
use mail::{RelayClient, Transport};
use metrics::gauge;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, LmtpArgs, ReadingArgs};
use crate::commands::{self, VoucherDesk, logs};
use crate::extracts::Links;
use crate::services::{Condition, Vitals, Watched};
use crate::{Error, RealClock};
use engine::notices::{Outbox, Post};
use engine::runner::{self, Passes};

const PART: &str = "intake";
/// Memory that messages under way may take.
const ROOM: usize = 256 * 1024 * 1024;
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// How often what waits is counted.
const MEASURE: Duration = Duration::from_secs(15);

/// The store of the intake, for writing.
pub(crate) async fn open(global: &Global) -> Result<Store, Error> {
    global.settings()?.open_messages().await
}

/// The store of the intake, for reading; `None` where no message ever came.
pub(crate) async fn open_to_look(global: &Global) -> Result<Option<Store>, Error> {
    global.settings()?.open_messages_to_read().await
}

/// How messages are read.
pub(crate) fn reader(args: &ReadingArgs) -> Reader {
    Reader { authserv_id: args.authserv_id.clone(), ..Reader::default() }
}

/// Takes messages until it is told to stop.
pub(crate) async fn lmtp(args: &LmtpArgs, global: &Global) -> Result<ExitCode, Error> {
    let stop = CancellationToken::new();
    let signals = tokio::spawn(crate::signals::stop_on_signal(stop.clone()));
    let watched = Watched::begin()?;
    watched.answer(PART, args.watch, &stop).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let vouchers = VoucherDesk::open(global).await?;
    let journal = Arc::clone(vouchers.office.journal());
    let address = watch::Sender::new(address(&journal).await?);
    let store = Arc::new(open(global).await?);
    let writer = MessageWriter::new(Arc::clone(&store), Arc::clone(&clock));
    let kept = writer.stored();
    let mut settings = settings(args)?;
    let archive = args.archive.clone();
    if logs::is_here(archive.as_ref(), global) {
        let journal = Arc::clone(&journal);
        let (registry, global) = (Arc::clone(&vouchers.registry), global.clone());
        settings.extracts = Some(Arc::new(Links { journal, registry, archive, global }));
    }
    let (office, registry) = (vouchers.office.clone(), Arc::clone(&vouchers.registry));
    let desk = RequestProcessor::new(Arc::clone(&store), office, registry, settings);
    let server = Server::bind(&args.listen, rules(args, &address), limits(args), Arc::new(writer));
    let server = server.await?;
    watched.vitals.show(PART, Condition::Working);
    tracing::info!(service = PART, bound = %server.address(), "takes messages");
    let vitals = Arc::clone(&watched.vitals);
    let passing =
        Passing { desk, journal, address, store: Arc::clone(&store), vitals, measured: None };
    let looking = looking(passing, Arc::clone(&clock), kept, stop.clone());
    tokio::join!(server.run(stop.clone()), looking);
    signals.abort();
    vouchers.close().await?;
    if let Some(store) = Arc::into_inner(store) {
        store.close().await?;
    }
    tracing::info!(
        service = PART,
        "has stopped; mail servers keep what they would have handed over"
    );
    Ok(ExitCode::SUCCESS)
}

/// The plan's address for requests.
async fn address(journal: &Journal) -> Result<String, Error> {
    let snapshot = journal.state().await?;
    let rules = snapshot.plan().and_then(|plan| plan.vouchers.as_ref());
    rules.map(|rules| rules.intake.clone()).ok_or_else(|| {
        Error::Usage(
            "the plan in force has no [vouchers] and so no address for requests; amend it first"
                .to_owned(),
        )
    })
}

/// How the desk works. Without a relay letters wait.
fn settings(args: &LmtpArgs) -> Result<ProcessorSettings, Error> {
    let (mut transport, mut from) = (None, None);
    if let Post::Relay(Outbox { relay, settings }) = commands::post(&args.notices)? {
        let address = settings.from.address().clone();
        let client: Arc<dyn Transport> = Arc::new(RelayClient::new(relay, address.clone()));
        transport = Some(client);
        from = Some(address);
    }
    if transport.is_none() {
        tracing::warn!(
            "no mail relay is configured: letters wait; name one with --smtp-url and --notices-from"
        );
    }
    let portal = args.portal_url.as_ref().map(|url| url.0.clone());
    if portal.is_none() {
        tracing::warn!("no portal is configured: nobody can confirm; name it with --portal-url");
    }
    let templates = match &args.letters {
        Some(folder) => Templates::in_folder(folder)?,
        None => Templates::built_in()?,
    };
    let reader = reader(&args.reading);
    Ok(ProcessorSettings { reader, relay: transport, from, templates, extracts: None, portal })
}

/// The desk under the runner, woken by each message that is kept.
struct Passing {
    desk: RequestProcessor,
    journal: Arc<Journal>,
    /// Where requests go, as the server takes them; an amendment may move it.
    address: watch::Sender<String>,
    store: Arc<Store>,
    vitals: Arc<Vitals>,
    measured: Option<Instant>,
}

#[async_trait]
impl Passes for Passing {
    async fn pass(&mut self) -> Result<Tick, Error> {
        let passed = self.desk.tick().await;
        self.vitals.show(
            PART,
            match &passed {
                Ok(_) => Condition::Working,
                Err(error) => Condition::Failing(error.to_string()),
            },
        );
        if self.measured.is_none_or(|at| at.elapsed() > MEASURE) {
            self.measured = Some(Instant::now());
            if let Err(error) = measure(&self.store).await {
                tracing::debug!("the gauges of the intake are as they were: {error}");
            }
        }
        // A plan that has no address any more leaves the old one, whose messages are told that it is over.
        if let Ok(now) = address(&self.journal).await {
            self.address.send_if_modified(|address| {
                let moved = *address != now;
                *address = now;
                moved
            });
        }
        Ok(passed?)
    }
}

/// What waits for an operator or for the relay.
async fn measure(store: &Store) -> Result<(), intake::Error> {
    let number = |many: u64| f64::from(u32::try_from(many).unwrap_or(u32::MAX));
    let (waiting, in_doubt) = store.backlog().await?;
    gauge!("tramonto_intake_held_messages").set(number(store.held_count().await?));
    gauge!("tramonto_intake_letters", "state" => "waiting").set(number(waiting));
    gauge!("tramonto_intake_letters", "state" => "in_doubt").set(number(in_doubt));
    Ok(())
}

async fn looking(
    mut desk: Passing,
    clock: Arc<dyn Clock>,
    kept: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    runner::serve(PART, clock, kept, stop, &mut desk).await;
}

fn rules(args: &LmtpArgs, address: &watch::Sender<String>) -> Rules {
    let rate = |many: u32, within: Duration| Rate { burst: many, period: within / many.max(1) };
    let limiter = RateLimiter::new(rate(args.per_sender, HOUR), rate(args.per_minute, MINUTE));
    let name = address.borrow().rsplit('@').next().unwrap_or_default().to_owned();
    let largest = usize::try_from(args.largest).unwrap_or(usize::MAX);
    Rules::new(name, address.subscribe(), largest, limiter, ROOM)
}

fn limits(args: &LmtpArgs) -> Limits {
    Limits { connections: usize::from(args.connections), ..Limits::default() }
}
