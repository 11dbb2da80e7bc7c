//! The `tramonto` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tramonto::commands::main(std::env::args_os().collect())
}
