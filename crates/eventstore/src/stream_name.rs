use std::fmt;

/// A stream's name: `category-id`, where the category ends at the first hyphen.
///
/// 1 to 200 printable ASCII characters without spaces, so that a name travels unchanged through
/// SQL, a subject of the bus and a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(String);

/// A text that is not a stream name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream name: write category-id in 3 to 200 printable ASCII characters")]
pub struct InvalidStreamName(String);

impl StreamName {
    /// Checks the form of a name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidStreamName> {
        let name = name.into();
        let category = name.split_once('-').map_or("", |(category, _)| category);
        let id = name.get(category.len() + 1..).unwrap_or("");
        let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
        if category.is_empty() || id.is_empty() || !printable || name.len() > 200 {
            return Err(InvalidStreamName(name.escape_debug().take(60).collect()));
        }
        Ok(Self(name))
    }

    /// The part before the first hyphen.
    pub fn category(&self) -> &str {
        self.0.split_once('-').map_or("", |(category, _)| category)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
