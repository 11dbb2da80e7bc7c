use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Capability};

#[macro_use]
mod text_type;

mod amend;
mod canary;
mod check;
mod dates;
mod draft;
mod message_logs;
mod near;
mod notice;
mod notice_section;
mod parse;
mod parse_refusals;
mod problem;
mod reader;
mod refusals;
mod section;
mod shipped;
mod wording;

pub use canary::CanaryRules;
pub use message_logs::MessageLogRules;
pub use notice::{Audience, Language, NoticeRule, NoticeText};
pub use problem::{PlanDiagnostic, PlanError};
pub use refusals::{EnhancedStatus, Refusal, Refusals, Sentence, Wording};
pub use wording::{MAILBOX, NoticeWords};

/// The id of a programme, e.g. `cec-pac`: 1 to 40 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgrammeId(String);

/// The id of a phase, notice or recurring work within its plan, e.g. `receive-only`; same form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhaseId(String);

/// The id of a provider of certified mail, e.g. `posta-sicura`; same form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderId(String);

fn slug(text: String, what: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 40 || edges || !text.bytes().all(plain) {
        return Err(format!(
            "invalid {what} {:?}: write 1 to 40 lower-case letters, digits and inner hyphens",
            text.chars().take(60).collect::<String>()
        ));
    }
    Ok(text)
}

text_type!(ProgrammeId, |text| slug(text, "programme name"));
text_type!(PhaseId, |text| slug(text, "phase name"));
text_type!(ProviderId, |text| slug(text, "provider name"));

/// A shutdown plan: time zone, phases and rules.
///
/// [`Plan::parse`](crate::Plan::parse) makes and checks it; adoption and amendment events hold its
/// JSON form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The programme.
    pub programme: ProgrammeId,
    /// A title for people.
    pub title: String,
    /// The time zone of all civil dates of the plan.
    pub zone: Tz,
    /// The sources of its facts, as printed by `plan show`.
    pub sources: Vec<String>,
    /// The capabilities allowed before the first phase.
    pub in_service: Capabilities,
    /// The phases by ascending date; never empty.
    pub phases: Vec<Phase>,
    /// The rules for vouchers; absent if the programme has none.
    pub vouchers: Option<Box<VoucherRules>>,
    /// The rules for message-log exports; absent for the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_logs: Option<MessageLogRules>,
    /// Recurring work by cron expression.
    pub recurring: Vec<Recurring>,
    /// The schedule of comparisons with the platform; absent if only operators start them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRules>,
    /// The retry policy for failed effects.
    pub retry: RetryPolicy,
    /// The wording of mail servers' refusals once a capability has ended.
    #[serde(default, skip_serializing_if = "Refusals::are_default")]
    pub refusals: Refusals,
    /// The notices that announce phases to holders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeRule>,
    /// Our own mailboxes that are probed around each boundary; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canaries: Option<Box<CanaryRules>>,
}

/// A phase: a civil date and the capabilities that are allowed from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name in events and on the command line.
    pub id: PhaseId,
    /// A title for people.
    pub title: String,
    /// Its first day; it starts at the first valid instant of that day in the plan's zone.
    pub from: NaiveDate,
    /// The capabilities allowed during the phase.
    pub allows: Capabilities,
    /// May it restore capabilities that an earlier phase removed?
    pub restores: bool,
    /// The sources of its date and capabilities.
    pub sources: Vec<String>,
}

/// The rules for vouchers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRules {
    /// Which mailboxes are eligible.
    pub eligible: Eligible,
    /// Eligible mailboxes were requested before this day; the day itself is too late.
    pub registered_before: NaiveDate,
    /// The last day for requests; if absent, the phases alone decide.
    pub last_day: Option<NaiveDate>,
    /// The last day for redemptions; if absent, vouchers do not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_by: Option<NaiveDate>,
    /// The maximum number of vouchers; if absent, there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_issued: Option<u64>,
    /// When unredeemed vouchers are expired, as a cron expression with seconds in the plan's zone;
    /// if absent, an operator does it. Missed occurrences are caught up once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<String>,
    /// The reminders to holders of unredeemed vouchers; if absent, there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<RemindRules>,
    /// The address for requests by e-mail.
    pub intake: String,
    /// The sources of the rules.
    pub sources: Vec<String>,
}

/// The rules for reminders to holders of unredeemed vouchers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemindRules {
    /// When a round is claimed, as a cron expression with seconds in the plan's zone. Missed
    /// occurrences are caught up once.
    pub cron: String,
    /// Minimum civil days since the delivery of the code and since the previous reminder.
    pub after_days: u32,
    /// Maximum reminders per holder, ever.
    pub at_most: u32,
}

