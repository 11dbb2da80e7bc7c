//! Streams the members of a ZIP file.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

/// The magic number of a ZIP file.
const ZIP: [u8; 4] = *b"PK\x03\x04";

/// Does a file start like a ZIP file?
pub(crate) fn is_zip(path: &Path) -> io::Result<bool> {
    let mut head = [0; ZIP.len()];
    Ok(File::open(path)?.read_exact(&mut head).is_ok() && head == ZIP)
}

/// Calls `visit` with every unpacked member.
pub(crate) fn members(
    path: &Path,
    mut visit: impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    for index in 0..archive.len() {
        visit(&mut archive.by_index(index)?)?;
    }
    Ok(())
}
