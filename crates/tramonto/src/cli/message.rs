use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Reason, Target};

/// What is done with messages received by e-mail.
#[derive(Debug, Subcommand)]
pub enum MessageCommand {
    /// Receive one message, as `service intake` would
    #[command(after_help = "Examples:
  tramonto message receive < message.eml
  tramonto message receive --sender someone@mail.example < message.eml")]
    Receive {
        /// File of the message; standard input if omitted
        file: Option<PathBuf>,
        /// Envelope sender; by default the message's Return-Path
        #[arg(long, value_name = "ADDRESS")]
        sender: Option<String>,
    },
    /// List messages, by default those in quarantine
    List(ListMessagesArgs),
    /// Show the state of a message and how it was classified
    Show(ShowMessageArgs),
    /// Release a message from quarantine
    ///
    /// It is processed again, as written by a person. With `--holder` it counts as a request of
    /// that holder, even if it names nobody or several or cannot be parsed; the holder is asked to
    /// confirm at the recorded address. If it is a request of several holders, release it once for
    /// each.
    #[command(after_help = "Examples:
  tramonto message release 12
  tramonto message release 13 --holder someone@postacertificata.example")]
    Release {
        /// Number of the message
        number: i64,
        /// Holder whose request it is: an address, an id or a number
        #[arg(long, value_name = "MAILBOX")]
        holder: Option<Target>,
    },
    /// Refuse a message in quarantine
    ///
    /// The message is kept.
    #[command(after_help = "Example:
  tramonto message refuse 17 --reason 'an advertisement'")]
    Refuse {
        /// Number of the message
        number: i64,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Write the letter templates to a folder, to be edited
    ///
    /// Each file is KIND.LANGUAGE.txt: the subject, an empty line, the text, in Jinja syntax.
    /// Variables: `link`, `code`, `token`, `redeem_by`, `until_day`, `until_hour`, `why`; those
    /// that a letter does not have are empty. A letter is sent in both languages, the reader's
    /// first. Delete the templates that you do not change, so that later versions can improve them.
    #[command(after_help = "Examples:
  tramonto message export-templates /etc/tramonto/letters
  tramonto service intake --letters /etc/tramonto/letters")]
    ExportTemplates {
        /// Folder to write to; created if missing, and no file is overwritten
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// How messages are classified.
#[derive(Debug, Clone, Args)]
pub struct ReadingArgs {
    /// Name of our mail servers in Authentication-Results headers (RFC 8601)
    ///
    /// The servers must remove headers that others wrote under this name.
    #[arg(long, value_name = "NAME", env = "TRAMONTO_AUTHSERV_ID")]
    pub authserv_id: Option<String>,
}

/// Which messages are listed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto message list
  tramonto message list --status done --limit 20
  tramonto message list --json | jq '.messages[] | select(.reason == \"officer\")'")]
pub struct ListMessagesArgs {
    /// Status: new, held (in quarantine), done or refused
    #[arg(long, value_name = "STATUS", default_value = "held")]
    pub status: intake::MessageStatus,
    /// Maximum number of messages
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Number of the message after which to start
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: i64,
}

/// What is shown of a message.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto message show 17
  tramonto message show 17 --content > 17.eml")]
pub struct ShowMessageArgs {
    /// Number of the message
    pub number: i64,
    /// Content of the message, byte for byte, instead of its state
    ///
    /// It is personal data.
    #[arg(long)]
    pub content: bool,
    /// How it is classified.
    #[command(flatten)]
    pub reading: ReadingArgs,
}
