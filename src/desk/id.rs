//! Ids as the vendors give them: opaque strings, one type per thing, so that none is used for another.

macro_rules! vendor_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as the desk wrote it.
            pub fn new(id: impl ToString) -> Self {
                Self(id.to_string())
            }

            /// The id as the desk wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

vendor_id!(
    /// A ticket at one desk.
    TicketId
);
vendor_id!(
    /// A message (comment, correspondence, article) at one desk.
    MessageId
);
vendor_id!(
    /// A file or inline image at one desk.
    AttachmentId
);
vendor_id!(
    /// A customer or agent at one desk.
    PersonId
);
