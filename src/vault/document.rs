//! The file format, `keyvault/1`. This page is its specification; what it says
//! is read for ever.
//!
//! # Terms
//!
//! A vault is a folder with one *envelope* per environment, `<environment>.age`:
//! an age file sealed to the members' recipients. Its plaintext is two lines
//! and padding. Line 1 is the *document*, one line of JSON without a line
//! feed. Line 2 is its signature: Ed25519 in standard base64, 88 characters,
//! over the exact bytes of line 1 under the domain `keyvault/document/v1` (see
//! [`Domain`]), by the member whom `updated_by` names. Behind line 2 stand spaces
//! up to a multiple of 4 KiB, because age shows the length of what it holds.
//!
//! # The document
//!
//! ```json
//! { "format": "keyvault/1", "vault": "<128 bits, hexadecimal>", "environment": "dev", "revision": 42,
//!   "parents": ["<SHA-256 of the file this one replaced>"], "ancestors": ["<64 bits each, the last 64>"],
//!   "updated_at": "2026-11-22T12:00:00Z", "updated_by": "alice",
//!   "roster": [{ "members": [{ "name": "alice", "recipient": "age1…", "signer": "<Ed25519, base64>",
//!                              "added_at": "…" }],
//!                "by": "alice", "at": "…", "signature": "<base64>" }],
//!   "policy": { "rotate_every": "90d", "keep_versions": 10 },
//!   "logs": [{ "log": "<64 bits, hexadecimal>", "by": "alice", "line": 120, "mac": "<256 bits, hexadecimal>",
//!              "at": "…" }],
//!   "secrets": { "OPENAI_API_KEY": {
//!       "description": "…", "tags": ["ai"], "rotate_every": "30d", "keep_versions": 5,
//!       "hooks": { "create": { "command": ["./new-key", "--short"], "with": ["ADMIN_TOKEN"], "timeout": "1m" },
//!                  "verify": { "command": […] }, "revoke": { "command": […] } },
//!       "rotation": { "id": "<128 bits, hexadecimal>", "started_at": "…", "started_by": "alice", "grace": "1d" },
//!       "snoozed_until": "…",
//!       "versions": [
//!         { "version": 1, "state": "revoked", "created_at": "…", "created_by": "alice",
//!           "revoked_at": "…", "reason": "leaked", "fingerprint": "<128 bits, hexadecimal>" },
//!         { "version": 2, "state": "previous", "created_at": "…", "created_by": "alice",
//!           "destroyed_at": "…", "fingerprint": "<128 bits, hexadecimal>" },
//!         { "version": 3, "state": "previous", "created_at": "…", "created_by": "alice",
//!           "retire_at": "…", "rotation": "<128 bits, hexadecimal>", "value": "sk-…" },
//!         { "version": 4, "state": "current", "created_at": "…", "created_by": "alice",
//!           "expires_at": "…", "leaked_at": "…", "value": "sk-…" } ] } } }
//! ```
//!
//! - `revision` counts saves from 1, and stays below 2^53. `parents` is empty in the
//!   first, and holds more than one digest where branches were merged. Of `parents`
//!   and `ancestors` there are at most 64 each.
//! - `roster`: see [`crate::vault::roster`]. A member without `signer` reads only.
//! - `policy` is for secrets that say nothing else themselves; it and its fields may
//!   be missing. `keep_versions` is 1 to 1,000.
//! - `logs`: how far audit logs had come, see [`crate::vault::log_head`]; at most 64, no
//!   log twice. It may be missing.
//! - `secrets`: no name twice. All but `versions` may be missing.
//! - `hooks`: see [`crate::vault::rotation`], as for `rotation`, which is there while one
//!   is under way. A hook has a `command` of at least one word; `with` and `timeout` may
//!   be missing, and so may `grace`.
//! - `versions`: numbers count from 1, ascend, and stay below 2^31; at most one is
//!   `current`; a `revoked` one has `revoked_at` and `fingerprint` (see
//!   [`Fingerprint`]) and no value. A `previous` one may have lost its value, and then
//!   may have `destroyed_at` and `fingerprint`. Any other has none of the three.
//! - `retire_at` and `rotation` stand in a `previous` version together, as long as the
//!   rotation that replaced it owes it to be given back.
//! - `leaked_at`: when a scan found the value where it should not be.
//! - `value` is text, or `{"base64": "…"}` where the bytes are not UTF-8 or hold
//!   NUL.
//! - A `format` that is not known, or a field that is not, is refused by name.
//! - Nothing has a second form: no object is a list of what is in it, and a field
//!   that may be missing is never `null`.
//!
//! # Changes
//!
//! `keyvault/1`: the first. What came later are fields that may be missing: a file
//! without them is as it always was, and a keyvault that does not know one refuses it
//! by name.
//!
//! - Since the life of a secret is kept: `policy`, `logs`, `keep_versions`, `hooks`,
//!   `rotation`, `snoozed_until`, `retire_at`, `destroyed_at`.
//! - Since files are scanned: `leaked_at`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::name::{EnvironmentName, MemberName, Remark, SecretName, Tag};
use crate::quote::ByteCount;
use crate::seal::digest::{Digest, Fingerprint, ShortDigest};
use crate::seal::signature::{Domain, Signature, Signer};
use crate::secret_value::SecretValue;
use crate::timestamp::{Period, Timestamp};
use crate::vault::log_head::{self, LogHead};
use crate::vault::policy::{KeepVersions, Policy};
use crate::vault::roster::Roster;
use crate::vault::rotation::{Hooks, Retirement, Rotation, RotationId};
use crate::vault::secret::{Destruction, Revocation, Secret, SecretVersion, VersionState};
use crate::vault::strict::{self, OURS, Strict, ours};
use crate::vault::{ANCESTORS_MAX, Changes, Environment, VaultId};

/// The only format there is.
const FORMAT: &str = "keyvault/1";

/// What the plaintext is padded to a multiple of, so that the length of a file
/// tells little about what is in it.
const PADDING: usize = 4096;

/// Line 2: 64 bytes in base64.
const SIGNATURE_LENGTH: usize = 88;

/// From this size on a document is searched with the processor's vector units.
/// To ask which it has takes 60 µs on a virtual machine, where each question is
/// answered by the host: as long as searching 100 kB without them.
const VECTORS_FROM: usize = 128 << 10;

/// The highest revision that is read: the last number that every reader of JSON
/// gives back exact (RFC 8259, section 6). The next one is still a number.
const REVISION_MAX: u64 = (1 << 53) - 1;

/// The highest version that is read: what every program holds that gives a number
/// 32 bits. The next one is still a number.
const VERSION_MAX: u64 = (1 << 31) - 1;

