//! Tables that fit the terminal.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use console::{Term, style};

/// A table without lines. The header names the columns between bars; `>` right-aligns a column.
///
/// On a terminal it is as wide as that at most: long cells wrap. Elsewhere each row is one line.
pub(crate) fn table(header: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let width = Term::stdout().size_checked().map(|(_, columns)| columns);
    let text = within(header, rows, width);
    // `style` follows NO_COLOR, and leaves the text alone where nobody reads it on a terminal.
    match text.split_once('\n') {
        Some((header, rows)) if width.is_some() => format!("{}\n{rows}", style(header).bold()),
        _ => text,
    }
}

/// The table with no line longer than `width`, if there is one.
fn within(header: &str, rows: impl IntoIterator<Item = Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let names = header.split('|').map(str::trim);
    table.set_header(names.clone().map(|name| name.trim_start_matches('>'))).add_rows(rows);
    for (place, _) in names.enumerate().filter(|(_, name)| name.starts_with('>')) {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        // Writing to a string cannot fail.
        writeln!(text, "{}", line.trim_end()).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let cause = "the mail platform refused the mailbox because its domain is unknown";
        vec![vec!["receive-only".to_owned(), "12".to_owned(), cause.to_owned()]]
    }

    #[test]
    fn a_table_fits_the_terminal_and_loses_no_word() {
        for width in [40, 60, 80] {
            let text = within("phase | >mailboxes | cause", rows(), Some(width));
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
            assert!(text.lines().count() > 2, "{text}");
            for word in rows().concat().iter().flat_map(|cell| cell.split(' ')) {
                assert!(text.contains(word), "{word} is missing: {text}");
            }
        }
    }

    #[test]
    fn a_row_is_one_line_where_no_terminal_is() {
        let text = within("phase | >mailboxes | cause", rows(), None);
        assert_eq!(text.lines().count(), 2, "{text}");
        let end = |word: &str| text.lines().find_map(|line| Some(line.find(word)? + word.len()));
        assert_eq!(end("mailboxes"), end("12"), "{text}");
    }
}
