//! What is in a ZIP file, file by file, without having any of it in memory at once.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

/// Hands every file of a ZIP file to `look`, unpacked.
pub fn members(
    path: &Path,
    mut look: impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    for place in 0..archive.len() {
        look(&mut archive.by_index(place)?)?;
    }
    Ok(())
}
