//! Bounces of notices: delivery reports (RFC 3464), and which notice they are about.

use domain::{PhaseId, ProgrammeId};
use mail::{DeliveryReport, NotAReport, NoticeId, ReturnPath};

/// The most parts of a report that are read.
const MOST_PARTS: usize = 1_000;

/// A notice that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// The notice.
    pub notice: PhaseId,
    /// The mailbox's number.
    pub number: u32,
    /// The enhanced status code of the report, e.g. `5.1.1`.
    pub cause: String,
}

/// Why a message is not the bounce of a notice; a sentence without anything from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABounce {
    /// It has no headers.
    #[error("not an e-mail; pass the whole message with its headers")]
    NotMail,
    /// It is an ordinary message, or an automatic reply.
    #[error("not a delivery status notification (RFC 3464); nothing recorded")]
    NoReport,
    /// The notice was delivered, or is delayed.
    #[error("report of a delivered or delayed notice, not of a failed one; nothing recorded")]
    NotFailed,
    /// Neither its recipient nor the message that it returns names a notice of the programme.
    #[error("report is not about a notice of this programme; nothing recorded")]
    NotOurs,
}

impl Bounce {
    /// Reads a bounce: the notice is named by the return path it was sent to, or else by the
    /// Message-ID of the letter that it returns.
    pub fn parse(bytes: &[u8], programme: &ProgrammeId) -> Result<Self, NotABounce> {
        let report = DeliveryReport::parse(bytes, MOST_PARTS).map_err(|error| match error {
            NotAReport::NotMail => NotABounce::NotMail,
            NotAReport::NoStatus => NotABounce::NoReport,
        })?;
        let cause = report.failure.ok_or(NotABounce::NotFailed)?;
        let by_id = || NoticeId::parse(report.message_id.as_deref()?, programme);
        let by_path = report.return_paths.iter().find_map(|path| ReturnPath::parse(path));
        let (notice, number) = by_path
            .or_else(|| by_id().map(|id| (id.notice, id.number)))
            .ok_or(NotABounce::NotOurs)?;
        Ok(Self { notice, number, cause })
    }
}
