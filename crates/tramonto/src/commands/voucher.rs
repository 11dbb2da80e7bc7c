//! `tramonto voucher`.
//!
//! Invariants: a code is printed or written once, and recorded as delivered only afterwards; it is
//! never read from the command line, which other users of the machine can see.

mod code_file;
mod whom;

use std::path::Path;

use domain::VoucherStanding;
use engine::actions::Action;
use engine::actions::voucher_codes::{
    CodeSink, IssueVoucher, IssueVouchers, IssuedCode, ReissueUndelivered, ReissueVoucher,
};
use engine::actions::vouchers::{
    ExpireVouchers, RedeemVoucher, RefuseVoucher, RemindHolders, RequestVouchers, RevokeVoucher,
    VerifyVouchers,
};
use serde_json::json;
use vouchers::{Month, ProviderMonth, Report, Status};

use super::act::{self, act, act_on, decide_on, query, run};
use crate::Error;
use crate::cli::{Global, PROOF, Target, VoucherCommand};
use crate::output::Output;
use crate::output::text::{count, table};
use code_file::CodeFile;

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
        VoucherCommand::Refuse { mailbox, cause, reason } => {
            act(RefuseVoucher { mailbox, cause }, &reason, global).await
        }
        VoucherCommand::Issue { mailbox: Some(mailbox), reason, .. } => {
            let mut shown = ShownCode { done: IssueVoucher::DONE, json: global.json };
            let action = IssueVoucher { mailbox, codes: &mut shown };
            run(action, Some(&reason), global).await.map(drop)
        }
        VoucherCommand::Issue { mailbox: None, codes, reason, .. } => {
            let mut file = CodeFile::create(&codes, global.json)?;
            let action = IssueVouchers { tokens: codes.tokens, codes: &mut file };
            let done = run(action, Some(&reason), global).await;
            file.report(done, global)
        }
        VoucherCommand::Redeem { code, provider, reason } => {
            let code = whom::secret(&code)?;
            act(RedeemVoucher { code, provider }, &reason, global).await
        }
        VoucherCommand::Revoke { mailbox, reason } => {
            act(RevokeVoucher { mailbox }, &reason, global).await
        }
        VoucherCommand::Reissue { mailbox: Some(mailbox), reason, .. } => {
            let mut shown = ShownCode { done: ReissueVoucher::DONE, json: global.json };
            let action = ReissueVoucher { mailbox, codes: &mut shown };
            run(action, Some(&reason), global).await.map(drop)
        }
        VoucherCommand::Reissue { mailbox: None, codes, reason, .. } => {
            let mut file = CodeFile::create(&codes, global.json)?;
            let action = ReissueUndelivered { tokens: codes.tokens, codes: &mut file };
            let done = run(action, Some(&reason), global).await;
            file.report(done, global)
        }
        VoucherCommand::Show { mailbox } => show(&mailbox, global).await,
        VoucherCommand::Report => {
            let all = query(global, async |store| store.voucher_report().await).await?;
            act::show(&all, report, global)
        }
        VoucherCommand::Expire(args) => act(ExpireVouchers, &args.reason, global).await,
        VoucherCommand::Remind(args) => act(RemindHolders, &args.reason, global).await,
    }
}

/// Prints a code that was just generated.
struct ShownCode {
    done: &'static str,
    json: bool,
}

impl CodeSink for ShownCode {
    fn take(&mut self, codes: Vec<IssuedCode>) -> Result<(), Error> {
        let mut out = Output::open();
        for IssuedCode { mailbox, issue, code, token, redeem_by, .. } in codes {
            if self.json {
                out.object(&json!({ "done": self.done, "mailbox": mailbox, "issue": issue,
                    "code": code.shown(), "token": token, "redeem_by": redeem_by }))?;
                continue;
            }
            out.line(format!("code   {}", code.shown()))?;
            out.line(format!("token  {}", token.unwrap_or_default()))?;
            if let Some(day) = redeem_by {
                out.line(format!("until  {day}"))?;
            }
            out.line("the code is stored nowhere and not shown again; give it to its holder only")?;
        }
        out.flush()
    }
}

async fn show(mailbox: &Target, global: &Global) -> Result<(), Error> {
    let store = decide_on(global).await?;
    let found = store.voucher(mailbox).await;
    store.close().await?;
    let (mailbox, status) = found?;
    let (state, more) = standing(&status);
    let told = json!({ "mailbox": mailbox, "voucher": status.voucher, "state": state,
        "issue": status.issue, "delivered": status.delivered, "redeem_by": status.redeem_by,
        "free_through": status.free_through, "detail": more });
    let mut lines = vec![format!("voucher {} of mailbox {mailbox}: {state}{more}", status.voucher)];
    if status.issue > 0 {
        let delivery = if status.delivered { "" } else { ", delivery not recorded" };
        lines.push(format!("code number {}{delivery}", status.issue));
    }
    match (status.free_through, status.redeem_by) {
        (Some(day), _) => lines.push(format!("its mailbox is free through {day}")),
        (None, Some(day)) => lines.push(format!("it can be redeemed through {day}")),
        (None, None) => {}
    }
    act::print(&told, lines.join("\n"), global)
}

/// The name of a state, and its details.
fn standing(status: &Status) -> (&'static str, String) {
    let plain = |name| (name, String::new());
    match &status.standing {
        VoucherStanding::None => plain("not-requested"),
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

fn report(report: &Report) -> String {
    let limit = report.limit.map_or("no limit".to_owned(), |limit| {
        format!("limit {}, {} left", count(limit), count(report.left.unwrap_or(0)))
    });
    let [requested, verified, refused] =
        [report.requested, report.verified, report.refused].map(count);
    let [issued, delivered] = [report.issued, report.delivered].map(count);
    let [redeemed, expired, revoked, valid] =
        [report.redeemed, report.expired, report.revoked, report.valid].map(count);
    let mut lines = vec![
        format!("requests: {requested} pending, {verified} of them verified; {refused} refused"),
        format!("issued: {issued} ({limit}); {delivered} delivered"),
        format!(
            "outcomes: {redeemed} redeemed, {expired} expired, {revoked} revoked; {valid} still \
             valid"
        ),
    ];
    if report.reminders > 0 {
        lines.push(format!("reminders claimed: {}", count(report.reminders)));
    }
    if let Some(due) = report.reminders_due {
        lines.push(format!(
            "reminders due since {due}: {}; `tramonto service intake` sends them through its relay",
            count(report.reminders_waiting)
        ));
    }
    let mut text = lines.join("\n") + "\n";
    let month = |one: &Month| {
        let counts = [one.issued, one.redeemed, one.expired, one.revoked].map(count);
        std::iter::once(one.month.clone()).chain(counts).collect()
    };
    if !report.months.is_empty() {
        let header = "month | >issued | >redeemed | >expired | >revoked";
        text.push_str(&table(header, report.months.iter().map(month)));
    }
    let row = |one: &ProviderMonth| {
        vec![one.provider.to_string(), one.month.clone(), count(one.redeemed)]
    };
    if !report.redemptions.is_empty() {
        text.push_str(&table("provider | month | >redeemed", report.redemptions.iter().map(row)));
    }
    text
}

/// The error of a file that cannot be read or written.
fn unusable(path: &Path, what: &str, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        advice: format!("it cannot be {what} ({source}); check its path and permissions"),
        source,
    }
}
