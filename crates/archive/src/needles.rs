//! Texts that name somebody, looked for all at once, in capitals or small letters.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use aho_corasick::AhoCorasick;

use crate::Error;
use crate::members::{is_zip, members};

/// Texts that are looked for in one go; what finds them grows with their letters.
const TOGETHER: usize = 10_000;

/// Texts that are looked for.
pub struct Needles(Vec<AhoCorasick>);

impl Needles {
    /// Those that are not empty.
    pub fn new(texts: &[String]) -> Result<Self, Error> {
        // Letters beyond ASCII are compared as they stand, so each text is looked for as it is and in both kinds.
        let spelt = |text: &String| {
            [text.clone(), text.to_lowercase(), text.to_uppercase()]
                .map(|text| text.to_ascii_lowercase())
        };
        let texts: BTreeSet<String> = texts.iter().flat_map(spelt).collect();
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

    /// How often they stand in these bytes; where one lies within another, or over its end, once.
    pub fn count(&self, bytes: &[u8]) -> u64 {
        self.0.iter().map(|search| search.find_iter(bytes).map(|_| 1).sum::<u64>()).sum()
    }

    /// How often they stand in a file: in its bytes, and in what it has packed where it is a ZIP file. No file is ever
    /// in memory as a whole.
    pub fn count_in_file(&self, path: &Path) -> io::Result<u64> {
        let mut found = 0;
        for search in &self.0 {
            found += count_in(search, File::open(path)?)?;
            if is_zip(path)? {
                members(path, |member| {
                    found += count_in(search, member)?;
                    Ok(())
                })?;
            }
        }
        Ok(found)
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

fn count_in(search: &AhoCorasick, bytes: impl Read) -> io::Result<u64> {
    search.stream_find_iter(bytes).try_fold(0, |found, next| next.map(|_| found + 1))
}

#[cfg(test)]
mod tests {
    use super::Needles;

    const PIECE: usize = 1 << 16;

    #[test]
    fn a_text_is_counted_once_wherever_it_lies_in_a_file() {
        let needles = Needles::new(&["needle".to_owned(), "cs".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let count = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(needles.count(bytes), needles.count_in_file(&path).unwrap());
            needles.count(bytes)
        };
        for place in [0, 5, PIECE - 7, PIECE - 6, PIECE - 3, PIECE - 1, PIECE, 2 * PIECE - 2] {
            let mut bytes = vec![b'.'; 3 * PIECE];
            bytes[place..place + 6].copy_from_slice(b"NeeDLe");
            assert_eq!(count(&bytes), 1, "at {place}");
        }
        assert_eq!(count(b"needle cs needle"), 3);
        assert_eq!((count(b"needl"), count(b"")), (0, 0));
    }

    #[test]
    fn letters_with_accents_are_found_in_capitals_and_in_small() {
        let needles = Needles::new(&["Niccolò Pérez".to_owned(), String::new()]).unwrap();
        for spelt in ["Niccolò Pérez", "NICCOLÒ PÉREZ", "niccolò pérez"] {
            assert_eq!(needles.count(spelt.as_bytes()), 1, "{spelt}");
        }
        assert!(needles.are_in("per NICCOLÒ PÉREZ") && needles.are_in("niccolò pérez"));
        assert!(!needles.are_in("niccolo perez"), "another name");
        assert!(Needles::new(&[String::new()]).unwrap().is_empty());
    }
}
