//! The file itself: compressions, encodings, separators, headers, control files.

use std::io::{Cursor, Read, Write};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

on_both!(
    every_format_of_the_same_rows_is_read_alike,
    columns_may_be_in_any_order_and_extra_ones_need_a_flag,
    a_file_that_can_not_be_used_is_refused_before_anything_is_written,
    a_truncated_compressed_file_is_reported_and_the_whole_one_resumes,
    a_stream_is_imported_like_the_file_of_the_same_bytes,
    a_control_file_must_match_or_nothing_is_imported,
);

async fn imported(world: &World, bytes: impl AsRef<[u8]>) -> Result<Summary, Error> {
    let path = world.write("cec.csv", bytes);
    world.import(&path).await
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

async fn every_format_of_the_same_rows_is_read_alike(on: On) {
    let plain = rows(0..6);
    let zstd = compress_to_vec(plain.as_bytes(), CompressionLevel::Fastest);
    let halves = [gzip(&plain[..300]), gzip(&plain[300..])].concat();
    let quoted: String = plain
        .lines()
        .map(|line| {
            let fields: Vec<String> = line.split(',').map(|field| format!("\"{field}\"")).collect();
            fields.join(",") + "\n"
        })
        .collect();
    let ways: Vec<(&str, Vec<u8>)> = vec![
        ("plain", plain.clone().into()),
        ("no newline at the end", plain.trim_end().into()),
        ("CRLF", plain.replace('\n', "\r\n").into()),
        ("byte order mark", format!("\u{feff}{plain}").into()),
        ("semicolons", plain.replace(',', ";").into()),
        ("quoted", quoted.into()),
        ("empty lines", plain.replace('\n', "\n\n").into()),
        ("capitals in the header", plain.replacen("surname", " Surname ", 1).into()),
        ("gzip", gzip(&plain)),
        ("gzip in two members", halves),
        ("zstd", zstd),
    ];
    let mut expected = None;
    for (way, bytes) in ways {
        let world = World::new(on).await;
        let summary = imported(&world, bytes).await.unwrap();
        assert_eq!(balance(&summary), (6, 6, 0, 0, 0), "{way}");
        let rows = world.rows().await;
        assert_eq!(expected.get_or_insert_with(|| rows.clone()), &rows, "{way}");
    }
}

async fn columns_may_be_in_any_order_and_extra_ones_need_a_flag(on: On) {
    let world = World::new(on).await;
    let turned: String = rows(0..3)
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields.reverse();
            let note = if line.starts_with("reg") { "note" } else { "x" };
            fields.push(note);
            fields.join(",") + "\n"
        })
        .collect();
    let path = world.write("cec.csv", turned);
    let error = world.import(&path).await.unwrap_err().to_string();
    assert!(error.contains("(note)") && error.contains("--ignore-extra"), "{error}");
    let taken = world.import_with(&path, |request| request.ignore_extra = true).await.unwrap();
    assert_eq!(balance(&taken), (3, 3, 0, 0, 0));
    assert_eq!(world.rows().await[0].surname, "Rossi");
}

async fn a_file_that_can_not_be_used_is_refused_before_anything_is_written(on: On) {
    let world = World::new(on).await;
    let utf_16: Vec<u8> =
        std::iter::once(0xfeff).chain(HEADER.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "it is empty"),
        (b"\n\n".to_vec(), "it is empty"),
        (b"a,b,c\n1,2,3\n".to_vec(), "no column registration_id, codice_fiscale"),
        (HEADER.replace(",name", "").into(), "no column name;"),
        (HEADER.replace(",name", ",surname,name").into(), "surname twice"),
        (utf_16, "UTF-16"),
        (vec![b'x'; 100_000], "its first line is not the header"),
    ];
    for (bytes, says) in cases {
        let error = imported(&world, bytes).await.unwrap_err();
        assert!(matches!(error, Error::Unusable(_)), "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    let missing = world.import(&world.folder.path().join("missing.csv")).await.unwrap_err();
    let text = missing.to_string();
    assert!(text.contains("cannot read") && text.contains("missing.csv"), "{text}");
    assert!(world.import(world.folder.path()).await.unwrap_err().to_string().contains("directory"));
    assert!(world.log().await.is_empty() && world.rows().await.is_empty());
    assert_eq!(balance(&imported(&world, HEADER).await.unwrap()), (0, 0, 0, 0, 0));
}

async fn a_truncated_compressed_file_is_reported_and_the_whole_one_resumes(on: On) {
    let world = World::new(on).await;
    let whole = gzip(&rows(0..3_000));
    let error = imported(&world, &whole[..whole.len() / 2]).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error}");
    let before = world.rows().await.len();
    assert!(before > 0 && before < 3_000, "{before}");
    imported(&world, whole).await.unwrap();
    assert_eq!(world.rows().await.len(), 3_000);
}

/// Returns one byte at a time, like a slow pipe.
struct Drops(Cursor<Vec<u8>>);

impl Read for Drops {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

async fn a_stream_is_imported_like_the_file_of_the_same_bytes(on: On) {
    let bytes = gzip(&rows(0..9));
    let (streamed, filed) = (World::new(on).await, World::new(on).await);
    let stream = Box::new(Drops(Cursor::new(bytes.clone())));
    let summary = streamed
        .import_with(Path::new("-"), |request| {
            request.source = Source::Stream(stream);
            request.rejects = None;
        })
        .await
        .unwrap();
    assert_eq!(summary, imported(&filed, bytes).await.unwrap());
    assert_eq!(streamed.rows().await, filed.rows().await);
    assert_eq!(streamed.log().await, filed.log().await);
}

async fn a_control_file_must_match_or_nothing_is_imported(on: On) {
    let world = World::new(on).await;
    let path = world.write("cec.csv", rows(0..6));
    let sha256 = source::sha256(&path).unwrap();
    let bad = [
        ("rows = 7", "rows is 6, not 7"),
        ("sha256 = \"00\"", "its SHA-256 is"),
        ("activated=3", "activated is 2, not 3"),
        ("registered=6", "registered is 4, not 6"),
        ("rows = many", "rows is not a whole number"),
        ("lines = 6", "unknown key lines"),
        ("rows", "without key = value"),
    ];
    for (control, says) in bad {
        world.write("cec.csv.control", control);
        let error = world.import(&path).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("nothing was imported"), "{error}");
    }
    assert!(world.log().await.is_empty() && world.rows().await.is_empty());
    let good = format!(
        "# by the sender\nrows = 6\nsha256 = \"{}\"\nregistered = 4\nactivated = 2\n",
        sha256.to_uppercase()
    );
    world.write("cec.csv.control", good);
    assert_eq!(balance(&world.import(&path).await.unwrap()), (6, 6, 0, 0, 0));
}
