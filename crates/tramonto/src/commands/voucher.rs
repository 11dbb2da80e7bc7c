//! `tramonto voucher`.
//!
//! Invariants: a code is printed or written once, and recorded as delivered only afterwards; it is
//! never read from the command line, which other users of the machine can see.

mod bulk;
pub(crate) mod keys;
mod whom;

use std::path::Path;
use std::sync::Arc;

use domain::{MailboxId, VoucherStanding};
use engine::actions::vouchers::{
    ExpireVouchers, RedeemVoucher, RefuseVoucher, RemindHolders, RequestVouchers, RevokeVoucher,
    VerifyVouchers,
};
use engine::store::Store;
use engine::{Home, StorePlace, issuing};
use registry::Registry;
use serde_json::{Value, json};
use vouchers::{Credentials, Status, Vouchers};

use super::act::{act, act_on, decide_on, read};
use super::decide::origin;
use crate::Error;
use crate::cli::{
    Global, IssueArgs, OneArgs, PROOF, RedeemArgs, RefuseArgs, ReissueArgs, Target, VoucherCommand,
};
use crate::output::Output;
use crate::output::text::{count, table};

/// A store opened for commands about vouchers.
pub(crate) struct OpenVouchers {
    store: Store,
    /// The folder of the store, if it is one.
    home: Option<Home>,
    pub(crate) vouchers: Vouchers,
    pub(crate) registry: Arc<Registry>,
}

impl OpenVouchers {
    pub(crate) async fn open(global: &Global) -> Result<Self, Error> {
        let store = decide_on(global).await?;
        let vouchers = store.vouchers().await?.clone();
        let registry = Arc::clone(store.registry().await?);
        let home = match &global.store {
            StorePlace::Folder(_) => Some(global.home()?),
            StorePlace::Postgres(_) => None,
        };
        Ok(Self { store, home, vouchers, registry })
    }

    pub(crate) async fn close(self) -> Result<(), Error> {
        drop((self.vouchers, self.registry));
        self.store.close().await
    }

    /// Waits until workers have issued the vouchers that are due.
    async fn until_issued(&self, whose: Option<u32>) -> Result<(), Error> {
        issuing::until_issued(self.home.as_ref(), self.vouchers.journal(), &self.registry, whose)
            .await
    }

    fn id(&self, number: u32) -> MailboxId {
        self.store.id_of(number)
    }
}

pub(super) async fn execute(command: VoucherCommand, global: &Global) -> Result<(), Error> {
    match command {
        VoucherCommand::Request(args) => {
            let store = decide_on(global).await?;
            let mailboxes = whom::named(&store, &args).await?;
            act_on(store, RequestVouchers { mailboxes }, &args.reason, global).await
        }
        VoucherCommand::Verify(args) => {
            let store = decide_on(global).await?;
            let mailboxes = whom::named(&store, &args).await?;
            let action = VerifyVouchers { mailboxes, proof: PROOF };
            act_on(store, action, &args.reason, global).await
        }
        VoucherCommand::Refuse(RefuseArgs { mailbox, cause, reason }) => {
            act(RefuseVoucher { mailbox, cause }, &reason, global).await
        }
        VoucherCommand::Issue(args) => issue(&args, global).await,
        VoucherCommand::Redeem(RedeemArgs { code, provider, reason }) => {
            let code = whom::secret(&code)?;
            act(RedeemVoucher { code, provider }, &reason, global).await
        }
        VoucherCommand::Revoke(OneArgs { mailbox, reason }) => {
            act(RevokeVoucher { mailbox }, &reason, global).await
        }
        VoucherCommand::Reissue(args) => reissue(&args, global).await,
        VoucherCommand::Show(args) => show(&args.mailbox, global).await,
        VoucherCommand::Report => report(global).await,
        VoucherCommand::Expire(args) => act(ExpireVouchers, &args.reason, global).await,
        VoucherCommand::Remind(args) => act(RemindHolders, &args.reason, global).await,
    }
}

fn answer(global: &Global, told: &Value, words: &str) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(told) } else { out.line(words) }
}

async fn issue(args: &IssueArgs, global: &Global) -> Result<(), Error> {
    let opened = OpenVouchers::open(global).await?;
    let origin = origin(global, &args.reason);
    let Some(mailbox) = &args.mailbox else {
        let issued = bulk::issue_all(&opened, &args.codes, &origin, global).await;
        opened.close().await?;
        return issued;
    };
    let number = opened.store.number_of(mailbox).await?;
    opened.until_issued(Some(number)).await?;
    let credentials = opened.vouchers.deliver(number).await?;
    print_code(&opened, "issued", &credentials, global)?;
    opened.vouchers.record_delivered(&[credentials.id], &origin).await?;
    opened.close().await
}

async fn reissue(args: &ReissueArgs, global: &Global) -> Result<(), Error> {
    let opened = OpenVouchers::open(global).await?;
    let origin = origin(global, &args.reason);
    let Some(mailbox) = &args.mailbox else {
        let reissued = bulk::reissue_undelivered(&opened, &args.codes, &origin, global).await;
        opened.close().await?;
        return reissued;
    };
    let number = opened.store.number_of(mailbox).await?;
    let credentials = opened.vouchers.reissue(number, &origin).await?;
    print_code(&opened, "reissued", &credentials, global)?;
    opened.vouchers.record_delivered(&[credentials.id], &origin).await?;
    opened.close().await
}

