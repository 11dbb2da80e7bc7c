//! Requests for vouchers, and their redemption.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Plan, ProviderId, State, Verification};
use platform::Chance;
use roaring::RoaringBitmap;
use vouchers::{CodeId, Error as VoucherError, Vouchers};

use super::{Holders, MOMENT, origin, window};
use crate::generate::Draw;
use engine::Error;
use engine::embedded::Engine;

/// Days on which holders request vouchers.
const WAVES: u32 = 30;
/// Requests too early, and too late.
const STRAY: usize = 5;
/// Forged requests per wave.
const FORGED: usize = 2;
/// Codes shown to a provider per wave.
const SHOWN: usize = 10;
/// The time between request and redemption.
const LATER: TimeDelta = TimeDelta::days(9);
/// One in that many of them loses the first code.
const LOSES: usize = 5;
/// Codes generated at once.
const BATCH: usize = 16_384;
const PROVIDERS: [&str; 2] = ["posta-sicura", "altra-posta"];

pub(super) enum Task {
    /// Requests outside the window, which must be refused.
    Stray(RoaringBitmap),
    /// Requests, verified where they are eligible.
    Ask(RoaringBitmap),
    /// Codes of what workers have issued are delivered.
    Collect,
    /// Codes are redeemed.
    Show,
}

/// The tasks of this programme, and their instants.
pub(super) fn tasks(
    plan: &Plan,
    state: &State,
    asking: Chance,
    draw: &mut Draw,
) -> Vec<(DateTime<Utc>, Task)> {
    let Some(window) = window(plan, Capability::RequestVoucher) else { return Vec::new() };
    let Some(rules) = &plan.vouchers else { return Vec::new() };
    let everyone = &state.rights.registered;
    let stray: RoaringBitmap = everyone.iter().take(STRAY).collect();
    let mut tasks = vec![(window.opens - MOMENT, Task::Stray(stray))];
    let mut waves = vec![RoaringBitmap::new(); usize::try_from(WAVES).unwrap_or(1)];
    for number in everyone {
        if asking.falls_on(draw.any()) {
            // Half of the requests come on the first day.
            let wave = if draw.one_in(2) { 0 } else { draw.index(waves.len()) };
            if let Some(wave) = waves.get_mut(wave) {
                wave.insert(number);
            }
        }
    }
    let mut before = RoaringBitmap::new();
    for (at, mut wave) in window.spread(WAVES).zip(waves) {
        // Some request a second time.
        let again: RoaringBitmap = before.iter().take(STRAY).collect();
        before |= &wave;
        wave |= again;
        tasks.push((at, Task::Ask(wave)));
        tasks.push((at + LATER, Task::Show));
    }
    let ends = rules.last_day.map(|last| domain::last_instant_of(last, plan.zone) + MOMENT);
    let rest: RoaringBitmap = (everyone - before).iter().take(STRAY).collect();
    for end in ends.into_iter().chain(window.closes) {
        tasks.push((end, Task::Stray(rest.clone())));
    }
    tasks
}

impl Holders {
    pub(super) async fn request_vouchers(
        &mut self,
        task: Task,
        engine: &Engine,
    ) -> Result<(), Error> {
        let vouchers = engine.store.vouchers().await?;
        match task {
            Task::Stray(who) => {
                let accepted = "a voucher request was accepted outside its window";
                for number in who {
                    self.must_be_refused(vouchers.request(number, &origin()).await, accepted)?;
                }
                Ok(())
            }
            Task::Ask(who) => self.ask(vouchers, &who).await,
            Task::Collect => self.collect(vouchers).await,
            Task::Show => self.show(vouchers).await,
        }
    }

    async fn ask(&mut self, vouchers: &Vouchers, who: &RoaringBitmap) -> Result<(), Error> {
        let asked = match vouchers.request_all(who, &origin()).await {
            Err(VoucherError::Rejected(_)) => 0,
            asked => asked?,
        };
        self.outcome.asked += asked;
        self.outcome.turned_away += who.len().saturating_sub(asked);
        for number in requests(vouchers).await?.iter().take(FORGED) {
            vouchers.refuse(number, "not-the-holder", &origin()).await?;
        }
        vouchers.verify_all(&requests(vouchers).await?, Verification::Officer, &origin()).await?;
        self.do_next(vouchers.journal.now(), super::Task::Vouchers(Task::Collect));
        Ok(())
    }

    /// Delivers the codes of vouchers that workers have issued meanwhile.
    async fn collect(&mut self, vouchers: &Vouchers) -> Result<(), Error> {
        let issued = {
            let snapshot = vouchers.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            vouchers.valid() - &vouchers.delivered
        };
        let issued: Vec<u32> = issued.iter().collect();
        let mut shown = 0;
        for batch in issued.chunks(BATCH) {
            let codes = vouchers.generate_missing(&batch.iter().copied().collect()).await?;
            let delivered: Vec<CodeId> = codes.iter().map(|new| new.id).collect();
            vouchers.record_delivered(&delivered, &origin()).await?;
            self.outcome.granted += u64::try_from(delivered.len()).unwrap_or(0);
            let had = self.had.len();
            self.had.extend(delivered.iter().map(|id| id.number));
            if self.had.len() - had != u64::try_from(delivered.len()).unwrap_or(0) {
                self.wrong("somebody was issued a second voucher");
            }
            for new in codes.iter().take(SHOWN.saturating_sub(shown)) {
                shown += 1;
                self.codes.insert(new.id.number, new.code.shown());
            }
        }
        Ok(())
    }

    async fn show(&mut self, vouchers: &Vouchers) -> Result<(), Error> {
        let codes = std::mem::take(&mut self.codes);
        for (place, (number, mut code)) in codes.into_iter().enumerate() {
            let [first, second] = PROVIDERS.map(str::parse::<ProviderId>);
            let (Ok(first), Ok(second)) = (first, second) else { continue };
            if place % LOSES == 0 {
                let reissued = match vouchers.reissue(number, &origin()).await {
                    Err(VoucherError::Rejected(_)) => {
                        self.outcome.turned_away += 1;
                        continue;
                    }
                    reissued => reissued?,
                };
                vouchers.record_delivered(&[reissued.id], &origin()).await?;
                let answer = vouchers.redeem(&code, &first, &origin()).await;
                self.must_be_refused(answer, "a provider redeemed a code that was replaced")?;
                code = reissued.code.shown();
            }
            match vouchers.redeem(&code, &first, &origin()).await {
                Ok(_) => self.outcome.redeemed += 1,
                Err(VoucherError::Rejected(_)) => self.outcome.turned_away += 1,
                Err(error) => return Err(error.into()),
            }
            let answer = vouchers.redeem(&code, &second, &origin()).await;
            self.must_be_refused(answer, "a provider redeemed a voucher a second time")?;
        }
        Ok(())
    }
}

/// The open requests.
async fn requests(vouchers: &Vouchers) -> Result<RoaringBitmap, Error> {
    Ok(vouchers.journal.state().await?.vouchers.requested.clone())
}
