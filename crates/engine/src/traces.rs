//! Looking for texts in every byte of a folder, packed ones among them: the proof of an erasure.
//!
//! Deliberately absent: texts that are encoded in a way of their own, as e-mails are; whoever keeps such looks for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use archive::SearchTerms;

use crate::Error;

/// How often one of these texts stands in each file below a folder, in capitals or small letters.
pub fn traces(folder: &Path, texts: &[String]) -> Result<Vec<(String, u64)>, Error> {
    let texts = SearchTerms::new(texts)?;
    let mut found = BTreeMap::new();
    look(folder, folder, &texts, &mut found)?;
    Ok(found.into_iter().collect())
}

fn look(
    root: &Path,
    folder: &Path,
    texts: &SearchTerms,
    found: &mut BTreeMap<String, u64>,
) -> Result<(), Error> {
    let failed = |path: &Path, source| Error::File {
        path: path.to_owned(),
        advice:
            "it can't be looked into; look at its rights, and delete it if it is a damaged ZIP file"
                .to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let entry = entry.map_err(|source| failed(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| failed(&path, source))?;
        if kind.is_dir() {
            look(root, &path, texts, found)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let named = texts.count(name.as_bytes());
            let inside = texts.count_in_file(&path).map_err(|source| failed(&path, source))?;
            // A file whose name tells is not named.
            let name = if named > 0 { "a file named so".to_owned() } else { name };
            *found.entry(name).or_default() += named + inside;
        }
    }
    Ok(())
}
