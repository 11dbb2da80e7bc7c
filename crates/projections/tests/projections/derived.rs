//! Projections equal the log in every scenario, at every restart, as of every date.

mod asking;
mod damage;
mod erasing;
#[path = "../../../registry/src/store/tests/fresh.rs"]
mod fresh;
mod granting;
mod history;
mod on_file;
mod postgres;
mod progress;
mod scenario;
mod sets;
mod standby;
mod table;
mod telling;
