//! `tramonto drift certify`: what the log proves about drift on a day.

use std::process::ExitCode;

use chrono::NaiveDate;
use domain::Drifting;
use views::{CheckView, DriftCertificate};

use crate::Error;
use crate::cli::Global;
use crate::commands::act::{query, show};
use crate::exit::Exit;
use crate::output::text::{count, mailboxes, utc};

pub(super) async fn execute(date: Option<NaiveDate>, global: &Global) -> Result<ExitCode, Error> {
    let certificate = query(global, async |store| store.drift_certificate(date).await).await?;
    show(&certificate, words, global)?;
    Ok(if certificate.certified { Exit::Done.into() } else { Exit::Found.into() })
}

fn words(certificate: &DriftCertificate) -> String {
    let (date, as_of) = (certificate.date, utc(certificate.as_of));
    let mut lines = vec![if certificate.certified {
        format!("on {date} no drift was open (as of {as_of})")
    } else {
        format!("no certificate that no drift was open on {date} (as of {as_of}):")
    }];
    lines.extend(certificate.because.iter().map(|why| format!("  {why}")));
    lines.extend(certificate.open.iter().map(|open| {
        let (whose, since) = (mailboxes(open.mailboxes), utc(open.drift.since));
        let Drifting { capability, expected, found, found_at, .. } = &open.drift;
        format!(
            "  open since {since}: {capability} of {whose} should be {expected} and is {found} \
             (position {found_at})"
        )
    }));
    lines.push(format!(
        "comparisons by then: {}",
        count(certificate.checks.try_into().unwrap_or(0))
    ));
    let checks = [("the last", &certificate.last_check), ("the next", &certificate.next_check)];
    for (which, check) in checks {
        if let Some(check) = check {
            lines.push(format!("{which}: {}", one(check)));
            lines.extend(check.capabilities.iter().map(|compared| {
                format!(
                    "  {}: {} compared, {} left out for work under way, {} drifting",
                    compared.capability,
                    count(compared.compared),
                    count(compared.left_out),
                    count(compared.drifting)
                )
            }));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn one(check: &CheckView) -> String {
    format!(
        "at {}, position {}, against the log from {} to {}: {} of {} on the platform, {} unknown \
         to the registry, {} unknown to the platform",
        utc(check.recorded_at),
        check.position,
        check.from_position,
        check.to_position,
        mailboxes(check.mailboxes),
        count(check.known),
        count(check.unknown_to_registry),
        count(check.unknown_to_platform)
    )
}
