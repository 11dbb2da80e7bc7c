//! The rules of the domain, tested through its public interface.
#![cfg(test)]

mod calendar;
mod compare;
mod decide;
mod entitled;
mod erasure;
mod golden;
mod history;
mod log_request;
mod mailbox_set;
mod mailbox_set_in_python;
mod notices;
mod plan;
mod plan_refused;
mod reminders;
mod state;
mod transitions;
mod voucher;
mod voucher_code;
