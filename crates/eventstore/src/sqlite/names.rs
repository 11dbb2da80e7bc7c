//! Ids of kinds and categories: their names are few and repeated on every event.

use std::collections::HashMap;

use sqlx::SqliteConnection;

/// A cache of one table of names. The id of a name never changes once committed.
#[derive(Debug)]
pub(crate) struct NameIds {
    find: &'static str,
    insert: &'static str,
    cached: HashMap<String, i64>,
}

impl NameIds {
    pub(crate) fn kinds() -> Self {
        Self {
            find: "SELECT id FROM kind WHERE name = ?",
            insert: "INSERT INTO kind (name) VALUES (?) RETURNING id",
            cached: HashMap::new(),
        }
    }

    pub(crate) fn categories() -> Self {
        Self {
            find: "SELECT id FROM category WHERE name = ?",
            insert: "INSERT INTO category (name) VALUES (?) RETURNING id",
            cached: HashMap::new(),
        }
    }

    /// The id of a name, assigned now if it has none.
    pub(crate) async fn id_of(
        &mut self,
        connection: &mut SqliteConnection,
        name: &str,
    ) -> Result<i64, sqlx::Error> {
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
