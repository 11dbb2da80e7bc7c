//! Notices and canaries in the scenarios, with every outcome.

use chrono::Duration;
use domain::{
    CanaryProbed, Capability, Event, Finding, MailboxSet, NoticesBounced, NoticesClaimed,
    NoticesDeferred, NoticesFailed, NoticesInDoubt, NoticesReleased, NoticesRetried, NoticesSent,
    ProbeAnswer, Side, State,
};
use eventstore::{canary_stream, notice_stream};
use uuid::Uuid;

use crate::derived::scenario::{Scenario, chosen, phase, programme};

impl Scenario {
    /// A batch of a notice is sent, an operator retries some of it, and some of it bounces.
    pub(crate) async fn tell(&self, state: &State, a: u32, b: u32) {
        let notice =
            phase(["receive-only-soon", "access-closes-soon"][usize::from(a.is_multiple_of(2))]);
        let some = |fate: u32| -> MailboxSet {
            let activated = state.rights.activated.iter();
            activated.filter(|number| chosen(*number, b, 6) == fate).collect()
        };
        let (cause, attempts) = (format!("cause-{}", b % 3), 1 + b % 3);
        let released = NoticesReleased {
            notice: notice.clone(),
            announces: phase("receive-only"),
            revision: 1,
            scheduled_for: self.now(),
            mailboxes: state.rights.activated.iter().collect(),
        };
        let claimed = NoticesClaimed {
            notice: notice.clone(),
            claim: Uuid::from_u128(u128::from(b)),
            until: self.now() + Duration::minutes(5),
            mailboxes: (0..5).flat_map(|fate| some(fate).into_inner()).collect(),
        };
        let deferred = NoticesDeferred {
            notice: notice.clone(),
            cause: cause.clone(),
            attempts,
            retry_at: self.now() + Duration::minutes(i64::from(b % 90)),
            mailboxes: some(1),
        };
        let failed = NoticesFailed {
            notice: notice.clone(),
            cause: cause.clone(),
            attempts,
            mailboxes: some(2),
        };
        let in_doubt =
            NoticesInDoubt { notice: notice.clone(), cause: cause.clone(), mailboxes: some(3) };
        let again = |number: &u32| chosen(*number, a, 2) == 0;
        let retried = some(2).iter().filter(again).collect();
        let bounced = some(0).iter().filter(again).collect();
        let events = [
            Event::NoticesReleased(released),
            Event::NoticesClaimed(claimed),
            Event::NoticesSent(NoticesSent { notice: notice.clone(), mailboxes: some(0) }),
            Event::NoticesDeferred(deferred),
            Event::NoticesFailed(failed),
            Event::NoticesInDoubt(in_doubt),
            Event::NoticesRetried(NoticesRetried { notice: notice.clone(), mailboxes: retried }),
            Event::NoticesBounced(NoticesBounced { notice, cause, mailboxes: bounced }),
        ];
        self.append(notice_stream(&programme()).unwrap(), self.now(), &events).await;
    }

    /// A canary is probed, sometimes repeatedly, with any result.
    pub(crate) async fn probe(&self, state: &State, a: u32, b: u32) {
        let Some(number) = state.rights.activated.select(a % 3) else { return };
        let found = match b % 3 {
            0 => ProbeAnswer::Allowed,
            1 => ProbeAnswer::Refused("550 5.2.1 closed".to_owned()),
            _ => ProbeAnswer::Unknown("timeout".to_owned()),
        };
        let (capability, expected) = (Capability::Receive, a.is_multiple_of(2));
        let probed = CanaryProbed {
            phase: phase("receive-only"),
            revision: 1,
            side: if b.is_multiple_of(2) { Side::Before } else { Side::After },
            due_at: self.now() + Duration::days((b % 2).into()),
            began_at: self.now(),
            ended_at: self.now(),
            number,
            findings: vec![Finding { capability, expected, found }],
            transcripts: Vec::new(),
        };
        let stream = canary_stream(&programme()).unwrap();
        self.append(stream, self.now(), &[Event::CanaryProbed(probed)]).await;
    }
}
