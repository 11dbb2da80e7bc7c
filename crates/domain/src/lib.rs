//! What is true: the plan and its calendar, mailboxes and their rights, the programme and its phases.
//!
//! Pure: no clock, no randomness, no I/O; time is handed in. `decide` turns a state and a command into
//! events or a rejection, `evolve` turns a state and an event into the next state and never fails.
//! Deliberately absent: personal data. A mailbox is a number here.

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
mod parts;
mod phases;
mod plan;
mod programme;
mod registration;
mod rights;
mod state;
mod tick;
mod voucher;
mod work;

pub use calendar::{civil_date, first_instant, last_instant_of};
pub use canary::{
    Canaries, PROBED, Probe, ProbesDue, Window, access_found, login_found, modify_found,
    probes_due, receive_found, send_found, windows,
};
pub use capability::{Capabilities, Capability};
pub use codice_fiscale::{BirthPlace, CodiceFiscale, InvalidCodiceFiscale, Person, Sex};
pub use compare::{Difference, Expectation, Seen, expected};
pub use drift::{Drift, Drifting};
pub use entitled::{Denied, Entitled};
pub use erasure::{Erasure, ErasureCommand};
pub use event::{
    AmendmentDropped, CanaryProbed, Compared, DateColumn, Decoding, Door, DriftChecked, DriftFound,
    DriftSettled, ErasureOrdered, Event, ExtractAccess, Fact, Finding, Found, GivenUp, Ground,
    HoldPlaced, HoldReleased, HoldersErased, IncidentOpened, IncidentResolved, IncidentRetried,
    KeysRotated, LogExtractAccessed, LogExtractExpired, LogExtractPrepared, LogRequestRefused,
    LogRequested, LogRequesterVerified, LogsDestroyed, MailboxWithdrawn, MailboxesActivated,
    MailboxesRegistered, NoticesBounced, NoticesClaimed, NoticesDeferred, NoticesFailed,
    NoticesInDoubt, NoticesReleased, NoticesRetried, NoticesSent, Outcome, PaceChanged,
    PhaseCompleted, PhaseStarted, PlanAdopted, ProgrammePaused, ProgrammeResumed, Proof,
    RecurringWorkDue, RegistrationsCorrected, RegistryImported, Requester, RightsArmed,
    RightsRestored, Side, Standing, Subjects, Transcript, TransientFailure, Verdict,
    VoucherRedeemed, VoucherReissued, VoucherRemindersClaimed, VoucherRevoked, VouchersDelivered,
    VouchersExpired, VouchersIssued, VouchersRefused, VouchersRequested, VouchersVerified, late,
    mailboxes, utc,
};
pub use failure::{Failures, Incident, IncidentKey, Waiting};
pub use log_request::{LogCommand, LogRequest, LogRequests, LogStanding, link_sweep_is_due};
pub use mailbox::{Lifecycle, Mailbox, MailboxCommand};
pub use mailbox_id::MailboxId;
pub use mailbox_set::MailboxSet;
pub use notices::{
    Claim, ClaimOver, Deferred, MAILBOX, NoticeStanding, NoticeWords, Notices, Outgoing, Release,
    TellAll, Told, claims_over, may_go_out, next_notice_wake, notice_account, outgoing, release,
};
pub use parts::Rest;
pub use phases::{Account, Phases, Started, effects, population};
pub use plan::{
    Audience, CanaryRules, CatchUp, DriftRules, Eligible, EnhancedStatus, Language,
    MessageLogRules, Notice, NoticeRule, NoticeText, Phase, PhaseId, Plan, PlanError, Problem,
    ProgrammeId, ProviderId, Recurring, Refusal, Refusals, RemindRules, RetryPolicy, Sentence,
    VoucherRules, Wording,
};
pub use programme::{Command, Programme, Rejection};
pub use registration::{InvalidRegistration, Registration, RegistrationRules};
pub use rights::{Hold, Rights};
pub use state::State;
pub use tick::Tick;
pub use voucher::{
    InvalidCode, ReminderRound, VoucherCode, VoucherCommand, VoucherMonth, VoucherStanding,
    Vouchers, free_through, reminder_holds, reminders_due, reminders_waiting, sweep_is_due,
};
pub use work::{Change, Reach, Task, next_wake, tasks};