/// The longest secret that is put together from windows. Hardly one has more than a
/// few versions of a few hundred bytes.
const PART_MAX: usize = 256 << 10;

/// The longest name of a field or format that is repeated in a message.
const SHOWN_MAX: usize = 64;

/// A plaintext with its parts found and none of them checked.
pub struct Plaintext {
    bytes: Zeroizing<Vec<u8>>,
    /// Where line 1 ends.
    document_end: usize,
    signature: Signature,
}

impl Plaintext {
    /// Finds the two lines of a plaintext.
    ///
    /// # Errors
    ///
    /// [`Fault::Unsigned`] where the last line that is not padding is none of a
    /// signature; [`Fault::NewerFormat`] where that is because a later version
    /// signs in another way.
    pub fn split(bytes: Zeroizing<Vec<u8>>) -> Result<Self, Fault> {
        match find_signature(&bytes) {
            Some((document_end, signature)) => Ok(Self {
                bytes,
                document_end,
                signature,
            }),
            None => Err(newer_format(&bytes).unwrap_or(Fault::Unsigned)),
        }
    }

    /// Writes an environment down and signs it.
    pub fn sign(environment: &Environment, signer: &Signer) -> Self {
        let whole = |length: usize| (length + 1 + SIGNATURE_LENGTH + 1).next_multiple_of(PADDING);
        let mut bytes = to_wiped_json(&Document::from(environment), whole);
        let document_end = bytes.len();
        let signature = signer.sign(Domain::Document, &bytes);
        bytes.push(b'\n');
        bytes.extend_from_slice(signature.to_string().as_bytes());
        bytes.push(b'\n');
        bytes.resize(whole(document_end), b' ');
        Self {
            bytes,
            document_end,
            signature,
        }
    }

    /// Returns the whole, as it is sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn document(&self) -> &[u8] {
        &self.bytes[..self.document_end]
    }

    /// Reads the document and checks who wrote it: that its roster holds and that
    /// a writer of it made the signature. Returns the digests of the roster's
    /// links with it.
    ///
    /// # Errors
    ///
    /// The [`Fault`] that was found.
    pub fn verify(&self) -> Result<(Environment, Vec<Digest>), Fault> {
        if self.document().contains(&b'\n') {
            return Err(Fault::Malformed {
                what: "it is not one line".to_owned(),
            });
        }
        let environment = self.read()?;
        let links = environment.roster.verify(environment.scope())?;
        let by = environment.updated_by.clone();
        let Some(writer) = environment.roster.writer(&by) else {
            return Err(Fault::NotAWriter { by });
        };
        if !writer.verifies(Domain::Document, self.document(), &self.signature) {
            return Err(Fault::BadSignature { by });
        }
        Ok((environment, links))
    }

    /// Reads the document without asking who wrote it: for a file that is known
    /// byte by byte to have been verified before.
    ///
    /// # Errors
    ///
    /// The [`Fault`] that was found.
    pub fn read(&self) -> Result<Environment, Fault> {
        let Strict::<Document<ReadSecrets>>(document) =
            serde_json::from_slice(self.document()).map_err(|error| self.fault(&error))?;
        Ok(document.into())
    }

    /// Finds one secret without reading the others, under the same condition as
    /// [`Plaintext::read`]. Of 10,000 secrets this takes a fiftieth of the time.
    ///
    /// `None` means that the short way did not find it: only reading the whole
    /// tells whether it is there.
    pub fn seek(&self, name: &SecretName) -> Option<Secret> {
        // In JSON an unescaped quote, a name, a quote and a colon can only be a
        // field: within a text the quotes would be escaped. And the only fields
        // whose contents read as a secret are secrets, whatever they are called.
        let document = self.document();
        let field = field(name);
        let secret_at = |at: usize| {
            if document[..at].ends_with(b"\\") {
                return None;
            }
            read_secret(&document[at + field.len()..])?.ok()
        };
        if document.len() < VECTORS_FROM {
            let mut matches = std::str::from_utf8(document).ok()?.match_indices(&field);
            matches.find_map(|(at, _)| secret_at(at))
        } else {
            memchr::memmem::find_iter(document, &field).find_map(secret_at)
        }
    }

    /// Finds words for what serde says, which may repeat what it read and is
    /// therefore not passed on.
    fn fault(&self, error: &serde_json::Error) -> Fault {
        if let Some(fault) = newer_format(self.document()) {
            return fault;
        }
        let text = error.to_string();
        let quoted = |intro| Some(text.strip_prefix(intro)?.split_once('`')?.0);
        if let Some(field) = quoted("unknown field `").or_else(|| quoted("unknown variant `")) {
            return Fault::UnknownField {
                field: showable(field),
            };
        }
        let ours = text
            .strip_prefix(OURS)
            .and_then(|text| text.split_once(" at line "));
        let what = match (ours, error.classify()) {
            (Some((what, _)), _) => what,
            (None, serde_json::error::Category::Data) => "a field is missing or not of its kind",
            (None, _) => "it is no JSON",
        };
        Fault::Malformed {
            what: format!("{what}, at byte {}", error.column()),
        }
    }
}

/// Finds one secret, as [`Plaintext::seek`] does, in a plaintext that passes by in
/// windows.
pub struct Seeker {
    field: String,
    sought: Sought,
}

enum Sought {
    /// It has not come by yet.
    Nothing,
    /// It has begun.
    Part(Zeroizing<Vec<u8>>),
    Found(Box<Secret>),
    /// The short way does not tell.
    GivenUp,
}

impl Seeker {
    /// Looks for the secret of a name.
    pub fn new(name: &SecretName) -> Self {
        Self {
            field: field(name),
            sought: Sought::Nothing,
        }
    }

    /// Returns how much of a window it wants to see again: all that could be the
    /// beginning of what it looks for, and the byte before.
    pub fn overlap(&self) -> usize {
        self.field.len()
    }

    /// Looks at a window, of which this much was in the one before.
    pub fn look(&mut self, window: &[u8], known: usize) {
        match &mut self.sought {
            Sought::Found(_) | Sought::GivenUp => return,
            Sought::Part(part) if part.len() + window.len() - known > PART_MAX => {
                self.sought = Sought::GivenUp;
                return;
            }
            Sought::Part(part) => part.extend_from_slice(&window[known..]),
            Sought::Nothing => {
                let is_new = |at: &usize| at + self.field.len() > known;
                let is_field = |at: &usize| !window[..*at].ends_with(b"\\");
                let mut matches = memchr::memmem::find_iter(window, &self.field);
                let Some(at) = matches.find(|at| is_new(at) && is_field(at)) else {
                    return;
                };
                // The whole size first: a buffer that grows leaves copies behind.
                let mut part = Zeroizing::new(Vec::with_capacity(PART_MAX));
                part.extend_from_slice(&window[at + self.field.len()..]);
                self.sought = Sought::Part(part);
            }
        }
        if let Sought::Part(part) = &self.sought {
            match read_secret(part) {
                Some(Ok(secret)) => self.sought = Sought::Found(Box::new(secret)),
                None => {}
                Some(Err(error)) if error.is_eof() => {}
                // It is another field of this name.
                Some(Err(_)) => self.sought = Sought::GivenUp,
            }
        }
    }

