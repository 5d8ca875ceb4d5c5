//! Private keys that open files and sign what is written.
//!
//! An identity file is what `age-keygen`, `age -p` or `ssh-keygen -t ed25519`
//! makes: lines of `AGE-SECRET-KEY-1…` among comments, such lines sealed with
//! a passphrase, or an OpenSSH private key, with or without one.

use std::io::{Read, Write};

use age::secrecy::{ExposeSecret, SecretString};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::seal::audit::AuditKey;
use crate::seal::recipient::Recipient;
use crate::seal::signature::Signer;
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;

/// scrypt's work factor when an identity is sealed: 2^18 rounds, 256 MiB and
/// about a second, as age itself takes. Always set, because the crate would
/// otherwise measure the clock.
const SCRYPT_WRITE_LOG_N: u8 = 18;

/// The highest work factor that is tried on reading: 1 GiB, about 4 seconds.
const SCRYPT_READ_LOG_N: u8 = 20;

/// The longest an opened identity file can be: room for a hundred keys.
const TEXT_MAX: u64 = 64 << 10;

const AGE_BINARY: &[u8] = b"age-encryption.org/";
const AGE_ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const SSH_BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const PEM_BEGIN: &[u8] = b"-----BEGIN ";

/// What opens and signs: the keys of one identity file, at least one.
pub struct Identity {
    keys: Vec<Key>,
}

enum Key {
    Age(age::x25519::Identity),
    Ssh(Box<SshKey>),
}

/// An OpenSSH key, as age opens with it and as it was read.
struct SshKey {
    identity: age::ssh::Identity,
    key: PrivateKey,
}

/// An identity file, read.
pub enum IdentityFile {
    /// Ready for use.
    Open(Identity),
    /// Behind a passphrase.
    Locked(LockedIdentity),
}

/// An identity behind a passphrase.
pub struct LockedIdentity(Locked);

enum Locked {
    Age(Vec<u8>),
    Ssh(Box<PrivateKey>),
}

/// Why an identity file is of no use: a text that repeats nothing of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct BadIdentity(pub String);

/// Why a passphrase did not unlock an identity.
#[derive(Debug, PartialEq, Eq)]
pub enum NotUnlocked {
    /// It is the wrong one (or the file is damaged: the two look alike).
    WrongPassphrase,
    /// It is the right one, and what it unlocks is of no use.
    Bad(BadIdentity),
}

impl BadIdentity {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl IdentityFile {
    /// Reads the contents of an identity file.
    ///
    /// # Errors
    ///
    /// [`BadIdentity`], where it holds no identity, or one of a kind that
    /// keyvault does not open.
    pub fn parse(contents: &[u8]) -> Result<Self, BadIdentity> {
        let text = contents.trim_ascii_start();
        if contents.starts_with(AGE_BINARY) || text.starts_with(AGE_ARMOR) {
            return Ok(Self::Locked(LockedIdentity(Locked::Age(contents.to_vec()))));
        }
        if text.starts_with(SSH_BEGIN) {
            // A kind that the ssh-key crate was built without does not decode either.
            let key = PrivateKey::from_openssh(text.trim_ascii_end()).map_err(|_| {
                BadIdentity::new("its OpenSSH private key is damaged, or not the one kind that serves, `ssh-ed25519`")
            })?;
            if key.algorithm() != ssh_key::Algorithm::Ed25519 {
                return Err(BadIdentity::new("of ssh keys only `ssh-ed25519` serves"));
            }
            if key.is_encrypted() {
                return Ok(Self::Locked(LockedIdentity(Locked::Ssh(Box::new(key)))));
            }
            return Ok(Self::Open(Identity {
                keys: vec![Key::from_ssh(key)?],
            }));
        }
        if text.starts_with(PEM_BEGIN) {
            return Err(BadIdentity::new(
                "of ssh keys only `ssh-ed25519` in OpenSSH's format serves",
            ));
        }
        Identity::from_lines(contents).map(Self::Open)
    }
}

impl Identity {
    /// Makes a new one.
    pub fn generate() -> Self {
        Self {
            keys: vec![Key::Age(age::x25519::Identity::generate())],
        }
    }

