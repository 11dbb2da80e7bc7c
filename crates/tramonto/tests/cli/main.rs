//! The command line as users see it: the real binary, real files, its output and its exit codes.

#![cfg(test)]

mod answering;
mod asking;
mod bounces;
mod canaries;
mod deciding;
mod disks;
mod drift;
mod erasing;
mod grammar;
mod health;
mod incidents;
mod intake;
mod json;
mod keys;
mod killed;
mod logs;
mod mail_platform;
#[expect(dead_code, unreachable_pub, reason = "each suite uses a part of it")]
#[path = "../../../../tests/src/mail/servers.rs"]
mod mail_servers;
mod notices;
mod package;
mod planning;
#[path = "../support/policy.rs"]
mod policy_client;
mod printed;
mod privacy;
#[path = "../support/process.rs"]
mod process;
mod reference;
mod scene;
mod settings;
mod signals;
#[expect(dead_code, reason = "each suite uses a part of it")]
#[path = "../../../workers/tests/workers/notices/server.rs"]
mod smtp;
mod streams;
mod vouchers;
mod wrong_files;

use mail_servers::wait;
