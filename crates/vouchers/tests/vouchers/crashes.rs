//! Any sequence of commands, by several processes, each killed anywhere: a holder never has two
//! valid codes, and the plan's limit is never exceeded.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use domain::{Verification, VoucherStanding};
use proptest::prelude::*;
use roaring::RoaringBitmap;
use vouchers::{Credentials, Error, NewCode, Vouchers};

use crate::world::{OLD, World, issue, issue_some, origin};

const HOLDERS: u32 = 6;
const LIMIT: u64 = 4;

/// A command.
#[derive(Debug, Clone)]
enum Command {
    Request(u32),
    Verify(u32),
    Issue(u32),
    IssueSome(usize),
    GenerateMissing,
    /// Of one of the codes generated so far.
    RecordDelivered(usize),
    Reissue(u32),
    ReissueUndelivered,
    Revoke(u32),
    /// One of the codes generated so far.
    Redeem(usize),
    Expire,
}

/// A command, the process that carries it out, and the wait at which that process is killed.
#[derive(Debug, Clone)]
struct Step {
    command: Command,
    process: usize,
    killed_after: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..HOLDERS;
    let command = prop_oneof![
        3 => who.clone().prop_map(Command::Request),
        3 => who.clone().prop_map(Command::Verify),
        4 => who.clone().prop_map(Command::Issue),
        2 => (1_usize..4).prop_map(Command::IssueSome),
        1 => Just(Command::GenerateMissing),
        2 => any::<usize>().prop_map(Command::RecordDelivered),
        2 => who.clone().prop_map(Command::Reissue),
        1 => Just(Command::ReissueUndelivered),
        1 => who.prop_map(Command::Revoke),
        2 => any::<usize>().prop_map(Command::Redeem),
        1 => Just(Command::Expire),
    ];
    let killed_after = prop_oneof![2 => Just(None), 3 => (0_usize..14).prop_map(Some)];
    (command, 0_usize..2, killed_after).prop_map(|(command, process, killed_after)| Step {
        command,
        process,
        killed_after,
    })
}

