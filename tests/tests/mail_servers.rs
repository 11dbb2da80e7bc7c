//! Postfix and Dovecot obey: what a right is worth is what the servers do.
//!
//! Needs root, and installs what is missing; each test has servers of its own.

#![cfg(test)]

use whole_flow::mail::{FileDirectory, SharedDirectory, walk};

#[tokio::test]
async fn mail_servers_obey_a_directory_in_a_file_at_every_boundary() {
    walk::<FileDirectory>().await;
}

#[tokio::test]
async fn mail_servers_obey_a_directory_in_postgresql_at_every_boundary() {
    walk::<SharedDirectory>().await;
}
