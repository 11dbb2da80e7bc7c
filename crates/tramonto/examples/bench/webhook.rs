//! Rights changed through a provider's API, against the reference receiver on this machine: what
//! the adapter, the signatures and the way there and back cost, with the receiver's own database
//! behind it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use domain::{Capabilities, Capability, MailboxSet};
use engine::RealClock;
use platform::webhook::{Addresses, Secrets, Settings};
use platform::{EffectKey, Error, Platform, Right, SetRights, Webhook};
use roaring::RoaringBitmap;

use crate::report::{Report, whole};
use crate::{Fallible, rate};

const MAILBOXES: u32 = 100_000;
/// As many as a work order of the sweep has.
const CALL: u32 = 65_536;
/// Signs nothing but this bench.
const SECRET: &str = "whsec_YSBiZW5jaCBoYXMgbm8gc2VjcmV0cyBvZiBpdHMgb3du";

struct Made;

fn address(number: u32) -> String {
    format!("mailbox{number}@postacertificata.example")
}

#[async_trait]
impl Addresses for Made {
    async fn addresses(&self, mailboxes: &RoaringBitmap) -> Result<Vec<(u32, String)>, Error> {
        Ok(mailboxes.iter().map(|number| (number, address(number))).collect())
    }
}

/// The receiver's process, gone with it.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.0.kill().and_then(|()| self.0.wait().map(drop)).is_err() {
            eprintln!("the receiver could not be ended");
        }
    }
}

fn receiver(folder: &Path) -> Fallible<(Receiver, String)> {
    let addresses = folder.join("addresses.txt");
    let lines: Vec<String> = (0..MAILBOXES).map(address).collect();
    std::fs::write(&addresses, lines.join("\n"))?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/webhook/receiver.py");
    let mut process = Command::new("python3")
        .arg(program)
        .args(["--listen", "127.0.0.1:0", "--database"])
        .arg(folder.join("mail.db"))
        .arg("--mailboxes")
        .arg(addresses)
        .env("TRAMONTO_PLATFORM_SECRET", SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = process.stdout.take().ok_or("the receiver printed nothing")?;
    let receiver = Receiver(process);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let url = line.trim().strip_prefix("listens on ").ok_or("the receiver did not start")?;
    Ok((receiver, url.to_owned()))
}

/// Ends rights of everybody, tells it once more, and reads back what is so.
pub(crate) async fn measure(report: &mut Report) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let (_receiver, url) = receiver(folder.path())?;
    let mut settings = Settings::new(url.parse()?, Secrets::parse(SECRET)?);
    settings.private = true;
    report.section(format!(
        "A provider's API: {MAILBOXES} mailboxes at the reference receiver (Python, SQLite with \
         fsync) on the same machine, {} to a request, {} requests at once",
        settings.batch, settings.requests
    ));
    let programme: domain::ProgrammeId = "cec-pac".parse()?;
    let platform = Webhook::new(programme.clone(), settings, Arc::new(Made), Arc::new(RealClock))?;
    let call = |first: u32, decided_at| -> Fallible<SetRights> {
        Ok(SetRights {
            key: EffectKey {
                programme: programme.clone(),
                revision: 1,
                phase: Some("receive-only".parse()?),
            },
            mailboxes: (first..MAILBOXES.min(first + CALL)).collect(),
            capabilities: Capabilities::from(Capability::Send).with(Capability::Modify),
            right: Right::Until("2015-03-17T23:00:00Z".parse()?),
            decided_at,
        })
    };
    let calls = || (0..MAILBOXES).step_by(CALL.try_into().unwrap_or(usize::MAX));
    for (what, decided_at) in
        [("two rights ended by one call", 1), ("the same call again, already so", 2)]
    {
        let begun = Instant::now();
        for first in calls() {
            let call = call(first, decided_at)?;
            let answer = platform.set(&call).await?;
            if !answer.failed.is_empty() || !answer.is_partition_of(&call.mailboxes) {
                return Err("the receiver did not process every mailbox".into());
            }
        }
        report.row(what, told(begun), "");
    }
    let begun = Instant::now();
    for first in calls() {
        let asked: MailboxSet = call(first, 3)?.mailboxes;
        let actual = platform.read(&asked, Capability::Send.into()).await?;
        if actual.now.values().any(|may| !may.is_empty()) || !actual.unknown.is_empty() {
            return Err("the receiver did not store the rights".into());
        }
    }
    report.row("read back", told(begun), "");
    Ok(())
}

fn told(begun: Instant) -> String {
    format!("{} mailboxes/s", whole(rate(MAILBOXES.into(), begun.elapsed())))
}
