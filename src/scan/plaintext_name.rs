//! Files that hold secrets by what they are called: `.env`, `.pem` and `.key`. Whether a
//! certain one does is seen in what it has, since samples, certificates and Keynote's
//! documents are called so as well.

use std::path::Path;

use crate::migration::files::{Role, role};
use crate::name::SecretName;
use crate::vault::attention::is_placeholder;

/// What a file is that should not be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A `.env` file with values in plaintext.
    Dotenv,
    /// A private key without a passphrase.
    PrivateKey,
}

impl Why {
    /// Returns the id that stands for it in answers, like that of a rule.
    pub fn id(self) -> &'static str {
        match self {
            Self::Dotenv => "plaintext-env-file",
            Self::PrivateKey => "plaintext-private-key",
        }
    }

    /// Returns it in words, for a sentence that begins with the file.
    pub fn words(self) -> &'static str {
        match self {
            Self::Dotenv => "`.env` file with values in plaintext",
            Self::PrivateKey => "private key in plaintext",
        }
    }
}

/// Tells why a file should not be committed, by its name and its first bytes; `None` if
/// it may be.
pub fn plaintext_name(path: &Path, bytes: &[u8]) -> Option<Why> {
    let name = path.file_name()?.to_string_lossy();
    if name.starts_with(".env") {
        return has_values(&name, bytes).then_some(Why::Dotenv);
    }
    let ending = path.extension()?.to_ascii_lowercase();
    let is_key = match ending.to_str()? {
        "pem" => has_private_key(bytes),
        "key" => has_private_key(bytes) || is_bare_key(&name, bytes),
        _ => return None,
    };
    is_key.then_some(Why::PrivateKey)
}

/// Begins what dotenvx, and sops, have sealed.
const SEALED: [&str; 2] = ["encrypted:", "ENC["];

/// Names of what is no secret in the files of dotenvx: it seals, and cannot open.
const PUBLIC_KEYS: &str = "DOTENV_PUBLIC_KEY";

/// Texts that say nothing, whoever reads them. Rather too few: a password is asked for
/// by many names.
const TRIVIAL: [&str; 20] = [
    "debug",
    "dev",
    "development",
    "error",
    "false",
    "info",
    "local",
    "localhost",
    "no",
    "none",
    "null",
    "off",
    "on",
    "prod",
    "production",
    "staging",
    "test",
    "true",
    "warn",
    "yes",
];

