//! Ids of kinds and categories: their names are few and repeated on every event.

use std::collections::HashMap;

use sqlx::PgConnection;

/// A cache of one table of names. The id of a name never changes once committed.
#[derive(Debug)]
pub(crate) struct NameIds {
    find: &'static str,
    insert: &'static str,
    cached: HashMap<String, i32>,
}

impl NameIds {
    pub(crate) fn kinds() -> Self {
        Self {
            find: "SELECT id FROM tramonto.kind WHERE name = $1",
            insert: "INSERT INTO tramonto.kind (name) VALUES ($1) RETURNING id",
            cached: HashMap::new(),
        }
    }

    pub(crate) fn categories() -> Self {
        Self {
            find: "SELECT id FROM tramonto.category WHERE name = $1",
            insert: "INSERT INTO tramonto.category (name) VALUES ($1) RETURNING id",
            cached: HashMap::new(),
        }
    }

    /// The id of a name, assigned now if it has none. The caller holds the counter row, so no other
    /// writer assigns one at the same time.
    pub(crate) async fn id_of(
        &mut self,
        connection: &mut PgConnection,
        name: &str,
    ) -> Result<i32, sqlx::Error> {
        if let Some(id) = self.cached.get(name) {
            return Ok(*id);
        }
        let found = sqlx::query_scalar(self.find).bind(name).fetch_optional(&mut *connection);
        let id = match found.await? {
            Some(id) => id,
            None => sqlx::query_scalar(self.insert).bind(name).fetch_one(connection).await?,
        };
        self.cached.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Empties the cache: some ids may have been assigned in a transaction that was rolled back.
    pub(crate) fn clear(&mut self) {
        self.cached.clear();
    }
}
