//! What a mirror file has to say to reach a vendor's desk, as data. What the vendor can do is told by its connector.

/// One vendor, from the point of view of a mirror file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor {
    /// `vendor = "…"`.
    pub word: &'static str,
    /// Ways to prove who we are, the advised one first.
    pub auth: &'static [AuthKind],
    /// The admin sets the webhook's secret, so the file has to refer to it.
    pub admin_sets_secret: bool,
    /// The keys of [`super::mirror::Names`] that mean something there; each has the connector's own default.
    pub names: &'static [&'static str],
    /// Whether the desk cannot be asked whose the credential is.
    pub needs_user: bool,
}

/// A way to prove who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthKind {
    Oauth,
    ApiToken,
    Token,
}

/// Every way with its word in a file.
pub const AUTH_KINDS: [(&str, AuthKind); 3] =
    [("oauth", AuthKind::Oauth), ("api-token", AuthKind::ApiToken), ("token", AuthKind::Token)];

impl AuthKind {
    /// An entry that would be right.
    pub fn example(self) -> &'static str {
        match self {
            AuthKind::Oauth => r#"auth = { kind = "oauth", client-id = "…", client-secret = { env = "NAME" } }"#,
            AuthKind::ApiToken => r#"auth = { kind = "api-token", email = "…", token = { env = "NAME" } }"#,
            AuthKind::Token => r#"auth = { kind = "token", token = { env = "NAME" } }"#,
        }
    }
}

/// The vendors whose desks a mirror file may name.
pub const VENDORS: [Vendor; 2] = [
    Vendor {
        word: "zendesk",
        auth: &[AuthKind::Oauth, AuthKind::ApiToken],
        admin_sets_secret: false,
        names: &["key-field", "number-field"],
        needs_user: false,
    },
    Vendor {
        word: "request-tracker",
        auth: &[AuthKind::Token],
        admin_sets_secret: true,
        names: &["key-field", "message-key-field", "number-field", "tags-field"],
        needs_user: true,
    },
];

/// The vendor of that word.
pub fn find(word: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.word == word)
}