/// Prints a code that was just generated.
fn print_code(
    opened: &OpenVouchers,
    done: &str,
    credentials: &Credentials,
    global: &Global,
) -> Result<(), Error> {
    let Credentials { id, code, token, redeem_by } = credentials;
    let mut out = Output::open();
    if global.json {
        out.object(&json!({
            "done": done,
            "mailbox": opened.id(id.number),
            "issue": id.issue,
            "code": code.shown(),
            "token": token,
            "redeem_by": redeem_by,
        }))?;
        return out.flush();
    }
    out.line(format!("code   {}", code.shown()))?;
    out.line(format!("token  {token}"))?;
    if let Some(day) = redeem_by {
        out.line(format!("until  {day}"))?;
    }
    out.line("the code is stored nowhere and not shown again; give it to its holder only")?;
    out.flush()
}

async fn show(mailbox: &Target, global: &Global) -> Result<(), Error> {
    let opened = OpenVouchers::open(global).await?;
    let number = opened.store.number_of(mailbox).await?;
    let status = opened.vouchers.status(number).await?;
    let mailbox = opened.id(number);
    opened.close().await?;
    let (state, more) = standing(&status);
    if global.json {
        return Output::open().object(&json!({
            "mailbox": mailbox,
            "voucher": status.voucher,
            "state": state,
            "issue": status.issue,
            "delivered": status.delivered,
            "redeem_by": status.redeem_by,
            "free_through": status.free_through,
            "detail": more,
        }));
    }
    let mut out = Output::open();
    out.line(format!("voucher {} of mailbox {}: {state}{more}", status.voucher, mailbox))?;
    if status.issue > 0 {
        let delivery = if status.delivered { "" } else { ", delivery not recorded" };
        out.line(format!("code number {}{delivery}", status.issue))?;
    }
    match (status.free_through, status.redeem_by) {
        (Some(day), _) => out.line(format!("its mailbox is free through {day}")),
        (None, Some(day)) => out.line(format!("it can be redeemed through {day}")),
        (None, None) => Ok(()),
    }
}

/// The name of a state, and its details.
fn standing(status: &Status) -> (&'static str, String) {
    let plain = |name| (name, String::new());
    match &status.standing {
        VoucherStanding::None => plain("not-asked-for"),
        VoucherStanding::Requested => plain("requested"),
        VoucherStanding::Verified => plain("verified"),
        VoucherStanding::Refused => plain("refused"),
        VoucherStanding::Valid => plain("valid"),
        VoucherStanding::Redeemed { provider, on } => {
            ("redeemed", format!(" by {provider} on {on}"))
        }
        VoucherStanding::Expired => plain("expired"),
        VoucherStanding::Revoked => plain("revoked"),
    }
}

async fn report(global: &Global) -> Result<(), Error> {
    let store = read(global).await?;
    let report = store.voucher_report().await;
    store.close().await?;
    let report = report?;
    let mut out = Output::open();
    if global.json {
        return out.document(&report);
    }
    let limit = report.limit.map_or("no limit".to_owned(), |limit| {
        format!("limit {}, {} left", count(limit), count(report.left.unwrap_or(0)))
    });
    out.line(format!(
        "requests: {} pending, {} of them verified; {} refused",
        count(report.requested),
        count(report.verified),
        count(report.refused)
    ))?;
    out.line(format!(
        "issued: {} ({limit}); {} delivered",
        count(report.issued),
        count(report.delivered)
    ))?;
    out.line(format!(
        "outcomes: {} redeemed, {} expired, {} revoked; {} still valid",
        count(report.redeemed),
        count(report.expired),
        count(report.revoked),
        count(report.valid)
    ))?;
    if report.reminders > 0 {
        out.line(format!("reminders claimed: {}", count(report.reminders)))?;
    }
    if let Some(due) = report.reminders_due {
        out.line(format!(
            "reminders due since {due}: {}; `tramonto service intake` sends them through its relay",
            count(report.reminders_waiting)
        ))?;
    }
    let month = |one: &vouchers::Month| {
        let counts = [one.issued, one.redeemed, one.expired, one.revoked].map(count);
        std::iter::once(one.month.clone()).chain(counts).collect()
    };
    if !report.months.is_empty() {
        let head = ["month", "issued", "redeemed", "expired", "revoked"];
        let rows = report.months.iter().map(month).collect();
        out.text(table(&head, &[1, 2, 3, 4], rows))?;
    }
    if report.redemptions.is_empty() {
        return Ok(());
    }
    let row = |one: &vouchers::ProviderMonth| {
        vec![one.provider.to_string(), one.month.clone(), count(one.redeemed)]
    };
    let rows = report.redemptions.iter().map(row).collect();
    out.text(table(&["provider", "month", "redeemed"], &[2], rows))
}

/// The error of a file that cannot be read or written.
fn unusable(path: &Path, what: &str, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        advice: format!("it cannot be {what} ({source}); check its path and permissions"),
        source,
    }
}
