//! A statement with a signature, as a file.
//!
//! The file is one JSON value in one form, and nothing else is accepted: `{"signature":{"algorithm":"Ed25519","key":…,"value":…},
//! "statement":{…}}` and one line end. In this form the keys of every object are sorted by their bytes, there is no white space outside
//! of texts, only `"`, `\` and control characters are escaped in texts, numbers are whole. The signature is over the bytes of the
//! statement in this form, without the line end; key and value are lower-case hex. So a change of any byte is found: of the
//! statement by the signature, of everything else by the form.

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::statement::{FORM, Statement};

const ALGORITHM: &str = "Ed25519";

/// Why a file is no certificate, or not the one that was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("this is no certificate: {0}")]
    NoCertificate(String),
    #[error("it was changed after it was signed: it is not in the form in which certificates are written")]
    Form,
    #[error("it was changed after it was signed: the signature is not that of this statement")]
    Signature,
    #[error("it is signed with another key: {0}")]
    OtherKey(String),
}

/// The key that statements are signed with.
pub struct Key(Ed25519KeyPair);

impl Key {
    /// A new one, as PKCS #8.
    pub fn fresh() -> Vec<u8> {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system has randomness");
        pair.as_ref().to_vec()
    }

    /// From PKCS #8. `None`: it is no such key.
    pub fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8(bytes).ok().map(Self)
    }

    /// Its public half, lower-case hex: what others hold certificates against.
    pub fn public(&self) -> String {
        hex::encode(self.0.public_key())
    }

    /// The file of a signed statement.
    pub fn sign(&self, statement: &Statement) -> String {
        let statement = serde_json::to_value(statement).expect("a statement is plain data");
        let value = hex::encode(self.0.sign(canonical(&statement).as_bytes()));
        let signature = json!({ "algorithm": ALGORITHM, "key": self.public(), "value": value });
        canonical(&json!({ "signature": signature, "statement": statement })) + "\n"
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    signature: Signature,
    statement: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    algorithm: String,
    key: String,
    value: String,
}

/// The statement of a file that is as it was signed, and the key that signed it. With `key` it has to be that one; without, anybody may
/// have signed it.
pub fn verify(text: &str, key: Option<&str>) -> Result<(Statement, String), Refused> {
    let no = |error: serde_json::Error| Refused::NoCertificate(error.to_string());
    let json: Json = serde_json::from_str(text).map_err(no)?;
    if text != canonical(&json) + "\n" {
        return Err(Refused::Form);
    }
    let File { signature, statement } = serde_json::from_value(json).map_err(no)?;
    if signature.algorithm != ALGORITHM {
        return Err(Refused::Form);
    }
    if key.is_some_and(|key| !key.trim().eq_ignore_ascii_case(&signature.key)) {
        return Err(Refused::OtherKey(signature.key));
    }
    let (public, value) = (bytes(&signature.key)?, bytes(&signature.value)?);
    let signed = UnparsedPublicKey::new(&ED25519, public).verify(canonical(&statement).as_bytes(), &value);
    signed.map_err(|_| Refused::Signature)?;
    match statement["form"].as_u64() {
        Some(form) if form == u64::from(FORM) => {}
        form => return Err(Refused::NoCertificate(format!("it has form {form:?}, and this program reads form {FORM}"))),
    }
    Ok((serde_json::from_value(statement).map_err(no)?, signature.key))
}

/// Lower-case hex and nothing else: each value has one spelling.
fn bytes(text: &str) -> Result<Vec<u8>, Refused> {
    let bytes = hex::decode(text).map_err(|_| Refused::Form)?;
    if hex::encode(&bytes) == text { Ok(bytes) } else { Err(Refused::Form) }
}

/// `serde_json` keeps objects sorted by their keys and writes without white space.
fn canonical(json: &Json) -> String {
    json.to_string()
}