/// Tells whether a `.env` file has a value that somebody could use.
fn has_values(name: &str, bytes: &[u8]) -> bool {
    match role(name) {
        // `.envrc` among them, which is a program.
        None | Some((Role::Sample, _)) => return false,
        // The form of dotenv's own vault, which is sealed.
        Some(_) if name == ".env.vault" => return false,
        Some(_) => {}
    }
    // PowerShell's `>` writes UTF-16; of ASCII that leaves ASCII.
    let text: Vec<u8> = match bytes {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => {
            rest.iter().copied().filter(|byte| *byte != 0).collect()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_owned(),
        _ => bytes.to_owned(),
    };
    let text = String::from_utf8_lossy(&text);
    text.lines().any(|line| {
        let line = line.trim_start();
        let line = line
            .strip_prefix("export ")
            .map_or(line, |rest| rest.trim_start());
        let Some((name, value)) = line.split_once('=') else {
            return false;
        };
        let name = name.trim_end();
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        is_name && !name.starts_with(PUBLIC_KEYS) && is_usable(name, value)
    })
}

/// Tells whether a value, as it stands behind `=`, is one that somebody could use.
fn is_usable(name: &str, value: &str) -> bool {
    let value = value.trim();
    let quote = value.chars().next().filter(|c| "'\"`".contains(*c));
    let value = match quote {
        Some(quote) => {
            let inner = &value[1..];
            inner.split(quote).next().unwrap_or(inner)
        }
        // A comment begins behind white space.
        None => {
            let comment = value.find(" #").or(value.starts_with('#').then_some(0));
            value[..comment.unwrap_or(value.len())].trim_end()
        }
    };
    let is_sealed = SEALED.iter().any(|mark| value.starts_with(mark));
    // To what stands elsewhere: of keyvault, or of a password manager.
    let is_reference = ["keyvault://", "op://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    let is_variable = value.starts_with('$')
        && value[1..]
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_{}:-".contains(c));
    let is_number = value.parse::<f64>().is_ok();
    let is_trivial = TRIVIAL.contains(&value.to_ascii_lowercase().as_str());
    let may_be_name: Option<SecretName> = name.replace(['.', '-'], "_").parse().ok();
    let is_unfilled = || may_be_name.is_some_and(|name| is_placeholder(&name, value.as_bytes()));
    let is_nothing = value.is_empty() || is_sealed || is_reference || is_variable;
    !(is_nothing || is_number || is_trivial || is_unfilled())
}

/// Fewest letters of a key's text: shorter ones stand in documentation.
const KEY_TEXT_MIN: usize = 40;

/// How the text of an OpenSSH key begins that no passphrase protects: `openssh-key-v1`,
/// NUL, and the cipher `none` (OpenSSH's PROTOCOL.key).
const OPENSSH_BARE: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";

/// Tells whether there is a private key that anybody can use: in PEM (RFC 7468) or in
/// DER (PKCS #8, PKCS #1, SEC 1).
fn has_private_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let in_pem = text.split("-----BEGIN ").skip(1).any(|block| {
        let Some((label, rest)) = block.split_once("-----") else {
            return false;
        };
        let body = rest.split("-----END").next().unwrap_or_default();
        let is_sealed = label.starts_with("ENCRYPTED")
            || body.contains("Proc-Type: 4,ENCRYPTED")
            || (label.starts_with("OPENSSH") && !body.trim_start().starts_with(OPENSSH_BARE));
        let letters = body.bytes().filter(u8::is_ascii_alphanumeric).count();
        label.ends_with("PRIVATE KEY") && !is_sealed && letters >= KEY_TEXT_MIN
    });
    in_pem || is_der_key(bytes)
}

/// Tells whether bytes are a private key in DER: a sequence that begins with the number
/// of its version, 0 or 1. A certificate, a public key and a sealed key begin with
/// another sequence.
fn is_der_key(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(first, rest)| (*first, rest)) else {
        return false;
    };
    let length_of_length = match rest.first() {
        Some(short) if *short < 0x80 => 1,
        Some(long @ (0x81 | 0x82)) => usize::from(long - 0x80) + 1,
        _ => return false,
    };
    let body = rest.get(length_of_length..).unwrap_or_default();
    matches!(body, [0x02, 0x01, 0x00 | 0x01, ..])
}

