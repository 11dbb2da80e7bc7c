use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{ProviderId, Verification};

use super::Why;
use super::values::{self, Reason, Target};

/// What is done with vouchers: one holder's, several, or all.
#[derive(Debug, Subcommand)]
pub enum VoucherCommand {
    /// Record a holder's request for a voucher
    #[command(after_help = "Examples:
  tramonto voucher request someone@postacertificata.example --reason 'letter 1234'
  tramonto voucher request --from requests.txt --reason 'the letters of June'")]
    Request(ManyArgs),
    /// Mark a request as verified
    ///
    /// A worker issues the voucher then.
    #[command(after_help = "Examples:
  tramonto voucher verify someone@postacertificata.example --reason 'identity card seen, file 77'
  tramonto voucher verify --from requests.txt --reason 'identity cards seen, files 77 to 90'")]
    Verify(ManyArgs),
    /// Refuse a request
    ///
    /// The holder may request a voucher again.
    #[command(after_help = "Example:
  tramonto voucher refuse someone@postacertificata.example --cause not-the-holder \\
    --reason 'file 78'")]
    Refuse {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Cause code for statistics, e.g. `not-the-holder`
        #[arg(long, value_name = "CODE", value_parser = values::cause)]
        cause: String,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Issue vouchers for verified requests and print their codes
    ///
    /// Workers issue vouchers. The command waits for the running engine, or runs a worker itself
    /// where no engine holds the folder.
    ///
    /// A code is shown once and stored nowhere: whoever has the code can use the voucher. A file of
    /// codes is readable by its owner alone.
    #[command(after_help = "Examples:
  tramonto voucher issue someone@postacertificata.example --reason 'file 77'
  tramonto voucher issue --all --out codes.csv --reason 'the letters of June'")]
    Issue {
        /// Mailbox: an address, an id or a number
        #[arg(value_name = "MAILBOX", required_unless_present = "all")]
        mailbox: Option<Target>,
        /// All verified requests, up to the plan's limit
        #[arg(long, conflicts_with = "mailbox", requires = "out")]
        all: bool,
        /// Where the codes go.
        #[command(flatten)]
        codes: CodesArgs,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Redeem a code or a token for a provider
    ///
    /// The code is read from a file or from standard input, because other users of the machine can
    /// see command lines.
    #[command(after_help = "Examples:
  tramonto voucher redeem --provider posta-sicura --reason 'order 4711' < code.txt
  tramonto voucher redeem --provider posta-sicura --code code.txt --reason 'order 4711'")]
    Redeem {
        /// Provider that opens the new mailbox, e.g. `posta-sicura`
        #[arg(long, value_name = "NAME")]
        provider: ProviderId,
        /// File with the code or the token; `-` for standard input
        #[arg(long, value_name = "FILE", default_value = "-")]
        code: PathBuf,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Revoke a voucher
    ///
    /// The holder gets no other one.
    #[command(after_help = "Example:
  tramonto voucher revoke someone@postacertificata.example --reason 'obtained by fraud, file 12'")]
    Revoke {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Replace a lost code
    ///
    /// The old code stops working.
    #[command(after_help = "Examples:
  tramonto voucher reissue someone@postacertificata.example --reason 'the letter was lost, file 80'
  tramonto voucher reissue --undelivered --out codes.csv --reason 'the disk failed'")]
    Reissue {
        /// Mailbox: an address, an id or a number
        #[arg(value_name = "MAILBOX", required_unless_present = "undelivered")]
        mailbox: Option<Target>,
        /// All codes whose delivery is not recorded
        #[arg(long, conflicts_with = "mailbox", requires = "out")]
        undelivered: bool,
        /// Where the codes go.
        #[command(flatten)]
        codes: CodesArgs,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Show the state of a holder's voucher
    #[command(after_help = "Examples:
  tramonto voucher show someone@postacertificata.example
  tramonto voucher show 17 --json")]
    Show {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
    },
    /// Count vouchers by outcome, and redemptions by provider and month
    #[command(after_help = "Examples:
  tramonto voucher report
  tramonto voucher report --json | jq '.redemptions'")]
    Report,
    /// Expire vouchers that were not redeemed in time
    ///
    /// The engine does so by itself if the plan has a `sweep`.
    #[command(after_help = "Example:
  tramonto voucher expire --reason 'before the report of the year'")]
    Expire(Why),
    /// Schedule reminders for holders with an unused voucher
    ///
    /// The plan says who is due a reminder: how many days after the code was delivered, how many
    /// days after the last reminder, and how many times at most. The letters hold no code.
    /// `tramonto service intake` sends them through its relay, and skips whoever redeems meanwhile.
    /// The engine does so by itself if the plan has `remind`.
    #[command(after_help = "Example:
  tramonto voucher remind --reason 'before the summer'")]
    Remind(Why),
}

/// One or several mailboxes and a reason.
#[derive(Debug, Clone, Args)]
pub struct ManyArgs {
    /// Mailbox: an address, an id or a number
    #[arg(value_name = "MAILBOX", required_unless_present = "from")]
    pub mailbox: Option<Target>,
    /// File with one mailbox a line; `-` for standard input
    ///
    /// Ineligible mailboxes are skipped.
    #[arg(long, value_name = "FILE", conflicts_with = "mailbox")]
    pub from: Option<PathBuf>,
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// How a request is verified on the command line: by an officer.
pub(crate) const PROOF: Verification = Verification::Officer;

/// Where many codes go.
#[derive(Debug, Clone, Args)]
pub struct CodesArgs {
    /// New CSV file for the codes
    #[arg(long, value_name = "FILE", conflicts_with = "mailbox")]
    pub out: Option<PathBuf>,
    /// Signed token of each code as a further column
    #[arg(long, requires = "out")]
    pub tokens: bool,
}
