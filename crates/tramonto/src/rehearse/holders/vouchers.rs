//! What holders do with vouchers.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Plan, ProviderId, State, Verification};
use platform::Chance;
use roaring::RoaringBitmap;
use sql::Tables;
use vouchers::{CodeBook, Error as VoucherError, FORMAT, Kept, Office};

use super::{Holders, MOMENT, keys, origin, window};
use crate::Error;
use crate::embedded::Engine;
use crate::generate::Draw;

/// Days on which they ask.
const WAVES: u32 = 30;
/// So many ask too early, and too late.
const STRAY: usize = 5;
/// Of each wave, so many requests are not the holder's.
const FORGED: usize = 2;
/// Of each wave, so many show their code to a provider.
const SHOWN: usize = 10;
/// How long after they asked.
const LATER: TimeDelta = TimeDelta::days(9);
/// One in so many of those loses the first code.
const LOSES: usize = 5;
/// So many are granted by one event.
const BATCH: usize = 16_384;
const PROVIDERS: [&str; 2] = ["posta-sicura", "altra-posta"];

pub(super) enum Errand {
    /// Outside the window: nobody may get anything.
    Stray(RoaringBitmap),
    /// They ask, and those who may are granted theirs.
    Ask(RoaringBitmap),
    /// Codes are shown to providers.
    Show,
}

/// What they do in this programme, and when.
pub(super) fn errands(
    plan: &Plan,
    state: &State,
    asking: Chance,
    draw: &mut Draw,
) -> Vec<(DateTime<Utc>, Errand)> {
    let Some(window) = window(plan, Capability::RequestVoucher) else { return Vec::new() };
    let Some(rules) = &plan.vouchers else { return Vec::new() };
    let everyone = state.rights.registered();
    let stray: RoaringBitmap = everyone.iter().take(STRAY).collect();
    let mut errands = vec![(window.opens - MOMENT, Errand::Stray(stray))];
    let mut waves = vec![RoaringBitmap::new(); usize::try_from(WAVES).unwrap_or(1)];
    for number in everyone {
        if asking.falls_on(draw.any()) {
            // Half of them come on the first day.
            let wave = if draw.one_in(2) { 0 } else { draw.index(waves.len()) };
            if let Some(wave) = waves.get_mut(wave) {
                wave.insert(number);
            }
        }
    }
    let mut before = RoaringBitmap::new();
    for (at, mut wave) in window.spread(WAVES).zip(waves) {
        // Somebody always asks a second time.
        let again: RoaringBitmap = before.iter().take(STRAY).collect();
        before |= &wave;
        wave |= again;
        errands.push((at, Errand::Ask(wave)));
        errands.push((at + LATER, Errand::Show));
    }
    let ends = rules.last_day.map(|last| domain::last_instant_of(last, plan.zone) + MOMENT);
    let rest: RoaringBitmap = (everyone - before).iter().take(STRAY).collect();
    for end in ends.into_iter().chain(window.closes) {
        errands.push((end, Errand::Stray(rest.clone())));
    }
    errands
}

impl Holders {
    pub(super) async fn at_the_vouchers(
        &mut self,
        errand: Errand,
        engine: &Engine,
    ) -> Result<(), Error> {
        let home = &engine.store.home;
        let keyring = keys(home, &*engine.clock())?;
        let tables = Tables::open(&home.vouchers(), &FORMAT).await;
        let book = CodeBook::open(tables.map_err(VoucherError::from)?, &keyring).await?;
        let registry = Arc::clone(&engine.store.registry);
        let journal = Arc::clone(&engine.journal);
        let office = Office::new(journal, registry, Arc::new(book), Arc::new(keyring));
        match errand {
            Errand::Stray(who) => {
                for number in who {
                    match office.request(number, &origin()).await {
                        Err(VoucherError::Rejected(_)) => self.told.turned_away += 1,
                        Ok(()) => self.wrong("a voucher could be asked for outside its time"),
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
            Errand::Ask(who) => self.ask(&office, &who).await,
            Errand::Show => self.show(&office).await,
        }
    }

    async fn ask(&mut self, office: &Office, who: &RoaringBitmap) -> Result<(), Error> {
        let asked = match office.request_all(who, &origin()).await {
            Err(VoucherError::Rejected(_)) => 0,
            asked => asked?,
        };
        self.told.asked += asked;
        self.told.turned_away += who.len().saturating_sub(asked);
        let (requests, before) = waiting(office).await?;
        for number in requests.iter().take(FORGED) {
            office.refuse(number, "not-the-holder", &origin()).await?;
        }
        office.verify_all(&waiting(office).await?.0, Verification::Officer, &origin()).await?;
        let mut kept = 0;
        loop {
            let minted = match office.issue_some(BATCH, &origin()).await {
                // The plan's limit.
                Err(VoucherError::Rejected(_)) => break,
                minted => minted?,
            };
            if minted.is_empty() {
                break;
            }
            let handed: Vec<Kept> = minted
                .iter()
                .map(|minted| Kept { number: minted.number, issue: minted.issue })
                .collect();
            office.handed_over(&handed, &origin()).await?;
            self.told.granted += u64::try_from(handed.len()).unwrap_or(0);
            if handed.iter().any(|kept| before.contains(kept.number)) {
                self.wrong("somebody was granted a second voucher");
            }
            let shown = minted.iter().take(SHOWN.saturating_sub(kept));
            for minted in shown {
                kept += 1;
                self.codes.insert(minted.number, minted.code.shown());
            }
        }
        Ok(())
    }

    async fn show(&mut self, office: &Office) -> Result<(), Error> {
        let codes = std::mem::take(&mut self.codes);
        for (place, (number, mut code)) in codes.into_iter().enumerate() {
            let [first, second] = PROVIDERS.map(str::parse::<ProviderId>);
            let (Ok(first), Ok(second)) = (first, second) else { continue };
            if place % LOSES == 0 {
                let grant = match office.reissue(number, &origin()).await {
                    Err(VoucherError::Rejected(_)) => {
                        self.told.turned_away += 1;
                        continue;
                    }
                    grant => grant?,
                };
                let handed = Kept { number, issue: grant.issue };
                office.handed_over(&[handed], &origin()).await?;
                self.must_fail(office, &code, &first, "a code that was replaced").await?;
                code = grant.code.shown();
            }
            match office.redeem(&code, &first, &origin()).await {
                Ok(_) => self.told.redeemed += 1,
                Err(VoucherError::Rejected(_)) => self.told.turned_away += 1,
                Err(error) => return Err(error.into()),
            }
            self.must_fail(office, &code, &second, "a voucher a second time").await?;
        }
        Ok(())
    }

    async fn must_fail(
        &mut self,
        office: &Office,
        code: &str,
        provider: &ProviderId,
        what: &str,
    ) -> Result<(), Error> {
        match office.redeem(code, provider, &origin()).await {
            Err(VoucherError::Rejected(_)) => self.told.turned_away += 1,
            Ok(_) => self.wrong(&format!("a provider redeemed {what}")),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Whose requests wait, and who was granted a voucher.
async fn waiting(office: &Office) -> Result<(RoaringBitmap, RoaringBitmap), Error> {
    let snapshot = office.journal().state().await?;
    let vouchers = &snapshot.vouchers;
    Ok((vouchers.requested().clone(), vouchers.issued().clone()))
}
