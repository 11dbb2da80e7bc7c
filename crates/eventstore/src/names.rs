//! Ids of kinds and categories: their names are few and repeated on every event.

use std::collections::HashMap;

use sql::{Param, Statement, Writer};

use crate::group::{Group, Stream};

/// A cache of one table of names. The id of a name never changes once committed.
#[derive(Debug)]
struct NameIds {
    find: Statement,
    insert: Statement,
    cached: HashMap<String, i64>,
}

/// An empty cache of the table of this name.
macro_rules! name_ids {
    ($table:literal) => {
        NameIds {
            find: Statement {
                sqlite: concat!("SELECT id FROM ", $table, " WHERE name = $1"),
                postgres: concat!("SELECT id::bigint FROM tramonto.", $table, " WHERE name = $1"),
            },
            insert: Statement {
                sqlite: concat!("INSERT INTO ", $table, " (name) VALUES ($1) RETURNING id"),
                postgres: concat!(
                    "INSERT INTO tramonto.",
                    $table,
                    " (name) VALUES ($1) RETURNING id::bigint"
                ),
            },
            cached: HashMap::new(),
        }
    };
}

/// The ids of a session's kinds and categories.
#[derive(Debug)]
pub(crate) struct Names {
    kinds: NameIds,
    categories: NameIds,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { kinds: name_ids!("kind"), categories: name_ids!("category") }
    }

    /// Fills in the categories of a group's changed streams and returns the kinds of its pending
    /// events. The caller holds the lock of the log, so no other writer assigns an id.
    pub(crate) async fn of(
        &mut self,
        group: &mut Group<'_>,
        mut writer: Writer<'_>,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let unnamed = |stream: &&mut Stream<'_>| stream.changed && stream.category == 0;
        for stream in group.streams.iter_mut().filter(unnamed) {
            stream.category = self.categories.id_of(&mut writer, stream.name.category()).await?;
        }
        let mut kinds = Vec::with_capacity(group.pending.len());
        for pending in &group.pending {
            kinds.push(self.kinds.id_of(&mut writer, &pending.event.kind).await?);
        }
        Ok(kinds)
    }

    /// Empties the caches: some ids may have been assigned in a transaction that was rolled back.
    pub(crate) fn clear(&mut self) {
        self.kinds.cached.clear();
        self.categories.cached.clear();
    }
}

impl NameIds {
    /// The id of a name, assigned now if it has none.
    async fn id_of(&mut self, writer: &mut Writer<'_>, name: &str) -> Result<i64, sqlx::Error> {
        if let Some(id) = self.cached.get(name) {
            return Ok(*id);
        }
        for statement in [self.find, self.insert] {
            let found = writer.rows(statement, vec![Param::Text(name.to_owned())]).await?;
            if let [(id,)] = found[..] {
                self.cached.insert(name.to_owned(), id);
                return Ok(id);
            }
        }
        Err(sqlx::Error::RowNotFound)
    }
}
