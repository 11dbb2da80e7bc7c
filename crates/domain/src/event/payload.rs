//! What the payload of an event states about itself, so that no other code lists all kinds.

use super::Subjects;

/// The subjects of an event and its description.
pub(super) trait Payload {
    /// The mailboxes that the event concerns.
    fn subjects(&self) -> Subjects<'_>;

    /// The event in one line, with the sizes of its sets; or what it means for one of its
    /// mailboxes.
    fn describe(&self, mailbox: Option<u32>) -> String;
}

/// Implements [`Payload`] by a table: each payload with the fields that its texts use, its
/// subjects, its description as a whole (`all`), and that for one of its mailboxes (`each`).
///
/// Without `each`, a mailbox reads the description as a whole. Without `all`, the event about its
/// one mailbox reads `mailbox 7: …`.
macro_rules! payloads {
    (@subjects $this:ident programme) => { Subjects::Programme };
    (@subjects $this:ident one) => { Subjects::One($this.number) };
    (@subjects $this:ident alike) => { Subjects::Alike(&$this.mailboxes) };
    (@subjects $this:ident various $set:ident) => {
        Subjects::Various(Cow::Borrowed(&$this.$set))
    };
    (@describe $fields:tt all: $all:literal $(, $value:expr)*;) => {
        fn describe(&self, _: Option<u32>) -> String {
            let Self $fields = self;
            format!($all $(, $value)*)
        }
    };
    (@describe $fields:tt each: $each:literal $(, $value:expr)*;) => {
        fn describe(&self, mailbox: Option<u32>) -> String {
            let Self $fields = self;
            let each = format!($each $(, $value)*);
            match mailbox {
                None => format!("mailbox {}: {each}", self.number),
                Some(_) => each,
            }
        }
    };
    (@describe $fields:tt
        all: $all:literal $(, $value:expr)*;
        each: $each:literal $(, $of_each:expr)*;
    ) => {
        fn describe(&self, mailbox: Option<u32>) -> String {
            let Self $fields = self;
            match mailbox {
                None => format!($all $(, $value)*),
                Some(_) => format!($each $(, $of_each)*),
            }
        }
    };
    ($($payload:ident $fields:tt: $subjects:ident $(($set:ident))? { $($texts:tt)* })*) => {$(
        impl Payload for $payload {
            fn subjects(&self) -> Subjects<'_> {
                payloads!(@subjects self $subjects $($set)?)
            }

            payloads! { @describe $fields $($texts)* }
        }
    )*};
}
