//! The parts of the tables that both databases have in common: what mail servers query.

use super::dialect::Dialect;

/// The view that mail servers query. New columns may be appended; none is ever removed.
pub(super) fn rights(dialect: Dialect) -> String {
    let ended = |column| dialect.ended(column, dialect.now());
    format!(
        "VIEW rights AS
           SELECT number, address,
             NOT {send} AS can_send,
             {read_only} AS read_only,
             NOT {receive} AS can_receive,
             NOT {login} AS can_login,
             (SELECT send FROM refusal) AS send_reason,
             (SELECT read_only FROM refusal) AS read_only_reason,
             (SELECT receive FROM refusal) AS receive_reason,
             (SELECT login FROM refusal) AS login_reason,
             password,
             (SELECT send_status FROM refusal) AS send_status,
             (SELECT receive_status FROM refusal) AS receive_status
           FROM mailbox JOIN armed USING (number);",
        send = ended("send_until"),
        read_only = ended("read_only_from"),
        receive = ended("receive_until"),
        login = ended("login_until"),
    )
}

/// The columns of the table `refusal`.
pub(super) const REFUSAL: &str = "(
           one integer PRIMARY KEY CHECK (one = 1),
           send text NOT NULL,
           read_only text NOT NULL,
           receive text NOT NULL,
           login text NOT NULL,
           send_status text NOT NULL DEFAULT '5.7.1', -- enhanced status codes
           receive_status text NOT NULL DEFAULT '5.2.1'
         )";

/// Fills a new directory's tables of one row, apart from `directory`.
pub(super) const FIRST_ROWS: &str = "
         INSERT INTO clock VALUES (1, NULL);
         INSERT INTO refusal (one, send, read_only, receive, login) VALUES (1,
           'this mailbox can no longer send',
           'this mailbox can only be consulted',
           'this mailbox can no longer receive',
           'this mailbox is closed');";
