//! `tramonto voucher` and `tramonto voucher`: an operator at the office.
//!
//! Invariant: a code is shown or written once, to whoever asked for it to be made, and it is recorded as handed
//! over only after that. It is never read from the command line, which others on the machine can see.

mod bulk;
pub(crate) mod keys;
mod whom;

pub(crate) use keys::of as keyring;

use std::path::Path;
use std::sync::Arc;

use domain::{MailboxId, VoucherStanding};
use registry::Registry;
use serde_json::{Value, json};
use sql::Tables;
use vouchers::{CodeBook, FORMAT, Grant, Kept, Office, SCHEMA, Shown};

use super::decide::origin;
use super::reading::Reading;
use crate::cli::{
    Global, IssueArgs, OneArgs, PROOF, RedeemArgs, RefuseArgs, ReissueArgs, Target, VoucherCommand,
    Why,
};
use crate::log::postgres_options;
use crate::output::Output;
use crate::output::text::{count, table};
use crate::{Error, StorePlace};

/// The office of a store, opened for a command.
pub(crate) struct Desk {
    reading: Reading,
    pub(crate) office: Office,
    pub(crate) registry: Arc<Registry>,
}

impl Desk {
    pub(crate) async fn open(global: &Global) -> Result<Self, Error> {
        let reading = Reading::open_to_decide(global).await?;
        let keyring = Arc::new(keys::of(global)?);
        let tables = match &global.store {
            StorePlace::Postgres(url) => {
                Tables::connect(postgres_options(global, url)?, &SCHEMA).await
            }
            StorePlace::Folder(_) => Tables::open(&global.home()?.vouchers(), &FORMAT).await,
        };
        let book = CodeBook::open(tables.map_err(vouchers::Error::from)?, &keyring).await?;
        let registry = Arc::new(reading.registry().await?);
        let journal = Arc::clone(&reading.journal);
        let office = Office::new(journal, Arc::clone(&registry), Arc::new(book), keyring);
        Ok(Self { reading, office, registry })
    }

    pub(crate) async fn close(&self) {
        self.reading.close().await;
    }

    fn id(&self, number: u32) -> MailboxId {
        MailboxId::new(self.reading.programme(), number)
    }
}

pub(super) async fn execute(command: VoucherCommand, global: &Global) -> Result<(), Error> {
    match command {
        VoucherCommand::Request(args) => {
            let desk = Desk::open(global).await?;
            let who = whom::named(&desk.reading, &args).await?;
            let origin = origin(global, &args.reason);
            let done = desk.office.request_all(&who, &origin).await?;
            desk.close().await;
            counted(global, "requested", done, who.len())
        }
        VoucherCommand::Verify(args) => {
            let desk = Desk::open(global).await?;
            let who = whom::named(&desk.reading, &args).await?;
            let origin = origin(global, &args.reason);
            let done = desk.office.verify_all(&who, PROOF, &origin).await?;
            desk.close().await;
            counted(global, "verified", done, who.len())
        }
        VoucherCommand::Refuse(args) => refuse(&args, global).await,
        VoucherCommand::Issue(args) => issue(&args, global).await,
        VoucherCommand::Redeem(args) => redeem(&args, global).await,
        VoucherCommand::Revoke(args) => revoke(&args, global).await,
        VoucherCommand::Reissue(args) => reissue(&args, global).await,
        VoucherCommand::Show(args) => show(&args.mailbox, global).await,
        VoucherCommand::Report => report(global).await,
        VoucherCommand::Expire(args) => {
            let desk = Desk::open(global).await?;
            let done = desk.office.expire(&origin(global, &args.reason)).await?;
            desk.close().await;
            answer(
                global,
                &json!({ "done": "expired", "vouchers": done }),
                &format!("{} vouchers ended unused", count(done)),
            )
        }
        VoucherCommand::Remind(args) => remind(&args, global).await,
    }
}

async fn remind(args: &Why, global: &Global) -> Result<(), Error> {
    let desk = Desk::open(global).await?;
    let store = crate::requests::open(global).await?;
    let (now, origin) = (desk.office.journal().now(), origin(global, &args.reason));
    let claimed = intake::claim_reminders(&store, &desk.office, now, &origin).await;
    store.close().await?;
    desk.close().await;
    let claimed = claimed?;
    let words = match claimed {
        0 => "nobody is due a reminder".to_owned(),
        many => format!(
            "{} reminders are claimed; `tramonto service intake` sends them through its relay",
            count(many)
        ),
    };
    answer(global, &json!({ "done": "reminders-claimed", "vouchers": claimed }), &words)
}

/// What became of a command about many.
fn counted(global: &Global, done: &str, now: u64, asked: u64) -> Result<(), Error> {
    let before = asked.saturating_sub(now);
    let told = json!({ "done": done, "vouchers": now, "left_as_they_were": before });
    let rest = if before == 0 {
        String::new()
    } else {
        format!("; {} were so before, or can't be", count(before))
    };
    answer(global, &told, &format!("{} {done}{rest}", count(now)))
}

fn answer(global: &Global, told: &Value, words: &str) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(told) } else { out.line(words) }
}

async fn refuse(args: &RefuseArgs, global: &Global) -> Result<(), Error> {
    let desk = Desk::open(global).await?;
    let number = desk.reading.number_of(&args.mailbox).await?;
    desk.office.refuse(number, &args.cause, &origin(global, &args.reason)).await?;
    desk.close().await;
    let id = desk.id(number);
    let words = format!("the request of mailbox {id} is refused: {}", args.cause);
    answer(global, &json!({ "done": "refused", "mailbox": id, "cause": args.cause }), &words)
}