    /// Returns the secret, if it was found; only reading the whole tells that it is
    /// not there.
    pub fn into_secret(self) -> Option<Secret> {
        match self.sought {
            Sought::Found(secret) => Some(*secret),
            _ => None,
        }
    }
}

fn field(name: &SecretName) -> String {
    format!("\"{name}\":")
}

/// Reads a secret from the beginning of a text; `None` if there is nothing.
fn read_secret(text: &[u8]) -> Option<serde_json::Result<Secret>> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter();
    let secret = values.next()?;
    Some(secret.map(|Strict::<WrittenSecret<ReadVersions>>(secret)| secret.into()))
}

/// Finds where line 1 ends, and the signature in line 2.
fn find_signature(bytes: &[u8]) -> Option<(usize, Signature)> {
    // From the end, which is near: line 1 is not looked through.
    let padding = bytes.iter().rev().take_while(|byte| **byte == b' ').count();
    let lines = bytes[..bytes.len() - padding].strip_suffix(b"\n")?;
    let document_end = lines.len().checked_sub(SIGNATURE_LENGTH + 1)?;
    let signature = lines[document_end..].strip_prefix(b"\n")?;
    let signature = std::str::from_utf8(signature).ok()?.parse().ok()?;
    Some((document_end, signature))
}

/// Names the format of a document, if it is not ours.
fn newer_format(document: &[u8]) -> Option<Fault> {
    #[derive(Deserialize)]
    struct FormatAlone<'a> {
        #[serde(borrow)]
        format: Cow<'a, str>,
    }
    let mut values = serde_json::Deserializer::from_slice(document).into_iter();
    let Strict(FormatAlone { format }) = values.next()?.ok()?;
    (format != FORMAT).then(|| Fault::NewerFormat {
        format: showable(&format),
    })
}

/// Cuts a text from a file down to what may stand in a message.
fn showable(text: &str) -> String {
    let shown = text.chars().filter(|c| c.is_ascii_graphic() && *c != '`');
    shown.take(SHOWN_MAX).collect()
}

/// Writes what holds values as JSON, into a buffer that is wiped. `capacity` tells,
/// for the length of the JSON, what the buffer is to have room for.
pub fn to_wiped_json(
    data: &impl Serialize,
    capacity: impl FnOnce(usize) -> usize,
) -> Zeroizing<Vec<u8>> {
    let mut length = ByteCount(0);
    serde_json::to_writer(&mut length, data).expect("it has a JSON form");
    // The whole size first: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity(length.0)));
    serde_json::to_writer(&mut *bytes, data).expect("it has a JSON form");
    bytes
}

/// The document as it is written. It is private, and `S` stands for secrets to be
/// read or to be written: no type outside this file has a JSON form with a
/// plaintext in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<S> {
    #[serde(deserialize_with = "strict::word")]
    format: Format,
    vault: VaultId,
    environment: EnvironmentName,
    #[serde(deserialize_with = "strict::count::<REVISION_MAX, _, _>")]
    revision: u64,
    #[serde(deserialize_with = "strict::at_most::<ANCESTORS_MAX, _, _>")]
    parents: Vec<Digest>,
    #[serde(deserialize_with = "strict::at_most::<ANCESTORS_MAX, _, _>")]
    ancestors: Vec<ShortDigest>,
    updated_at: Timestamp,
    updated_by: MemberName,
    roster: Roster,
    #[serde(
        default,
        deserialize_with = "strict::whole",
        skip_serializing_if = "Policy::is_empty"
    )]
    policy: Policy,
    #[serde(
        default,
        deserialize_with = "log_head::each_once",
        skip_serializing_if = "Vec::is_empty"
    )]
    logs: Vec<LogHead>,
    secrets: S,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyvault/1")]
    V1,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSecret<V> {
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    description: Option<Remark>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    rotate_every: Option<Period>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    keep_versions: Option<KeepVersions>,
    #[serde(
        default,
        deserialize_with = "strict::whole",
        skip_serializing_if = "Hooks::is_empty"
    )]
    hooks: Hooks,
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    rotation: Option<Box<Rotation>>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    snoozed_until: Option<Timestamp>,
    versions: V,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "V: Deserialize<'de>"))]
struct WrittenVersion<V> {
    #[serde(deserialize_with = "strict::count::<VERSION_MAX, _, _>")]
    version: u32,
    #[serde(deserialize_with = "strict::word")]
    state: VersionState,
    created_at: Timestamp,
    created_by: MemberName,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<Timestamp>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    leaked_at: Option<Timestamp>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    retire_at: Option<Timestamp>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    rotation: Option<RotationId>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    destroyed_at: Option<Timestamp>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    revoked_at: Option<Timestamp>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    reason: Option<Remark>,
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    fingerprint: Option<Fingerprint>,
    #[serde(
        default = "Option::default",
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    value: Option<V>,
}

/// A value on its way out of memory: a text, or for bytes that are none, or hold NUL,
/// `{"base64": …}`.
pub struct ValueToWrite<'a>(pub &'a SecretValue);

impl Serialize for ValueToWrite<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.expose();
        match std::str::from_utf8(bytes) {
            Ok(text) if !bytes.contains(&0) => serializer.serialize_str(text),
            _ => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &*Zeroizing::new(BASE64_STANDARD.encode(bytes)))?;
                map.end()
            }
        }
    }
}

/// A value on its way out of a file.
struct ReadValue(SecretValue);

