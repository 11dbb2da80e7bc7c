//! Requests by e-mail: the service that receives messages by LMTP and sends letters.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::intake::{
    Limits, Listen, MessageWriter, ProcessorSettings, Rate, RateLimiter, Reader, RequestProcessor,
    Rules, Server, Templates,
};
use eventstore::Clock;
use mail::{RelayClient, Transport};
use tokio::sync::watch;

use crate::health::PartStatus;
use crate::parts::{ExportLinks, LETTERS, Letters, RelayDelivery, intake_address};
use crate::process::Process;
use crate::store::{Store, StoreSettings};
use crate::{Error, RealClock};

/// The memory for messages in flight.
const ROOM: usize = 256 * 1024 * 1024;
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// How messages are received and letters sent.
pub struct IntakeSettings {
    /// The address for LMTP.
    pub listen: Listen,
    /// The address of the probe endpoints, if any.
    pub watch: Option<SocketAddr>,
    /// The maximum size of a message in bytes.
    pub largest: u32,
    /// The maximum number of concurrent connections.
    pub connections: usize,
    /// The maximum number of messages of one sender per hour.
    pub per_sender: u32,
    /// The maximum number of messages of all senders per minute.
    pub per_minute: u32,
    /// How messages are classified.
    pub reader: Reader,
    /// The public URL of the portal; without it nobody is asked to confirm.
    pub portal: Option<String>,
    /// The folder of letter templates; `None` for the built-in ones.
    pub templates: Option<PathBuf>,
    /// The relay for letters; without it they wait.
    pub relay: Option<RelayDelivery>,
}

/// Receives messages and sends letters until it is stopped.
pub async fn intake(stores: StoreSettings, settings: IntakeSettings) -> Result<(), Error> {
    let process = Process::start(LETTERS, settings.watch).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let opened = Store::open_to_decide(stores.clone()).await?;
    let vouchers = opened.vouchers().await?.clone();
    let registry = Arc::clone(opened.registry().await?);
    let journal = Arc::clone(opened.journal());
    let address = watch::Sender::new(intake_address(&journal).await?);
    let messages = Arc::clone(opened.messages().await?);
    let writer = MessageWriter::new(Arc::clone(&messages), Arc::clone(&clock));
    let kept = writer.stored();
    let (rules, limits) = (rules(&settings, &address), limits(&settings));
    let listen = settings.listen.clone();
    let mut processing = processing(settings)?;
    if stores.has_archive() {
        let (journal, registry) = (Arc::clone(&journal), Arc::clone(&registry));
        let links = ExportLinks { journal, registry, settings: stores };
        processing.exports = Some(Arc::new(links));
    }
    let processor = RequestProcessor::new(Arc::clone(&messages), vouchers, registry, processing);
    let server = Server::bind(&listen, rules, limits, Arc::new(writer)).await?;
    process.health.report(LETTERS, PartStatus::Working);
    tracing::info!(service = LETTERS, bound = %server.address(), "listening for messages");
    let mut letters = Letters::new(processor, journal, messages, address);
    let processing = process.run(LETTERS, &mut letters, clock, kept);
    tokio::join!(server.run(process.stop.clone()), processing);
    drop(letters);
    opened.close().await?;
    process.end();
    Ok(())
}

/// How requests are processed. Without a relay, letters wait.
fn processing(settings: IntakeSettings) -> Result<ProcessorSettings, Error> {
    let IntakeSettings { reader, portal, templates, relay, .. } = settings;
    let (mut transport, mut from) = (None, None);
    if let Some(RelayDelivery { relay, settings }) = relay {
        let address = settings.from.address().clone();
        let client: Arc<dyn Transport> = Arc::new(RelayClient::new(relay, address.clone()));
        transport = Some(client);
        from = Some(address);
    } else {
        tracing::warn!(
            "no mail relay is configured: letters wait; set --smtp-url and --notices-from"
        );
    }
    if portal.is_none() {
        tracing::warn!("no portal is configured: requests cannot be confirmed; set --portal-url");
    }
    let templates = Templates::load(templates.as_deref())?;
    Ok(ProcessorSettings { reader, relay: transport, from, templates, exports: None, portal })
}

fn rules(settings: &IntakeSettings, address: &watch::Sender<String>) -> Rules {
    let rate = |many: u32, within: Duration| Rate { burst: many, period: within / many.max(1) };
    let limiter =
        RateLimiter::new(rate(settings.per_sender, HOUR), rate(settings.per_minute, MINUTE));
    let name = address.borrow().rsplit('@').next().unwrap_or_default().to_owned();
    let largest = usize::try_from(settings.largest).unwrap_or(usize::MAX);
    Rules::new(name, address.subscribe(), largest, limiter, ROOM)
}

fn limits(settings: &IntakeSettings) -> Limits {
    Limits { connections: settings.connections, ..Limits::default() }
}
