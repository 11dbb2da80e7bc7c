//! Log requests in the scenarios, with every outcome.

use domain::{
    Event, ExportAccess, LogExportAccessed, LogExportExpired, LogExportPrepared, LogRequestRefused,
    LogRequested, LogRequesterVerified, LogsDestroyed, MailboxSet, Requester, State, Verification,
};
use eventstore::archive_stream;
use uuid::Uuid;

use crate::derived::scenario::{Scenario, chosen, programme};

impl Scenario {
    /// Two requests: one is refused, the other is served, opened, and expires; then the logs are
    /// destroyed.
    pub(crate) async fn ask_for_logs(&self, state: &State, a: u32, b: u32) {
        let mut registered = state.rights.registered.iter();
        let Some(number) = registered.find(|number| chosen(*number, a, 5) == 0) else { return };
        let request = Uuid::from_u128((u128::from(a) << 32) | u128::from(b));
        let other = Uuid::from_u128((u128::from(a) << 32) | u128::from(b) | (1 << 100));
        let by = if b.is_multiple_of(2) { Requester::Holder } else { Requester::Authority };
        let (from, through, received_on, sha256) = (None, None, None, "00".repeat(32));
        let accessed = |outcome| LogExportAccessed { request, number, outcome };
        let events = [
            Event::LogRequested(LogRequested {
                request: other,
                number,
                by,
                from,
                through,
                received_on,
            }),
            Event::LogRequestRefused(LogRequestRefused {
                request: other,
                number,
                cause: "not-the-holder".to_owned(),
            }),
            Event::LogRequested(LogRequested { request, number, by, from, through, received_on }),
            Event::LogRequesterVerified(LogRequesterVerified {
                request,
                number,
                proof: Verification::Officer,
            }),
            Event::LogExportPrepared(LogExportPrepared {
                request,
                number,
                files: 4,
                rows: u64::from(a),
                first: None,
                last: None,
                sha256: sha256.clone(),
                expires_at: self.now(),
            }),
            Event::LogExportAccessed(accessed(ExportAccess::Delivered)),
            Event::LogExportAccessed(accessed(ExportAccess::Expired)),
            Event::LogExportExpired(LogExportExpired { request, number }),
            Event::LogsDestroyed(LogsDestroyed {
                messages: u64::from(a),
                addresses: 1,
                extracts: 0,
                digest: sha256,
                kept: MailboxSet::from(number),
            }),
        ];
        // Some outcomes are not recorded yet.
        let told = if b.is_multiple_of(3) { 5 } else { events.len() };
        self.append(archive_stream(&programme()).unwrap(), self.now(), &events[..told]).await;
    }
}
