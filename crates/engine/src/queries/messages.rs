//! Messages received by e-mail. No list shows who wrote, or what.

use chrono::{DateTime, Utc};
use intake::{Kind, Message, MessageStatus, Reader};
use serde::Serialize;

use crate::Error;
use crate::store::StoreSettings;

/// Messages of one status, and how many there are of each.
#[derive(Debug, Default, Serialize)]
pub struct MessageList {
    /// The messages of the requested status.
    pub messages: Vec<MessageView>,
    /// All messages, by status and reason.
    pub counts: Vec<MessageCount>,
    /// The letters, by kind and status.
    pub letters: Vec<LetterCount>,
}

/// One message.
#[derive(Debug, Serialize)]
pub struct MessageView {
    /// Its number.
    pub number: i64,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Its status.
    pub status: &'static str,
    /// The reason for the status, as a short code.
    pub reason: Option<String>,
    /// The number of the mailbox whose request it is.
    pub mailbox: Option<u32>,
    /// Whether an operator released it from quarantine.
    pub released: bool,
}

/// The number of messages with a status and a reason.
#[derive(Debug, Serialize)]
pub struct MessageCount {
    /// The status.
    pub status: &'static str,
    /// The reason.
    pub reason: Option<String>,
    /// How many.
    pub messages: u64,
}

/// The number of letters of a kind with a status.
#[derive(Debug, Serialize)]
pub struct LetterCount {
    /// The kind.
    pub kind: String,
    /// The status.
    pub status: String,
    /// How many.
    pub letters: u64,
}

/// One message, and how it was classified.
#[derive(Debug, Serialize)]
pub struct MessageDetails {
    /// The message.
    #[serde(flatten)]
    pub message: MessageView,
    /// The kind that it was read as.
    pub read_as: &'static str,
    /// Its size.
    pub bytes: usize,
    /// How many codici fiscali it names.
    pub names_codici_fiscali: usize,
    /// How many addresses it names.
    pub names_addresses: usize,
    /// Whether it is in a certified-mail envelope.
    pub certified: bool,
    /// How our mail servers authenticated its sender.
    pub authentication: &'static str,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        let Message { number, received_at, status, reason, mailbox, released, .. } = message;
        Self { number, received_at, status: status.code(), reason, mailbox, released }
    }
}

/// The messages of a status after a number, and the counts of all.
pub async fn messages(
    settings: &StoreSettings,
    status: MessageStatus,
    after: i64,
    limit: u32,
) -> Result<MessageList, Error> {
    let Some(store) = settings.open_messages_to_read().await? else {
        return Ok(MessageList::default());
    };
    let messages = store.messages(status, after, limit).await?;
    let counts = store
        .message_counts()
        .await?
        .into_iter()
        .map(|(status, reason, messages)| MessageCount { status: status.code(), reason, messages });
    let letters = store.letter_counts().await?.into_iter();
    let letters = letters.map(|(kind, status, letters)| LetterCount { kind, status, letters });
    let list = MessageList {
        messages: messages.into_iter().map(MessageView::from).collect(),
        counts: counts.collect(),
        letters: letters.collect(),
    };
    store.close().await?;
    Ok(list)
}

/// A message with its classification, and its content.
pub async fn message(
    settings: &StoreSettings,
    number: i64,
    reader: &Reader,
) -> Result<(MessageDetails, Vec<u8>), Error> {
    let unknown =
        || Error::NotFound(format!("message {number} does not exist; see `tramonto message list`"));
    let store = settings.open_messages_to_read().await?.ok_or_else(unknown)?;
    let message = store.message(number).await?.ok_or_else(unknown)?;
    let content = store.content(number).await?.unwrap_or_default();
    store.close().await?;
    let reading = reader.read(message.sender.as_deref(), &content);
    let (names_codici_fiscali, names_addresses) = match &reading.kind {
        Kind::Request(named) => (named.codes.len(), named.addresses.len()),
        Kind::NoIdentifier | Kind::Automatic(_) | Kind::Receipt | Kind::Unreadable(_) => (0, 0),
    };
    let details = MessageDetails {
        message: message.into(),
        read_as: reading.kind.code(),
        bytes: content.len(),
        names_codici_fiscali,
        names_addresses,
        certified: reading.certified,
        authentication: reading.authentication.code(),
    };
    Ok((details, content))
}
