//! `tramonto drift`: the mail platform compared with the log, now; and what can be said of a day.
//!
//! It runs beside an engine or services and needs neither: what it finds it records, and what is to be put
//! right is theirs to do. Deliberately absent: any change of the platform.

mod certificate;

use std::process::ExitCode;
use std::sync::Arc;

use domain::DriftChecked;
use engine::EngineSettings;
use eventstore::Origin;
use platform::{Directory, Platform, PostgresDirectory};
use serde_json::json;
use workers::Reconciler;

use super::act::decide_on;
use crate::cli::{DriftCommand, Global, PlatformArgs};
use crate::exit::Exit;
use crate::log::postgres_options;
use crate::output::Output;
use crate::output::text::{count, mailboxes, table};
use crate::{Error, StorePlace};
use engine::parts::{MailDirectory, PendingMailboxes};
use engine::platform_choice::{PlatformChoice, PlatformLink};

pub(super) async fn execute(command: DriftCommand, global: &Global) -> Result<ExitCode, Error> {
    match command {
        DriftCommand::Check(args) => compare(false, None, &args.platform, global).await,
        DriftCommand::Repair(args) => {
            let reason = Some(args.reason.as_str().to_owned());
            compare(true, reason, &args.platform, global).await
        }
        DriftCommand::Certify(args) => certificate::execute(args, global).await,
    }
}

async fn compare(
    repair: bool,
    reason: Option<String>,
    platform: &PlatformArgs,
    global: &Global,
) -> Result<ExitCode, Error> {
    let store = decide_on(global).await?;
    let journal = Arc::clone(store.journal());
    let (platform, provisioned) = match platform.choice()? {
        PlatformChoice::Directory => directory(global).await?,
        PlatformChoice::Webhook(settings) => {
            let registry = Arc::clone(store.registry().await?);
            let provider =
                engine::platform_choice::webhook(&settings, store.programme(), registry)?;
            let provider: Arc<dyn Platform> = Arc::new(provider);
            (provider, None)
        }
    };
    let log = Arc::clone(store.log());
    let pending = provisioned.map(|directory| PendingMailboxes::new(log, directory));
    if let Some(pending) = &pending
        && pending.any().await?
    {
        return Err(Error::Usage(
            "registered mailboxes are not in the mail directory yet; run the engine, then check again"
                .to_owned(),
        ));
    }
    // An end that is not armed yet is no drift.
    let link = PlatformLink::new(platform, pending, EngineSettings::default().arm_ahead);
    link.apply_rate_limits(&*journal.state().await?);
    let origin = Origin { actor: global.actor(), reason, ..Origin::part("") };
    let mut reconciler = Reconciler::new(journal, Arc::clone(&link.platform), link.reach);
    let checked = reconciler.check(repair, &origin).await?;
    store.close().await?;
    tell(&checked, global)?;
    let clean = repair || checked.drifting() == 0;
    Ok(if clean { Exit::Done.into() } else { Exit::Found.into() })
}

/// A platform, and how it is given its mailboxes, where it is.
type Found = (Arc<dyn Platform>, Option<Arc<dyn MailDirectory>>);

/// The mail directory of the store.
async fn directory(global: &Global) -> Result<Found, Error> {
    if let StorePlace::Postgres(url) = &global.store {
        let directory = PostgresDirectory::open(postgres_options(global, url)?).await?;
        let directory = Arc::new(directory);
        return Ok((Arc::<PostgresDirectory>::clone(&directory), Some(directory)));
    }
    let directory = Arc::new(Directory::open(&global.home()?.directory()).await?);
    Ok((Arc::<Directory>::clone(&directory), Some(directory)))
}

fn tell(checked: &DriftChecked, global: &Global) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json {
        return out.document(&json!({
            "repair": checked.repair,
            "drifting": checked.drifting(),
            "checked": checked,
        }));
    }
    out.line(format!(
        "{} compared with the platform, which knows {}",
        mailboxes(checked.mailboxes),
        count(checked.known.saturating_add(checked.numberless))
    ))?;
    let row = |one: &domain::Compared| {
        let counts = [one.compared, one.left_out, one.drifting].map(count);
        std::iter::once(one.capability.to_string()).chain(counts).collect()
    };
    let header = ["right", "compared", "work under way", "drifting"];
    let rows = checked.capabilities.iter().map(row).collect();
    out.text(table(&header, &[1, 2, 3], rows))?;
    let strangers = checked.unknown_to_registry.len().saturating_add(checked.numberless);
    for (number, what) in [
        (strangers, "known to the platform alone; they are left alone"),
        (checked.unknown_to_platform.len(), "missing on the platform; they are left alone"),
    ] {
        if number > 0 {
            out.line(format!("{} {what}", mailboxes(number)))?;
        }
    }
    out.line(match (checked.drifting(), checked.repair) {
        (0, _) => "no drift",
        (_, true) => "what drifts is recorded; the engine puts it right",
        (_, false) => "what drifts is recorded; put it right with `tramonto drift repair`",
    })
}
