use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Capability};

mod amend;
mod canary;
mod check;
mod draft;
mod keys;
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

pub use canary::CanaryRules;
pub use message_logs::MessageLogRules;
pub use notice::{Audience, Language, NoticeRule, NoticeText};
pub use problem::{PlanError, PlanWarning, Problem};
pub use refusals::{EnhancedStatus, Refusal, Refusals, Sentence, Wording};

/// The name of a programme, e.g. `cec-pac`: 1 to 40 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgrammeId(String);

/// The name of a phase within its plan, e.g. `receive-only`; the same form as a programme's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhaseId(String);

/// The name of a provider of certified mail, e.g. `posta-sicura`; the same form as a programme's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderId(String);

fn slug(text: String, what: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 40 || edges || !text.bytes().all(plain) {
        return Err(format!(
            "{:?} is no {what}: write 1 to 40 lower-case letters, digits and hyphens, no hyphen at an end",
            text.chars().take(60).collect::<String>()
        ));
    }
    Ok(text)
}

macro_rules! slug_type {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                slug(text, $what).map(Self)
            }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                slug(text.to_owned(), $what).map(Self)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
slug_type!(ProgrammeId, "programme name");
slug_type!(PhaseId, "phase name");
slug_type!(ProviderId, "provider name");

/// One shutdown, as adopted: the zone its dates are civil in, its phases, and who is eligible for what.
///
/// Always a checked one: it is made by [`Plan::parse`](crate::Plan::parse), and its JSON form stands in
/// the events that adopted or amended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The programme it is the plan of.
    pub programme: ProgrammeId,
    /// What people call it.
    pub title: String,
    /// The zone that every date of the plan is civil in.
    pub zone: Tz,
    /// Where its facts come from; printed by `plan show`.
    pub sources: Vec<String>,
    /// What is allowed before the first phase.
    pub in_service: Capabilities,
    /// The phases, by ascending date. Never empty.
    pub phases: Vec<Phase>,
    /// Who may ask for a voucher, and how. Absent where the programme has none.
    pub vouchers: Option<Box<VoucherRules>>,
    /// How extracts of the log of messages are handed out; absent where the usual rules are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_logs: Option<MessageLogRules>,
    /// Work done again and again by a cron expression in the plan's zone.
    pub recurring: Vec<Recurring>,
    /// When the platform is compared with the log. Absent where only an operator asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRules>,
    /// How a transient failure is tried again.
    pub retry: RetryPolicy,
    /// What mail servers say where a right has ended.
    #[serde(default, skip_serializing_if = "Refusals::are_usual")]
    pub refusals: Refusals,
    /// How phases are announced to the holders; a plan without any tells nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeRule>,
    /// Mailboxes of our own that are probed beside each boundary; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canaries: Option<Box<CanaryRules>>,
}

/// A civil date from which a set of capabilities is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name in events and on the command line.
    pub id: PhaseId,
    /// What people call it.
    pub title: String,
    /// Its first day; it starts at the first valid instant of that day in the plan's zone.
    pub from: NaiveDate,
    /// What is allowed while it lasts.
    pub allows: Capabilities,
    /// May it allow again what an earlier phase took away?
    pub restores: bool,
    /// Where its date and its rights come from.
    pub sources: Vec<String>,
}

/// Who may ask for a voucher, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRules {
    /// Whom the plan counts as a user.
    pub eligible: Eligible,
    /// Asked for before this day; a registration of the day itself is too late.
    pub registered_before: NaiveDate,
    /// The last day on which one can be asked for; where absent, the phases alone say.
    pub last_day: Option<NaiveDate>,
    /// The last day on which a provider can redeem one; where absent, they do not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_by: Option<NaiveDate>,
    /// How many are granted at most; where absent, as many as are eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_issued: Option<u64>,
    /// When those that were not redeemed in time are ended, as a cron expression with seconds in the plan's
    /// zone; where absent, an operator does it. What was missed is made up for once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<String>,
    /// How holders are reminded of a voucher that they have and did not use; where absent, nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<RemindRules>,
    /// The address that requests are written to.
    pub intake: String,
    /// Where the rules come from.
    pub sources: Vec<String>,
}

/// How holders are reminded of a voucher that they have and did not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemindRules {
    /// When a round goes out, as a cron expression with seconds in the plan's zone. What was missed is made up
    /// for once.
    pub cron: String,
    /// Civil days since the code was handed over, and since the reminder before.
    pub after_days: u32,
    /// How many reminders one holder gets, ever.
    pub at_most: u32,
}

/// Whom the voucher rules count as a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eligible {
    /// Whoever asked for a mailbox, activated or not.
    Registered,
    /// Only those who activated it.
    Activated,
}

