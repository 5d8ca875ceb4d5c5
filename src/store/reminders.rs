//! What a person was reminded of today: a file in the state folder, which is read and
//! written only where there is something to be reminded of.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::seal::digest::ShortDigest;
use crate::store::folder::{self, Folder, Lock};
use crate::timestamp::Day;

/// Most bytes of the file: what [`TOLD_MAX`] reminders take, and more.
const FILE_MAX: u64 = 1 << 20;

/// How many reminders of a day are remembered; any more come again.
const TOLD_MAX: usize = 10_000;

const FILE: &str = "reminders.json";

/// How often, and at what distance, it is tried to write: others have the file for as
/// long as a disk takes for a small one.
const LOCK_TRIES: usize = 20;
const LOCK_RETRY: Duration = Duration::from_millis(2);

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
        if untold.is_empty() {
            return untold;
        }
        // A folder that is full or closed is no reason to keep a program from its start.
        self.remember(day, &untold).unwrap_or(untold)
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

    /// Notes what is told now, and returns what nobody else told meanwhile.
    fn remember(&self, day: Day, marks: &[ShortDigest]) -> Result<Vec<ShortDigest>> {
        let folder = Folder::create(self.state.as_ref().ok_or(Error::NoHome)?)?;
        // A program is waiting to be started: to warn again is better than to wait long.
        let Some(lock) = lock_soon(&folder)? else {
            return Ok(marks.to_vec());
        };
        // Again, under the lock: of several that start at once one is to tell it.
        let mut told = self.told(day);
        let untold = untold(&told, marks);
        if untold.is_empty() {
            return Ok(untold);
        }
        told.extend(&untold);
        let surplus = told.len().saturating_sub(TOLD_MAX);
        told.drain(..surplus);
        let record = Record {
            format: Format::V1,
            day: day.to_string(),
            told,
        };
        let mut text = serde_json::to_vec(&record).expect("it has a JSON form");
        text.push(b'\n');
        lock.replace(FILE, &text)?;
        Ok(untold)
    }
}

/// Takes the right to write, if it is free within the time that is waited for it.
fn lock_soon(folder: &Folder) -> Result<Option<Lock<'_>>> {
    for _ in 0..LOCK_TRIES {
        if let Some(lock) = folder.try_lock()? {
            return Ok(Some(lock));
        }
        thread::sleep(LOCK_RETRY);
    }
    Ok(None)
}

fn untold(told: &[ShortDigest], marks: &[ShortDigest]) -> Vec<ShortDigest> {
    let untold = marks.iter().filter(|mark| !told.contains(mark));
    untold.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::digest::Digest;
    use crate::timestamp::Timestamp;

    fn day(text: &str) -> Day {
        let noon: Timestamp = format!("{text}T12:00:00Z").parse().expect("a time");
        noon.date()
    }

    fn mark(text: &str) -> ShortDigest {
        Digest::of(text.as_bytes()).short()
    }

    #[test]
    fn of_several_that_start_at_once_one_tells_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let reminders = Reminders::below(Some(folder.path()));
        let (today, a, b) = (day("2026-11-22"), mark("a"), mark("b"));
        // Both have found that nobody was told, before either said so.
        assert_eq!(reminders.remember(today, &[a]).expect("written"), [a]);
        assert_eq!(reminders.remember(today, &[a, b]).expect("written"), [b]);
        assert_eq!(reminders.remember(today, &[a, b]).expect("there"), []);
    }

    #[test]
    fn it_is_told_once_a_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let reminders = Reminders::below(Some(folder.path()));
        let (today, a, b) = (day("2026-11-22"), mark("a"), mark("b"));
        assert_eq!(reminders.remind(today, &[a]), [a]);
        assert_eq!(reminders.remind(today, &[b, a]), [b]);
        assert_eq!(reminders.remind(today, &[b, a]), []);
        assert_eq!(reminders.remind(day("2026-11-23"), &[b, a]), [b, a]);
        // Where nothing can be noted, it comes again.
        let nowhere = Reminders::below(None);
        assert_eq!(nowhere.remind(today, &[a]), [a]);
        assert_eq!(nowhere.remind(today, &[a]), [a]);
    }
}
