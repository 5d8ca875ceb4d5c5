//! Names and one-line texts that are valid by construction.
//!
//! Each type here refuses, when it is made, whatever could carry a terminal
//! escape, a path or a second line; so none of them has to be cleaned again
//! where it is printed, joined to a folder or put into a child's environment.
//! The errors state the rule and never the input, which may be a secret that
//! was pasted into the wrong place.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// Longest name of a secret, in bytes: far above what programs use, and short
/// enough for a table.
const SECRET_NAME_MAX: usize = 128;

/// Longest name of an environment, a member or a tag, in bytes. With `.age`
/// and a temporary suffix it stays below every file system's limit of 255.
const SHORT_NAME_MAX: usize = 64;

/// Longest description or reason, in bytes.
const REMARK_MAX: usize = 1024;

/// What a text breaks to not be a name: the rule itself, without the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRule(&'static str);

impl fmt::Display for NameRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NameRule {}

/// Declares a text type that exists only where `$accepts` holds.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $accepts:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameRule;

            fn from_str(text: &str) -> Result<Self, NameRule> {
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(text) { Ok(Self(text.into())) } else { Err(NameRule($rule)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        serde_as_text!($name);
    };
}

checked_text!(
    /// The name of a secret, which is also the name of the variable that a
    /// program finds it under: `[A-Za-z_][A-Za-z0-9_]*`, at most 128 bytes.
    SecretName,
    |text| {
        text.len() <= SECRET_NAME_MAX
            && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    },
    "a secret's name is letters, digits and `_`, does not start with a digit, and has at most 128 bytes"
);

checked_text!(
    /// The name of an environment, which is also the name of its file:
    /// `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
    EnvironmentName,
    |text| {
        text.len() <= SHORT_NAME_MAX
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    },
    "an environment's name is small letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 64 bytes"
);

checked_text!(
    /// The name of a member of a roster: `[A-Za-z0-9][A-Za-z0-9._@+-]*`, at
    /// most 64 bytes, so that a login and a mail address both fit.
    MemberName,
    |text| {
        text.len() <= SHORT_NAME_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@+-".contains(&b))
    },
    "a member's name is letters, digits and `._@+-`, starts with a letter or digit, and has at most 64 bytes"
);

checked_text!(
    /// A tag on a secret: `[A-Za-z0-9][A-Za-z0-9._:/-]*`, at most 64 bytes.
    Tag,
    |text| {
        text.len() <= SHORT_NAME_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
    },
    "a tag is letters, digits and `._:/-`, starts with a letter or digit, and has at most 64 bytes"
);

checked_text!(
    /// One line that a person wrote: a description or a reason. It holds no
    /// control character and nothing that turns the direction of text round,
    /// and has 1 to 1024 bytes.
    Remark,
    |text| {
        !text.is_empty()
            && text.len() <= REMARK_MAX
            && !text.chars().any(|c| c.is_control() || is_invisible_order(c))
    },
    "a description or reason is one line of printable text, at most 1024 bytes"
);

/// Unicode's line separators and its explicit directional marks (UAX #9), with
/// which a text can look like another on a terminal.
pub fn is_invisible_order(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns the candidate that `name` was most likely meant to be.
///
/// Nothing is suggested where every candidate differs by more than a third of
/// the name: such a hint misleads more often than it helps.
pub fn closest<'a, T: AsRef<str>>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a T>,
) -> Option<&'a T> {
    let wanted = name.to_ascii_lowercase();
    let limit = name
        .chars()
        .count()
        .div_ceil(3)
        .min(name.len().saturating_sub(1));
    candidates
        .into_iter()
        .map(|candidate| {
            let text = candidate.as_ref().to_ascii_lowercase();
            (strsim::damerau_levenshtein(&wanted, &text), candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_name_is_an_environment_variable_name() {
        for good in ["A", "_", "STRIPE_KEY", "a1", &"X".repeat(128)] {
            assert!(good.parse::<SecretName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "1A",
            "A-B",
            "A B",
            "A=B",
            "É",
            "A\n",
            "A\0",
            "\u{1b}[2J",
            &"X".repeat(129),
        ] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_environment_name_carries_no_path() {
        for good in ["dev", "prod", "0", "eu-west-1", "a.b_c", &"x".repeat(64)] {
            assert!(good.parse::<EnvironmentName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".dev",
            "-dev",
            "a/b",
            "../x",
            "Dev",
            "a b",
            "ü",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<EnvironmentName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_remark_is_one_line_without_escapes() {
        assert!("leaked — see ticket 42".parse::<Remark>().is_ok());
        for bad in [
            "",
            "a\nb",
            "\u{1b}[31mred",
            "\u{202e}txt",
            "\u{2028}",
            "a\tb",
        ] {
            assert!(bad.parse::<Remark>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_states_the_rule_and_not_the_input() {
        let rule = "sk-made-up"
            .parse::<SecretName>()
            .expect_err("has a hyphen")
            .to_string();
        assert!(!rule.contains("made"), "{rule}");
    }

    #[test]
    fn suggests_only_what_is_near() {
        let names: Vec<SecretName> = ["STRIPE_KEY", "OPENAI_API_KEY"]
            .iter()
            .map(|name| name.parse().expect("valid"))
            .collect();
        let near = |name| closest(name, &names).map(SecretName::as_str);
        assert_eq!(near("STRYPE_KEY"), Some("STRIPE_KEY"));
        assert_eq!(near("stripe_key"), Some("STRIPE_KEY"));
        assert_eq!(near("OPENAI_KEY"), Some("OPENAI_API_KEY"));
        assert_eq!(near("DATABASE_URL"), None);
        assert_eq!(near("A"), None);
        let letters: [SecretName; 1] = ["A".parse().expect("valid")];
        assert_eq!(closest("B", &letters), None);
        assert_eq!(closest("a", &letters).map(SecretName::as_str), Some("A"));
    }
}
