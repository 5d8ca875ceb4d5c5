//! Public keys that files are sealed to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::text::serde_as_text;

/// A public key that a file can be sealed to: `age1…` or `ssh-ed25519 AAAA…`.
#[derive(Clone)]
pub struct Recipient(Kind);

#[derive(Clone)]
enum Kind {
    Age(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
}

impl Recipient {
    /// Returns what the age crate seals to.
    pub(super) fn as_age(&self) -> &dyn age::Recipient {
        match &self.0 {
            Kind::Age(recipient) => recipient,
            Kind::Ssh(recipient) => recipient,
        }
    }
}

impl From<age::x25519::Recipient> for Recipient {
    fn from(recipient: age::x25519::Recipient) -> Self {
        Self(Kind::Age(recipient))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Age(recipient) => recipient.fmt(f),
            Kind::Ssh(recipient) => recipient.fmt(f),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Age(one), Kind::Age(other)) => one == other,
            _ => self.to_string() == other.to_string(),
        }
    }
}

impl Eq for Recipient {}

impl Hash for Recipient {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Kind::Age(recipient) => recipient.hash(state),
            Kind::Ssh(recipient) => recipient.to_string().hash(state),
        }
    }
}

impl FromStr for Recipient {
    /// Does not repeat the text, which may be a private key in the wrong place.
    type Err = &'static str;

    /// Reads one key; the comment that ssh writes behind its own is dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "a recipient is `age1…` or `ssh-ed25519 AAAA…`";
        let mut words = text.split(' ');
        match (words.next(), words.next()) {
            (Some(age), None) => age.parse().map(Kind::Age).map_err(|_| RULE),
            (Some("ssh-ed25519"), Some(key)) => format!("ssh-ed25519 {key}")
                .parse()
                .map(Kind::Ssh)
                .map_err(|_| RULE),
            _ => Err(RULE),
        }
        .map(Self)
    }
}

serde_as_text!(Recipient);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SSH: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn both_kinds_read_back_as_written() {
        let age = age::x25519::Identity::generate().to_public().to_string();
        for text in [&age, SSH] {
            let recipient: Recipient = text.parse().expect("a recipient");
            assert_eq!(recipient.to_string(), *text);
        }
        let commented: Recipient = format!("{SSH} alice@laptop").parse().expect("a recipient");
        assert_eq!(commented.to_string(), SSH);
    }

    #[test]
    fn a_set_of_them_knows_each_again() {
        let age = || age::x25519::Identity::generate().to_public().to_string();
        let texts = [SSH.to_owned(), age(), age()];
        let all = || texts.iter().map(|text| text.parse().expect("a recipient"));
        let set: HashSet<Recipient> = all().collect();
        assert_eq!(set.len(), 3);
        assert!(all().all(|recipient| set.contains(&recipient)));
    }

    #[test]
    fn nothing_else_is_a_recipient() {
        let age = age::x25519::Identity::generate().to_public().to_string();
        let bad = [
            "",
            "age1",
            "AGE-SECRET-KEY-1QQQQ",
            "ssh-rsa AAAAB3NzaC1yc2E",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            &age[..age.len() - 1],
            &format!("{age} x"),
            &format!(" {age}"),
            &format!("{age}\n"),
        ];
        for text in bad {
            assert!(text.parse::<Recipient>().is_err(), "{text:?}");
        }
    }
}
