//! Texts that name somebody, looked for all at once, in capitals or small letters.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use aho_corasick::AhoCorasick;

use crate::{Error, members};

/// Texts that are looked for in one go; what finds them grows with their letters.
const TOGETHER: usize = 10_000;

/// Texts that are looked for.
pub(crate) struct Needles(Vec<AhoCorasick>);

impl Needles {
    /// Those that are not empty.
    pub(crate) fn new(texts: &[String]) -> Result<Self, Error> {
        // Letters beyond ASCII are compared as they stand, so each text is looked for in both kinds of letters.
        let both = |text: &String| [text.to_lowercase(), text.to_uppercase().to_ascii_lowercase()];
        let texts: BTreeSet<String> = texts.iter().flat_map(both).collect();
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let search = |texts: &[String]| {
            let built = AhoCorasick::builder().ascii_case_insensitive(true).build(texts);
            built.map_err(|error| Error::Refused(format!("so much can't be looked for: {error}")))
        };
        Ok(Self(texts.chunks(TOGETHER).map(search).collect::<Result<_, _>>()?))
    }

    /// Are there none?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is one of them in a text?
    pub(crate) fn are_in(&self, text: &str) -> bool {
        let small = text.to_lowercase();
        self.0.iter().any(|search| search.is_match(&small))
    }

    /// Is one of them in a file of a ZIP file? One that can't be read tells nothing to anybody: it counts as if it
    /// were.
    pub(crate) fn are_in_zip(&self, path: &Path) -> Result<bool, Error> {
        for search in &self.0 {
            let mut found = false;
            let looked = members(path, |member| {
                found = found || search.stream_find_iter(member).next().transpose()?.is_some();
                Ok(())
            });
            match looked {
                Err(source) if source.kind() == ErrorKind::NotFound => return Ok(false),
                Err(source) if source.kind() == ErrorKind::PermissionDenied => {
                    let advice = "it can't be looked into; look at its rights".to_owned();
                    return Err(Error::File { path: path.to_owned(), advice, source });
                }
                Err(_) => return Ok(true),
                Ok(()) if found => return Ok(true),
                Ok(()) => {}
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::Needles;

    #[test]
    fn letters_with_accents_are_found_in_capitals_and_in_small() {
        let needles = Needles::new(&["Niccolò Pérez".to_owned(), String::new()]).unwrap();
        assert!(needles.are_in("per NICCOLÒ PÉREZ") && needles.are_in("niccolò pérez"));
        assert!(!needles.are_in("niccolo perez"), "another name");
        assert!(Needles::new(&[String::new()]).unwrap().is_empty());
    }
}
