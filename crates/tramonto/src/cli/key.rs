use chrono::NaiveDate;
use clap::Subcommand;

use super::values::{self, Reason};

/// What is done with the programme's keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeyCommand {
    /// Create the keys if there are none
    ///
    /// Existing keys stay. Back the folder up: without its keys no voucher code is found again.
    #[command(after_help = "Example:
  tramonto key create --keys /etc/tramonto/keys")]
    Create,
    /// List the signing keys
    #[command(after_help = "Examples:
  tramonto key list
  tramonto key list --json")]
    List,
    /// Publish a new signing key
    ///
    /// The new key is published at once and starts signing in 7 days, or on `--from`, or
    /// `--at-once`, so that verifiers have it by then. The old key stays valid until its overlap
    /// ends.
    #[command(after_help = "Examples:
  tramonto key rotate --reason 'the yearly rotation'
  tramonto key rotate --from 2015-06-01 --until 2015-12-31 --reason 'file 81'
  tramonto key rotate --at-once --reason 'file 82: a backup was lost'

Services that receive the keys as a secret (`--keyring-file`, TRAMONTO_KEYRING) need the new ones
before the new key signs. After a leak, rotate with `--at-once`, then retire the old key.")]
    Rotate {
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
        /// First day of the new key, in the plan's time zone; in 7 days by default
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        from: Option<NaiveDate>,
        /// Immediate start of signing, before verifiers have the key: for leaked keys
        #[arg(long, conflicts_with = "from")]
        at_once: bool,
        /// Last day of the old key's validity, in the plan's time zone
        ///
        /// By default the last day on which a voucher can be redeemed; without end if vouchers do
        /// not expire or logs can be requested, because exports are signed too.
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        until: Option<NaiveDate>,
    },
    /// End the validity of a retired key's signatures, now or on a day
    ///
    /// Tokens that the key signed are refused from then on; voucher codes stay valid. The key that
    /// signs cannot be retired: rotate first, with `key rotate --at-once`.
    #[command(after_help = "Examples:
  tramonto key retire kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k --reason 'file 82: a leak'
  tramonto key retire kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k --until 2015-06-30 \\
    --reason 'file 83'")]
    Retire {
        /// Key id, as `key list` shows it
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
        /// Last day of its validity, in the plan's time zone; now by default
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        until: Option<NaiveDate>,
    },
    /// Print the public keys as a JWK Set (RFC 7517)
    ///
    /// Providers verify tokens with it. `tramonto service portal` serves it at
    /// /.well-known/jwks.json.
    #[command(after_help = "Example:
  tramonto key export > jwks.json")]
    Export,
}
