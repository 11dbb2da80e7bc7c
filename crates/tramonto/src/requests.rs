//! Requests by e-mail: their store, wherever it is, and the service that takes them.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use domain::State;
use eventstore::{Clock, Journal};
use intake::{Gate, Keeper, Limits, Pace, Reader, Rules, Server, Store};
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, LmtpArgs, ReadingArgs};
use crate::engine::Store as EngineStore;
use crate::log::{Log, postgres_options};
use crate::services::{Condition, Watched};
use crate::{Error, RealClock, StorePlace};

const PART: &str = "intake";
/// Memory that messages under way may take.
const ROOM: usize = 256 * 1024 * 1024;
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The store of the intake, for writing.
pub(crate) async fn open(global: &Global) -> Result<Store, Error> {
    match &global.store {
        StorePlace::Folder(_) => {
            let home = global.home()?;
            home.expect_store()?;
            Ok(Store::open(&home.intake()).await?)
        }
        StorePlace::Postgres(url) => Ok(Store::connect(postgres_options(global, url)?).await?),
    }
}

/// The store of the intake, for a look; `None` where nothing has ever come.
pub(crate) async fn open_to_look(global: &Global) -> Result<Option<Store>, Error> {
    if let StorePlace::Postgres(url) = &global.store {
        return Ok(Some(Store::connect(postgres_options(global, url)?).await?));
    }
    let home = global.home()?;
    home.expect_store()?;
    if !home.intake().exists() {
        return Ok(None);
    }
    Ok(Some(Store::open_read_only(&home.intake()).await?))
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
    let (log, journal) = journal(global, &clock).await?;
    let address = address(&journal).await?;
    let store = Arc::new(open(global).await?);
    let keeper = Keeper::new(Arc::clone(&store), Arc::clone(&clock));
    let server = Server::bind(&args.listen, rules(args, &address), limits(args), Arc::new(keeper));
    let server = server.await?;
    watched.vitals.show(PART, Condition::Working);
    tracing::info!(service = PART, bound = %server.place(), "takes messages");
    server.run(stop.clone()).await;
    signals.abort();
    log.close().await;
    if let Some(store) = Arc::into_inner(store) {
        store.close().await?;
    }
    tracing::info!(
        service = PART,
        "has stopped; mail servers keep what they would have handed over"
    );
    Ok(ExitCode::SUCCESS)
}

/// The log, for decisions, and the programme that it is of.
async fn journal(global: &Global, clock: &Arc<dyn Clock>) -> Result<(Log, Arc<Journal>), Error> {
    let log = Log::open_to_decide(global, Arc::clone(clock)).await?;
    let Some(programme) = EngineStore::programme(&*log.port()).await? else {
        return Err(Error::Usage(
            "no plan is adopted yet; run `tramonto plan adopt FILE`".to_owned(),
        ));
    };
    let journal = Journal::new(programme, log.port(), Arc::clone(clock), State::default(), 0);
    Ok((log, Arc::new(journal)))
}

/// The plan's address for requests.
async fn address(journal: &Journal) -> Result<String, Error> {
    let known = journal.known().await?;
    let rules = known.state().plan().and_then(|plan| plan.vouchers.as_ref());
    rules.map(|rules| rules.intake.clone()).ok_or_else(|| {
        Error::Usage(
            "the plan in force has no [vouchers] and so no address for requests; amend it first"
                .to_owned(),
        )
    })
}

fn rules(args: &LmtpArgs, address: &str) -> Rules {
    let pace = |many: u32, within: Duration| Pace { burst: many, period: within / many.max(1) };
    let gate = Gate::new(pace(args.per_sender, HOUR), pace(args.per_minute, MINUTE));
    let name = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    let largest = usize::try_from(args.largest).unwrap_or(usize::MAX);
    Rules::new(name.to_owned(), address.to_owned(), largest, gate, ROOM)
}

fn limits(args: &LmtpArgs) -> Limits {
    Limits { connections: usize::from(args.connections), ..Limits::default() }
}
