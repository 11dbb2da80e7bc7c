//! What is in a ZIP file, file by file, without having any of it in memory at once.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

/// How a ZIP file begins.
const ZIP: [u8; 4] = *b"PK\x03\x04";

/// Is it a ZIP file, by how it begins?
pub(crate) fn is_zip(path: &Path) -> io::Result<bool> {
    let mut head = [0; ZIP.len()];
    Ok(File::open(path)?.read_exact(&mut head).is_ok() && head == ZIP)
}

/// Hands every file of a ZIP file to `look`, unpacked.
pub(crate) fn members(
    path: &Path,
    mut look: impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    for place in 0..archive.len() {
        look(&mut archive.by_index(place)?)?;
    }
    Ok(())
}