    fn from_lines(contents: &[u8]) -> Result<Self, BadIdentity> {
        let text = std::str::from_utf8(contents).map_err(|_| BadIdentity::new("it is no text"))?;
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = line.parse().map_err(|_| {
                let number = number + 1;
                BadIdentity(match line.get(..11).map(str::to_ascii_uppercase).as_deref() {
                    Some("AGE-PLUGIN-") => format!("line {number} is for an age plugin, which keyvault does not run"),
                    Some("AGE-SECRET-") => format!("line {number} is a damaged age identity, or one of a kind that keyvault does not open"),
                    _ => format!("line {number} is no age identity"),
                })
            })?;
            keys.push(Key::Age(key));
        }
        if keys.is_empty() {
            return Err(BadIdentity::new("it is empty"));
        }
        Ok(Self { keys })
    }

    /// Returns what the age crate tries to open a file with.
    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(|key| match key {
            Key::Age(identity) => identity as &dyn age::Identity,
            Key::Ssh(ssh) => &ssh.identity,
        })
    }

    /// Returns the public keys, in the order of the file.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.keys.iter().map(Key::recipient).collect()
    }

    /// Returns the signer that belongs to one of the public keys.
    pub fn signer(&self, recipient: &Recipient) -> Option<Signer> {
        self.keys
            .iter()
            .find(|key| key.recipient() == *recipient)
            .map(Key::signer)
    }

    /// Returns what makes MACs for the audit log, of one of the public keys.
    pub fn audit_key(&self, recipient: &Recipient) -> Option<AuditKey> {
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.recipient() == *recipient)?;
        Some(key.derive(AuditKey::derive))
    }

    /// Returns the first public key. To compute it takes a tenth of the time of opening
    /// a small file.
    pub fn first_recipient(&self) -> Recipient {
        self.first().recipient()
    }

    /// Returns what makes MACs for the audit log, of the first key.
    pub fn first_audit_key(&self) -> AuditKey {
        self.first().derive(AuditKey::derive)
    }

    fn first(&self) -> &Key {
        self.keys.first().expect("an identity has a key")
    }

    /// Returns the contents of a plain identity file. It reads back by
    /// [`IdentityFile::parse`].
    pub fn to_text(&self) -> SecretValue {
        let lines: Vec<Zeroizing<String>> = self.keys.iter().map(Key::to_text).collect();
        let length = lines.iter().map(|line| line.len() + 1).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        for line in &lines {
            text.extend_from_slice(line.trim_end().as_bytes());
            text.push(b'\n');
        }
        SecretValue::new(text)
    }

    /// Reads what [`Identity::to_text`] wrote.
    pub fn from_text(text: &SecretValue) -> Option<Self> {
        match IdentityFile::parse(text.expose()) {
            Ok(IdentityFile::Open(identity)) => Some(identity),
            Ok(IdentityFile::Locked(_)) | Err(_) => None,
        }
    }

    /// Tells whether it came from an OpenSSH private key.
    pub fn is_ssh(&self) -> bool {
        self.keys.iter().any(|key| matches!(key, Key::Ssh(_)))
    }

    /// Returns the contents of a plain identity file, with the comments that
    /// `age-keygen` writes.
    pub fn to_file(&self, now: Timestamp) -> SecretValue {
        let mut head = format!("# created: {now}\n");
        for recipient in self.recipients() {
            head.push_str(&format!("# public key: {recipient}\n"));
        }
        let text = self.to_text();
        let mut contents = Zeroizing::new(Vec::with_capacity(head.len() + text.len()));
        contents.extend_from_slice(head.as_bytes());
        contents.extend_from_slice(text.expose());
        SecretValue::new(contents)
    }

    /// Returns the contents of an identity file that the passphrase opens, as
    /// `age -p` makes it of a plain one.
    pub fn to_locked_file(&self, passphrase: &Passphrase, now: Timestamp) -> SecretValue {
        let mut recipient = age::scrypt::Recipient::new(passphrase.0.clone());
        recipient.set_work_factor(SCRYPT_WRITE_LOG_N);
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _))
            .expect("a passphrase alone is a valid set of recipients");
        let mut bytes = Vec::new();
        let mut writer = encryptor
            .wrap_output(&mut bytes)
            .expect("memory takes what is written");
        writer
            .write_all(self.to_file(now).expose())
            .expect("memory takes what is written");
        writer.finish().expect("memory takes what is written");
        SecretValue::new(Zeroizing::new(bytes))
    }
}