/// Work done again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurring {
    /// Its name, e.g. `left-overs`.
    pub name: PhaseId,
    /// When, as a cron expression with seconds (`sec min hour day month weekday`) in the plan's zone.
    pub cron: String,
    /// What becomes of occurrences that passed while nothing ran.
    pub catch_up: CatchUp,
}

/// What becomes of occurrences that passed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// They are passed over; the next one is the next in the future.
    Skip,
    /// One stands for all of them.
    Once,
    /// Each is carried out, in order.
    All,
}

/// When the platform is compared with the log, and what becomes of what differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRules {
    /// When, as a cron expression with seconds in the plan's zone. What was missed is made up for once.
    pub cron: String,
    /// Is what differs put right, or only reported?
    pub repair: bool,
}

/// How a transient failure is tried again: exponential backoff with full jitter, so many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; then it is an incident. At least 1.
    pub attempts: u32,
    /// The longest wait before the second attempt, in seconds; it doubles from there.
    pub first_delay_seconds: u32,
    /// No wait is longer than this, in seconds.
    pub longest_delay_seconds: u32,
}

impl Default for RetryPolicy {
    /// Eight attempts over about two hours: longer than a restart of a platform, shorter than a night.
    fn default() -> Self {
        Self { attempts: 8, first_delay_seconds: 30, longest_delay_seconds: 3600 }
    }
}

impl DriftRules {
    /// The name under which its occurrences are recorded.
    pub fn recurring_name() -> PhaseId {
        PhaseId("drift".to_owned())
    }
}

impl VoucherRules {
    /// The name under which occurrences of its sweep are recorded.
    pub fn recurring_name() -> PhaseId {
        PhaseId("vouchers".to_owned())
    }

    /// The name under which the rounds of its reminders are recorded.
    pub fn reminders_name() -> PhaseId {
        PhaseId("voucher-reminders".to_owned())
    }
}

impl Plan {
    /// All that comes by a cron expression, the comparison with the platform, and the sweep and the reminders of
    /// the vouchers, and the sweep of the links of extracts, among it.
    pub fn all_recurring(&self) -> Vec<Recurring> {
        let drift = self.drift.as_ref().map(|rules| Recurring {
            name: DriftRules::recurring_name(),
            cron: rules.cron.clone(),
            catch_up: CatchUp::Once,
        });
        let sweep = self.vouchers.as_ref().and_then(|rules| rules.sweep.clone());
        let sweep = sweep.map(|cron| Recurring {
            name: VoucherRules::recurring_name(),
            cron,
            catch_up: CatchUp::Once,
        });
        let remind = self.vouchers.as_ref().and_then(|rules| rules.remind.as_ref());
        let remind = remind.map(|rules| Recurring {
            name: VoucherRules::reminders_name(),
            cron: rules.cron.clone(),
            catch_up: CatchUp::Once,
        });
        let links = self.message_logs.as_ref().and_then(|rules| rules.sweep.clone());
        let links = links.map(|cron| Recurring {
            name: MessageLogRules::recurring_name(),
            cron,
            catch_up: CatchUp::Once,
        });
        let works = self.recurring.iter().cloned().chain(drift);
        works.chain(sweep).chain(remind).chain(links).collect()
    }

    /// How many days of 24 hours the link of an extract lasts.
    pub fn link_days(&self) -> u32 {
        self.message_logs.as_ref().map_or(MessageLogRules::default().link_days, |it| it.link_days)
    }

    /// The phase of that name.
    pub fn phase(&self, id: &PhaseId) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.id == *id)
    }

    /// What was allowed before the phase of that place; what the last one allows beyond them.
    pub fn allowed_before(&self, place: usize) -> Capabilities {
        self.phases.iter().take(place).next_back().map_or(self.in_service, |phase| phase.allows)
    }

    /// What the phase of that place takes away: its effects are never written by hand.
    pub fn removes(&self, place: usize) -> Capabilities {
        let allows = self.phases.get(place).map_or(Capabilities::NONE, |phase| phase.allows);
        self.allowed_before(place).without(allows)
    }

    /// The latest phase, at or before the place, that took the capability away.
    pub fn removed_by(&self, place: usize, capability: Capability) -> Option<&Phase> {
        let last = (0..=place).rev().find(|place| self.removes(*place).contains(capability))?;
        self.phases.get(last)
    }
}

impl RetryPolicy {
    /// The longest wait before the attempt after so many, in seconds: it doubles with each.
    pub fn longest_wait(&self, attempts: u32) -> u32 {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_delay_seconds.saturating_mul(doubled).min(self.longest_delay_seconds)
    }
}
