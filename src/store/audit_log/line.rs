//! One line of the audit log: who used what, when and from where. Never a value.
//!
//! This is the schema of `audit export`, which gives out each line as it stands in the
//! log: one JSON object with the fields of [`Line`], in their order, and behind them
//! `prev` and `mac` (see [`audit_log`](crate::store::audit_log)), all in text but
//! `line` and `pid`, and lists where there can be several.
//!
//! - What there is nothing to say of is not there; there is no `null`.
//! - Fields are added, in any place before `prev`, and none is changed or taken away:
//!   whoever reads a line skips what it does not know.
//! - `time` is UTC with whole seconds, as in `2026-11-22T12:00:00Z`. It is what the
//!   machine's clock said, which `line` is not: that counts up by one.
//! - `error` and `allowed` are words of small letters and hyphens, and stay the same.
//! - `accepted` is in lines of `audit accept` alone: [`Acceptance`].
//! - `names` are as they were asked for or given out; a value that was given out has
//!   its version (`NAME@3`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{EnvironmentName, Remark};
use crate::seal::digest::{Digest, LogId};
use crate::timestamp::Timestamp;

/// A line, without the MAC that stands behind it. Its JSON is what `audit export` gives
/// out: fields are added, and none is changed or taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counts from 1, through all files of the log.
    pub line: u64,
    /// When it was written.
    pub time: Timestamp,
    /// The subcommand, as in `get` or `env copy`.
    pub command: String,
    /// The environments that it worked on, the last one winning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<EnvironmentName>,
    /// The secrets, as `NAME` or `NAME@3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// How it went.
    pub outcome: Outcome,
    /// Why it did not go well, in one word that stays the same, as `expired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was allowed that is not so by itself, as `expired`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// The recipient of the identity; none where it could not be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The process.
    pub pid: u32,
    /// The program that `exec` becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The programs that started keyvault, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// The terminal, as `/dev/pts/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// The working folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The coding agent that it runs under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The CI system that it runs under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// Why, in the words of whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Remark>,
    /// What `audit accept` says of all that stands before this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
}

/// A log that is broken, as a person accepted it: what it was proven to be, and what it
/// is to be from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// How many of its lines were proven.
    pub held: u64,
    /// What was wrong behind them, in a word, as `torn`.
    pub fault: String,
    /// The same in a sentence.
    pub message: String,
    /// Of all that is in its files.
    pub digest: Digest,
    /// The logs that were this machine's till then.
    pub logs: Vec<LogId>,
}

/// How a use went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was allowed; written before anything is given out or changed.
    Ok,
    /// It was refused: a value that is not served, an identity that is not let in, a
    /// file that is not believed.
    Refused,
    /// It was allowed and failed after all.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Refused, Self::Failed];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let outcome = Self::ALL.into_iter().find(|one| one.as_str() == text);
        outcome.ok_or("an outcome is `ok`, `refused` or `failed`")
    }
}
