//! The notices' part of a snapshot: named sets and a header, see [`State`](crate::State).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Claim, Deferred, NoticeState, Notices, Release};
use crate::PhaseId;

/// The notices without their sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NoticesHeader(BTreeMap<PhaseId, NoticeHeader>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeHeader {
    last: Option<Release>,
    claims: BTreeMap<Uuid, DateTime<Utc>>,
    waiting: Vec<DeferredHeader>,
    in_doubt: Vec<String>,
    failed: Vec<String>,
    bounced: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeferredHeader {
    cause: String,
    attempts: u32,
    retry_at: DateTime<Utc>,
}

fn name(notice: &PhaseId, what: &str) -> String {
    format!("notice/{notice}/{what}")
}

impl Notices {
    pub(crate) fn sets(&self) -> impl Iterator<Item = (String, &RoaringBitmap)> {
        self.by_notice.iter().flat_map(|(notice, state)| {
            let one = |what: &str, set| (name(notice, what), set);
            let mut sets = vec![one("released", &state.released), one("sent", &state.sent)];
            sets.extend(
                state.claims.iter().map(|(claim, made)| {
                    (name(notice, &format!("claim/{claim}")), &made.mailboxes)
                }),
            );
            sets.extend(state.waiting.iter().enumerate().map(|(nth, waiting)| {
                (name(notice, &format!("waiting/{nth}")), &waiting.mailboxes)
            }));
            let named = [
                ("in-doubt", &state.in_doubt),
                ("failed", &state.failed),
                ("bounced", &state.bounced),
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

    pub(crate) fn header(&self) -> NoticesHeader {
        let header = |state: &NoticeState| NoticeHeader {
            last: state.last.clone(),
            claims: state.claims.iter().map(|(claim, made)| (*claim, made.until)).collect(),
            waiting: state
                .waiting
                .iter()
                .map(|waiting| DeferredHeader {
                    cause: waiting.cause.clone(),
                    attempts: waiting.attempts,
                    retry_at: waiting.retry_at,
                })
                .collect(),
            in_doubt: state.in_doubt.keys().cloned().collect(),
            failed: state.failed.keys().cloned().collect(),
            bounced: state.bounced.keys().cloned().collect(),
        };
        NoticesHeader(
            self.by_notice.iter().map(|(notice, state)| (notice.clone(), header(state))).collect(),
        )
    }

    pub(crate) fn from_snapshot(
        header: NoticesHeader,
        mut find: impl FnMut(&str) -> RoaringBitmap,
    ) -> Self {
        let mut by_notice = BTreeMap::new();
        for (notice, header) in header.0 {
            let mut of = |what: &str| find(&name(&notice, what));
            let mut named = |what: &str, causes: Vec<String>| -> BTreeMap<_, _> {
                let one = |cause: String| {
                    let set = of(&format!("{what}/{cause}"));
                    (cause, set)
                };
                causes.into_iter().map(one).collect()
            };
            let in_doubt = named("in-doubt", header.in_doubt);
            let failed = named("failed", header.failed);
            let bounced = named("bounced", header.bounced);
            let claims = header.claims.into_iter().map(|(claim, until)| {
                (claim, Claim { until, mailboxes: of(&format!("claim/{claim}")) })
            });
            let claims = claims.collect();
            let waiting = header.waiting.into_iter().enumerate().map(|(nth, header)| {
                let DeferredHeader { cause, attempts, retry_at } = header;
                Deferred { cause, attempts, retry_at, mailboxes: of(&format!("waiting/{nth}")) }
            });
            let waiting = waiting.collect();
            let (released, sent, last) = (of("released"), of("sent"), header.last);
            let one =
                NoticeState { last, released, sent, claims, waiting, in_doubt, failed, bounced };
            by_notice.insert(notice, one);
        }
        Self { by_notice }
    }
}
