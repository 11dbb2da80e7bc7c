//! Decodes zstd frames one after the other (RFC 8878, 3), with their checksums.

use std::error::Error;
use std::io::{self, BufRead, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The content of all frames of a source.
pub(crate) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// The error at which decoding ended: what follows it is not decoded.
    failed: Option<(ErrorKind, String)>,
}

impl<R: BufRead> Frames<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), failed: None }
    }

    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(|why| error(&why))?;
                continue;
            }
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err(damaged("its checksum differs"));
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.next_frame()?;
        }
    }

    /// Reads the header of the next frame, or skips a frame without content.
    fn next_frame(&mut self) -> io::Result<()> {
        match self.decoder.reset(&mut self.source) {
            Ok(()) => Ok(()),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let mut skipped = self.source.by_ref().take(length.into());
                let skipped = io::copy(&mut skipped, &mut io::sink())?;
                if skipped < length.into() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
            }
            Err(why) => Err(error(&why)),
        }
    }

    /// Ends a truncated frame with an empty block, because the decoder holds back a window of bytes
    /// until a frame has ended.
    fn end_frame(&mut self) {
        const LAST_BLOCK_AND_CHECKSUM: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
        let one = BlockDecodingStrategy::UptoBlocks(1);
        let _ended = self.decoder.decode_blocks(&LAST_BLOCK_AND_CHECKSUM[..], one);
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            match self.decode(buffer) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    if error.kind() == ErrorKind::UnexpectedEof {
                        self.end_frame();
                    }
                    self.failed = Some((error.kind(), error.to_string()));
                }
                decoded => return decoded,
            }
        }
        // What was decoded before the error comes first.
        let read = self.decoder.read(buffer)?;
        match &self.failed {
            Some((kind, why)) if read == 0 => Err(io::Error::new(*kind, why.clone())),
            Some(_) | None => Ok(read),
        }
    }
}

/// An error of the source as such; any other one is damage.
fn error(why: &FrameDecoderError) -> io::Error {
    let outermost: &dyn Error = why;
    let mut causes = std::iter::successors(Some(outermost), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
        Some(source) if source.kind() == ErrorKind::UnexpectedEof => {
            io::Error::new(ErrorKind::UnexpectedEof, "zstd frame is truncated")
        }
        Some(source) => io::Error::new(source.kind(), source.to_string()),
        None => damaged("its compressed data cannot be decoded; get the file again"),
    }
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("zstd frame is damaged: {how}"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// A frame without content, as some compressors write for their own use.
    const SKIPPABLE: [u8; 11] = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    /// `tramonto`, as `zstd --check` compresses it.
    const CHECKED: [u8; 21] = *b"\x28\xb5\x2f\xfd\x24\x08\x41\0\0tramonto\x46\x85\x00\xcb";

    fn text(lines: u32) -> Vec<u8> {
        (0..lines).flat_map(|number| format!("line {}\n", number % 977).into_bytes()).collect()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Frames::new(Cursor::new(bytes)).read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn all_frames_are_read() {
        let text = text(40_000);
        let half = text.len() / 2;
        let frames = [&packed(&text[..half]), &SKIPPABLE[..], &packed(&[]), &packed(&text[half..])];
        assert_eq!(unpacked(&frames.concat()).unwrap(), text);
    }

    #[test]
    fn a_source_may_start_with_a_skippable_frame() {
        for first in 0x50..=0x5f {
            let mut bytes = [&SKIPPABLE[..], &CHECKED].concat();
            bytes[0] = first;
            let mut content = Vec::new();
            let mut source = crate::decompressed(Cursor::new(bytes)).unwrap();
            source.read_to_end(&mut content).unwrap();
            assert_eq!(content, b"tramonto", "{first:#x}");
        }
    }

    #[test]
    fn a_truncated_or_damaged_frame_ends_in_an_error_that_stays() {
        let text = text(60_000);
        let whole = packed(&text);
        for length in [2, 5, whole.len() / 2, whole.len() - 1] {
            let why = unpacked(&whole[..length]).unwrap_err();
            assert_eq!(why.kind(), ErrorKind::UnexpectedEof, "{length}: {why}");
        }
        let mut content = Vec::new();
        let mut cut = Frames::new(Cursor::new(&whole[..whole.len() - 5]));
        assert!(cut.read_to_end(&mut content).is_err());
        assert!(!content.is_empty() && text.starts_with(&content), "the blocks before it are read");
        let why = unpacked(&[&whole, &SKIPPABLE[..9]].concat()).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::UnexpectedEof);
        let why = unpacked(&[&whole[..], b"more"].concat()).unwrap_err();
        let told =
            "zstd frame is damaged: its compressed data cannot be decoded; get the file again";
        assert_eq!(why.to_string(), told);

        assert_eq!(unpacked(&CHECKED).unwrap(), b"tramonto");
        let mut changed = CHECKED;
        changed[12] = b'e';
        let mut frames = Frames::new(Cursor::new(&changed[..]));
        for _ in 0..2 {
            let why = io::copy(&mut frames, &mut io::sink()).unwrap_err();
            assert_eq!(why.to_string(), "zstd frame is damaged: its checksum differs");
        }
    }

    proptest! {
        #[test]
        fn no_damage_causes_a_panic(at in any::<prop::sample::Index>(), by in 1_u8..) {
            let mut bytes = packed(&text(2_000));
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            let _either = unpacked(&bytes);
        }
    }
}