/// Runs a future; drops it at its wait of this number, as if its process were killed.
pub(crate) async fn killed_after<T>(
    waits: Option<usize>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    let mut waited = 0;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waits == Some(waited) => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// Every code generated so far.
type Codes = Vec<NewCode>;

async fn carry_out(vouchers: &Vouchers, command: Command, codes: &Codes) -> Result<Codes, Error> {
    let origin = origin();
    let one = |Credentials { id, code, .. }| vec![NewCode { id, code }];
    match command {
        Command::Request(number) => vouchers.request(number, &origin).await?,
        Command::Verify(number) => vouchers.verify(number, Verification::Officer, &origin).await?,
        Command::Issue(number) => return issue(vouchers, number).await.map(one),
        Command::IssueSome(most) => return issue_some(vouchers, most).await,
        Command::GenerateMissing => {
            let without_code = vouchers.undelivered().await?.without_code;
            return vouchers.generate_missing(&without_code).await;
        }
        Command::RecordDelivered(which) => {
            if let Some(new) = codes.get(which % codes.len().max(1)) {
                vouchers.record_delivered(&[new.id], &origin).await?;
            }
        }
        Command::Reissue(number) => return vouchers.reissue(number, &origin).await.map(one),
        Command::ReissueUndelivered => {
            let with_code = vouchers.undelivered().await?.with_code;
            return vouchers.reissue_all(&with_code, &origin).await;
        }
        Command::Revoke(number) => vouchers.revoke(number, &origin).await?,
        Command::Redeem(which) => {
            if let Some(new) = codes.get(which % codes.len().max(1)) {
                let provider = format!("provider-{}", which % 3).parse().unwrap();
                vouchers.redeem(&new.code.shown(), &provider, &origin).await?;
            }
        }
        Command::Expire => {
            vouchers.expire(&origin).await?;
        }
    }
    Ok(Vec::new())
}

/// The number of valid codes, by holder.
async fn valid_codes(vouchers: &Vouchers, codes: &Codes) -> BTreeMap<u32, usize> {
    let mut valid = BTreeMap::new();
    for NewCode { id, code } in codes {
        let found = vouchers.identify(&code.shown()).await.unwrap();
        assert_eq!(found, *id, "a code belongs to another voucher");
        let status = vouchers.status(id.number).await.unwrap();
        if status.standing == VoucherStanding::Valid && status.issue == id.issue {
            *valid.entry(id.number).or_default() += 1;
        }
    }
    valid
}

async fn one_valid_code_each(steps: Vec<Step>) {
    let limit = format!("max-issued = {LIMIT}\nredeem-by = 2016-02-29");
    let world = World::that_yields(&limit, &[OLD; 6]).await;
    let mut processes = vec![world.another().await, world.another().await];
    let mut codes = Codes::new();
    for Step { command, process, killed_after: waits } in steps {
        let running = carry_out(&processes[process], command, &codes);
        match killed_after(waits, running).await {
            Some(Ok(new)) => codes.extend(new),
            Some(Err(Error::Rejected(_) | Error::CodeExists | Error::Pending)) => {}
            Some(Err(error)) => panic!("{error}"),
            // Another process takes its place.
            None => {
                drop(processes.remove(process));
                processes.insert(process, world.another().await);
            }
        }
        let report = world.report().await;
        assert!(report.issued <= LIMIT, "the limit is exceeded");
        for (number, count) in valid_codes(&world.vouchers, &codes).await {
            assert!(count <= 1, "{count} codes of holder {number} are valid");
        }
    }

    // After recovery every valid voucher has exactly one valid code.
    let undelivered = world.vouchers.undelivered().await.unwrap();
    codes.extend(world.vouchers.generate_missing(&undelivered.without_code).await.unwrap());
    codes.extend(world.vouchers.reissue_all(&undelivered.with_code, &origin()).await.unwrap());
    let valid: RoaringBitmap = world.vouchers.journal.state().await.unwrap().vouchers.valid();
    let by_holder = valid_codes(&world.vouchers, &codes).await;
    assert_eq!(by_holder.keys().copied().collect::<RoaringBitmap>(), valid, "a holder has no code");
    assert!(by_holder.values().all(|count| *count == 1), "{by_holder:?}");
    for new in &codes {
        // Rejected if it was replaced, redeemed or revoked.
        drop(world.redeem(&new.code.shown(), "posta-sicura").await);
    }
    let report = world.report().await;
    assert_eq!(report.valid, 0, "a valid code was rejected");
    assert!(report.redeemed <= LIMIT);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_and_crashes_gives_a_holder_two_valid_codes(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(one_valid_code_each(steps));
    }
}

#[tokio::test]
async fn issuing_killed_at_each_wait_ends_with_one_valid_code() {
    let mut killed = 0;
    for waits in 0..16 {
        let world = World::that_yields("", &[OLD]).await;
        world.verified(0).await;
        let process = world.another().await;
        let first = killed_after(Some(waits), issue(&process, 0)).await;
        drop(process);
        let code = match issue(&world.vouchers, 0).await {
            Ok(credentials) => credentials.code,
            // The code was generated and may be lost.
            Err(Error::CodeExists) => world.vouchers.reissue(0, &origin()).await.unwrap().code,
            Err(error) => panic!("after {waits} waits: {error}"),
        };
        world.redeem(&code.shown(), "posta-sicura").await.unwrap();
        match first {
            Some(credentials) => {
                let code = credentials.unwrap().code.shown();
                let replaced = world.redeem(&code, "posta-sicura").await;
                assert!(replaced.is_err(), "both codes are valid");
            }
            None => killed += 1,
        }
    }
    // Before and after the append at least; the waits for the code store depend on the machine.
    assert!(killed >= 2, "killed {killed} times");
}
