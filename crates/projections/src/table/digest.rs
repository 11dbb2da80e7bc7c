//! A digest of all rows: the same for the same log, however they were built, and in either
//! database.

use sha2::{Digest, Sha256};

use sql::{Error, Param, Statement, Tables};

/// Rows per read.
const PAGE: i64 = 65_536;

macro_rules! rows {
    ($flags:literal) => {
        concat!(
            "SELECT number, format('%s %s %s ",
            "%s%s%s%s%s%s %s', number, id, lifecycle, ",
            $flags,
            ", changed_at) FROM mailbox WHERE number > $1 ORDER BY number LIMIT $2"
        )
    };
}
const ROWS: Statement = Statement {
    sqlite: rows!("can_send, can_modify, can_receive, can_access, held, incident"),
    postgres: rows!(
        "can_send::int, can_modify::int, can_receive::int, can_access::int, held::int, \
         incident::int"
    ),
};
const HOLDS: &str =
    "SELECT format('%s %s %s %s', hold, number, capabilities, until) FROM hold ORDER BY hold";

pub(super) async fn digest(tables: &Tables) -> Result<String, Error> {
    let mut digest = Sha256::new();
    let mut after = -1;
    loop {
        let given = vec![Param::Number(after), Param::Number(PAGE)];
        let rows: Vec<(i64, String)> = tables.all(ROWS, given, Ok).await?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        for (_, text) in rows {
            digest.update(text);
            digest.update("\n");
        }
    }
    let holds = tables.all(HOLDS, Vec::new(), |(hold,): (String,)| Ok(hold)).await?;
    digest.update(holds.join("\n"));
    Ok(format!("{:x}", digest.finalize()))
}
