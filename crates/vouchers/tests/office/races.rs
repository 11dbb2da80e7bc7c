//! Several offices on one store at once, as so many processes.

use std::collections::BTreeSet;

use domain::{Command, MailboxSet, Verification, VoucherStanding};
use eventstore::{Decision, programme_stream, voucher_stream};
use futures::future::join_all;
use platform::IssueVouchers;
use vouchers::{Error, Minted};

use crate::crashes::ended_after;
use crate::world::{OLD, World, issue, issue_some, origin};

const HOLDERS: u32 = 60;
const LIMIT: u64 = 41;
const OFFICES: usize = 4;

/// Two of them grant by number and two in bulk. Every code that anybody got is shown to a provider.
async fn codes_are_made_once(world: World) {
    let all: Vec<u32> = (0..HOLDERS).collect();
    let everyone = all.iter().copied().collect();
    let asked = world.office.request_all(&everyone, &origin()).await.unwrap();
    assert_eq!(asked, u64::from(HOLDERS));
    world.office.verify_all(&everyone, Verification::Officer, &origin()).await.unwrap();
    let mut offices = Vec::new();
    for _ in 0..OFFICES {
        offices.push(world.another().await);
    }
    let writers = offices.into_iter().enumerate().map(|(place, office)| {
        tokio::spawn(async move {
            let mut made = Vec::new();
            if place % 2 == 0 {
                for number in 0..HOLDERS {
                    if let Ok(grant) = issue(&office, number).await {
                        made.push(Minted { number, issue: grant.issue, code: grant.code });
                    }
                }
                return made;
            }
            loop {
                match issue_some(&office, 7).await {
                    Ok(some) if some.is_empty() => return made,
                    Ok(some) => made.extend(some),
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    let made: Vec<Minted> = join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    let holders: BTreeSet<u32> = made.iter().map(|one| one.number).collect();
    assert_eq!(holders.len(), made.len(), "two codes for one holder");
    assert_eq!(u64::try_from(made.len()).unwrap(), LIMIT, "the limit is reached exactly");
    assert_eq!(world.office.report().await.unwrap().issued, LIMIT);
    for one in &made {
        world.redeem(&one.code.shown(), "posta-sicura").await.unwrap();
    }
    assert_eq!(world.office.report().await.unwrap().redeemed, LIMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_offices_grant_at_once_each_holder_gets_one_code_in_files() {
    let world = World::in_files(&format!("max-issued = {LIMIT}"), &[OLD; 60]).await;
    codes_are_made_once(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_offices_grant_at_once_each_holder_gets_one_code_on_a_server() {
    let world = World::on_a_server(&format!("max-issued = {LIMIT}"), &[OLD; 60]).await;
    codes_are_made_once(world).await;
}

async fn one_provider_wins(world: World) {
    let grant = world.granted(0).await;
    let mut offices = Vec::new();
    for _ in 0..OFFICES {
        offices.push(world.another().await);
    }
    let providers = offices.into_iter().enumerate().map(|(place, office)| {
        let shown = if place % 2 == 0 { grant.code.shown() } else { grant.token.clone() };
        tokio::spawn(async move {
            let provider = format!("provider-{place}").parse().unwrap();
            office.redeem(&shown, &provider, &origin()).await
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
    let standing = world.office.show(0).await.unwrap().standing;
    assert_eq!(standing, VoucherStanding::Redeemed { provider: winner.provider, on: winner.on });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_providers_at_the_same_moment_one_wins_and_the_other_is_told_who_in_files() {
    one_provider_wins(World::in_files("", &[OLD]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_providers_at_the_same_moment_one_wins_and_the_other_is_told_who_on_a_server() {
    one_provider_wins(World::on_a_server("", &[OLD]).await).await;
}

#[tokio::test]
async fn an_amendment_at_any_wait_of_a_worker_that_issues_is_decided_before_it_or_after_it() {
    let (mut issued_first, mut amended_first) = (0, 0);
    for waits in 0..12 {
        let world = World::that_yields("", &[OLD, OLD]).await;
        world.granted(0).await;
        world.verified(1).await;
        let journal = world.office.journal();
        let mut plan = journal.state().await.unwrap().plan().cloned().unwrap();
        plan.vouchers.as_mut().unwrap().max_issued = Some(1);
        let on = Decision::on(programme_stream(journal.programme()).unwrap())
            .depends_on(voucher_stream(journal.programme()).unwrap());
        let origin = origin();
        let (worker, second) = (world.office.issuer(), MailboxSet::from(1));
        let mut issuing = worker.issue(&second);
        let done = ended_after(Some(waits), issuing.as_mut()).await;
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
        let report = world.office.report().await.unwrap();
        assert!(report.limit.is_none_or(|limit| report.issued <= limit), "{report:?}");
    }
    assert!(issued_first > 0 && amended_first > 0, "{issued_first} and {amended_first}");
}
