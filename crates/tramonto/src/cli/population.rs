use std::path::PathBuf;

use clap::Args;

use super::values::{self, Reason};

/// What is imported, and how it is read.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto import registry.csv
  tramonto import registry.csv.gz
  zstd -dc registry.csv.zst | tramonto import -
  tramonto import export.csv --encoding windows-1252 --ignore-extra

The file: CSV with the header registration_id, codice_fiscale, surname, name, address, requested_on,
activated_on, last_sent_on, notify_email; `,` or `;`; plain, gzip or zstd. Importing it again changes
nothing that is the same. Where FILE.control lies beside it, or --control names one (rows, sha256,
registered, activated), the file must match it. Ends with code 3 where rows were rejected.")]
pub struct ImportArgs {
    /// The registry file; `-` for standard input.
    pub file: PathBuf,
    /// The file's encoding, e.g. windows-1252.
    #[arg(long, value_name = "NAME", default_value = "utf-8")]
    pub encoding: String,
    /// What the file must hold; without it FILE.control, where that lies beside it.
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
    /// Passes over columns that a registry does not have.
    #[arg(long)]
    pub ignore_extra: bool,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Reason>,
}

/// What is made up.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto generate --out registry.csv
  tramonto generate --registrations 500 --seed 7 --out - | head -3")]
pub struct GenerateArgs {
    /// How many registrations.
    #[arg(long, value_name = "N", default_value_t = crate::generate::REGISTRATIONS, value_parser = values::registrations())]
    pub registrations: u32,
    /// Another seed gives other people.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The file to write; `-` for standard output.
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
