//! Postfix and Dovecot enforce the rights.
//!
//! Needs root, and installs what is missing; each test has its own servers.

use eventstore::Clock;
use whole_flow::mail::{
    AskedForEachMail, Enforcement, FileDirectory, MailServers, SharedDirectory, Smtp,
    a_right_given_back_by_hand, open_sessions_end, walk, what_postfix_logs_is_read,
};
use whole_flow::{Nobody, World, connect};

#[tokio::test]
async fn mail_servers_obey_a_directory_in_a_file_at_every_boundary() {
    walk::<FileDirectory>().await;
}

#[tokio::test]
async fn mail_servers_obey_a_directory_in_postgresql_at_every_boundary() {
    walk::<SharedDirectory>().await;
}

#[tokio::test]
async fn mail_servers_with_a_policy_server_obey_at_every_boundary() {
    Box::pin(walk::<AskedForEachMail>()).await;
}

#[tokio::test]
async fn mail_waits_while_the_policy_server_is_down_and_is_delivered_later() {
    let world = World::with(50).await;
    let mut asked = AskedForEachMail::of(&world).await;
    let now = world.clock.now();
    let mut running = asked.engine(&world).await;
    running.run_until(now, &mut Nobody).await.unwrap();
    running.engine.stop().await.unwrap();
    let mut registry = connect(&world.home().registry()).await;
    let some = "SELECT address FROM registration WHERE activated_on IS NOT NULL LIMIT 1";
    let address: String = sqlx::query_scalar(some).fetch_one(&mut registry).await.unwrap();
    // Not read yet: the policy server defers the mail, and without one, Postfix itself does.
    let servers = MailServers::start(&asked.lookups());
    let deliver = |subject| Smtp::deliver(servers.smtp, &address, subject);
    for round in ["not-read-yet", "gone", "back"] {
        match round {
            "gone" => asked.stop_answering(),
            "back" => {
                asked.answer_again();
                asked.set_clock(now).await;
            }
            _ => {}
        }
        let reply = deliver(round);
        let expected = if round == "back" { "250 2.0.0 Ok: queued" } else { "451 4.3.5 " };
        assert!(reply.starts_with(expected), "{round}: {reply}\n{}", servers.told());
    }
    servers.wait_for(&address, "back");
    asked.end(&world).await;
}

#[tokio::test]
async fn an_open_session_ends_when_access_closes_even_if_the_first_attempt_fails() {
    open_sessions_end().await;
}

#[tokio::test]
async fn a_canary_reports_a_right_restored_by_hand_until_it_is_removed() {
    Box::pin(a_right_given_back_by_hand()).await;
}

#[tokio::test]
async fn the_log_of_a_real_postfix_yields_the_entries_of_each_mailbox_only() {
    what_postfix_logs_is_read().await;
}
