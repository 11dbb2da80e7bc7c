//! Names of kinds and categories as small numbers: they are few and repeated on every event.

use std::collections::HashMap;

use sqlx::SqliteConnection;

/// The numbers that are known of one table of names. A name's number never changes once committed.
#[derive(Debug)]
pub(crate) struct Names {
    find: &'static str,
    insert: &'static str,
    known: HashMap<String, i64>,
}

impl Names {
    pub(crate) fn kinds() -> Self {
        Self {
            find: "SELECT id FROM kind WHERE name = ?",
            insert: "INSERT INTO kind (name) VALUES (?) RETURNING id",
            known: HashMap::new(),
        }
    }

    pub(crate) fn categories() -> Self {
        Self {
            find: "SELECT id FROM category WHERE name = ?",
            insert: "INSERT INTO category (name) VALUES (?) RETURNING id",
            known: HashMap::new(),
        }
    }

    /// The number of a name, given now if it has none yet.
    pub(crate) async fn number(
        &mut self,
        connection: &mut SqliteConnection,
        name: &str,
    ) -> Result<i64, sqlx::Error> {
        if let Some(number) = self.known.get(name) {
            return Ok(*number);
        }
        let found = sqlx::query_scalar(self.find).bind(name).fetch_optional(&mut *connection);
        let number = match found.await? {
            Some(number) => number,
            None => sqlx::query_scalar(self.insert).bind(name).fetch_one(connection).await?,
        };
        self.known.insert(name.to_owned(), number);
        Ok(number)
    }

    /// Forgets the numbers: some may have been given in a transaction that was rolled back.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }
}