impl<'de> Deserialize<'de> for ReadValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrBase64;

        impl<'de> Visitor<'de> for TextOrBase64 {
            type Value = ReadValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or {\"base64\": …}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ReadValue, E> {
                Ok(ReadValue(SecretValue::from_text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadValue, A::Error> {
                let field: Option<String> = map.next_key()?;
                if field.as_deref() != Some("base64") {
                    return Err(ours("a value that is neither text nor base64"));
                }
                let text: Zeroizing<String> = Zeroizing::new(map.next_value()?);
                if map.next_key::<de::IgnoredAny>()?.is_some() {
                    return Err(ours("a value with more than its base64"));
                }
                let bytes = BASE64_STANDARD
                    .decode(&*text)
                    .map_err(|_| ours("a value whose base64 is none"))?;
                Ok(ReadValue(SecretValue::new(Zeroizing::new(bytes))))
            }
        }

        deserializer.deserialize_any(TextOrBase64)
    }
}

/// Versions on their way out of a file.
struct ReadVersions(Vec<SecretVersion>);

impl<'de> Deserialize<'de> for ReadVersions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = ReadVersions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("versions in order")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut elements: A,
            ) -> Result<ReadVersions, A::Error> {
                // Most secrets have one version, and a list that is left to grow by
                // itself begins with room for four.
                let mut versions: Vec<SecretVersion> = Vec::with_capacity(1);
                while let Some(Strict(version)) = elements.next_element()? {
                    let version: WrittenVersion<ReadValue> = version;
                    let version = SecretVersion::try_from(version).map_err(ours)?;
                    if versions
                        .last()
                        .is_some_and(|last| last.number >= version.number)
                    {
                        return Err(ours("versions out of order"));
                    }
                    versions.push(version);
                }
                let current = versions
                    .iter()
                    .filter(|version| version.state == VersionState::Current);
                match (versions.len(), current.count()) {
                    (0, _) => Err(ours("a secret without a version")),
                    (_, 0 | 1) => Ok(ReadVersions(versions)),
                    _ => Err(ours("two versions that are current")),
                }
            }
        }

        deserializer.deserialize_seq(InOrder)
    }
}

/// Secrets on their way into a file.
struct SecretsToWrite<'a>(&'a BTreeMap<SecretName, Secret>);

impl Serialize for SecretsToWrite<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(name, secret)| (name, WrittenSecret::from(secret))),
        )
    }
}

/// Secrets on their way out of a file.
struct ReadSecrets(BTreeMap<SecretName, Secret>);

impl<'de> Deserialize<'de> for ReadSecrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachNameOnce;

        impl<'de> Visitor<'de> for EachNameOnce {
            type Value = ReadSecrets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("secrets by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ReadSecrets, A::Error> {
                let mut secrets = BTreeMap::new();
                while let Some((name, Strict(secret))) = entries.next_entry()? {
                    let secret: WrittenSecret<ReadVersions> = secret;
                    // One reader would see the one and another the other.
                    if secrets.insert(name, secret.into()).is_some() {
                        return Err(ours("a name that comes twice"));
                    }
                }
                Ok(ReadSecrets(secrets))
            }
        }

        deserializer.deserialize_map(EachNameOnce)
    }
}

impl<'a> From<&'a Environment> for Document<SecretsToWrite<'a>> {
    fn from(environment: &'a Environment) -> Self {
        Self {
            format: Format::V1,
            vault: environment.vault,
            environment: environment.name.clone(),
            revision: environment.revision,
            parents: environment.parents.clone(),
            ancestors: environment.ancestors.clone(),
            updated_at: environment.updated_at,
            updated_by: environment.updated_by.clone(),
            roster: environment.roster.clone(),
            policy: environment.policy,
            logs: environment.logs.clone(),
            secrets: SecretsToWrite(&environment.secrets),
        }
    }
}

impl From<Document<ReadSecrets>> for Environment {
    fn from(document: Document<ReadSecrets>) -> Self {
        Self {
            vault: document.vault,
            name: document.environment,
            revision: document.revision,
            parents: document.parents,
            ancestors: document.ancestors,
            updated_at: document.updated_at,
            updated_by: document.updated_by,
            roster: document.roster,
            policy: document.policy,
            logs: document.logs,
            secrets: document.secrets.0,
            changes: Changes::default(),
        }
    }
}

impl<'a> From<&'a Secret> for WrittenSecret<Vec<WrittenVersion<ValueToWrite<'a>>>> {
    fn from(secret: &'a Secret) -> Self {
        Self {
            description: secret.description.clone(),
            tags: secret.tags.clone(),
            rotate_every: secret.policy.rotate_every,
            keep_versions: secret.policy.keep_versions,
            hooks: secret.hooks.clone(),
            rotation: secret.rotation.clone(),
            snoozed_until: secret.snoozed_until,
            versions: secret.versions.iter().map(WrittenVersion::from).collect(),
        }
    }
}

impl<'a> From<&'a SecretVersion> for WrittenVersion<ValueToWrite<'a>> {
    fn from(version: &'a SecretVersion) -> Self {
        let (revocation, destruction) = (&version.revocation, &version.destruction);
        let (revocation, destruction) = (revocation.as_ref(), destruction.as_ref());
        let retirement = version.retirement.as_ref();
        let fingerprint = revocation.map(|record| record.fingerprint);
        Self {
            version: version.number,
            state: version.state,
            created_at: version.created_at,
            created_by: version.created_by.clone(),
            expires_at: version.expires_at,
            leaked_at: version.leaked_at,
            retire_at: retirement.map(|owed| owed.at),
            rotation: retirement.map(|owed| owed.rotation),
            destroyed_at: destruction.map(|record| record.at),
            revoked_at: revocation.map(|record| record.at),
            reason: revocation.and_then(|record| record.reason.clone()),
            fingerprint: fingerprint.or(destruction.map(|record| record.fingerprint)),
            value: version.value.as_ref().map(ValueToWrite),
        }
    }
}

impl From<WrittenSecret<ReadVersions>> for Secret {
    fn from(secret: WrittenSecret<ReadVersions>) -> Self {
        Self {
            description: secret.description,
            tags: secret.tags,
            policy: Policy {
                rotate_every: secret.rotate_every,
                keep_versions: secret.keep_versions,
            },
            hooks: secret.hooks,
            rotation: secret.rotation,
            snoozed_until: secret.snoozed_until,
            versions: secret.versions.0,
        }
    }
}

impl TryFrom<WrittenVersion<ReadValue>> for SecretVersion {
    type Error = &'static str;

