//! Postfix and Dovecot obey: what a right is worth is what the servers do.
//!
//! Needs root, and installs what is missing; each test has servers of its own.

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
async fn mail_servers_that_ask_for_each_mail_obey_at_every_boundary() {
    Box::pin(walk::<AskedForEachMail>()).await;
}

#[tokio::test]
async fn mail_waits_while_nobody_answers_and_comes_once_somebody_does() {
    let world = World::with(50).await;
    let mut asked = AskedForEachMail::of(&world).await;
    let now = world.clock.now();
    let mut running = asked.engine(&world).await;
    running.run_until(now, &mut Nobody).await.unwrap();
    running.engine.stop().await.unwrap();
    let mut registry = connect(&world.home().registry()).await;
    let some = "SELECT address FROM registration WHERE activated_on IS NOT NULL LIMIT 1";
    let address: String = sqlx::query_scalar(some).fetch_one(&mut registry).await.unwrap();
    // Not read yet: the mail is told to come again by us, and where nobody is there, by Postfix
    // itself.
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
async fn a_session_that_is_open_ends_when_access_closes_though_the_first_attempt_fails() {
    open_sessions_end().await;
}

#[tokio::test]
async fn a_canary_tells_of_a_right_that_somebody_gave_back_until_it_is_gone_again() {
    Box::pin(a_right_given_back_by_hand()).await;
}

#[tokio::test]
async fn what_a_real_postfix_logs_of_a_mailbox_is_the_log_of_its_messages_and_of_no_other() {
    what_postfix_logs_is_read().await;
}
