use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use domain::{ProviderId, Verification};

use super::values::{self, Reason, Target};

/// What is done with the voucher of one holder, or of many at once.
#[derive(Debug, Subcommand)]
pub enum VoucherCommand {
    /// Records that a holder asks for theirs.
    #[command(after_help = "Examples:
  tramonto voucher request someone@postacertificata.example --reason 'letter 1234'
  tramonto voucher request --from requests.txt --reason 'the letters of June'")]
    Request(ManyArgs),
    /// Records that it is sure who asked.
    #[command(after_help = "Examples:
  tramonto voucher verify someone@postacertificata.example --reason 'identity card seen, file 77'
  tramonto voucher verify --from requests.txt --reason 'identity cards seen, files 77 to 90'")]
    Verify(ManyArgs),
    /// Turns a request down; its holder may ask again.
    Refuse(RefuseArgs),
    /// Grants verified requests and makes their codes, for one holder or for all.
    Issue(IssueArgs),
    /// Redeems a code, or a token, for a provider.
    Redeem(RedeemArgs),
    /// Takes a voucher back; its holder gets no other.
    #[command(after_help = "Example:
  tramonto voucher revoke someone@postacertificata.example --reason 'obtained by fraud, file 12'")]
    Revoke(OneArgs),
    /// Replaces a lost code; the one before is worth nothing any more.
    Reissue(ReissueArgs),
    /// Shows how the voucher of a holder stands.
    #[command(after_help = "Examples:
  tramonto voucher show someone@postacertificata.example
  tramonto voucher show 17 --json")]
    Show(ShowVoucherArgs),
}

/// Whose voucher, and why.
#[derive(Debug, Clone, Args)]
pub struct OneArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Whose vouchers, and why.
#[derive(Debug, Clone, Args)]
pub struct ManyArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID", required_unless_present = "from")]
    pub mailbox: Option<Target>,
    /// A file with many, one a line; `-` is standard input. Those who can't are left as they are.
    #[arg(long, value_name = "FILE", conflicts_with = "mailbox")]
    pub from: Option<PathBuf>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// How it was made sure who asked, on the command line: an officer looked.
pub(crate) const PROOF: Verification = Verification::Officer;

/// Which request is turned down, and why.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto voucher refuse someone@postacertificata.example --cause not-the-holder --reason 'file 78'")]
pub struct RefuseArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// Why, as a short code that is counted, e.g. `not-the-holder`.
    #[arg(long, value_name = "CODE", value_parser = values::cause)]
    pub cause: String,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Who is granted one.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto voucher issue someone@postacertificata.example --reason 'file 77'
  tramonto voucher issue --all --out codes.csv --reason 'the letters of June'

A code is shown once and kept nowhere: whoever has it has the mailbox. The file is its owner's alone.")]
pub struct IssueArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID", required_unless_present = "all")]
    pub mailbox: Option<Target>,
    /// All verified requests, as far as the plan's limit goes.
    #[arg(long, conflicts_with = "mailbox", requires = "out")]
    pub all: bool,
    /// What is written of the codes.
    #[command(flatten)]
    pub codes: CodesArgs,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Where many codes go.
#[derive(Debug, Clone, Args)]
pub struct CodesArgs {
    /// A new file for the codes, as CSV.
    #[arg(long, value_name = "FILE", conflicts_with = "mailbox")]
    pub out: Option<PathBuf>,
    /// Writes the signed token of each code too.
    #[arg(long, requires = "out")]
    pub tokens: bool,
}

/// Whose code is replaced.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto voucher reissue someone@postacertificata.example --reason 'the letter was lost, file 80'
  tramonto voucher reissue --undelivered --out codes.csv --reason 'the disk failed while codes were written'")]
pub struct ReissueArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID", required_unless_present = "undelivered")]
    pub mailbox: Option<Target>,
    /// All codes that were made and of which it is not recorded that they were handed over.
    #[arg(long, conflicts_with = "mailbox", requires = "out")]
    pub undelivered: bool,
    /// What is written of the codes.
    #[command(flatten)]
    pub codes: CodesArgs,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is redeemed, and for whom.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto voucher redeem --provider posta-sicura --reason 'order 4711' < code.txt
  tramonto voucher redeem --provider posta-sicura --code code.txt --reason 'order 4711'

