use std::fmt;

/// A problem in a plan file, or a consequence of a valid plan that its author may not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanDiagnostic {
    /// The line, from 1.
    pub line: usize,
    /// The problem and its correction, or the consequence, in one sentence.
    pub message: String,
}

/// All problems of a plan file, by ascending line.
///
/// It prints one `file:line: message` per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The file name passed to [`Plan::parse`](crate::Plan::parse).
    pub file: String,
    /// The problems; never empty.
    pub problems: Vec<PlanDiagnostic>,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, PlanDiagnostic { line, message }) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{line}: {message}", self.file)?;
        }
        Ok(())
    }
}
