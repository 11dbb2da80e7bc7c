//! Requests by e-mail: their store, of either kind, and the service that takes them.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use engine::health::PartStatus;
use engine::parts::{ExportLinks, LETTERS, Letters, NoticeDelivery, RelayDelivery, intake_address};
use engine::process::Process;
use eventstore::Clock;
use intake::{
    Limits, MessageWriter, ProcessorSettings, Rate, RateLimiter, Reader, RequestProcessor, Rules,
    Server, Store, Templates,
};
use mail::{RelayClient, Transport};
use tokio::sync::watch;

use crate::cli::{Global, LmtpArgs, ReadingArgs};
use crate::commands;
use crate::{Error, RealClock};

/// The memory for messages in flight.
const ROOM: usize = 256 * 1024 * 1024;
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The store of the intake, for writing.
pub(crate) async fn open(global: &Global) -> Result<Store, Error> {
    global.settings()?.open_messages().await
}

/// The store of the intake, read-only; `None` where no message has ever arrived.
pub(crate) async fn open_to_look(global: &Global) -> Result<Option<Store>, Error> {
    global.settings()?.open_messages_to_read().await
}

/// How messages are read.
pub(crate) fn reader(args: &ReadingArgs) -> Reader {
    Reader { authserv_id: args.authserv_id.clone(), ..Reader::default() }
}

/// Takes messages until it is stopped.
pub(crate) async fn lmtp(args: &LmtpArgs, global: &Global) -> Result<ExitCode, Error> {
    let process = Process::start(LETTERS, args.watch.0).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let opened = engine::store::Store::open_to_decide(global.settings()?).await?;
    let vouchers = opened.vouchers().await?.clone();
    let registry = Arc::clone(opened.registry().await?);
    let journal = Arc::clone(opened.journal());
    let address = watch::Sender::new(intake_address(&journal).await?);
    let store = Arc::new(open(global).await?);
    let writer = MessageWriter::new(Arc::clone(&store), Arc::clone(&clock));
    let kept = writer.stored();
    let mut settings = settings(args)?;
    let store_settings = global.settings_with(args.archive.as_ref())?;
    if store_settings.has_archive() {
        let (journal, registry) = (Arc::clone(&journal), Arc::clone(&registry));
        let links = ExportLinks { journal, registry, settings: store_settings };
        settings.extracts = Some(Arc::new(links));
    }
    let processor = RequestProcessor::new(Arc::clone(&store), vouchers, registry, settings);
    let server = Server::bind(&args.listen, rules(args, &address), limits(args), Arc::new(writer));
    let server = server.await?;
    process.health.report(LETTERS, PartStatus::Working);
    tracing::info!(service = LETTERS, bound = %server.address(), "listening for messages");
    let mut letters = Letters::new(processor, journal, Arc::clone(&store), address);
    let processing = process.run(&mut letters, clock, kept);
    tokio::join!(server.run(process.stop.clone()), processing);
    drop(letters);
    opened.close().await?;
    if let Some(store) = Arc::into_inner(store) {
        store.close().await?;
    }
    process.end();
    Ok(ExitCode::SUCCESS)
}

/// How requests are processed. Without a relay, letters wait.
fn settings(args: &LmtpArgs) -> Result<ProcessorSettings, Error> {
    let (mut transport, mut from) = (None, None);
    if let NoticeDelivery::Relay(RelayDelivery { relay, settings }) =
        commands::delivery(&args.notices)?
    {
        let address = settings.from.address().clone();
        let client: Arc<dyn Transport> = Arc::new(RelayClient::new(relay, address.clone()));
        transport = Some(client);
        from = Some(address);
    }
    if transport.is_none() {
        tracing::warn!(
            "no mail relay is configured: letters wait; set --smtp-url and --notices-from"
        );
    }
    let portal = args.portal_url.as_ref().map(|url| url.0.clone());
    if portal.is_none() {
        tracing::warn!("no portal is configured: requests cannot be confirmed; set --portal-url");
    }
    let templates = match &args.letters {
        Some(folder) => Templates::in_folder(folder)?,
        None => Templates::built_in()?,
    };
    let reader = reader(&args.reading);
    Ok(ProcessorSettings { reader, relay: transport, from, templates, extracts: None, portal })
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
