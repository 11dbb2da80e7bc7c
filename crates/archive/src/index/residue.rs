//! The residue scan of the index, and redaction.
//!
//! Invariant: both use the same fields and the same matching, so that a scan after an erasure finds
//! nothing.

use sql::{Statement, among, params};

use super::Index;
use crate::Error;
use crate::search::SearchTerms;

/// Rows read at a time.
const PAGE: i64 = 10_000;

/// Matching rows, by field.
#[derive(Debug, Default)]
struct Matching {
    names: Vec<i64>,
    identifiers: Vec<i64>,
    subjects: Vec<i64>,
}

impl Index {
    /// The number of fields that contain one of these texts, ignoring case.
    pub async fn residue(&self, texts: &[String]) -> Result<u64, Error> {
        let Matching { names, identifiers, subjects } =
            self.matching(&SearchTerms::new(texts)?).await?;
        Ok(super::write::count(names.len() + identifiers.len() + subjects.len()))
    }

    /// Clears every field that contains a search term, in messages of others.
    pub(super) async fn redact(&self, texts: &SearchTerms) -> Result<(), Error> {
        const NAMES: Statement =
            among!("UPDATE name SET text = 'erased-' || id || '@invalid' WHERE id");
        const IDENTIFIERS: Statement = among!("UPDATE message SET message_id = NULL WHERE id");
        const SUBJECTS: Statement = among!("UPDATE message SET subject = NULL WHERE id");
        let Matching { names, identifiers, subjects } = self.matching(texts).await?;
        let mut writing = self.tables.begin().await?;
        for (statement, rows) in [(NAMES, names), (IDENTIFIERS, identifiers), (SUBJECTS, subjects)]
        {
            if !rows.is_empty() {
                writing.run(statement, params![rows]).await?;
            }
        }
        Ok(writing.commit().await?)
    }

    async fn matching(&self, texts: &SearchTerms) -> Result<Matching, Error> {
        const NAMES: &str = "SELECT id, text FROM name WHERE id > $1 ORDER BY id LIMIT $2";
        const MESSAGES: &str = "
            SELECT id, message_id, subject FROM message WHERE id > $1 ORDER BY id LIMIT $2";
        type Message = (i64, Option<String>, Option<String>);
        let (mut found, mut last) = (Matching::default(), 0);
        if texts.is_empty() {
            return Ok(found);
        }
        loop {
            let rows: Vec<(i64, String)> = self.tables.all(NAMES, params![last, PAGE], Ok).await?;
            let Some((end, _)) = rows.last() else { break };
            last = *end;
            let matching = rows.iter().filter(|(_, text)| texts.matches(text));
            found.names.extend(matching.map(|(id, _)| *id));
        }
        last = 0;
        loop {
            let rows: Vec<Message> = self.tables.all(MESSAGES, params![last, PAGE], Ok).await?;
            let Some((end, ..)) = rows.last() else { break };
            last = *end;
            for (id, identifier, subject) in &rows {
                let names =
                    |text: &Option<String>| text.as_deref().is_some_and(|text| texts.matches(text));
                found.identifiers.extend(names(identifier).then_some(*id));
                found.subjects.extend(names(subject).then_some(*id));
            }
        }
        Ok(found)
    }
}
