//! What each command does, and how the process ends.
//!
//! Invariants: a failure is one sentence on standard error and an exit code ([`Exit`]), never a
//! backtrace; a closed pipe ends the command quietly. Deliberately absent: the grammar of the
//! command line, which is `cli`'s.

mod act;
mod canary;
mod completion;
mod config;
mod drift;
mod erase;
mod events;
mod generate;
mod healthcheck;
mod import;
mod incidents;
mod key;
mod log_requests;
mod logging;
mod mail_logs;
mod mailbox;
mod man;
mod message;
mod notices;
mod plan;
mod plan_file;
mod platform;
mod programme;
mod rehearse;
mod run;
mod serving;
mod status;
mod store;
mod voucher;

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use domain::Plan;

use crate::Error;
use crate::cli::{Cli, Command, EventCommand, RegistryCommand};
use crate::exit::Exit;

/// Runs the command that the arguments name; returns the exit code of the process. Not generic, so
/// that the product is compiled in this library and not once more in each program that calls it.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::read(arguments) {
        Ok(cli) => cli,
        // Help is not an error: clap knows the stream and the exit code of either.
        Err(refused) => {
            drop(refused.print());
            return u8::try_from(refused.exit_code()).map_or(Exit::Failed.into(), ExitCode::from);
        }
    };
    let begun = tokio::runtime::Runtime::new()
        .map_err(Error::file("the process", "cannot start threads; check the limits of this user"));
    let done = begun.and_then(|runtime| {
        // Dropped before the runtime, which sends the last spans.
        let spans = logging::begin(&cli, runtime.handle())?;
        let done = runtime.block_on(Box::pin(execute(cli)));
        drop(spans);
        done
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            let exit = Exit::from(&error);
            if exit == Exit::Failed {
                report(&error);
            }
            exit.into()
        }
    }
}

async fn execute(cli: Cli) -> Result<ExitCode, Error> {
    let Cli { global, command } = cli;
    match command {
        Command::Plan(command) => Box::pin(plan::execute(command, &global)).await?,
        Command::Phase(command) => Box::pin(programme::execute(command, &global)).await?,
        Command::Status => status::execute(&global).await?,
        Command::Rehearse(args) => return Box::pin(rehearse::execute(*args, &global)).await,
        Command::Run(args) => Box::pin(run::execute(*args, &global)).await?,
        Command::Registry(RegistryCommand::Import(args)) => {
            return Box::pin(import::execute(args, &global)).await;
        }
        Command::Registry(RegistryCommand::Generate(args)) => generate::execute(&args, &global)?,
        Command::Mailbox(command) => Box::pin(mailbox::execute(command, &global)).await?,
        Command::Hold(command) => Box::pin(mailbox::hold(command, &global)).await?,
        Command::Erasure(args) => return Box::pin(erase::execute(args, &global)).await,
        Command::Voucher(command) => Box::pin(voucher::execute(command, &global)).await?,
        Command::LogRequest(args) => return Box::pin(log_requests::execute(*args, &global)).await,
        Command::Message(command) => Box::pin(message::execute(command, &global)).await?,
        Command::Notice(command) => Box::pin(notices::execute(command, &global)).await?,
        Command::Incident(command) => Box::pin(incidents::execute(command, &global)).await?,
        Command::Drift(command) => return Box::pin(drift::execute(command, &global)).await,
        Command::Canary(command) => return Box::pin(canary::execute(command, &global)).await,
        Command::Platform(command) => {
            return Box::pin(platform::execute(command, &global)).await;
        }
        Command::Event(EventCommand::List(args)) => {
            Box::pin(events::execute(&args, &global)).await?;
        }
        Command::MailLog(args) => return Box::pin(mail_logs::execute(*args, &global)).await,
        Command::Key(command) => Box::pin(key::execute(command, &global)).await?,
        Command::Store(command) => Box::pin(store::execute(command, &global)).await?,
        Command::Service(command) => Box::pin(serving::execute(command, &global)).await?,
        Command::Config(args) => config::execute(&args, &global)?,
        Command::Completion { shell } => completion::execute(shell)?,
        Command::Man { folder } => man::execute(&folder, &global)?,
    }
    Ok(Exit::Done.into())
}

/// Prints an error as one sentence, with the causes that it does not mention itself.
fn report(error: &Error) {
    let mut sentence = error.to_string();
    if !matches!(error, Error::Plan(_)) {
        // The problems of a plan are listed one a line; the text of a library is joined.
        sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let mut text = format!("tramonto: {sentence}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // Without standard error there is no way to report that it is closed.
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// The content of a file that a setting names.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(Error::file(path, "cannot be read; check its path and its permissions"))
}

/// The e-mail on standard input; one larger than `largest` bytes is refused.
fn message_on_input(largest: u64) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    let mut input = std::io::stdin().lock().take(largest.saturating_add(1));
    let read = input.read_to_end(&mut message).map_err(Error::file(
        "standard input",
        "cannot be read; give the file of the message instead",
    ))?;
    if u64::try_from(read).is_ok_and(|read| read <= largest) {
        return Ok(message);
    }
    Err(Error::Invalid(format!(
        "the message is larger than {largest} bytes; give a single message"
    )))
}

/// The plan in a file, or the plan of CEC-PAC without one.
fn plan_or_default(file: Option<&Path>) -> Result<Plan, Error> {
    match file {
        Some(file) => plan_file::read(file).map(|(plan, _)| plan),
        None => Ok(Plan::cec_pac()?),
    }
}
