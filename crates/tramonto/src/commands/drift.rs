//! `tramonto drift`: the mail platform compared with the log, now or on a day.
//!
//! It runs beside an engine or services and needs neither: it records what it finds, and they
//! repair it. Deliberately absent: any change of the platform.

mod certificate;

use std::process::ExitCode;

use domain::DriftChecked;
use engine::actions::drift::CheckDrift;
use serde_json::json;

use super::act::{run, show};
use crate::Error;
use crate::cli::{DriftCommand, Global, PlatformArgs, Reason};
use crate::exit::Exit;
use crate::output::text::{count, mailboxes, table};

pub(super) async fn execute(command: DriftCommand, global: &Global) -> Result<ExitCode, Error> {
    match command {
        DriftCommand::Check(platform) => compare(false, None, &platform, global).await,
        DriftCommand::Repair { reason, platform } => {
            compare(true, Some(&reason), &platform, global).await
        }
        DriftCommand::Certify { date } => certificate::execute(date, global).await,
    }
}

async fn compare(
    repair: bool,
    reason: Option<&Reason>,
    platform: &PlatformArgs,
    global: &Global,
) -> Result<ExitCode, Error> {
    let action = CheckDrift { platform: &platform.choice()?, repair };
    let checked = run(action, reason, global).await?.result;
    let drifting = checked.drifting();
    let told = json!({ "repair": checked.repair, "drifting": drifting, "checked": checked });
    show(&told, |_| words(&checked), global)?;
    let clean = repair || drifting == 0;
    Ok(if clean { Exit::Done.into() } else { Exit::Found.into() })
}

fn words(checked: &DriftChecked) -> String {
    let row = |one: &domain::Compared| {
        let counts = [one.compared, one.left_out, one.drifting].map(count);
        std::iter::once(one.capability.to_string()).chain(counts).collect()
    };
    let header = "right | >compared | >work under way | >drifting";
    let mut lines = vec![format!(
        "{} compared with the platform, which knows {}\n{}",
        mailboxes(checked.mailboxes),
        count(checked.known.saturating_add(checked.numberless)),
        table(header, checked.capabilities.iter().map(row)).trim_end()
    )];
    let strangers = checked.unknown_to_registry.len().saturating_add(checked.numberless);
    for (number, what) in [
        (strangers, "known only to the platform; they are skipped"),
        (checked.unknown_to_platform.len(), "missing on the platform; they are skipped"),
    ] {
        if number > 0 {
            lines.push(format!("{} {what}", mailboxes(number)));
        }
    }
    let end = match (checked.drifting(), checked.repair) {
        (0, _) => "no drift\n",
        (_, true) => "drift recorded; the engine repairs it\n",
        (_, false) => "drift recorded; repair it with `tramonto drift repair --reason TEXT`\n",
    };
    lines.push(end.to_owned());
    lines.join("\n")
}
