//! When this machine's clock was last known to be right: a file in the state folder,
//! for what is destroyed because its time has come while nobody looks on.
//!
//! Saves and log lines do not tell: a clock that went wrong has made them, too. What
//! tells is that from one look to the next it did not leap.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::store::folder::{self, Folder};
use crate::timestamp::Timestamp;

/// Most bytes of the file: a time, and what is around it.
const FILE_MAX: u64 = 4096;

const FILE: &str = "clock.json";

/// What is remembered of this machine's clock.
pub struct ClockRecord {
    state: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: Format,
    right_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyvault-clock/1")]
    V1,
}

impl ClockRecord {
    /// Names its place, in the state folder.
    pub fn below(state: Option<&Path>) -> Self {
        Self {
            state: state.map(Path::to_owned),
        }
    }

    /// Returns when the clock was last known to be right; nothing where that does not
    /// read: then it is as if nobody had looked.
    pub fn right_at(&self) -> Option<Timestamp> {
        let bytes = folder::read(&self.state.as_ref()?.join(FILE), FILE_MAX).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        Some(record.right_at)
    }

    /// Remembers that the clock was right at this time, which it told.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`], [`Error::Io`].
    pub fn note(&self, right_at: Timestamp) -> Result<()> {
        let record = Record {
            format: Format::V1,
            right_at,
        };
        let mut text = serde_json::to_vec(&record).expect("it has a JSON form");
        text.push(b'\n');
        let folder = Folder::create(self.state.as_ref().ok_or(Error::NoHome)?)?;
        folder.lock(&mut || {})?.replace(FILE, &text)
    }
}
