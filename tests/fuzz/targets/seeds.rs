//! Writes the seeds of the targets into a folder.

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| "seeds".into());
    fuzz::write(folder.as_ref())
}