async fn issue(args: &IssueArgs, global: &Global) -> Result<(), Error> {
    let desk = Desk::open(global).await?;
    let origin = origin(global, &args.reason);
    let Some(mailbox) = &args.mailbox else {
        return bulk::issue_all(&desk, &args.codes, &origin, global).await;
    };
    let number = desk.reading.number_of(mailbox).await?;
    let grant = desk.office.issue(number, &origin).await?;
    hand_over(&desk, "issued", &grant, global)?;
    desk.office.handed_over(&[Kept { number, issue: grant.issue }], &origin).await?;
    desk.close().await;
    Ok(())
}

async fn reissue(args: &ReissueArgs, global: &Global) -> Result<(), Error> {
    let desk = Desk::open(global).await?;
    let origin = origin(global, &args.reason);
    let Some(mailbox) = &args.mailbox else {
        return bulk::reissue_undelivered(&desk, &args.codes, &origin, global).await;
    };
    let number = desk.reading.number_of(mailbox).await?;
    let grant = desk.office.reissue(number, &origin).await?;
    hand_over(&desk, "reissued", &grant, global)?;
    desk.office.handed_over(&[Kept { number, issue: grant.issue }], &origin).await?;
    desk.close().await;
    Ok(())
}

/// Shows a code, to whoever had it made.
fn hand_over(desk: &Desk, done: &str, grant: &Grant, global: &Global) -> Result<(), Error> {
    let Grant { number, issue, code, token, redeem_by } = grant;
    let mut out = Output::open();
    if global.json {
        out.object(&json!({
            "done": done,
            "mailbox": desk.id(*number),
            "issue": issue,
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
    out.line("it is kept nowhere and not shown again: hand it to its holder, and to nobody else")?;
    out.flush()
}

async fn redeem(args: &RedeemArgs, global: &Global) -> Result<(), Error> {
    let shown = whom::secret(&args.code)?;
    let desk = Desk::open(global).await?;
    let redeemed =
        desk.office.redeem(&shown, &args.provider, &origin(global, &args.reason)).await?;
    desk.close().await;
    let before = if redeemed.again { " before" } else { "" };
    let words = format!(
        "voucher {} was redeemed by {}{before} on {}; its mailbox is free through {}",
        redeemed.voucher, redeemed.provider, redeemed.on, redeemed.free_through
    );
    answer(global, &json!({ "done": "redeemed", "redemption": redeemed }), &words)
}

async fn revoke(args: &OneArgs, global: &Global) -> Result<(), Error> {
    let desk = Desk::open(global).await?;
    let number = desk.reading.number_of(&args.mailbox).await?;
    desk.office.revoke(number, &origin(global, &args.reason)).await?;
    desk.close().await;
    let id = desk.id(number);
    let words = format!("the voucher of mailbox {id} is worth nothing any more");
    answer(global, &json!({ "done": "revoked", "mailbox": id }), &words)
}

async fn show(mailbox: &Target, global: &Global) -> Result<(), Error> {
    let desk = Desk::open(global).await?;
    let number = desk.reading.number_of(mailbox).await?;
    let shown = desk.office.show(number).await?;
    desk.close().await;
    let (state, more) = standing(&shown);
    if global.json {
        return Output::open().object(&json!({
            "mailbox": desk.id(number),
            "voucher": shown.voucher,
            "state": state,
            "issue": shown.issue,
            "delivered": shown.delivered,
            "redeem_by": shown.redeem_by,
            "free_through": shown.free_through,
            "detail": more,
        }));
    }
    let mut out = Output::open();
    out.line(format!("voucher {} of mailbox {}: {state}{more}", shown.voucher, desk.id(number)))?;
    if shown.issue > 0 {
        let handed = if shown.delivered { "" } else { ", not recorded as handed over" };
        out.line(format!("code {} of it{handed}", shown.issue))?;
    }
    match (shown.free_through, shown.redeem_by) {
        (Some(day), _) => out.line(format!("its mailbox is free through {day}")),
        (None, Some(day)) => out.line(format!("it can be redeemed through {day}")),
        (None, None) => Ok(()),
    }
}

/// The name of a state, and what else there is to say of it.
fn standing(shown: &Shown) -> (&'static str, String) {
    let plain = |name| (name, String::new());
    match &shown.standing {
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
    let reading = Reading::open(global).await?;
    let now = reading.now().await?;
    let report = vouchers::Report::known(&*reading.journal.state().await?, now);
    let mut out = Output::open();
    if global.json {
        return out.document(&report);
    }
    let limit = report.limit.map_or("no limit".to_owned(), |limit| {
        format!("limit {}, {} left", count(limit), count(report.left.unwrap_or(0)))
    });
    out.line(format!(
        "requests that wait: {}, of which verified {}; refused {}",
        count(report.requested),
        count(report.verified),
        count(report.refused)
    ))?;
    out.line(format!(
        "issued {} ({limit}); handed over {}",
        count(report.issued),
        count(report.delivered)
    ))?;
    out.line(format!(
        "of these redeemed {}, expired {}, revoked {}; {} can be redeemed",
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
            "reminders of {due} wait, {}: `tramonto service intake` sends them once it runs with a relay",
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

/// A file that can't be read or written, by name.
fn unusable(path: &Path, what: &str, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        advice: format!("it can't be {what} ({source}); look at its path and its rights"),
        source,
    }
}
