//! The whole flow with real parts on a real disk, and all files in `deploy/`.

#![cfg(test)]

mod cec_pac;
mod crashes;
mod deploy;
mod export_letters;
mod holders;
mod intake;
mod intake_cases;
mod intake_postfix;
mod licences;
mod mail_servers;
mod notices;
mod proof;
mod stops;
mod unreliable_bus;
mod voucher_reminders;
mod webhook;

use std::sync::Arc;

use vouchers::{Issuer, Vouchers};

/// A worker that issues these vouchers.
fn issuer(vouchers: &Vouchers) -> Issuer {
    Issuer::new(Arc::clone(&vouchers.journal), Arc::clone(&vouchers.registry))
}
