//! `tramonto completions`.

use clap::CommandFactory;

use crate::Error;
use crate::cli::Cli;
use crate::output::Output;

pub(super) fn execute(shell: clap_complete::Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tramonto", &mut script);
    Output::open().text(String::from_utf8_lossy(&script))
}
