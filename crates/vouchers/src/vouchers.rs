//! The vouchers of a programme, and the state of each.

use std::sync::Arc;

use chrono::NaiveDate;
use domain::{Plan, Rejection, VoucherRules, VoucherStanding, free_through};
use eventstore::Journal;
use keyring::{KeyedHash, Keyring};
use registry::Registry;
use uuid::Uuid;

use crate::token::NAMES;
use crate::{CodeStore, Error, VoucherId};

/// The vouchers of a programme.
///
/// The order of a delivery: a worker issues the voucher, its code is generated and stored as a
/// hash, the code is delivered, the delivery is recorded. A crash in between leaves a voucher that
/// is issued and not delivered. If it has no code, [`Vouchers::deliver`] generates one. If it has
/// one, the code may be lost, and a reissue replaces it.
#[derive(Clone)]
pub struct Vouchers {
    /// The log.
    pub journal: Arc<Journal>,
    /// The registry of holders.
    pub registry: Arc<Registry>,
    /// The store of codes.
    pub codes: Arc<CodeStore>,
    /// The programme's keys.
    pub keyring: Arc<Keyring>,
    /// The key of voucher ids.
    pub(crate) names: KeyedHash,
    /// The command that is carried out, if it may be repeated.
    pub(crate) command: Option<Uuid>,
}

/// The state of one voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The id of the voucher that providers see.
    pub voucher: VoucherId,
    /// Requested, valid, redeemed, and so on.
    pub standing: VoucherStanding,
    /// The number of the current code; 0 if no voucher was issued.
    pub issue: u32,
    /// Was the current code delivered?
    pub delivered: bool,
    /// The last day for a redemption; absent if vouchers do not expire.
    pub redeem_by: Option<NaiveDate>,
    /// The last day of the free year, once the voucher is redeemed.
    pub free_through: Option<NaiveDate>,
}

impl Vouchers {
    /// Opens the vouchers of the journal's programme.
    pub fn new(
        journal: Arc<Journal>,
        registry: Arc<Registry>,
        codes: Arc<CodeStore>,
        keyring: Arc<Keyring>,
    ) -> Self {
        let names = keyring.keyed_hash(NAMES);
        Self { journal, registry, codes, keyring, names, command: None }
    }

    /// The same vouchers for one command that may be repeated, by its idempotency key. A repetition
    /// finds the events of the first run and appends none. Not for commands that generate codes: a
    /// code cannot be returned twice.
    #[must_use]
    pub fn for_command(&self, command: Uuid) -> Self {
        Self { command: Some(command), ..self.clone() }
    }

    /// The id of a holder's voucher that providers see.
    pub fn voucher(&self, number: u32) -> VoucherId {
        VoucherId::new(&self.names, number)
    }

    /// The state of a voucher, according to the log.
    pub async fn status(&self, number: u32) -> Result<Status, Error> {
        let redeem_by = self.rules(|_, rules| rules.redeem_by).await?;
        let snapshot = self.journal.state().await?;
        let vouchers = &snapshot.vouchers;
        let standing = vouchers.standing(number);
        let free_through = redeemed_on(&standing).map(free_through);
        Ok(Status {
            voucher: self.voucher(number),
            standing,
            issue: if vouchers.issued.contains(number) { vouchers.issue_of(number) } else { 0 },
            delivered: vouchers.delivered.contains(number),
            redeem_by,
            free_through,
        })
    }

    /// Reads from the rules in force.
    pub(crate) async fn rules<T>(
        &self,
        read: impl FnOnce(&Plan, &VoucherRules) -> T,
    ) -> Result<T, Error> {
        let snapshot = self.journal.state().await?;
        let plan = snapshot.plan();
        let rules = plan.and_then(|plan| Some((plan, plan.vouchers.as_ref()?)));
        let (plan, rules) =
            rules.ok_or_else(|| Rejection("the plan does not provide for vouchers".to_owned()))?;
        Ok(read(plan, rules))
    }
}

/// The day on which a voucher was redeemed.
pub(crate) fn redeemed_on(standing: &VoucherStanding) -> Option<NaiveDate> {
    if let VoucherStanding::Redeemed { on, .. } = standing { Some(*on) } else { None }
}
