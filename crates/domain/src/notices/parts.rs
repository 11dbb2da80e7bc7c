//! The notices taken apart into sets by name and the small rest, as [`State`](crate::State) is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Claim, Deferred, Notices, Release, Told};
use crate::PhaseId;

/// All of the notices but their sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NoticesRest(BTreeMap<PhaseId, ToldRest>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldRest {
    last: Option<Release>,
    claims: BTreeMap<Uuid, DateTime<Utc>>,
    waiting: Vec<DeferredRest>,
    in_doubt: Vec<String>,
    failed: Vec<String>,
    bounced: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeferredRest {
    cause: String,
    attempts: u32,
    retry_at: DateTime<Utc>,
}

fn name(notice: &PhaseId, what: &str) -> String {
    format!("notice/{notice}/{what}")
}

impl Notices {
    pub(crate) fn sets(&self) -> impl Iterator<Item = (String, &RoaringBitmap)> {
        self.told.iter().flat_map(|(notice, told)| {
            let one = |what: &str, set| (name(notice, what), set);
            let mut sets = vec![one("released", &told.released), one("sent", &told.sent)];
            sets.extend(
                told.claims.iter().map(|(claim, made)| {
                    (name(notice, &format!("claim/{claim}")), &made.mailboxes)
                }),
            );
            sets.extend(told.waiting.iter().enumerate().map(|(nth, waiting)| {
                (name(notice, &format!("waiting/{nth}")), &waiting.mailboxes)
            }));
            let named = [
                ("in-doubt", &told.in_doubt),
                ("failed", &told.failed),
                ("bounced", &told.bounced),
            ];
            for (what, causes) in named {
                sets.extend(
                    causes
                        .iter()
                        .map(|(cause, set)| (name(notice, &format!("{what}/{cause}")), set)),
                );
            }
            sets
        })
    }

    pub(crate) fn rest(&self) -> NoticesRest {
        let rest = |told: &Told| ToldRest {
            last: told.last.clone(),
            claims: told.claims.iter().map(|(claim, made)| (*claim, made.until)).collect(),
            waiting: told
                .waiting
                .iter()
                .map(|waiting| DeferredRest {
                    cause: waiting.cause.clone(),
                    attempts: waiting.attempts,
                    retry_at: waiting.retry_at,
                })
                .collect(),
            in_doubt: told.in_doubt.keys().cloned().collect(),
            failed: told.failed.keys().cloned().collect(),
            bounced: told.bounced.keys().cloned().collect(),
        };
        NoticesRest(self.told.iter().map(|(notice, told)| (notice.clone(), rest(told))).collect())
    }

    pub(crate) fn from_parts(
        rest: NoticesRest,
        mut find: impl FnMut(&str) -> RoaringBitmap,
    ) -> Self {
        let mut told = BTreeMap::new();
        for (notice, rest) in rest.0 {
            let mut of = |what: &str| find(&name(&notice, what));
            let mut named = |what: &str, causes: Vec<String>| -> BTreeMap<_, _> {
                let one = |cause: String| {
                    let set = of(&format!("{what}/{cause}"));
                    (cause, set)
                };
                causes.into_iter().map(one).collect()
            };
            let in_doubt = named("in-doubt", rest.in_doubt);
            let failed = named("failed", rest.failed);
            let bounced = named("bounced", rest.bounced);
            let claims = rest.claims.into_iter().map(|(claim, until)| {
                (claim, Claim { until, mailboxes: of(&format!("claim/{claim}")) })
            });
            let claims = claims.collect();
            let waiting = rest.waiting.into_iter().enumerate().map(|(nth, rest)| {
                let DeferredRest { cause, attempts, retry_at } = rest;
                Deferred { cause, attempts, retry_at, mailboxes: of(&format!("waiting/{nth}")) }
            });
            let waiting = waiting.collect();
            let (released, sent, last) = (of("released"), of("sent"), rest.last);
            let one = Told { last, released, sent, claims, waiting, in_doubt, failed, bounced };
            told.insert(notice, one);
        }
        Self { told }
    }
}
