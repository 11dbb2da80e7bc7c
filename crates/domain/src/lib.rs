//! The rules of a programme: plan and calendar, phases, mailboxes, notices, vouchers, log requests.
//!
//! The crate is pure: no clock, no randomness, no I/O; callers pass the time. `decide` turns a
//! state and a command into events or a rejection; `evolve` turns a state and an event into the
//! next state and never fails. Deliberately absent: personal data. A mailbox is a number.
//!
//! Modules know only what stands to their left: values (`capability`, `calendar`, …), `plan`,
//! `event`, `state`, then decisions and questions (`programme`, `mailbox`, `voucher`, `work`, …).

#[macro_use]
mod event;

mod calendar;
mod canary;
mod capability;
mod codice_fiscale;
mod compare;
mod entitled;
mod erasure;
mod log_request;
mod mailbox;
mod mailbox_id;
mod mailbox_set;
mod notices;
mod plan;
mod programme;
mod registration;
mod rejection;
mod state;
mod tick;
mod voucher;
mod work;

pub use calendar::{civil_date, first_instant, last_instant_of};
pub use canary::{
    PROBED_CAPABILITIES, ProbesDue, access_answer, login_answer, modify_answer, probes_due,
    receive_answer, send_answer,
};
pub use capability::{Capabilities, Capability, effects};
pub use codice_fiscale::{BirthPlace, CodiceFiscale, InvalidCodiceFiscale, Person, Sex};
pub use compare::{Difference, Expectation, Observation, expected};
pub use entitled::{Denied, Entitled};
pub use erasure::ErasureCommand;
pub use event::*;
pub use log_request::{LogCommand, link_sweep_is_due};
pub use mailbox::{Lifecycle, Mailbox, MailboxCommand};
pub use mailbox_id::MailboxId;
pub use mailbox_set::{MailboxSet, mailboxes};
pub use notices::{
    NoticeAccount, NoticeStanding, Outgoing, expired_claims, next_notice_wake, notice_account,
    notice_standing, outgoing, release,
};
pub use plan::{
    Audience, CanaryRules, CatchUp, DriftRules, Eligible, EnhancedStatus, Language, MAILBOX,
    MessageLogRules, NoticeRule, NoticeText, NoticeWords, Phase, PhaseId, Plan, PlanDiagnostic,
    PlanError, ProgrammeId, ProviderId, Recurring, Refusal, Refusals, RemindRules, RetryPolicy,
    Sentence, VoucherRules, Wording,
};
pub use programme::Command;
pub use registration::{InvalidRegistration, Registration, RegistrationRules};
pub use rejection::Rejection;
pub use state::{
    Account, Attempted, Canaries, Drift, Drifting, Erasure, Failures, Incident, LogRequest,
    LogRequests, LogStanding, NoticeState, Notices, Phases, Probe, Programme, Release,
    ReminderRound, Rights, SnapshotHeader, Started, State, VoucherMonth, VoucherStanding, Vouchers,
    Window, population, windows,
};
pub use tick::Tick;
pub use voucher::{
    InvalidCode, VoucherCode, VoucherCommand, VoucherProgress, free_through, reminder_holds,
    reminders_due, reminders_waiting, sweep_is_due,
};
pub use work::{Change, PlatformCapabilities, Task, next_wake, tasks};
