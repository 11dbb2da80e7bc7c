use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use url::Url;

use super::notices::NoticeArgs;
use super::values::{self, Reason, Target};

/// What is done with requests by e-mail.
#[derive(Debug, Subcommand)]
pub enum IntakeCommand {
    /// Service: takes messages from a mail server, and does what is to be done about them.
    Lmtp(Box<LmtpArgs>),
    /// Takes one message from standard input, as `lmtp` would.
    Message(MessageArgs),
    /// Lists messages: those that wait in quarantine, or others.
    List(ListMessagesArgs),
    /// Shows one message: how it stands, what it was read for; its text only when asked for.
    Show(ShowMessageArgs),
    /// Has a message in quarantine looked at again, as one that a person wrote.
    Release(ReleaseMessageArgs),
    /// Turns a message in quarantine down. It is kept.
    Refuse(RefuseMessageArgs),
    /// Writes the templates of the letters into a folder, to be edited.
    Letters(LettersArgs),
}

/// How messages are taken.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto intake lmtp
  tramonto intake lmtp --listen unix:/run/tramonto/lmtp --authserv-id mx.agency.example

For Postfix, in transport_maps:
  requests@agency.example  lmtp:inet:127.0.0.1:2003
or lmtp:unix:/run/tramonto/lmtp. A message that is answered 250 is on the disk.")]
pub struct LmtpArgs {
    /// Where mail servers hand messages over: an address and a port, or unix:PATH. It takes mail from whoever
    /// connects: keep it on loopback, or in a folder that only the mail server may enter.
    #[arg(
        long,
        value_name = "PLACE",
        env = "TRAMONTO_LMTP_LISTEN",
        default_value = "127.0.0.1:2003"
    )]
    pub listen: intake::Listen,
    /// Where /healthz, /readyz and /metrics are answered; `off` for nowhere.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_INTAKE_WATCH", default_value = "off")]
    pub watch: values::Listen,
    /// The largest message, in bytes.
    #[arg(long, value_name = "BYTES", env = "TRAMONTO_LMTP_LARGEST", default_value_t = 26_214_400,
        value_parser = clap::value_parser!(u32).range(1_024..=104_857_600))]
    pub largest: u32,
    /// Connections at once.
    #[arg(long, value_name = "N", env = "TRAMONTO_LMTP_CONNECTIONS", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub connections: u16,
    /// Messages of one sender within an hour; more are told to come later.
    #[arg(long, value_name = "N", env = "TRAMONTO_LMTP_PER_SENDER", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub per_sender: u32,
    /// Messages of all senders within a minute; more are told to come later. A tenth of them may be reports of mail servers.
    #[arg(long, value_name = "N", env = "TRAMONTO_LMTP_PER_MINUTE", default_value_t = 30_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub per_minute: u32,
    /// How messages are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Where holders confirm: the address of `tramonto portal` as they reach it. Without it nobody is asked to.
    #[arg(long, value_name = "URL", env = "TRAMONTO_PORTAL_URL")]
    pub portal_url: Option<PortalUrl>,
    /// The folder of the templates of the letters, as `tramonto intake letters` writes them; without it, or for those that
    /// are not in it, the words that come with the program.
    #[arg(long, value_name = "DIR", env = "TRAMONTO_LETTERS")]
    pub letters: Option<PathBuf>,
    /// The folder of the log of messages and of extracts, whose links go out by letter; without it, that of the store.
    /// Where the store is a database, these letters wait unless it is named.
    #[arg(long, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// Through which relay letters go; they come from the address of notices.
    #[command(flatten)]
    pub notices: NoticeArgs,
}

/// The public pages.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto portal --listen 127.0.0.1:8090

Serves the pages on which a holder confirms a request and fetches an extract, and at /.well-known/jwks.json the keys
with which providers verify tokens, without TLS: put it behind a proxy that has it, and that logs no paths. Any number
may run.")]
pub struct PortalArgs {
    /// Where it listens.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TRAMONTO_PORTAL_LISTEN",
        default_value = "127.0.0.1:8090"
    )]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are answered; `off` for nowhere.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_PORTAL_WATCH", default_value = "off")]
    pub watch: values::Listen,
    /// The folder of the log of messages and of extracts; without it, that of the store. Where the store is a
    /// database, extracts are handed out only if it is named.
    #[arg(long, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
}

/// Where the portal is, as the world reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalUrl(pub String);

impl FromStr for PortalUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok();
        let fits = |url: &Url| {
            let here =
                url.host_str().is_some_and(|host| host == "localhost" || host == "127.0.0.1");
            (url.scheme() == "https" || url.scheme() == "http" && here)
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        };
        url.filter(fits).map(|url| Self(url.as_str().trim_end_matches('/').to_owned())).ok_or_else(
            || {
                "write https://HOST, with a path if there is one; http only on this machine"
                    .to_owned()
            },
        )
    }
}

/// How messages are read.
#[derive(Debug, Clone, Args)]
pub struct ReadingArgs {
    /// The name under which our own mail servers write down what they found out about a sender
    /// (Authentication-Results, RFC 8601); they must take away what others wrote under it.
    #[arg(long, value_name = "NAME", env = "TRAMONTO_AUTHSERV_ID")]
    pub authserv_id: Option<String>,
}

/// One message from standard input.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto intake message < message.eml
  tramonto intake message --sender someone@mail.example < message.eml")]
pub struct MessageArgs {
    /// The message; standard input without it.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Who sent it, by the envelope; without it, by its Return-Path.
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
}

/// Which messages are listed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto intake list
  tramonto intake list --status done --limit 20
  tramonto intake list --json | jq '.messages[] | select(.reason == \"officer\")'")]
pub struct ListMessagesArgs {
    /// How they stand: new, held (in quarantine), done, refused.
    #[arg(long, value_name = "STANDING", default_value = "held")]
    pub status: intake::MessageStatus,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Only those behind this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: i64,
}

/// Which message is looked at again.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto intake release 12
  tramonto intake release 13 --holder someone@postacertificata.example

With --holder the message may name nobody, or several, or be unreadable to a machine: it is taken for a request of that
holder, who is asked to confirm at the address on record. Where it asks for several, release it for each in turn.")]
pub struct ReleaseMessageArgs {
    /// The message's number.
    #[arg(value_name = "NUMBER")]
    pub number: i64,
    /// Whose request it is: the mailbox by its address, its id, or its number.
    #[arg(long, value_name = "ADDRESS|ID")]
    pub holder: Option<Target>,
}

/// What is shown of a message.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto intake show 17
  tramonto intake show 17 --content > 17.eml")]
pub struct ShowMessageArgs {
    /// The message's number.
    #[arg(value_name = "NUMBER")]
    pub number: i64,
    /// Writes the message itself to standard output, byte for byte. It is somebody's personal data.
    #[arg(long)]
    pub content: bool,
    /// How it is read.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// Where the templates of letters are written.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto intake letters /etc/tramonto/letters
  tramonto intake lmtp --letters /etc/tramonto/letters

Each is KIND.LANGUAGE.txt: the subject, an empty line, the text, in the language of Jinja. What it can tell: link, code,
token, redeem_by, until_day, until_hour, why; those that its letter does not have are empty. A letter is sent in both
languages, that of its reader first. Delete those that you don't change: then later versions can mend them.")]
pub struct LettersArgs {
    /// The folder; it is made where there is none, and nothing in it is written over.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Which message is turned down, and why.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto intake refuse 17 --reason 'an advertisement'")]
pub struct RefuseMessageArgs {
    /// The message's number.
    #[arg(value_name = "NUMBER")]
    pub number: i64,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}