A code on a command line could be seen by others on the machine: it is read from a file, or typed.")]
pub struct RedeemArgs {
    /// Who opens the mailbox, e.g. `posta-sicura`.
    #[arg(long, value_name = "NAME")]
    pub provider: ProviderId,
    /// A file with the code or the token; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub code: PathBuf,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Whose voucher is shown.
#[derive(Debug, Clone, Args)]
pub struct ShowVoucherArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
}

/// What is done with all vouchers.
#[derive(Debug, Subcommand)]
pub enum VouchersCommand {
    /// Counts what became of the vouchers, and who redeemed how many in which month.
    #[command(after_help = "Examples:
  tramonto vouchers report
  tramonto vouchers report --json | jq '.redemptions'")]
    Report,
    /// Ends those that were not redeemed in time; the engine does it where the plan has a `sweep`.
    #[command(after_help = "Example:
  tramonto vouchers expire --reason 'before the report of the year'")]
    Expire(ExpireArgs),
    /// Claims a round of reminders for who has a voucher and did not use it; the engine does it where the plan has
    /// `remind` and `tramonto intake lmtp` a relay.
    #[command(after_help = "Example:
  tramonto vouchers remind --reason 'before the summer'

Who is due one is what the plan says: so many days after the code was handed over and after the reminder before,
and so many times at most. The letters hold no code; `tramonto intake lmtp` sends them through its relay, and whoever
redeems meanwhile gets none.")]
    Remind(RemindArgs),
    /// Lists the programme's keys, turns them over, publishes them.
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// Why they end now.
#[derive(Debug, Clone, Args)]
pub struct ExpireArgs {
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Why they are reminded now.
#[derive(Debug, Clone, Args)]
pub struct RemindArgs {
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is done with the programme's keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Makes the keys where there are none; those that are there stay.
    #[command(after_help = "Example:
  tramonto vouchers keys make --keys /etc/tramonto/keys

Back the folder up: without its keys no code is found again.")]
    Make,
    /// Lists the signing keys.
    #[command(after_help = "Example:
  tramonto vouchers keys list --json")]
    List,
    /// Publishes the key that signs next, on record: in a week, or when it is said; the one before is good until its
    /// overlap ends.
    Rotate(RotateArgs),
    /// Ends what a key signed that signs no more, now or on a day, on record.
    Retire(RetireArgs),
    /// Prints the public keys, for providers who verify tokens (RFC 7517).
    #[command(after_help = "Example:
  tramonto vouchers keys jwks > jwks.json

`tramonto portal` serves them at /.well-known/jwks.json.")]
    Jwks,
}

/// How keys overlap.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto vouchers keys rotate --reason 'the yearly round'
  tramonto vouchers keys rotate --from 2015-06-01 --until 2015-12-31 --reason 'file 81'
  tramonto vouchers keys rotate --at-once --reason 'file 82: a backup was lost'

The new key is published at once and signs later, so that whoever verifies has it by then; nothing need be done when its
day comes. Services that were handed the keys (--keyring-file, TRAMONTO_KEYRING) are to be handed the new ones before.
After a leak, have a new one sign at once, and end what the old one signed with `keys retire`.")]
pub struct RotateArgs {
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
    /// The day, in the plan's zone, from whose beginning the new key signs; without it, in a week.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub from: Option<NaiveDate>,
    /// Has the new key sign at once, before anybody who verifies offline can have it: for when the old one leaked.
    #[arg(long, conflicts_with = "from")]
    pub at_once: bool,
    /// The last day, in the plan's zone, on which what the old key signed is good; without it, the last day on
    /// which a voucher can be redeemed. There is no end where vouchers do not expire, or logs can be asked for:
    /// extracts are signed too, and kept.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub until: Option<NaiveDate>,
}

/// Which key's signatures end.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto vouchers keys retire kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k --reason 'file 82: a backup was lost'
  tramonto vouchers keys retire kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k --until 2015-06-30 --reason 'file 83'

Tokens that it signed redeem nothing from then on; the codes that came with them are good as before. The key that signs is
refused: have a new one sign first, with `keys rotate --at-once`.")]
pub struct RetireArgs {
    /// The key, as `keys list` has it.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    pub kid: String,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
    /// The last day, in the plan's zone, on which what it signed is good; without it, it is worth nothing from now on.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub until: Option<NaiveDate>,
}
