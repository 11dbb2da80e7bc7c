//! Postfix and Dovecot enforce the rights, in each of the three ways of `deploy/mail`.
//!
//! Needs root, and installs what is missing. Each way has one pair of servers and one walk, which
//! checks besides the boundaries: what Postfix logs is indexed (file), mail waits while the policy
//! server is down (policy), a canary reports a right that is restored by hand (file), and open
//! sessions end when access closes (all three).

use whole_flow::mail::{FileDirectory, PolicyService, SharedDirectory, walk};

#[tokio::test]
async fn mail_servers_obey_a_directory_in_a_file_at_every_boundary() {
    Box::pin(walk::<FileDirectory>()).await;
}

#[tokio::test]
async fn mail_servers_obey_a_directory_in_postgresql_at_every_boundary() {
    Box::pin(walk::<SharedDirectory>()).await;
}

#[tokio::test]
async fn mail_servers_with_a_policy_server_obey_at_every_boundary() {
    Box::pin(walk::<PolicyService>()).await;
}
