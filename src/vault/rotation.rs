//! Rotation in steps, as AWS Secrets Manager has it: a new value is made (`create`) and
//! saved as pending, tried (`verify`), made current, and when the grace period is over
//! the old one is given back to where it came from (`revoke`) and destroyed.
//!
//! What is saved here is what it takes to go on after a crash: which rotation is under
//! way, and what is still owed to a version that was current.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{MemberName, SecretName};
use crate::seal::digest::hex_text;
use crate::timestamp::{Period, Timestamp};
use crate::vault::strict;

/// Most words of a hook's command, and most secrets that it gets.
const WORDS_MAX: usize = 256;

/// Longest word of a hook's command, in bytes: scripts belong in files.
const WORD_LENGTH_MAX: usize = 4096;

hex_text!(
    /// Tells one rotation from another: 128 random bits that stay the same however
    /// often a step is repeated, so that a provider can know a repeated request.
    RotationId,
    16
);

/// A step of a rotation that a hook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Makes a new value.
    Create,
    /// Tries the new value.
    Verify,
    /// Gives the old value back to where it came from.
    Revoke,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Create, Self::Verify, Self::Revoke];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Verify => "verify",
            Self::Revoke => "revoke",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Step {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let step = Self::ALL.into_iter().find(|step| step.as_str() == text);
        step.ok_or("a step is `create`, `verify` or `revoke`")
    }
}

/// A word of a command: text without NUL, at most 4 KiB. It may hold escapes, and is
/// shown quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(Box<str>);

impl Word {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('\0') || text.len() > WORD_LENGTH_MAX {
            return Err("a word of a command has no NUL and at most 4096 bytes");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::serde_as_text!(Word);

/// A command that does a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// The program and its arguments, at least the program.
    #[serde(deserialize_with = "words")]
    pub command: Vec<Word>,
    /// Other secrets of the environment that it gets as variables.
    #[serde(
        default,
        deserialize_with = "strict::at_most::<WORDS_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub with: Vec<SecretName>,
    /// How long it may take, where that is not the usual.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub timeout: Option<Period>,
}

fn words<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Word>, D::Error> {
    let words: Vec<Word> = strict::at_most::<WORDS_MAX, _, _>(deserializer)?;
    if words.is_empty() {
        return Err(strict::ours("a hook without a command"));
    }
    Ok(words)
}

/// The hooks of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Makes a new value.
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    pub create: Option<Hook>,
    /// Tries the new value.
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    pub verify: Option<Hook>,
    /// Gives the old value back.
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoke: Option<Hook>,
}

impl Hooks {
    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        Step::ALL.into_iter().all(|step| self.of(step).is_none())
    }

    /// Returns the hook of a step.
    pub fn of(&self, step: Step) -> Option<&Hook> {
        match step {
            Step::Create => self.create.as_ref(),
            Step::Verify => self.verify.as_ref(),
            Step::Revoke => self.revoke.as_ref(),
        }
    }

    /// Returns the place of a step's hook.
    pub fn of_mut(&mut self, step: Step) -> &mut Option<Hook> {
        match step {
            Step::Create => &mut self.create,
            Step::Verify => &mut self.verify,
            Step::Revoke => &mut self.revoke,
        }
    }
}

/// A rotation that has begun and whose new value is not current yet. Once there is a
/// pending version, that is its new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Which.
    pub id: RotationId,
    /// When it began.
    pub started_at: Timestamp,
    /// By whom.
    pub started_by: MemberName,
    /// For how long the old value is to be accepted, from when the new one is current;
    /// where it is missing the old value is kept.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub grace: Option<Period>,
}

/// What is owed to a version that was current: from then on it is to be given back and
/// destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// From when on.
    pub at: Timestamp,
    /// The rotation that replaced it.
    pub rotation: RotationId,
}
