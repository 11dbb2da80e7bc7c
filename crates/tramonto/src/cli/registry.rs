use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{self, Reason};

/// What is done with the registry of holders.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Import a registry file into the store
    ///
    /// Rejected rows go to FILE.rejects.csv with their reasons. Importing a file again changes
    /// nothing that is the same. A store without a plan adopts the plan of CEC-PAC.
    Import(ImportArgs),
    /// Generate a realistic registry file
    ///
    /// The same seed gives the same file.
    Generate(GenerateArgs),
}

/// What is imported, and how it is read.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto registry import registry.csv
  tramonto registry import registry.csv.gz
  zstd -dc registry.csv.zst | tramonto registry import -
  tramonto registry import export.csv --encoding windows-1252 --ignore-extra

Format: CSV, separated by `,` or `;`, plain, gzip or zstd, with the header registration_id,
codice_fiscale, surname, name, address, requested_on, activated_on, last_sent_on, notify_email.")]
pub struct ImportArgs {
    /// Registry file; `-` for standard input
    pub file: PathBuf,
    /// Encoding of the file: utf-8 or windows-1252
    #[arg(long, value_name = "NAME", default_value = "utf-8")]
    pub encoding: String,
    /// Control file; FILE.control by default, if it exists
    ///
    /// It states what the registry file must hold: rows, sha256, registered, activated.
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
    /// Tolerance for unknown columns
    #[arg(long)]
    pub ignore_extra: bool,
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Reason>,
}

/// What is generated.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto registry generate --out registry.csv
  tramonto registry generate --registrations 500 --seed 7 --out - | head -3")]
pub struct GenerateArgs {
    /// Number of registrations
    #[arg(long, value_name = "N", default_value_t = rehearsal::generate::REGISTRATIONS,
        value_parser = values::registrations())]
    pub registrations: u32,
    /// Seed of the generated people
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// File to write; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub out: Destination,
}

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To standard output.
    Output,
    /// To a file.
    File(PathBuf),
}

impl From<std::ffi::OsString> for Destination {
    fn from(text: std::ffi::OsString) -> Self {
        if text == "-" { Self::Output } else { Self::File(text.into()) }
    }
}
