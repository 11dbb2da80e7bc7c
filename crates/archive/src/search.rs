//! Search terms of the residue scan, matched all at once and ignoring case.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use aho_corasick::AhoCorasick;
use zip::ZipArchive;

use crate::Error;

/// The magic number of a ZIP file.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// Terms in one automaton, whose memory grows with their length.
const BATCH: usize = 10_000;

/// Search terms.
pub struct SearchTerms(Vec<AhoCorasick>);

impl SearchTerms {
    /// Compiles the non-empty terms.
    pub fn new(texts: &[String]) -> Result<Self, Error> {
        // The automaton ignores case in ASCII only: other letters are searched in both cases.
        let spelt = |text: &String| {
            [text.clone(), text.to_lowercase(), text.to_uppercase()]
                .map(|text| text.to_ascii_lowercase())
        };
        let texts: BTreeSet<String> = texts.iter().flat_map(spelt).collect();
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let search = |texts: &[String]| {
            let built = AhoCorasick::builder().ascii_case_insensitive(true).build(texts);
            built.map_err(|error| Error::Refused(format!("too many search terms: {error}")))
        };
        Ok(Self(texts.chunks(BATCH).map(search).collect::<Result<_, _>>()?))
    }

    /// Are there no terms?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does a text contain a term?
    pub(crate) fn matches(&self, text: &str) -> bool {
        let small = text.to_lowercase();
        self.0.iter().any(|search| search.is_match(&small))
    }

    /// Counts matches in bytes; overlapping matches count once.
    pub fn count(&self, bytes: &[u8]) -> u64 {
        self.0.iter().map(|search| search.find_iter(bytes).map(|_| 1).sum::<u64>()).sum()
    }

    /// Counts matches in a file: in its bytes, and in the unpacked members of a ZIP file. Files are
    /// streamed.
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

    /// Does a member of a ZIP file contain a term? True for a damaged file: it can't be searched.
    pub(crate) fn match_zip(&self, path: &Path) -> Result<bool, Error> {
        for search in &self.0 {
            let mut found = false;
            let searched = members(path, |member| {
                found = found || search.stream_find_iter(member).next().transpose()?.is_some();
                Ok(())
            });
            match searched {
                Err(source) if source.kind() == ErrorKind::NotFound => return Ok(false),
                Err(source) if source.kind() == ErrorKind::PermissionDenied => {
                    return Err(Error::file(path, "cannot be read; check its permissions", source));
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

/// Does a file start like a ZIP file?
fn is_zip(path: &Path) -> io::Result<bool> {
    let mut head = [0; ZIP.len()];
    Ok(File::open(path)?.read_exact(&mut head).is_ok() && head == ZIP)
}

/// Calls `visit` with every unpacked member of a ZIP file.
fn members(path: &Path, mut visit: impl FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    for index in 0..archive.len() {
        visit(&mut archive.by_index(index)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::SearchTerms;

    const PIECE: usize = 1 << 16;

    #[test]
    fn a_match_is_counted_once_at_any_position() {
        let terms = SearchTerms::new(&["needle".to_owned(), "cs".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let count = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(terms.count(bytes), terms.count_in_file(&path).unwrap());
            terms.count(bytes)
        };
        for position in [0, 5, PIECE - 7, PIECE - 6, PIECE - 3, PIECE - 1, PIECE, 2 * PIECE - 2] {
            let mut bytes = vec![b'.'; 3 * PIECE];
            bytes[position..position + 6].copy_from_slice(b"NeeDLe");
            assert_eq!(count(&bytes), 1, "at {position}");
        }
        assert_eq!(count(b"needle cs needle"), 3);
        assert_eq!((count(b"needl"), count(b"")), (0, 0));
    }

    #[test]
    fn accented_letters_match_in_both_cases() {
        let terms = SearchTerms::new(&["Niccolò Pérez".to_owned(), String::new()]).unwrap();
        for spelt in ["Niccolò Pérez", "NICCOLÒ PÉREZ", "niccolò pérez"] {
            assert_eq!(terms.count(spelt.as_bytes()), 1, "{spelt}");
        }
        assert!(terms.matches("per NICCOLÒ PÉREZ") && terms.matches("niccolò pérez"));
        assert!(!terms.matches("niccolo perez"), "a different name");
        assert!(SearchTerms::new(&[String::new()]).unwrap().is_empty());
    }
}
