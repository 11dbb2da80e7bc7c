//! Reads files that may be compressed: gzip and zstd, recognised by their magic number.
//!
//! Invariants: a file of several members or frames is read to its end; a truncated file ends in
//! [`io::ErrorKind::UnexpectedEof`], a damaged one in `InvalidData` or `InvalidInput`, and an error
//! repeats at each further read. Deliberately absent: extensions of file names, and compressing.

mod zstd;

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

const BUFFER: usize = 256 * 1024;

/// The uncompressed bytes of a source.
pub fn decompressed(mut source: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::new();
    source.by_ref().take(4).read_to_end(&mut magic)?;
    let source = Cursor::new(magic.clone()).chain(source);
    let source = BufReader::with_capacity(BUFFER, source);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(source)),
        // A frame with content, or a skippable one, with which some compressors begin.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            Box::new(zstd::Frames::new(source))
        }
        _ => Box::new(source),
    })
}
