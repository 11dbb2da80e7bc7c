//! The rules of a programme: plan and calendar, phases, mailboxes, notices, vouchers, log requests.
//!
//! The crate is pure: no clock, no randomness, no I/O; callers pass the time. `decide` turns a
//! state and a command into events or a rejection; `evolve` turns a state and an event into the
//! next state and never fails. Deliberately absent: personal data. A mailbox is a number.

#[macro_use]
mod event;

mod amendment;
mod calendar;
mod canary;
mod capability;
mod codice_fiscale;
mod compare;
mod drift;
mod entitled;
mod erasure;
mod failure;
mod log_request;
mod mailbox;
mod mailbox_id;
mod mailbox_set;
mod notices;

mod phases;
mod plan;
mod programme;
mod registration;
mod rights;
mod snapshot;
mod state;
mod tick;
mod voucher;
mod work;

pub use calendar::{civil_date, first_instant, last_instant_of};
pub use canary::{
    Canaries, PROBED_CAPABILITIES, Probe, ProbesDue, Window, access_answer, login_answer,
    modify_answer, probes_due, receive_answer, send_answer, windows,
};
pub use capability::{Capabilities, Capability};
pub use codice_fiscale::{BirthPlace, CodiceFiscale, InvalidCodiceFiscale, Person, Sex};
pub use compare::{Difference, Expectation, Observation, expected};
pub use drift::{Drift, Drifting};
pub use entitled::{Denied, Entitled};
pub use erasure::{Erasure, ErasureCommand};
pub use event::*;
pub use failure::{Attempted, Failures, Incident, IncidentKey, Waiting};
pub use log_request::{LogCommand, LogRequest, LogRequests, LogStanding, link_sweep_is_due};
pub use mailbox::{Lifecycle, Mailbox, MailboxCommand};
pub use mailbox_id::MailboxId;
pub use mailbox_set::MailboxSet;
pub use notices::{
    Claim, Deferred, ExpiredClaim, MAILBOX, NoticeAccount, NoticeStanding, NoticeState,
    NoticeWords, Notices, Outgoing, Release, expired_claims, next_notice_wake, notice_account,
    notice_standing, outgoing, release,
};

pub use phases::{Account, Phases, Started, effects, population};
pub use plan::{
    Audience, CanaryRules, CatchUp, DriftRules, Eligible, EnhancedStatus, Language,
    MessageLogRules, NoticeRule, NoticeText, Phase, PhaseId, Plan, PlanError, PlanWarning, Problem,
    ProgrammeId, ProviderId, Recurring, Refusal, Refusals, RemindRules, RetryPolicy, Sentence,
    VoucherRules, Wording,
};
pub use programme::{Command, Programme, Rejection};
pub use registration::{InvalidRegistration, Registration, RegistrationRules};
pub use rights::{Hold, Rights};
pub use snapshot::SnapshotHeader;
pub use state::State;
pub use tick::Tick;
pub use voucher::{
    InvalidCode, ReminderRound, VoucherCode, VoucherCommand, VoucherMonth, VoucherProgress,
    VoucherStanding, Vouchers, free_through, reminder_holds, reminders_due, reminders_waiting,
    sweep_is_due,
};
pub use work::{Change, PlatformCapabilities, Task, next_wake, tasks};