/// Which mailboxes are eligible for a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eligible {
    /// All registered mailboxes, activated or not.
    Registered,
    /// Activated mailboxes only.
    Activated,
}

/// Recurring work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurring {
    /// Its name, e.g. `left-overs`.
    pub name: PhaseId,
    /// When, as a cron expression with seconds (`sec min hour day month weekday`) in the plan's
    /// zone.
    pub cron: String,
    /// How missed occurrences are caught up.
    pub catch_up: CatchUp,
}

/// How occurrences that were missed while the engine was down are caught up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// Missed occurrences are skipped.
    Skip,
    /// One run replaces all missed occurrences.
    Once,
    /// Every missed occurrence runs, in order.
    All,
}

/// The schedule of comparisons with the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRules {
    /// When, as a cron expression with seconds in the plan's zone. Missed occurrences are caught up
    /// once.
    pub cron: String,
    /// Is drift repaired, or only reported?
    pub repair: bool,
}

/// The retry policy for failed effects: exponential backoff with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Maximum attempts, the first included; at least 1. The last failure opens an incident.
    pub attempts: u32,
    /// Longest wait before the second attempt, in seconds; it doubles with each attempt.
    pub first_delay_seconds: u32,
    /// Upper bound of all waits, in seconds.
    pub longest_delay_seconds: u32,
}

impl Default for RetryPolicy {
    /// Eight attempts within about two hours: longer than a restart of the platform, shorter than a
    /// night.
    fn default() -> Self {
        Self { attempts: 8, first_delay_seconds: 30, longest_delay_seconds: 3600 }
    }
}

impl DriftRules {
    /// The name of its recurring work.
    pub fn recurring_name() -> PhaseId {
        PhaseId("drift".to_owned())
    }
}

impl VoucherRules {
    /// The name of its recurring expiry sweep.
    pub fn recurring_name() -> PhaseId {
        PhaseId("vouchers".to_owned())
    }

    /// The name of its recurring reminders.
    pub fn reminders_name() -> PhaseId {
        PhaseId("voucher-reminders".to_owned())
    }
}

impl Plan {
    /// All recurring work: comparisons, voucher expiry, reminders and link expiry included.
    pub fn all_recurring(&self) -> Vec<Recurring> {
        let vouchers = self.vouchers.as_ref();
        let sections = [
            (DriftRules::recurring_name(), self.drift.as_ref().map(|rules| &rules.cron)),
            (VoucherRules::recurring_name(), vouchers.and_then(|rules| rules.sweep.as_ref())),
            (
                VoucherRules::reminders_name(),
                vouchers.and_then(|rules| rules.remind.as_ref()).map(|rules| &rules.cron),
            ),
            (
                MessageLogRules::recurring_name(),
                self.message_logs.as_ref().and_then(|rules| rules.sweep.as_ref()),
            ),
        ];
        let of_sections = sections.into_iter().filter_map(|(name, cron)| {
            Some(Recurring { name, cron: cron?.clone(), catch_up: CatchUp::Once })
        });
        self.recurring.iter().cloned().chain(of_sections).collect()
    }

    /// Validity of an export's link, in days of 24 hours.
    pub fn link_days(&self) -> u32 {
        self.message_logs.as_ref().map_or(MessageLogRules::default().link_days, |it| it.link_days)
    }

    /// The phase with this id.
    pub fn phase(&self, id: &PhaseId) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.id == *id)
    }

    /// The capabilities allowed before the phase at this index.
    pub fn allowed_before(&self, index: usize) -> Capabilities {
        self.phases.iter().take(index).next_back().map_or(self.in_service, |phase| phase.allows)
    }

    /// The capabilities that the phase at this index removes, compared with the phase before it.
    pub fn removes(&self, index: usize) -> Capabilities {
        let allows = self.phases.get(index).map_or(Capabilities::NONE, |phase| phase.allows);
        self.allowed_before(index).without(allows)
    }

    /// The latest phase, up to this index, that removes the capability.
    pub fn removed_by(&self, index: usize, capability: Capability) -> Option<&Phase> {
        let last = (0..=index).rev().find(|index| self.removes(*index).contains(capability))?;
        self.phases.get(last)
    }
}

impl RetryPolicy {
    /// The longest wait after this many attempts, in seconds.
    pub fn longest_wait(&self, attempts: u32) -> u32 {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_delay_seconds.saturating_mul(doubled).min(self.longest_delay_seconds)
    }
}
