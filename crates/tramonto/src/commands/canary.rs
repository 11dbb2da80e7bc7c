//! `tramonto canary`: the answers of mail servers to test mailboxes, now and beside each boundary.

use std::process::ExitCode;

use domain::{Finding, ProbeAnswer, Transcript};
use engine::store::Store;
use views::{CanaryStanding, ProbeState};
use workers::canary::{ProbeEndpoints, ProbeSettings};

use super::act::{query, show};
use crate::cli::{CanaryArgs, CanaryCommand, Global, ProbeArgs};
use crate::exit::Exit;
use crate::output::text::{table, utc};
use crate::secrets::password;
use crate::{Error, commands};

/// Holds the canaries' password if no file does.
pub(super) const PASSWORD: &str = "TRAMONTO_CANARY_PASSWORD";

/// The servers that canaries probe, by the command line; `None` where none is named.
pub(super) fn endpoints(args: &CanaryArgs) -> Result<Option<ProbeEndpoints>, Error> {
    let root = args.canary_root_certificate.as_deref().map(commands::read).transpose()?;
    let settings = ProbeSettings {
        smtp: args.canary_smtp.as_ref().map(|server| &server.0),
        submission: args.canary_submission.as_ref().map(|server| &server.0),
        imap: args.canary_imap.as_ref().map(|server| &server.0),
        password: password(args.canary_password_file.as_deref(), PASSWORD)?,
        root: root.as_deref(),
        timeout: args.canary_timeout.0,
    };
    ProbeEndpoints::new(settings).map_err(Error::Invalid)
}

pub(super) async fn execute(command: CanaryCommand, global: &Global) -> Result<ExitCode, Error> {
    match command {
        CanaryCommand::Probe(args) => probe(&args, global).await,
        CanaryCommand::Show { phase, transcript } => {
            let standings = async |store: &Store| store.canaries(phase.as_ref(), transcript).await;
            let standings = query(global, standings).await?;
            show(&standings, |standings| overview(standings), global)?;
            Ok(Exit::Done.into())
        }
    }
}

async fn probe(args: &ProbeArgs, global: &Global) -> Result<ExitCode, Error> {
    let Some(endpoints) = endpoints(&args.endpoints)? else {
        return Err(Error::Invalid(
            "no server is named; give --canary-smtp, --canary-submission or --canary-imap"
                .to_owned(),
        ));
    };
    let probed = query(global, async |store| store.probe_canaries(&endpoints).await).await?;
    let agree = probed.iter().flat_map(|probed| &probed.findings);
    let contradicted = agree.into_iter().any(|finding| finding.agrees() == Some(false));
    let rows = probed.iter().flat_map(|probed| {
        let row =
            move |finding| [vec![probed.number.to_string()], words(finding).to_vec()].concat();
        probed.findings.iter().map(row)
    });
    let said = probed
        .iter()
        .filter(|_| args.transcript)
        .flat_map(|probed| conversations(format!("canary {}", probed.number), &probed.transcripts));
    let header = "canary | capability | expected | found |";
    show(&probed, |_| table(header, rows) + &said.collect::<String>(), global)?;
    Ok(if contradicted { Exit::Found.into() } else { Exit::Done.into() })
}

fn overview(standings: &[CanaryStanding]) -> String {
    if standings.is_empty() {
        return "no canaries: the plan has none, or they are not registered\n".to_owned();
    }
    let header = "phase | side | canary | probed | capability | expected | found |";
    let said = standings.iter().flat_map(|one| {
        let title = format!("{} {}, canary {}", one.side.name(), one.phase, one.number);
        let transcripts = one.probe.as_ref().map(|probe| probe.event.transcripts.as_slice());
        conversations(title, transcripts.unwrap_or_default())
    });
    table(header, standings.iter().flat_map(rows)) + &said.collect::<String>()
}

fn rows(one: &CanaryStanding) -> Vec<Vec<String>> {
    let about = |probed: String| {
        vec![one.phase.to_string(), one.side.name().to_owned(), one.number.to_string(), probed]
    };
    let Some(made) = &one.probe else {
        let state = match one.state {
            ProbeState::Missed => "missed",
            ProbeState::Open => "not yet",
            ProbeState::ToCome | ProbeState::Probed => "to come",
        };
        return vec![about(state.to_owned())];
    };
    made.event
        .findings
        .iter()
        .map(|finding| {
            let mut row = about(utc(made.event.began_at));
            row.extend(words(finding));
            if made.contradicted > 0
                && let Some(note) = row.last_mut()
            {
                let before = format!("after {} probes that contradicted", made.contradicted);
                *note = if note.is_empty() { before } else { format!("{note}, {before}") };
            }
            row
        })
        .collect()
}

/// Capability, what was expected, what was found, and what is wrong with that.
fn words(finding: &Finding) -> [String; 4] {
    let (found, why) = match &finding.found {
        ProbeAnswer::Allowed => ("allowed", ""),
        ProbeAnswer::Refused(_) => ("refused", ""),
        ProbeAnswer::Unknown(cause) => ("unknown", cause.as_str()),
    };
    let expected = if finding.expected { "allowed" } else { "refused" };
    let note = if finding.agrees() == Some(false) { "CONTRADICTS" } else { why };
    [finding.capability.name(), expected, found, note].map(str::to_owned)
}

fn conversations(title: String, transcripts: &[Transcript]) -> impl Iterator<Item = String> {
    transcripts.iter().map(move |transcript| {
        let (protocol, ended_at) = (transcript.protocol.name(), utc(transcript.ended_at));
        let heading = format!("\n{title}, {protocol}, until {ended_at}\n");
        transcript.lines.iter().fold(heading, |text, line| text + line + "\n")
    })
}