impl Key {
    fn from_ssh(key: PrivateKey) -> Result<Self, BadIdentity> {
        let damaged = || BadIdentity::new("its OpenSSH private key is damaged");
        let text = key.to_openssh(LineEnding::LF).map_err(|_| damaged())?;
        let identity =
            age::ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| damaged())?;
        match (&identity, key.key_data().ed25519()) {
            (age::ssh::Identity::Unencrypted(_), Some(_)) => {
                Ok(Self::Ssh(Box::new(SshKey { identity, key })))
            }
            _ => Err(damaged()),
        }
    }

    fn recipient(&self) -> Recipient {
        match self {
            Self::Age(identity) => identity.to_public().into(),
            Self::Ssh(ssh) => {
                let public = ssh
                    .key
                    .public_key()
                    .to_openssh()
                    .expect("an Ed25519 key has a text");
                public.parse().expect("an Ed25519 key is a recipient")
            }
        }
    }

    fn signer(&self) -> Signer {
        self.derive(Signer::derive)
    }

    /// Derives something from the 32 secret bytes.
    fn derive<T>(&self, derive: impl FnOnce(&[u8; 32]) -> T) -> T {
        match self {
            Self::Age(identity) => {
                let text = identity.to_string();
                let (_, bytes) = bech32::decode(text.expose_secret()).expect("age writes bech32");
                let bytes = Zeroizing::new(bytes);
                derive(
                    bytes
                        .as_slice()
                        .try_into()
                        .expect("an age identity has 32 bytes"),
                )
            }
            Self::Ssh(ssh) => {
                let pair = ssh
                    .key
                    .key_data()
                    .ed25519()
                    .expect("checked when it was read");
                derive(pair.private.as_ref())
            }
        }
    }

    fn to_text(&self) -> Zeroizing<String> {
        match self {
            Self::Age(identity) => Zeroizing::new(identity.to_string().expose_secret().to_owned()),
            Self::Ssh(ssh) => ssh
                .key
                .to_openssh(LineEnding::LF)
                .expect("it was read from that form"),
        }
    }
}

/// What a person types to unlock an identity. It wipes itself and is silent.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes a text over.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Tells whether two of them are the same, as after typing it twice.
    pub fn is(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }

    /// Tells whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }
}

impl LockedIdentity {
    /// Unlocks it. Takes about a second of one core, by design.
    ///
    /// # Errors
    ///
    /// [`NotUnlocked`], where the passphrase is wrong or opens nothing of use.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<Identity, NotUnlocked> {
        match &self.0 {
            Locked::Age(contents) => unlock_age(contents, passphrase),
            Locked::Ssh(key) => {
                let key = key
                    .decrypt(passphrase.0.expose_secret())
                    .map_err(|_| NotUnlocked::WrongPassphrase)?;
                Ok(Identity {
                    keys: vec![Key::from_ssh(key).map_err(NotUnlocked::Bad)?],
                })
            }
        }
    }
}

