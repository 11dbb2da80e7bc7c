//! Several processes on one store at once.

use std::collections::BTreeSet;

use domain::{Command, MailboxSet, Verification, VoucherStanding};
use eventstore::{Decision, programme_stream, voucher_stream};
use futures::future::join_all;
use platform::IssueVouchers;
use vouchers::{Credentials, Error, NewCode};

use crate::crashes::killed_after;
use crate::world::{OLD, World, issue, issue_some, issuer, origin};

const HOLDERS: u32 = 60;
const LIMIT: u64 = 41;
const PROCESSES: usize = 4;

/// Two processes issue one by one and two in bulk. Every code is then redeemed.
async fn codes_are_generated_once(world: World) {
    let all: Vec<u32> = (0..HOLDERS).collect();
    let everyone = all.iter().copied().collect();
    let requested = world.vouchers.request_all(&everyone, &origin()).await.unwrap();
    assert_eq!(requested, u64::from(HOLDERS));
    world.vouchers.verify_all(&everyone, Verification::Officer, &origin()).await.unwrap();
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(world.another().await);
    }
    let writers = processes.into_iter().enumerate().map(|(index, vouchers)| {
        tokio::spawn(async move {
            let mut codes = Vec::new();
            if index % 2 == 0 {
                for number in 0..HOLDERS {
                    if let Ok(Credentials { id, code, .. }) = issue(&vouchers, number).await {
                        codes.push(NewCode { id, code });
                    }
                }
                return codes;
            }
            loop {
                match issue_some(&vouchers, 7).await {
                    Ok(some) if some.is_empty() => return codes,
                    Ok(some) => codes.extend(some),
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    let codes: Vec<NewCode> =
        join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    let holders: BTreeSet<u32> = codes.iter().map(|new| new.id.number).collect();
    assert_eq!(holders.len(), codes.len(), "two codes for one holder");
    assert_eq!(u64::try_from(codes.len()).unwrap(), LIMIT, "the limit is reached exactly");
    assert_eq!(world.report().await.issued, LIMIT);
    for new in &codes {
        world.redeem(&new.code.shown(), "posta-sicura").await.unwrap();
    }
    assert_eq!(world.report().await.redeemed, LIMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_processes_issue_at_once_each_holder_gets_one_code_in_files() {
    let world = World::in_files(&format!("max-issued = {LIMIT}"), &[OLD; 60]).await;
    codes_are_generated_once(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_processes_issue_at_once_each_holder_gets_one_code_on_a_server() {
    let world = World::on_a_server(&format!("max-issued = {LIMIT}"), &[OLD; 60]).await;
    codes_are_generated_once(world).await;
}

async fn one_provider_wins(world: World) {
    let credentials = world.issued(0).await;
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(world.another().await);
    }
    let providers = processes.into_iter().enumerate().map(|(index, vouchers)| {
        let presented =
            if index % 2 == 0 { credentials.code.shown() } else { credentials.token.clone() };
        tokio::spawn(async move {
            let provider = format!("provider-{index}").parse().unwrap();
            vouchers.redeem(&presented, &provider, &origin()).await
        })
    });
    let answers: Vec<_> = join_all(providers).await.into_iter().map(Result::unwrap).collect();
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "{lost:?}");
    let winner = won.into_iter().next().unwrap().unwrap();
    let told = format!("redeemed by {} on 2015-06-01", winner.provider);
    for error in lost.into_iter().map(Result::unwrap_err) {
        assert!(error.to_string().contains(&told), "{error}");
    }
    let standing = world.vouchers.status(0).await.unwrap().standing;
    assert_eq!(standing, VoucherStanding::Redeemed { provider: winner.provider, on: winner.on });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_concurrent_providers_one_wins_and_the_others_are_told_which_in_files() {
    one_provider_wins(World::in_files("", &[OLD]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_concurrent_providers_one_wins_and_the_others_are_told_which_on_a_server() {
    one_provider_wins(World::on_a_server("", &[OLD]).await).await;
}

#[tokio::test]
async fn an_amendment_concurrent_with_issuing_is_decided_before_it_or_after_it() {
    let (mut issued_first, mut amended_first) = (0, 0);
    for waits in 0..12 {
        let world = World::that_yields("", &[OLD, OLD]).await;
        world.issued(0).await;
        world.verified(1).await;
        let journal = &world.vouchers.journal;
        let mut plan = journal.state().await.unwrap().plan().cloned().unwrap();
        plan.vouchers.as_mut().unwrap().max_issued = Some(1);
        let on = Decision::on(programme_stream(journal.programme()).unwrap())
            .depends_on(voucher_stream(journal.programme()).unwrap());
        let origin = origin();
        let (worker, second) = (issuer(&world.vouchers), MailboxSet::from(1));
        let mut issuing = worker.issue(&second);
        let done = killed_after(Some(waits), issuing.as_mut()).await;
        let amended = journal
            .decide(&on, &origin, |state, now| {
                Ok::<_, Error>(state.decide(Command::Amend(plan.clone()), now)?)
            })
            .await;
        let answer = match done {
            Some(answer) => answer,
            None => issuing.await,
        };
        let issued = !answer.unwrap().applied.is_empty();
        assert_ne!(issued, amended.is_ok());
        *(if issued { &mut issued_first } else { &mut amended_first }) += 1;
        let report = world.report().await;
        assert!(report.limit.is_none_or(|limit| report.issued <= limit), "{report:?}");
    }
    assert!(issued_first > 0 && amended_first > 0, "{issued_first} and {amended_first}");
}
