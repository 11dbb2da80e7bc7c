use std::fmt;

/// What is wrong at a line of a plan file, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what would be right, in one sentence.
    pub message: String,
}

/// Something in a valid plan that its author may not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanWarning {
    /// The line, from 1.
    pub line: usize,
    /// What happens, in one sentence.
    pub message: String,
}

/// Everything that is wrong with a plan file, by ascending line.
///
/// Its text is one `file:line: message` per line, as editors and people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The file as it was named to [`Plan::parse`](crate::Plan::parse).
    pub file: String,
    /// All that was found; never empty.
    pub problems: Vec<Problem>,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Problem { line, message }) in self.problems.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{line}: {message}", self.file)?;
        }
        Ok(())
    }
}
