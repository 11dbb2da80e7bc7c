//! Names of kinds and categories as small numbers: they are few and repeated on every event.

use std::collections::HashMap;

use sqlx::PgConnection;

/// The numbers that are known of one table of names. A name's number never changes once committed.
#[derive(Debug)]
pub(crate) struct Names {
    find: &'static str,
    insert: &'static str,
    known: HashMap<String, i32>,
}

impl Names {
    pub(crate) fn kinds() -> Self {
        Self {
            find: "SELECT id FROM tramonto.kind WHERE name = $1",
            insert: "INSERT INTO tramonto.kind (name) VALUES ($1) RETURNING id",
            known: HashMap::new(),
        }
    }

    pub(crate) fn categories() -> Self {
        Self {
            find: "SELECT id FROM tramonto.category WHERE name = $1",
            insert: "INSERT INTO tramonto.category (name) VALUES ($1) RETURNING id",
            known: HashMap::new(),
        }
    }

    /// The number of a name, given now if it has none yet: whoever asks holds the counter row, so no
    /// other gives one at the same time.
    pub(crate) async fn number(
        &mut self,
        connection: &mut PgConnection,
        name: &str,
    ) -> Result<i32, sqlx::Error> {
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
