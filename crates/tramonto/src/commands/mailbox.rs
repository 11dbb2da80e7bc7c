//! `tramonto mailbox` and `tramonto hold`: one mailbox, for the helpdesk and for the auditor.

use domain::{Lifecycle, Plan};
use engine::actions::holds::{PlaceHold, ReleaseHold};
use engine::actions::mailboxes::Withdraw;
use engine::store::Store;
use uuid::Uuid;
use views::{MailboxView, RightView};

use super::act::{act, query, show};
use crate::Error;
use crate::cli::{Global, HoldCommand, MailboxCommand, Target};
use crate::output::text::{local, table, utc};

pub(super) async fn execute(command: MailboxCommand, global: &Global) -> Result<(), Error> {
    match command {
        MailboxCommand::Show { mailbox, as_of, known_at } => {
            let mailbox =
                async |store: &Store| store.mailbox_as_of(&mailbox, as_of, known_at).await;
            let shown = query(global, mailbox).await?;
            show(&shown.view, |view| words(view, &shown.plan), global)
        }
        MailboxCommand::Withdraw { mailbox, reason } => {
            act(Withdraw { mailbox }, &reason, global).await
        }
    }
}

pub(super) async fn hold(command: HoldCommand, global: &Global) -> Result<(), Error> {
    match command {
        HoldCommand::Place { mailbox, capability, until, reason } => {
            let capabilities = capability.into_iter().collect();
            act(PlaceHold { mailbox, capabilities, until }, &reason, global).await
        }
        HoldCommand::Release { mailbox, hold, reason } => {
            let hold = match hold {
                Some(hold) => hold,
                None => only_hold(&mailbox, global).await?,
            };
            act(ReleaseHold { mailbox, hold }, &reason, global).await
        }
    }
}

/// The hold in force of a mailbox that has exactly one.
async fn only_hold(mailbox: &Target, global: &Global) -> Result<Uuid, Error> {
    let mailbox = async |store: &Store| store.mailbox_as_of(mailbox, None, None).await;
    let shown = query(global, mailbox).await?;
    let in_force = shown.view.holds.iter().filter(|held| held.in_force);
    let holds: Vec<Uuid> = in_force.map(|held| held.hold).collect();
    match holds.as_slice() {
        [only] => Ok(*only),
        [] => Err(Error::Refused("the mailbox has no hold in force".to_owned())),
        several => {
            let ids: Vec<String> = several.iter().map(Uuid::to_string).collect();
            let ids = ids.join(", ");
            Err(Error::Refused(format!("several holds are in force; name one of {ids}")))
        }
    }
}

/// What a helpdesk reads out: what the mailbox may do, what happened, what comes next.
fn words(view: &MailboxView, plan: &Plan) -> String {
    let zone = plan.zone;
    let mut lines = vec![
        format!("mailbox {} (number {})", view.id, view.number),
        format!("as of {} {zone}, as recorded by {}", local(view.as_of, zone), utc(view.known_at)),
        format!("{}{}", lifecycle(view), phase(view, plan)),
        String::new(),
        "Capabilities".to_owned(),
    ];
    lines.push(table("| | why", view.rights.iter().map(|right| right_row(right, plan))));
    for hold in &view.holds {
        let until =
            hold.until.map_or("until it is released".to_owned(), |day| format!("through {day}"));
        let over = if hold.in_force { "" } else { " (over)" };
        lines.push(format!("hold {}: keeps {} {until}{over}", hold.hold, hold.capabilities));
    }
    for incident in &view.incidents {
        lines.push(format!("incident {incident}: see `tramonto incident list`"));
    }
    lines.push("History".to_owned());
    let happened = view.happened.iter().map(|event| {
        let mut who = event.actor.clone();
        if let Some(reason) = &event.reason {
            who.push_str(": ");
            who.push_str(reason);
        }
        vec![local(event.effective_at, zone), event.what.clone(), who]
    });
    lines.push(if view.happened.is_empty() {
        "nothing yet\n".to_owned()
    } else {
        table("when | what | who", happened)
    });
    lines.push("Upcoming".to_owned());
    if view.next.is_empty() {
        lines.push("nothing: the plan has no further phase for this mailbox".to_owned());
    }
    for next in &view.next {
        lines.push(format!("{}  {}", local(next.at, zone), next.what));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn lifecycle(view: &MailboxView) -> String {
    let asked = view.requested_on.map_or(String::new(), |day| format!(", requested on {day}"));
    let state = match view.lifecycle {
        Lifecycle::Unknown => "not requested yet",
        Lifecycle::Registered => "registered, never activated",
        Lifecycle::Activated => "activated",
        Lifecycle::Lapsed => "lapsed: it was never activated and no longer can be",
        Lifecycle::Withdrawn => "withdrawn by its holder",
    };
    format!("{state}{asked}")
}

fn phase(view: &MailboxView, plan: &Plan) -> String {
    let phase = view.phase.as_ref().and_then(|id| plan.phase(id));
    phase.map_or("; the service is in full operation".to_owned(), |phase| {
        format!("; the programme is in phase {} ({})", phase.id, phase.title)
    })
}

fn right_row(right: &RightView, plan: &Plan) -> Vec<String> {
    let until = right.until.map(|until| format!(", until {}", local(until, plan.zone)));
    vec![
        right.capability.to_string(),
        if right.allowed { "yes" } else { "no" }.to_owned(),
        format!("{}{}", right.why, until.unwrap_or_default()),
    ]
}
