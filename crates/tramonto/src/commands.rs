//! What each command does, and how the process ends.
//!
//! Invariants: whatever goes wrong is one sentence on standard error and an exit code, never a
//! backtrace; a reader of our output that went away ends the command quietly. Deliberately absent: the
//! grammar of the command line, which is `cli`'s.

mod canary;
mod completions;
mod config;
mod decide;
mod derived;
mod drift;
mod erase;
mod events;
mod generate;
mod healthcheck;
mod holds;
mod import;
mod incidents;
mod intake;
mod logging;
pub(crate) mod logs;
mod mailbox;
mod mailbox_words;
mod migrate;
mod notices;
mod plan;
mod plan_file;
mod platform;
mod programme;
mod reading;
pub mod rehearse;
pub mod run;
mod serving;
mod status;
pub(crate) mod voucher;

pub(crate) use notices::post;
pub(crate) use voucher::{Desk as VoucherDesk, keyring};

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use domain::Plan;

use crate::cli::{Cli, Command};
use crate::{Error, output, portal, services};

/// The exit code of an import that rejected rows.
const REJECTED: u8 = 3;

/// Reads the arguments, does what they ask for, and answers with the process's exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::read(arguments) {
        Ok(cli) => cli,
        // Help is no mistake: clap knows the code and the place for either.
        Err(told) => {
            drop(told.print());
            return u8::try_from(told.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let begun = tokio::runtime::Runtime::new().map_err(|source| Error::File {
        path: "the process".into(),
        advice: format!("no threads can be started ({source}); look at its limits"),
        source,
    });
    let done = begun.and_then(|runtime| {
        // Dropped before the runtime, on which the last spans are sent.
        let spans = logging::begin(&cli, runtime.handle())?;
        let done = runtime.block_on(Box::pin(execute(cli)));
        drop(spans);
        done
    });
    match done {
        Ok(code) => code,
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

async fn execute(cli: Cli) -> Result<ExitCode, Error> {
    let Cli { global, command } = cli;
    match command {
        Command::Rehearse(args) => return Box::pin(rehearse::execute(*args, &global)).await,
        Command::Run(args) => return Box::pin(run::execute(*args, &global)).await,
        Command::Scheduler(args) => return Box::pin(serving::scheduler(*args, &global)).await,
        Command::Worker(args) => return Box::pin(serving::worker(*args, &global)).await,
        Command::Projector(args) => return Box::pin(serving::projector(*args, &global)).await,
        Command::Relay(args) => return Box::pin(serving::relay(*args, &global)).await,
        Command::Api(args) => return Box::pin(serving::api(*args, &global)).await,
        Command::Policy(args) => return Box::pin(services::answering(&args, &global)).await,
        Command::Drift(command) => return Box::pin(drift::execute(command, &global)).await,
        Command::Migrate(args) => migrate::execute(args, &global).await?,
        Command::Config(args) => config::execute(&args, &global)?,
        Command::Healthcheck(args) => healthcheck::execute(&args).await?,
        Command::Import(args) => return Box::pin(import::execute(args, &global)).await,
        Command::Generate(args) => generate::execute(&args, &global)?,
        Command::Plan(command) => Box::pin(plan::execute(command, &global)).await?,
        Command::Status => status::execute(&global).await?,
        Command::Mailbox(command) => Box::pin(mailbox::execute(command, &global)).await?,
        Command::Hold(command) => Box::pin(holds::execute(command, &global)).await?,
        Command::Incidents(command) => Box::pin(incidents::execute(command, &global)).await?,
        Command::Notices(command) => Box::pin(notices::execute(command, &global)).await?,
        Command::Canary(command) => {
            return Box::pin(canary::execute(command, &global)).await;
        }
        Command::Voucher(command) => Box::pin(voucher::one(command, &global)).await?,
        Command::Vouchers(command) => Box::pin(voucher::all(command, &global)).await?,
        Command::Intake(command) => return Box::pin(intake::execute(command, &global)).await,
        Command::Erase(args) => {
            return Box::pin(erase::execute(args, &global)).await;
        }
        Command::Logs(args) => return Box::pin(logs::execute(*args, &global)).await,
        Command::Portal(args) => Box::pin(portal::serve(&args, &global)).await?,
        Command::Pause(why) => Box::pin(programme::pause(&why.reason, &global)).await?,
        Command::Resume(why) => Box::pin(programme::resume(&why.reason, &global)).await?,
        Command::Pace(args) => Box::pin(programme::pace(&args, &global)).await?,
        Command::Events(args) => Box::pin(events::execute(&args, &global)).await?,
        Command::Projections(command) => Box::pin(derived::execute(command, &global)).await?,
        Command::Platform(command) => {
            return Box::pin(platform::execute(&command, &global)).await;
        }
        Command::Completions { shell } => completions::execute(shell)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One sentence, and what lies beneath where the sentence does not say it already.
fn tell(error: &Error) {
    let mut sentence = error.to_string();
    if !matches!(error, Error::Plan(_)) {
        // Only the problems of a plan come line by line; a library's own text may too.
        sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let mut text = format!("tramonto: {sentence}");
    let mut source = error.source();
    while let Some(beneath) = source {
        let said = beneath.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = beneath.source();
    }
    // A terminal that is gone can't be told that it is.
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// A file that a setting names.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        advice: "it can't be read; look at the path and the rights of the file".to_owned(),
        source,
    })
}

/// An e-mail on standard input; one that is larger is refused and not cut off.
fn message_on_input(largest: u64) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    let mut input = std::io::stdin().lock().take(largest.saturating_add(1));
    let read = input.read_to_end(&mut message).map_err(|source| Error::File {
        path: "standard input".into(),
        advice: "the message can't be read; name its file instead".to_owned(),
        source,
    })?;
    if u64::try_from(read).is_ok_and(|read| read <= largest) {
        return Ok(message);
    }
    Err(Error::Usage(format!("the message is larger than {largest} bytes; give one message alone")))
}

/// The plan in a file, or the one of CEC-PAC where none is named.
pub(crate) fn plan_or_default(file: Option<&Path>) -> Result<Plan, Error> {
    match file {
        Some(file) => plan_file::read(file).map(|(plan, _)| plan),
        None => Ok(Plan::cec_pac()?),
    }
}
