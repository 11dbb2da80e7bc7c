//! The command line as users see it: the real binary, real files, its output and its exit codes.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that can't be set up has failed")]

#[path = "cli/answering.rs"]
mod answering;
#[path = "cli/asking.rs"]
mod asking;
#[path = "cli/bounces.rs"]
mod bounces;
#[path = "cli/canaries.rs"]
mod canaries;
#[path = "cli/deciding.rs"]
mod deciding;
#[path = "cli/disks.rs"]
mod disks;
#[path = "cli/drift.rs"]
mod drift;
#[path = "cli/erasing.rs"]
mod erasing;
#[path = "cli/grammar.rs"]
mod grammar;
#[path = "cli/health.rs"]
mod health;
#[path = "cli/incidents.rs"]
mod incidents;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/mail_platform.rs"]
mod mail_platform;
#[expect(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each suite uses a part of it")]
#[path = "../../../tests/src/mail/servers.rs"]
mod mail_servers;
#[path = "cli/notices.rs"]
mod notices;
#[path = "cli/package.rs"]
mod package;
#[path = "cli/planning.rs"]
mod planning;
#[path = "cli/privacy.rs"]
mod privacy;
#[path = "cli/reference.rs"]
mod reference;
#[path = "cli/scene.rs"]
mod scene;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/signals.rs"]
mod signals;
#[expect(dead_code, clippy::unwrap_used, reason = "each suite uses a part of it")]
#[path = "../../workers/tests/workers/notices/server.rs"]
mod smtp;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/vouchers.rs"]
mod vouchers;
#[path = "cli/wrong_files.rs"]
mod wrong_files;
