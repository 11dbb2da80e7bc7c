//! A source file, taken apart: code, comments and strings.

/// Some text of a file, and the number of the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The parts of a file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The file with blanks for the text of comments and strings; its lines are those of the file.
    pub(crate) code: String,
    /// Each line of a comment, without its slashes.
    pub(crate) comments: Vec<Piece>,
    /// The content of each string, as it is written.
    pub(crate) strings: Vec<Piece>,
    /// All lines as they are.
    pub(crate) lines: Vec<String>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().map(str::to_owned).collect();
        let mut reader = Reader { rest: text, line: 1, source: Self { lines, ..Self::default() } };
        while !reader.rest.is_empty() {
            reader.step();
        }
        reader.source
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    source: Source,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            let text = rest[..end].trim_start_matches(['/', '!']).to_owned();
            self.source.comments.push(Piece { line: self.line, text });
            self.blank(end);
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            for (more, text) in rest[..end].lines().enumerate() {
                let text = text.trim_matches(['/', '*', '!', ' ']).to_owned();
                self.source.comments.push(Piece { line: self.line + more, text });
            }
            self.blank(end);
        } else if let Some((open, close)) = self.opens_string() {
            let content = &rest[open..];
            let end = if close == "\"" { unescaped_quote(content) } else { content.find(&close) };
            let end = end.unwrap_or(content.len());
            self.source.strings.push(Piece { line: self.line, text: content[..end].to_owned() });
            self.blank((open + end + close.len()).min(rest.len()));
        } else if let Some(length) = character(rest) {
            self.blank(length);
        } else {
            let length = rest.chars().next().map_or(0, char::len_utf8);
            self.source.code.push_str(&rest[..length]);
            self.skip(length);
        }
    }

    /// How long the opening of a string is that begins here, and what closes it.
    fn opens_string(&self) -> Option<(usize, String)> {
        if self.rest.starts_with('"') {
            return Some((1, "\"".to_owned()));
        }
        let within_word =
            self.source.code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let raw = self.rest.strip_prefix("br").or_else(|| self.rest.strip_prefix('r'))?;
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let is_raw = !within_word && raw[hashes..].starts_with('"');
        let opening = self.rest.len() - raw.len() + hashes + 1;
        is_raw.then(|| (opening, format!("\"{}", "#".repeat(hashes))))
    }

    fn blank(&mut self, length: usize) {
        let blanks = self.rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' });
        self.source.code.extend(blanks);
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

fn unescaped_quote(content: &str) -> Option<usize> {
    let mut escaped = false;
    content.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// The length of a character literal that begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('\'')?;
    if let Some(escaped) = content.strip_prefix('\\') {
        let skipped = escaped.chars().next()?.len_utf8();
        return escaped[skipped..].find('\'').map(|end| 2 + skipped + end + 1);
    }
    let first = content.chars().next()?.len_utf8();
    content[first..].starts_with('\'').then_some(first + 2)
}

#[test]
fn code_comments_and_strings_are_told_apart() {
    let text =
        "let a = \"x // \\\" y\"; // why\nlet b: &'a str = r#\"raw \" text\"#;\nlet c = '\"';\n";
    let source = Source::read(text);
    let strings: Vec<_> = source.strings.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(strings, ["x // \\\" y", "raw \" text"]);
    assert_eq!(source.comments, [Piece { line: 1, text: " why".to_owned() }]);
    assert!(source.code.contains("&'a str") && !source.code.contains("raw"));
    assert_eq!(source.code.lines().count(), 3);
}