/// Tells whether a file is one word of random letters, as Rails' `master.key` and keys
/// of WireGuard are.
fn is_bare_key(name: &str, bytes: &[u8]) -> bool {
    const LENGTHS: std::ops::RangeInclusive<usize> = 32..=128;
    let word = bytes.trim_ascii();
    let is_random = word
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
    let has_digit = word.iter().any(u8::is_ascii_digit);
    let is_public = name.to_ascii_lowercase().contains("pub");
    LENGTHS.contains(&word.len()) && is_random && has_digit && !is_public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(path: &str, bytes: impl AsRef<[u8]>, expected: Option<Why>) {
        let found = plaintext_name(Path::new(path), bytes.as_ref());
        let text = String::from_utf8_lossy(bytes.as_ref());
        assert_eq!(found, expected, "{path}: {text}");
    }

    /// A private key in PEM, made up.
    fn pem(label: &str, body: &str) -> String {
        let dashes = "-----";
        format!("{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}\n")
    }

    const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    #[test]
    fn a_dotenv_file_with_a_value_is_refused() {
        for path in [
            ".env",
            "apps/web/.env.local",
            ".env.production",
            ".env.bak",
            ".env~",
        ] {
            is(path, "A=1\nDB_PASSWORD=hunter2\n", Some(Why::Dotenv));
        }
        is(".env", "export A='x y'\n", Some(Why::Dotenv));
        is(".env", "\u{feff}A=tr0ub4dor # b\r\n", Some(Why::Dotenv));
        is(
            ".env",
            b"\xff\xfeA\0=\0t\0r\0o\0u\0b\0\r\0\n\0",
            Some(Why::Dotenv),
        );
        is(
            ".env.keys",
            "DOTENV_PRIVATE_KEY=\"0a1b2c3d4e5f\"\n",
            Some(Why::Dotenv),
        );
        is(".env", "A=pre${B}\n", Some(Why::Dotenv));
    }

    #[test]
    fn what_is_there_to_be_committed_is_not() {
        let value = "DB_PASSWORD=hunter2\n";
        for path in [
            ".env.example",
            ".env.sample",
            ".env.template",
            ".env.local.example",
            ".env.vault",
            ".envrc",
            ".environment",
            "env",
            "x.env",
        ] {
            is(path, value, None);
        }
        for text in [
            "",
            "# A=hunter2\n",
            "A=\nB=''\nC= # hunter2\n",
            "PORT=3000\nDEBUG=true\nNODE_ENV=production\nHOST=\"localhost\"\n",
            "A=$B\nC=\"${D:-e}\"\n",
            "TOKEN=keyvault://STRIPE_KEY\nOTHER=op://vault/item/field\n",
            "API_KEY=your-api-key-here\nSECRET=changeme\n",
            "DOTENV_PUBLIC_KEY=\"02a1b2c3d4\"\nA=\"encrypted:BDqDBibm4wsYqMpCjTQ6BsDHmMadg9K3\"\n",
            "A=ENC[AES256_GCM,data:x,type:str]\n",
        ] {
            is(".env", text, None);
        }
    }

    #[test]
    fn a_private_key_is_refused() {
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            for path in ["tls.pem", "certs/TLS.KEY"] {
                is(path, pem(label, BODY), Some(Why::PrivateKey));
            }
        }
        let chain = format!("{}{}", pem("CERTIFICATE", BODY), pem("PRIVATE KEY", BODY));
        is("chain.pem", chain, Some(Why::PrivateKey));
        let bare = format!("{OPENSSH_BARE}AAAABG5vbmUAAAAAAAAAAQAAADMAAAALc3No");
        is(
            "id.key",
            pem("OPENSSH PRIVATE KEY", &bare),
            Some(Why::PrivateKey),
        );
        is(
            "der.key",
            b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d",
            Some(Why::PrivateKey),
        );
        is(
            "ec.key",
            b"\x30\x77\x02\x01\x01\x04\x20",
            Some(Why::PrivateKey),
        );
        is(
            "config/master.key",
            "0123456789abcdef0123456789abcdef\n",
            Some(Why::PrivateKey),
        );
    }

    #[test]
    fn what_is_public_or_sealed_or_no_key_is_not() {
        for label in ["CERTIFICATE", "PUBLIC KEY", "ENCRYPTED PRIVATE KEY"] {
            is("x.pem", pem(label, BODY), None);
            is("x.key", pem(label, BODY), None);
        }
        let sealed = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{BODY}");
        is("x.pem", pem("RSA PRIVATE KEY", &sealed), None);
        let other = format!("b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI{BODY}");
        is("x.key", pem("OPENSSH PRIVATE KEY", &other), None);
        // As documentation has it, and a Keynote document, and a certificate in DER.
        is("x.pem", pem("PRIVATE KEY", "…"), None);
        is("talk.key", b"PK\x03\x04\x14\0\0\0", None);
        is("x.key", b"\x30\x82\x03\x00\x30\x82\x02\x00", None);
        is("x.pem", b"\x30", None);
        is(
            "wg.pub.key",
            "4Fv1k4xqvnN8tP0mJq3mYv2bUu0V9c7rQ5s8w1xYz0A=\n",
            None,
        );
        is("words.key", "a file about the key of the piano\n", None);
        is("key.txt", pem("PRIVATE KEY", BODY), None);
    }
}
