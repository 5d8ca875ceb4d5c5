//! What a person was reminded of today: a file in the state folder, which is read and
//! written only where there is something to be reminded of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::seal::digest::ShortDigest;
use crate::store::folder::{self, Folder};
use crate::timestamp::Day;

/// Most bytes of the file: what [`TOLD_MAX`] reminders take, and more.
const FILE_MAX: u64 = 1 << 20;

/// How many reminders of a day are remembered; any more come again.
const TOLD_MAX: usize = 10_000;

const FILE: &str = "reminders.json";

/// The reminders of this machine's user.
pub struct Reminders {
    state: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: Format,
    /// As in `2026-11-22`.
    day: String,
    told: Vec<ShortDigest>,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyvault-reminders/1")]
    V1,
}

impl Reminders {
    /// Names their place, in the state folder.
    pub fn below(state: Option<&Path>) -> Self {
        Self {
            state: state.map(Path::to_owned),
        }
    }

    /// Returns those of which nobody was reminded yet on this day, and remembers that
    /// somebody is now. Where it cannot be remembered, they come again.
    pub fn remind(&self, day: Day, marks: &[ShortDigest]) -> Vec<ShortDigest> {
        let untold = untold(&self.told(day), marks);
        if !untold.is_empty() {
            // A folder that is full or closed is no reason to keep a program from its start.
            let _ = self.remember(day, &untold);
        }
        untold
    }

    /// Returns what was told on this day: nothing, if the file is none.
    fn told(&self, day: Day) -> Vec<ShortDigest> {
        let Some(state) = &self.state else {
            return Vec::new();
        };
        let bytes = folder::read(&state.join(FILE), FILE_MAX).unwrap_or_default();
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.day == day.to_string() => record.told,
            _ => Vec::new(),
        }
    }

    fn remember(&self, day: Day, marks: &[ShortDigest]) -> Result<()> {
        let folder = Folder::create(self.state.as_ref().ok_or(Error::NoHome)?)?;
        // A program is waiting to be started: to warn again is better than to wait.
        let Some(lock) = folder.try_lock()? else {
            return Ok(());
        };
        // Again, under the lock: another keyvault may have come first.
        let mut told = self.told(day);
        told.extend(untold(&told, marks));
        let surplus = told.len().saturating_sub(TOLD_MAX);
        told.drain(..surplus);
        let record = Record {
            format: Format::V1,
            day: day.to_string(),
            told,
        };
        let mut text = serde_json::to_vec(&record).expect("it has a JSON form");
        text.push(b'\n');
        lock.replace(FILE, &text)
    }
}

fn untold(told: &[ShortDigest], marks: &[ShortDigest]) -> Vec<ShortDigest> {
    let untold = marks.iter().filter(|mark| !told.contains(mark));
    untold.copied().collect()
}
