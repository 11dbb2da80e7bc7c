use clap::Subcommand;

/// What is done with the store.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum StoreCommand {
    /// Create or update the tables of a database
    ///
    /// A store in a folder needs no migration. Services never change a schema; run this first.
    #[command(after_help = "Examples:
  tramonto store migrate --store postgres://tramonto@db/tramonto --dry-run
  tramonto store migrate --store postgres://tramonto@db/tramonto")]
    Migrate {
        /// Dry run: list the pending migrations
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the lag of each projection behind the log
    #[command(after_help = "Examples:
  tramonto store status
  tramonto store status --json")]
    Status,
    /// Drop the projections and derive them again from the log
    ///
    /// Stop the engine first if the store is a folder: one process works on it at a time. Reports
    /// whether the result equals what was there.
    #[command(after_help = "Example:
  tramonto store rebuild")]
    Rebuild,
}
