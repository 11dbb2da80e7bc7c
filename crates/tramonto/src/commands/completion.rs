//! `tramonto completion`.

use crate::output::Output;
use crate::{Error, cli};

pub(super) fn execute(shell: clap_complete::Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "tramonto", &mut script);
    Output::open().text(String::from_utf8_lossy(&script))
}
