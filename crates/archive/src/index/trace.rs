//! Finding texts in what the index tells of messages, and emptying what names somebody.
//!
//! Invariant: what is looked for and what is emptied are the same fields, compared in the same way, so that an
//! erasure leaves nothing that is found afterwards.

use sql::Given;

use super::Index;
use crate::Error;
use crate::needles::Needles;

/// Rows that are looked at together.
const PAGE: i64 = 10_000;

/// The rows that name somebody, by the field that does.
#[derive(Debug, Default)]
struct Naming {
    names: Vec<i64>,
    identifiers: Vec<i64>,
    subjects: Vec<i64>,
}

impl Index {
    /// How many fields hold one of these texts, in capitals or small letters.
    pub async fn traces(&self, texts: &[String]) -> Result<u64, Error> {
        let Naming { names, identifiers, subjects } = self.naming(&Needles::new(texts)?).await?;
        Ok(super::write::count(names.len() + identifiers.len() + subjects.len()))
    }

    /// Empties every field that holds one of the texts. A message of others is theirs still; who was named in it is
    /// told by nobody.
    pub(super) async fn redact(&self, texts: &Needles) -> Result<(), Error> {
        const NAMES: &str = "
            UPDATE name SET text = 'erased-' || id || '@invalid'
            WHERE id IN (SELECT value FROM json_each($1))";
        const IDENTIFIERS: &str = "
            UPDATE message SET message_id = NULL WHERE id IN (SELECT value FROM json_each($1))";
        const SUBJECTS: &str = "
            UPDATE message SET subject = NULL WHERE id IN (SELECT value FROM json_each($1))";
        let Naming { names, identifiers, subjects } = self.naming(texts).await?;
        let mut writing = self.tables.begin().await?;
        for (statement, rows) in [(NAMES, names), (IDENTIFIERS, identifiers), (SUBJECTS, subjects)]
        {
            if !rows.is_empty() {
                writing.run(statement, vec![Given::Numbers(rows)]).await?;
            }
        }
        Ok(writing.commit().await?)
    }

    async fn naming(&self, texts: &Needles) -> Result<Naming, Error> {
        const NAMES: &str = "SELECT id, text FROM name WHERE id > $1 ORDER BY id LIMIT $2";
        const MESSAGES: &str = "
            SELECT id, message_id, subject FROM message WHERE id > $1 ORDER BY id LIMIT $2";
        type Message = (i64, Option<String>, Option<String>);
        let (mut found, mut last) = (Naming::default(), 0);
        if texts.is_empty() {
            return Ok(found);
        }
        let page = |last| vec![Given::Number(last), Given::Number(PAGE)];
        loop {
            let rows: Vec<(i64, String)> = self.tables.all(NAMES, page(last), Ok).await?;
            let Some((end, _)) = rows.last() else { break };
            last = *end;
            let naming = rows.iter().filter(|(_, text)| texts.are_in(text));
            found.names.extend(naming.map(|(id, _)| *id));
        }
        last = 0;
        loop {
            let rows: Vec<Message> = self.tables.all(MESSAGES, page(last), Ok).await?;
            let Some((end, ..)) = rows.last() else { break };
            last = *end;
            for (id, identifier, subject) in &rows {
                let names =
                    |text: &Option<String>| text.as_deref().is_some_and(|text| texts.are_in(text));
                found.identifiers.extend(names(identifier).then_some(*id));
                found.subjects.extend(names(subject).then_some(*id));
            }
        }
        Ok(found)
    }
}