    fn try_from(version: WrittenVersion<ReadValue>) -> Result<Self, Self::Error> {
        const MISFIT: &str = "a version whose record does not fit its state";
        let (state, fingerprint) = (version.state, version.fingerprint);
        let (revocation, destruction) = match (state, version.revoked_at, version.destroyed_at) {
            (VersionState::Revoked, Some(at), None) => {
                let (reason, fingerprint) = (version.reason, fingerprint.ok_or(MISFIT)?);
                let revocation = Revocation {
                    at,
                    reason,
                    fingerprint,
                };
                (Some(Box::new(revocation)), None)
            }
            (VersionState::Previous, None, Some(at)) if version.reason.is_none() => {
                let fingerprint = fingerprint.ok_or(MISFIT)?;
                (None, Some(Box::new(Destruction { at, fingerprint })))
            }
            (VersionState::Revoked, ..) => return Err(MISFIT),
            (_, None, None) if version.reason.is_none() && fingerprint.is_none() => (None, None),
            _ => return Err(MISFIT),
        };
        let retirement = match (state, version.retire_at, version.rotation) {
            (_, None, None) => None,
            (VersionState::Previous, Some(at), Some(rotation)) => {
                Some(Box::new(Retirement { at, rotation }))
            }
            _ => return Err("a version with a rotation that does not fit its state"),
        };
        match (state, &version.value) {
            (VersionState::Revoked, Some(_)) => return Err("a revoked version with a value"),
            (VersionState::Current | VersionState::Pending, None) => {
                return Err("a version without a value");
            }
            (_, Some(_)) if destruction.is_some() => {
                return Err("a destroyed version with a value");
            }
            (_, None) if retirement.is_some() => {
                return Err("a version that is to be given back, without a value");
            }
            _ => {}
        }
        Ok(Self {
            number: version.version,
            state: version.state,
            created_at: version.created_at,
            created_by: version.created_by,
            expires_at: version.expires_at,
            leaked_at: version.leaked_at,
            retirement,
            revocation,
            destruction,
            value: version.value.map(|value| value.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use std::str::FromStr as _;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::seal::identity::Identity;
    use crate::vault::roster::Member;
    use crate::vault::{Author, NewSecret};

    struct Alice {
        member: Member,
        signer: Signer,
    }

    fn alice() -> Alice {
        let identity = Identity::generate();
        let [recipient] = &identity.recipients()[..] else {
            panic!("one key")
        };
        let signer = identity.signer(recipient).expect("its own");
        let member = Member {
            name: "alice".parse().expect("a name"),
            recipient: recipient.clone(),
            signer: Some(signer.public()),
            added_at: now(),
        };
        Alice { member, signer }
    }

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().expect("a time")
    }

    fn found(alice: &Alice) -> Environment {
        let name = "dev".parse().expect("a name");
        Environment::found(
            VaultId::from([7; 16]),
            name,
            alice.member.clone(),
            &alice.signer,
        )
    }

    fn add(environment: &mut Environment, name: &str, value: &[u8]) {
        let by = "alice".parse().expect("a name");
        let new = NewSecret {
            name: name.parse().expect("a name"),
            value: SecretValue::new(Zeroizing::new(value.to_vec())),
            description: None,
            tags: Vec::new(),
        };
        environment
            .add(
                new,
                Author {
                    name: &by,
                    now: now(),
                },
            )
            .expect("added");
    }

    fn reopened(plaintext: &Plaintext) -> Plaintext {
        Plaintext::split(Zeroizing::new(plaintext.as_bytes().to_vec())).expect("two lines")
    }

    /// Signs a document of any text, as a member would who wrote it by hand.
    fn signed(document: &str, signer: &Signer) -> Plaintext {
        let signature = signer.sign(Domain::Document, document.as_bytes());
        let text = format!("{document}\n{signature}\n");
        Plaintext::split(Zeroizing::new(text.into_bytes())).expect("two lines")
    }

    fn document_text(plaintext: &Plaintext) -> String {
        String::from_utf8(plaintext.document().to_vec()).expect("text")
    }

    fn fault_of(document: &str, alice: &Alice) -> Fault {
        signed(document, &alice.signer)
            .verify()
            .err()
            .expect("a fault")
    }

    /// Looks for a secret as [`Envelope::open_in_windows`] lets it.
    ///
    /// [`Envelope::open_in_windows`]: crate::seal::Envelope::open_in_windows
    fn sought_in_windows(plaintext: &Plaintext, name: &str, size: usize) -> Option<Secret> {
        let mut seeker = Seeker::new(&name.parse().expect("a name"));
        let bytes = plaintext.as_bytes();
        for start in (0..bytes.len()).step_by(size) {
            let known = start.min(seeker.overlap());
            let end = bytes.len().min(start + size);
            seeker.look(&bytes[start - known..end], known);
        }
        seeker.into_secret()
    }

    fn current(secret: &Secret) -> &[u8] {
        secret
            .current()
            .and_then(|version| version.value.as_ref())
            .expect("a value")
            .expose()
    }

    #[test]
    fn it_is_two_lines_padded_with_spaces() {
        let alice = alice();
        let mut dev = found(&alice);
        for size in [0, 3000, 4096, 10_000] {
            add(&mut dev, &format!("A{size}"), &vec![b'x'; size]);
            let plaintext = Plaintext::sign(&dev, &alice.signer);
            let text = std::str::from_utf8(plaintext.as_bytes()).expect("text");
            let lines: Vec<&str> = text.split('\n').collect();
            assert_eq!(lines.len(), 3);
            assert!(lines[0].starts_with(r#"{"format":"keyvault/1","vault":"0707"#));
            assert_eq!(lines[1].len(), 88);
            assert!(lines[2].bytes().all(|byte| byte == b' '));
            assert_eq!(text.len() % PADDING, 0);
            assert_eq!(plaintext.bytes.capacity(), text.len(), "it never grew");
        }
    }

    #[test]
    fn the_specification_s_example_reads() {
        let alice = alice();
        let head = document_text(&Plaintext::sign(&found(&alice), &alice.signer));
        let secrets = r#""secrets":{"OPENAI_API_KEY":{"description":"for the bot","tags":["ai"],"rotate_every":"90d","versions":[
            {"version":1,"state":"revoked","created_at":"2026-11-22T12:00:00Z","created_by":"alice","revoked_at":"2026-11-23T12:00:00Z","reason":"leaked","fingerprint":"00112233445566778899aabbccddeeff"},
            {"version":2,"state":"current","created_at":"2026-11-22T12:00:00Z","created_by":"alice","expires_at":"2027-01-01T00:00:00Z","value":"made-up"},
            {"version":4,"state":"pending","created_at":"2026-11-22T12:00:00Z","created_by":"bob","value":{"base64":"AP8="}}]}}}"#;
        let document = head.replace(r#""secrets":{}}"#, &secrets.replace('\n', " "));
        let (environment, links) = signed(&document, &alice.signer).verify().expect("sound");
        assert_eq!(links.len(), 1);
        let secret = environment
            .secret(&"OPENAI_API_KEY".parse().expect("a name"))
            .expect("there");
        assert_eq!(current(secret), b"made-up");
        assert_eq!(
            secret.versions[2].value.as_ref().expect("a value").expose(),
            [0, 255]
        );
        assert_eq!(secret.policy.rotate_every, "90d".parse().ok());
        // Nothing of it is dropped when it is written again.
        let again = document_text(&Plaintext::sign(&environment, &alice.signer));
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(json(&again), json(&document));
    }

    #[test]
    fn what_a_later_version_wrote_is_refused_by_name() {
        let alice = alice();
        let mut dev = found(&alice);
        add(&mut dev, "A", b"made-up");
        let good = document_text(&Plaintext::sign(&dev, &alice.signer));
        assert!(signed(&good, &alice.signer).verify().is_ok());

        let newer = good.replace("keyvault/1", "keyvault/2");
        assert_eq!(
            fault_of(&newer, &alice),
            Fault::NewerFormat {
                format: "keyvault/2".to_owned()
            }
        );
        let other = r#"{"format":"keyvault/9","all":"different"}"#;
        assert_eq!(
            fault_of(other, &alice),
            Fault::NewerFormat {
                format: "keyvault/9".to_owned()
            }
        );
        let escape = r#"{"format":"a\u001b[2J`b","x":1}"#;
        assert_eq!(
            fault_of(escape, &alice),
            Fault::NewerFormat {
                format: "a[2Jb".to_owned()
            }
        );

        for place in [
            r#""revision":"#,
            r#""versions":"#,
            r#""version":"#,
            r#""members":"#,
            r#""added_at":"#,
            r#""at":"#,
        ] {
            let document = good.replacen(place, &format!(r#""colour":"blue",{place}"#), 1);
            let expected = Fault::UnknownField {
                field: "colour".to_owned(),
            };
            assert_eq!(fault_of(&document, &alice), expected, "before {place}");
        }
        let state = good.replace(r#""current""#, r#""retired""#);
        assert_eq!(
            fault_of(&state, &alice),
            Fault::UnknownField {
                field: "retired".to_owned()
            }
        );
    }

    #[test]
    fn each_thing_is_read_in_its_one_form() {
        let alice = alice();
        let head = document_text(&Plaintext::sign(&found(&alice), &alice.signer));
        let good = head.replace(r#""secrets":{}}"#, &FULL.replace('\n', " "));
        let plaintext = signed(&good, &alice.signer);
        let (read, _) = plaintext.verify().expect("sound");
        let written: Value =
            serde_json::from_str(&document_text(&Plaintext::sign(&read, &alice.signer)))
                .expect("JSON");
        assert_eq!(Some(written), serde_json::from_str(&good).ok());
        let good: Value = serde_json::from_str(&good).expect("JSON");
        let fault = |place: &str, form: Value| {
            let mut document = good.clone();
            *document.pointer_mut(place).expect("it is there") = form;
            fault_of(&document.to_string(), &alice)
        };

        // A list of its fields, which serde would take for a struct.
        for (place, fields) in STRUCTS {
            let fields = fields.split(' ').map(|field| {
                let at = format!("{place}/{field}");
                good.pointer(&at).expect("it is there").clone()
            });
            let fault = fault(place, fields.collect());
            assert!(matches!(fault, Fault::Malformed { .. }), "{place}: {fault}");
        }
        // A map of one, which serde would take for a word.
        for place in ["/format", "/secrets/A/versions/0/state"] {
            let word = good.pointer(place).and_then(Value::as_str).expect("a word");
            let fault = fault(place, json!({ word: null }));
            assert!(matches!(fault, Fault::Malformed { .. }), "{place}: {fault}");
        }
        for place in OPTIONAL {
            let fault = fault(place, Value::Null);
            assert!(matches!(fault, Fault::Malformed { .. }), "{place}: {fault}");
        }
    }

    /// Where the structs of a document are, with their fields in order.
    const STRUCTS: [(&str, &str); 10] = [
        (
            "",
            "format vault environment revision parents ancestors updated_at updated_by roster policy logs secrets",
        ),
        ("/policy", "rotate_every keep_versions"),
        ("/logs/0", "log by line mac at"),
        ("/roster/0", "members by at signature"),
        ("/roster/0/members/0", "name recipient signer added_at"),
        (
            "/secrets/A",
            "description tags rotate_every keep_versions hooks rotation snoozed_until versions",
        ),
        ("/secrets/A/hooks", "create"),
        ("/secrets/A/hooks/create", "command with timeout"),
        ("/secrets/A/rotation", "id started_at started_by grace"),
        (
            "/secrets/A/versions/0",
            "version state created_at created_by expires_at",
        ),
    ];

    /// What may stand behind the head of a document, with all that may be missing.
    const FULL: &str = r#""policy":{"rotate_every":"90d","keep_versions":10},
        "logs":[{"log":"0011223344556677","by":"alice","line":7,"mac":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","at":"2026-11-22T12:00:00Z"}],
        "secrets":{"A":{"description":"for the bot","tags":["ai"],"rotate_every":"90d","keep_versions":5,
        "hooks":{"create":{"command":["./new key"],"with":["B"],"timeout":"1m"}},
        "rotation":{"id":"00112233445566778899aabbccddeeff","started_at":"2026-11-22T12:00:00Z","started_by":"alice","grace":"1d"},
        "snoozed_until":"2027-01-01T00:00:00Z","versions":[
        {"version":1,"state":"previous","created_at":"2026-11-22T12:00:00Z","created_by":"alice","expires_at":"2027-01-01T00:00:00Z"},
        {"version":2,"state":"previous","created_at":"2026-11-22T12:00:00Z","created_by":"alice","destroyed_at":"2027-01-01T00:00:00Z","fingerprint":"00112233445566778899aabbccddeeff"},
        {"version":3,"state":"previous","created_at":"2026-11-22T12:00:00Z","created_by":"alice","leaked_at":"2027-01-01T00:00:00Z","retire_at":"2027-01-01T00:00:00Z","rotation":"00112233445566778899aabbccddeeff","value":"made-up"},
        {"version":4,"state":"revoked","created_at":"2026-11-22T12:00:00Z","created_by":"alice","revoked_at":"2027-01-01T00:00:00Z","reason":"leaked","fingerprint":"00112233445566778899aabbccddeeff"}]}}}"#;

    /// Fields that may be missing.
    const OPTIONAL: [&str; 18] = [
        "/policy",
        "/policy/rotate_every",
        "/policy/keep_versions",
        "/logs",
        "/secrets/A/keep_versions",
        "/secrets/A/hooks",
        "/secrets/A/hooks/create",
        "/secrets/A/hooks/create/with",
        "/secrets/A/hooks/create/timeout",
        "/secrets/A/rotation",
        "/secrets/A/rotation/grace",
        "/secrets/A/snoozed_until",
        "/roster/0/members/0/signer",
        "/secrets/A/description",
        "/secrets/A/tags",
        "/secrets/A/rotate_every",
        "/secrets/A/versions/0/expires_at",
        "/secrets/A/versions/2/leaked_at",
    ];

    #[test]
    fn what_does_not_hold_together_is_refused() {
        let alice = alice();
        let head = document_text(&Plaintext::sign(&found(&alice), &alice.signer));
        let version = |fields: &str| {
            format!(
                r#"{{"version":1,"created_at":"2026-11-22T12:00:00Z","created_by":"alice",{fields}}}"#
            )
        };
        let current = version(r#""state":"current","value":"made-up""#);
        let with =
            |secrets: &str| head.replace(r#""secrets":{}"#, &format!(r#""secrets":{{{secrets}}}"#));
        let one = |versions: &str| with(&format!(r#""A":{{"versions":[{versions}]}}"#));
        let with_number = |text: &str, number: u64| {
            text.replace(r#""version":1"#, &format!(r#""version":{number}"#))
        };
        let numbered = |number| with_number(&current, number);
        let pending = |number| {
            let pending = current.replace(r#""current""#, r#""pending""#);
            with_number(&pending, number)
        };
        for good in [
            current.clone(),
            numbered((1 << 31) - 1),
            format!(
                "{},{current_3},{}",
                pending(2),
                pending(4),
                current_3 = numbered(3)
            ),
        ] {
            assert!(
                signed(&one(&good), &alice.signer).verify().is_ok(),
                "{good}"
            );
        }

        let fingerprint = r#""fingerprint":"00112233445566778899aabbccddeeff""#;
        let revoked = r#""state":"revoked","revoked_at":"2026-11-22T12:00:00Z""#;
        let owed =
            r#""retire_at":"2026-11-22T12:00:00Z","rotation":"00112233445566778899aabbccddeeff""#;
        let log = format!(
            r#"{{"log":"0011223344556677","by":"alice","line":7,"mac":"{mac}","at":"2026-11-22T12:00:00Z"}}"#,
            mac = Digest::of(b""),
        );
        let bad = [
            one(""),
            one(&format!("{current},{current}")),
            one(&format!(
                "{current},{}",
                current.replace(r#""version":1"#, r#""version":2"#)
            )),
            one(&version(r#""state":"current""#)),
            one(&version(r#""state":"revoked""#)),
            one(&version(revoked)),
            one(&version(&format!(
                r#"{revoked},{fingerprint},"value":"made-up""#
            ))),
            one(&version(&format!(
                r#""state":"current","value":"made-up",{fingerprint}"#
            ))),
            one(&version(&format!(
                r#""state":"previous","value":"made-up","destroyed_at":"2026-11-22T12:00:00Z",{fingerprint}"#
            ))),
            one(&version(
                r#""state":"previous","destroyed_at":"2026-11-22T12:00:00Z""#,
            )),
            one(&version(&format!(
                r#"{revoked},{fingerprint},"destroyed_at":"2026-11-22T12:00:00Z""#
            ))),
            one(&version(r#""state":"previous","reason":"leaked""#)),
            one(&version(r#""state":"current","value":"made-up",{owed}"#).replace("{owed}", owed)),
            one(&version(r#""state":"previous",{owed}"#).replace("{owed}", owed)),
            one(&version(
                r#""state":"previous","value":"made-up","retire_at":"2026-11-22T12:00:00Z""#,
            )),
            with(r#""A":{"keep_versions":0,"versions":[{current}]}"#)
                .replace("{current}", &current),
            with(r#""A":{"hooks":{"create":{"command":[]}},"versions":[{current}]}"#)
                .replace("{current}", &current),
            with(r#""A":{"hooks":{"create":{"command":["a\u0000"]}},"versions":[{current}]}"#)
                .replace("{current}", &current),
            head.replace(
                r#""secrets":{}"#,
                &format!(r#""logs":[{log},{log}],"secrets":{{}}"#),
            ),
            one(&version(r#""state":"current","value":{"base64":"A"}"#)),
            one(&version(r#""state":"current","value":{"base32":"AA"}"#)),
            one(&version(r#""state":"current","value":7"#)),
            with(&format!(
                r#""A":{{"versions":[{current}]}},"A":{{"versions":[{current}]}}"#
            )),
            with(&format!(r#""A-B":{{"versions":[{current}]}}"#)),
            head.replace(r#""secrets":{}}"#, r#""secrets":{}"#),
            head.replace(r#""revision":1,"#, ""),
            head.replace(r#""revision":1"#, r#""revision":-1"#),
            head.replace(r#""revision":1"#, r#""revision":0"#),
            head.replace(r#""revision":1"#, r#""revision":9007199254740992"#),
            head.replace(r#""revision":1"#, &format!(r#""revision":{}"#, u64::MAX)),
            one(&numbered(0)),
            one(&numbered(1 << 31)),
            one(&numbered(u64::from(u32::MAX))),
            one(&numbered(1 << 32)),
            one(&format!("{},{}", pending(2), pending(1))),
            one(&format!("{},{}", pending(2), pending(2))),
            String::new(),
            "null".to_owned(),
        ];
        for document in bad {
            let fault = fault_of(&document, &alice);
            assert!(
                matches!(fault, Fault::Malformed { .. }),
                "{fault:?} for {document}"
            );
            assert!(!fault.to_string().contains("made-up"), "{fault}");
        }
    }

    #[test]
    fn as_many_ancestors_are_read_as_are_written() {
        let alice = alice();
        let mut dev = found(&alice);
        let (digest, short) = (Digest::of(b"").to_string(), Digest::of(b"").short());
        dev.ancestors = vec![short; ANCESTORS_MAX];
        let enough = document_text(&Plaintext::sign(&dev, &alice.signer));
        assert!(signed(&enough, &alice.signer).verify().is_ok());

        let ancestors = enough.replace(r#""ancestors":["#, &format!(r#""ancestors":["{short}","#));
        let digests = vec![format!(r#""{digest}""#); ANCESTORS_MAX + 1].join(",");
        let parents = enough.replace(r#""parents":[]"#, &format!(r#""parents":[{digests}]"#));
        for document in [ancestors, parents] {
            let fault = fault_of(&document, &alice).to_string();
            assert!(fault.contains("a list of more than 64"), "{fault}");
        }
    }

    #[test]
    fn the_last_numbers_are_read_and_none_comes_behind_them() {
        let alice = alice();
        let mut dev = found(&alice);
        add(&mut dev, "A", b"made-up");
        dev.revision = REVISION_MAX;
        let a = "A".parse().expect("a name");
        let last = u32::try_from(VERSION_MAX).expect("it is one");
        dev.secrets.get_mut(&a).expect("there").versions[0].number = last;
        let (mut dev, _) = Plaintext::sign(&dev, &alice.signer)
            .verify()
            .expect("sound");

        let (by, value) = (alice.member.name.clone(), "other".to_owned());
        let author = Author {
            name: &by,
            now: now(),
        };
        let rotated = dev.rotate(&a, SecretValue::from_text(value), author);
        assert_eq!(rotated.expect("rotated").version, last + 1);
        dev.advance(Digest::of(b""), author);
        assert_eq!(dev.revision, REVISION_MAX + 1);
        let fault = Plaintext::sign(&dev, &alice.signer).verify().err();
        assert!(matches!(fault, Some(Fault::Malformed { .. })), "{fault:?}");
    }

    #[test]
    fn only_a_writer_s_signature_counts() {
        let (alice, mallory) = (alice(), super::tests::alice());
        let mut dev = found(&alice);
        let sound = document_text(&Plaintext::sign(&dev, &alice.signer));

        let by_stranger = signed(&sound, &mallory.signer).verify().err();
        let by = alice.member.name.clone();
        assert_eq!(by_stranger, Some(Fault::BadSignature { by }));

        dev.updated_by = "mallory".parse().expect("a name");
        let unknown = Plaintext::sign(&dev, &mallory.signer).verify().err();
        assert_eq!(
            unknown,
            Some(Fault::NotAWriter {
                by: dev.updated_by.clone()
            })
        );

        let edited = sound.replace(r#""revision":1"#, r#""revision":9"#);
        let mut plaintext = signed(&sound, &alice.signer);
        plaintext.bytes[..edited.len()].copy_from_slice(edited.as_bytes());
        assert!(matches!(
            plaintext.verify().err(),
            Some(Fault::BadSignature { .. })
        ));

        // The same roster and signer, in the file of another environment.
        let moved = sound.replace(r#""environment":"dev""#, r#""environment":"prod""#);
        assert!(matches!(fault_of(&moved, &alice), Fault::Roster { .. }));
    }

    #[test]
    fn what_is_not_two_lines_and_padding_is_refused() {
        let split = |text: &str| Plaintext::split(Zeroizing::new(text.as_bytes().to_vec())).err();
        let signature = Signature::from_str(&"A".repeat(86)).ok();
        assert_eq!(signature, None, "88 characters are needed");
        let line = format!("{}==", "A".repeat(86));
        for unsigned in [
            "",
            "{}",
            "{}\n",
            "{}\n\n",
            "{}\nAAAA\n",
            &format!("{{}}\n{line}"),
            &line,
        ] {
            assert_eq!(split(unsigned), Some(Fault::Unsigned), "{unsigned:?}");
        }
        assert_eq!(split(&format!("{{}}\n{line}\n    ")), None);
        for more in ["x", "  \n", "\0", "\n"] {
            let fault = split(&format!("{{}}\n{line}\n{more}"));
            assert_eq!(fault, Some(Fault::Unsigned), "{more:?}");
        }
        // A line feed is white space in JSON, and the end of line 1.
        let alice = alice();
        let document = document_text(&Plaintext::sign(&found(&alice), &alice.signer));
        let two_lines = document.replacen(',', ",\n", 1);
        assert!(matches!(
            fault_of(&two_lines, &alice),
            Fault::Malformed { .. }
        ));
    }

    #[test]
    fn a_secret_named_like_a_field_is_found_and_nothing_else_is() {
        let alice = alice();
        let mut dev = found(&alice);
        let names = [
            "value", "secrets", "versions", "base64", "A", "AA", "state", "roster",
        ];
        for name in names {
            add(&mut dev, name, format!("\0value of {name}").as_bytes());
        }
        add(
            &mut dev,
            "TRAP",
            br#"{"B":{"versions":[{"version":1,"state":"current"}]}},"C":{"#,
        );
        add(&mut dev, "TRAP2", br#"\"B\":{\"versions\":[]}"#);
        let plaintext = reopened(&Plaintext::sign(&dev, &alice.signer));
        for name in names {
            let secret = plaintext
                .seek(&name.parse().expect("a name"))
                .expect("it is there");
            assert_eq!(current(&secret), format!("\0value of {name}").as_bytes());
            // In windows the field hides it, and it is for others to tell.
            for size in 1..300 {
                if let Some(sought) = sought_in_windows(&plaintext, name, size) {
                    assert_eq!(current(&sought), current(&secret), "in windows of {size}");
                }
            }
        }
        for name in ["B", "C", "description", "members", "vault"] {
            assert!(
                plaintext.seek(&name.parse().expect("a name")).is_none(),
                "{name}"
            );
            for size in 1..300 {
                let sought = sought_in_windows(&plaintext, name, size);
                assert!(sought.is_none(), "{name} in windows of {size}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_wherever_a_window_ends() {
        let alice = alice();
        let mut dev = found(&alice);
        let secrets = [
            ("A", "one"),
            ("AB", "a\\\"B\":"),
            ("B", "é🗝"),
            ("Z_LAST", ""),
        ];
        for (name, value) in secrets {
            add(&mut dev, name, value.as_bytes());
        }
        let plaintext = Plaintext::sign(&dev, &alice.signer);
        for size in 1..plaintext.as_bytes().len() + 2 {
            for (name, value) in secrets {
                let sought = sought_in_windows(&plaintext, name, size).expect("it is there");
                assert_eq!(
                    current(&sought),
                    value.as_bytes(),
                    "{name} in windows of {size}"
                );
            }
            assert!(sought_in_windows(&plaintext, "C", size).is_none());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_values_come_back_exact_by_either_way(
            secrets in btree_map("[A-Za-z_][A-Za-z0-9_]{0,5}", vec(any::<u8>(), 0..40), 0..8),
            texts in btree_map("T_[A-Z]{1,3}", "\\PC*|[\\x00-\\x7f\u{2028}\"\\\\]*", 0..4),
        ) {
            let alice = alice();
            let mut dev = found(&alice);
            let all: BTreeMap<String, Vec<u8>> = secrets
                .into_iter()
                .chain(texts.into_iter().map(|(name, text)| (name, text.into_bytes())))
                .collect();
            for (name, value) in &all {
                add(&mut dev, name, value);
            }
            let plaintext = reopened(&Plaintext::sign(&dev, &alice.signer));
            let (read, _) = plaintext.verify().expect("sound");
            prop_assert_eq!(read.secrets.len(), all.len());
            for (name, value) in &all {
                let name = name.parse().expect("a name");
                prop_assert_eq!(current(read.secret(&name).expect("there")), &value[..]);
                let sought = plaintext.seek(&name).expect("there");
                prop_assert_eq!(current(&sought), &value[..]);
            }
        }
    }
}
