//! What the vouchers lean on: the version of one stream is the lock on both rules, one voucher for
//! each holder and no more than the plan's limit, whoever decides at the same time.

use std::sync::Arc;

use domain::{
    Command, DateColumn, Event, MailboxSet, MailboxesRegistered, Plan, Rejection, State,
    Verification, VoucherCommand,
};
use eventstore::{
    Clock, Direction, Error, EventStore, ExpectedVersion, Journal, Origin, programme_stream,
    registry_stream, voucher_stream,
};
use futures::future::join_all;

use crate::fixture::Case;

const HOLDERS: u32 = 40;
const LIMIT: u64 = 17;

/// In the middle of the window.
struct Open;

impl Clock for Open {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        "2015-06-01T12:00:00Z".parse().unwrap()
    }
}

fn plan() -> Plan {
    let text = include_str!("../../../../deploy/plans/cec-pac.toml");
    let text = text.replacen("[vouchers]\n", &format!("[vouchers]\nmax-issued = {LIMIT}\n"), 1);
    Plan::parse("trial.toml", &text).unwrap().0
}

/// A process of its own, as far as the log is concerned.
fn journal(store: &Arc<dyn EventStore>) -> Journal {
    let programme = plan().programme;
    Journal::new(programme, Arc::clone(store), Arc::new(Open), State::default(), 0)
}

/// Decides and appends until it is recorded or refused.
async fn ask(journal: &Journal, command: &VoucherCommand) -> Result<(), Rejection> {
    let stream = voucher_stream(journal.programme()).unwrap();
    loop {
        let expected = journal.version_of(&stream).await.unwrap();
        let decided = {
            let snapshot = journal.state().await.unwrap();
            snapshot.decide_voucher(command.clone(), journal.now())?
        };
        if decided.is_empty() {
            return Ok(());
        }
        match journal.append(stream.clone(), expected, &decided, &Origin::part("test")).await {
            Ok(_) => return Ok(()),
            Err(Error::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn given(journal: &Journal) {
    let origin = Origin::part("test");
    let adopted = State::default().decide(Command::Adopt(plan()), journal.now()).unwrap();
    let stream = programme_stream(journal.programme()).unwrap();
    journal.append(stream, ExpectedVersion::NoStream, &adopted, &origin).await.unwrap();
    let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
    for _ in 0..HOLDERS {
        requested_on.push(Some("2014-06-01".parse().unwrap())).unwrap();
        activated_on.push(None).unwrap();
    }
    let event = MailboxesRegistered { first: 0, requested_on, activated_on };
    let event = Event::MailboxesRegistered(event);
    let stream = registry_stream(journal.programme()).unwrap();
    journal.append(stream, ExpectedVersion::NoStream, &[event], &origin).await.unwrap();
}

pub(crate) async fn however_many_decide_at_once_each_holder_gets_one_voucher_within_the_limit(
    case: Case,
) {
    given(&journal(&case.store)).await;
    let writers = (0..8_u32).map(|writer| {
        let store = Arc::clone(&case.store);
        tokio::spawn(async move {
            let journal = journal(&store);
            // Each asks for a part of the same holders, and again, one by one and in bulk.
            for number in (0..HOLDERS).filter(|number| (number + writer) % 3 != 0) {
                let one = || MailboxSet::from(number).into_inner();
                let request =
                    VoucherCommand::Request { mailboxes: one(), requested_in_time: one() };
                let verify =
                    VoucherCommand::Verify { mailboxes: one(), proof: Verification::Officer };
                let several = (number..HOLDERS.min(number + 1 + writer)).collect::<MailboxSet>();
                let issue = VoucherCommand::Issue { mailboxes: several.into_inner() };
                for command in [request, verify, issue] {
                    // A refusal is an answer too: another was faster, or the limit is reached.
                    drop(ask(&journal, &command).await);
                }
            }
        })
    });
    for done in join_all(writers).await {
        done.unwrap();
    }
    // Added up from the log alone.
    let stream = voucher_stream(&plan().programme).unwrap();
    let log = case.store.read_stream(&stream, 0, Direction::Forwards, usize::MAX).await.unwrap();
    let mut granted = Vec::new();
    for event in &log {
        if let Event::VouchersIssued(event) = event.fact().unwrap().event {
            granted.extend(event.mailboxes.iter());
        }
    }
    let many = granted.len();
    granted.sort_unstable();
    granted.dedup();
    assert_eq!(granted.len(), many, "two for one holder");
    assert_eq!(u64::try_from(many).unwrap(), LIMIT, "the limit is reached exactly");
}

pub(crate) async fn of_many_providers_at_once_one_redeems_and_the_others_are_told_who(case: Case) {
    let first = journal(&case.store);
    given(&first).await;
    let all = || (0..4).collect::<MailboxSet>().into_inner();
    for command in [
        VoucherCommand::Request { mailboxes: all(), requested_in_time: all() },
        VoucherCommand::Verify { mailboxes: all(), proof: Verification::Officer },
        VoucherCommand::Issue { mailboxes: all() },
    ] {
        ask(&first, &command).await.unwrap();
    }
    let providers = (0..8).map(|place| {
        let store = Arc::clone(&case.store);
        tokio::spawn(async move {
            let provider = format!("provider-{place}").parse().unwrap();
            let redeem = VoucherCommand::Redeem { number: 2, issue: 1, provider };
            ask(&journal(&store), &redeem).await
        })
    });
    let answers: Vec<_> = join_all(providers).await.into_iter().map(Result::unwrap).collect();
    let snapshot = first.state().await.unwrap();
    let redeemed: Vec<_> = snapshot.vouchers.redeemed.keys().collect();
    let [(winner, on)] = redeemed[..] else { panic!("{redeemed:?}") };
    let told = format!("the voucher was redeemed by {winner} on {on}");
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused, vec![Rejection(told); 7]);
}
