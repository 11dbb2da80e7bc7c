//! Looking for texts in every byte of a folder, packed ones among them: the proof of an erasure.
//!
//! Invariant: no file is ever in memory as a whole. Deliberately absent: texts that are encoded in a way of their own,
//! as e-mails are; whoever keeps such looks for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::Error;

/// Bytes read at a time.
const PIECE: u64 = 1 << 20;
/// How a ZIP file begins.
const ZIP: [u8; 4] = *b"PK\x03\x04";

/// How often one of these texts stands in each file below a folder, in capitals or small letters.
pub(crate) fn traces(folder: &Path, texts: &[String]) -> Result<Vec<(String, u64)>, Error> {
    let texts = spelt(texts);
    let mut found = BTreeMap::new();
    look(folder, folder, &texts, &mut found)?;
    Ok(found.into_iter().collect())
}

/// The texts as bytes, in small letters; one with letters beyond ASCII also as it is and in capitals, for bytes tell
/// no such letter from its capital.
fn spelt(texts: &[String]) -> Vec<Vec<u8>> {
    let all =
        texts.iter().flat_map(|text| [text.clone(), text.to_lowercase(), text.to_uppercase()]);
    let all: BTreeSet<String> = all.map(|text| text.to_ascii_lowercase()).collect();
    all.into_iter().map(String::into_bytes).collect()
}

fn look(
    root: &Path,
    folder: &Path,
    texts: &[Vec<u8>],
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
            let named = count(name.as_bytes().to_ascii_lowercase().as_slice(), texts);
            let inside = in_file(&path, texts).map_err(|source| failed(&path, source))?;
            // A file whose name tells is not named.
            let name = if named > 0 { "a file named so".to_owned() } else { name };
            *found.entry(name).or_default() += named + inside;
        }
    }
    Ok(())
}

/// Counts in the bytes of a file, and in what a ZIP file has packed.
fn in_file(path: &Path, texts: &[Vec<u8>]) -> std::io::Result<u64> {
    let mut head = [0; ZIP.len()];
    let is_zip = File::open(path)?.read_exact(&mut head).is_ok() && head == ZIP;
    let mut traces = count_in(File::open(path)?, texts)?;
    if is_zip {
        archive::members(path, |member| {
            traces += count_in(member, texts)?;
            Ok(())
        })?;
    }
    Ok(traces)
}

/// Counts piece by piece; pieces overlap by one byte less than the longest text, and what begins in an overlap
/// is counted once.
fn count_in(mut file: impl Read, texts: &[Vec<u8>]) -> std::io::Result<u64> {
    let overlap = texts.iter().map(Vec::len).max().unwrap_or(1).saturating_sub(1);
    let (mut window, mut traces) = (Vec::new(), 0);
    loop {
        let kept = window.len();
        let read = file.by_ref().take(PIECE).read_to_end(&mut window)?;
        if let Some(new) = window.get_mut(kept..) {
            new.make_ascii_lowercase();
        }
        if read == 0 {
            return Ok(traces + count(&window, texts));
        }
        let done = window.len().saturating_sub(overlap);
        traces += texts.iter().map(|text| begun_before(&window, text, done)).sum::<u64>();
        window.drain(..done);
    }
}

fn count(bytes: &[u8], texts: &[Vec<u8>]) -> u64 {
    texts.iter().map(|text| begun_before(bytes, text, bytes.len())).sum()
}

/// How often a text stands in the bytes, beginning before that place.
fn begun_before(bytes: &[u8], text: &[u8], end: usize) -> u64 {
    let places = memchr::memmem::find_iter(bytes, text);
    u64::try_from(places.take_while(|place| *place < end).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{count_in, spelt};

    const PIECE: usize = 1 << 20;

    #[test]
    fn a_text_is_counted_once_wherever_it_lies() {
        let texts = [b"needle".to_vec(), b"cs".to_vec()];
        for place in [0, 5, PIECE - 7, PIECE - 6, PIECE - 3, PIECE - 1, PIECE, 2 * PIECE - 2] {
            let mut bytes = vec![b'.'; 3 * PIECE];
            bytes[place..place + 6].copy_from_slice(b"NeeDLe");
            assert_eq!(count_in(&bytes[..], &texts).unwrap(), 1, "at {place}");
        }
        assert_eq!(count_in(&b"needle"[..], &texts).unwrap(), 1);
        assert_eq!(count_in(&b"needl"[..], &texts).unwrap(), 0);
        assert_eq!(count_in(&b""[..], &texts).unwrap(), 0);
    }

    #[test]
    fn a_name_with_an_accent_is_found_in_capitals() {
        let texts = spelt(&["Niccolò Verdi".to_owned()]);
        for found in ["Niccolò Verdi", "NICCOLÒ VERDI", "niccolò verdi"] {
            assert_eq!(count_in(found.as_bytes(), &texts).unwrap(), 1, "{found}");
        }
    }
}