fn unlock_age(contents: &[u8], passphrase: &Passphrase) -> Result<Identity, NotUnlocked> {
    let bad = |what| NotUnlocked::Bad(BadIdentity::new(what));
    let damaged = || bad("it is a damaged age file");
    let input = age::armor::ArmoredReader::new(contents);
    let decryptor = age::Decryptor::new_buffered(input).map_err(|_| damaged())?;
    if !decryptor.is_scrypt() {
        return Err(bad(
            "it is sealed to a recipient instead of by a passphrase",
        ));
    }
    let mut scrypt = age::scrypt::Identity::new(passphrase.0.clone());
    scrypt.set_max_work_factor(SCRYPT_READ_LOG_N);
    let reader = decryptor
        .decrypt(std::iter::once(&scrypt as _))
        .map_err(|error| match error {
            age::DecryptError::ExcessiveWork { .. } => {
                bad("its passphrase takes more work than 2^20 rounds of scrypt")
            }
            age::DecryptError::InvalidHeader | age::DecryptError::InvalidMac => damaged(),
            _ => NotUnlocked::WrongPassphrase,
        })?;
    let mut text = Zeroizing::new(Vec::with_capacity(contents.len()));
    reader
        .take(TEXT_MAX)
        .read_to_end(&mut text)
        .map_err(|_| damaged())?;
    match IdentityFile::parse(&text).map_err(NotUnlocked::Bad)? {
        IdentityFile::Open(identity) => Ok(identity),
        IdentityFile::Locked(_) => Err(bad("it is sealed twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Envelope;
    use crate::seal::signature::Domain;

    fn open(contents: &[u8]) -> Identity {
        match IdentityFile::parse(contents) {
            Ok(IdentityFile::Open(identity)) => identity,
            Ok(IdentityFile::Locked(_)) => panic!("it is locked"),
            Err(error) => panic!("{}", error.0),
        }
    }

    fn bad(contents: &[u8]) -> String {
        IdentityFile::parse(contents)
            .err()
            .expect("it is of no use")
            .0
    }

    #[test]
    fn an_identity_reads_back_from_its_text() {
        let identity = Identity::generate();
        let again = open(identity.to_text().expose());
        assert_eq!(again.recipients(), identity.recipients());
        let [recipient] = &again.recipients()[..] else {
            panic!("one key")
        };
        let signature = identity
            .signer(recipient)
            .expect("its own")
            .sign(Domain::Document, b"x");
        assert!(again.signer(recipient).expect("its own").public().verifies(
            Domain::Document,
            b"x",
            &signature
        ));
    }

    #[test]
    fn comments_and_several_keys_are_read_as_age_reads_them() {
        let (one, two) = (Identity::generate(), Identity::generate());
        let mut text = b"# created: today\r\n\n".to_vec();
        text.extend_from_slice(one.to_text().expose());
        text.extend_from_slice(b"# second\n");
        text.extend_from_slice(two.to_text().expose());
        let both = open(&text);
        assert_eq!(
            both.recipients(),
            [one.recipients(), two.recipients()].concat()
        );
        assert!(one.signer(&two.recipients()[0]).is_none());
    }

    #[test]
    fn an_ssh_key_opens_and_signs() {
        let key = ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
        let text = PrivateKey::from(key)
            .to_openssh(LineEnding::LF)
            .expect("a text");
        let identity = open(text.as_bytes());
        let [recipient] = &identity.recipients()[..] else {
            panic!("one key")
        };
        assert!(recipient.to_string().starts_with("ssh-ed25519 AAAA"));
        assert_eq!(
            open(identity.to_text().expose()).recipients(),
            identity.recipients()
        );
        // Of the 32-byte seed, as of an age identity's 32 bytes.
        let signer = identity.signer(recipient).expect("its own").public();
        assert_eq!(signer, Signer::derive(&[7; 32]).public());
    }

    #[test]
    fn a_passphrase_locks_and_unlocks() {
        let identity = Identity::generate();
        let phrase = |text: &str| Passphrase::new(text.to_owned());
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        let contents = identity.to_locked_file(&phrase("correct horse"), now);
        let contents = contents.expose();
        assert!(
            String::from_utf8_lossy(contents).contains(" 18\n"),
            "the work factor"
        );
        let Ok(IdentityFile::Locked(locked)) = IdentityFile::parse(contents) else {
            panic!("it is not locked")
        };
        let opened = locked
            .unlock(&phrase("correct horse"))
            .expect("the right one");
        assert_eq!(opened.recipients(), identity.recipients());
        let wrong = locked.unlock(&phrase("correct house")).err();
        assert_eq!(wrong, Some(NotUnlocked::WrongPassphrase));
    }

    #[test]
    fn what_was_sealed_without_a_passphrase_is_no_locked_identity() {
        let identity = Identity::generate();
        let envelope = Envelope::seal(b"text", &identity.recipients());
        let Ok(IdentityFile::Locked(locked)) = IdentityFile::parse(envelope.as_bytes()) else {
            panic!("it is an age file")
        };
        let Err(NotUnlocked::Bad(bad)) = locked.unlock(&Passphrase::new("any".to_owned())) else {
            panic!("it was unlocked")
        };
        assert_eq!(
            bad.0,
            "it is sealed to a recipient instead of by a passphrase"
        );
    }

    #[test]
    fn what_is_no_identity_is_refused_without_repeating_it() {
        assert_eq!(bad(b""), "it is empty");
        assert_eq!(bad(b"# only a comment\n"), "it is empty");
        assert_eq!(bad(b"# x\nsk-made-up\n"), "line 2 is no age identity");
        assert_eq!(bad(b"\xff\xfe"), "it is no text");
        assert!(bad(b"AGE-PLUGIN-YUBIKEY-1QQQ").contains("plugin"));
        assert!(bad(b"AGE-SECRET-KEY-1QQQ").contains("damaged"));
        assert!(bad(b"AGE-SECRET-KEY-PQ-1QQQ").contains("a kind that keyvault does not open"));
        assert!(bad(b"-----BEGIN RSA PRIVATE KEY-----\n").contains("ssh-ed25519"));
        assert!(bad(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").contains("damaged"));
    }
}
