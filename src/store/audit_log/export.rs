//! Giving a log out as it stands, for programs that keep it elsewhere.

use serde::Serialize;

use crate::error::Result;
use crate::store::audit_log::filter::Filter;
use crate::store::audit_log::line::Line;
use crate::store::audit_log::read::RawLines;
use crate::store::audit_log::{AuditLog, segments};

/// How much of a log was given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// How many lines.
    pub lines: u64,
    /// How many were left out because they do not read as lines of a log.
    pub unreadable: u64,
}

impl AuditLog {
    /// Hands over the lines that are asked for, oldest first and one by one, each byte
    /// for byte as it stands in the log, with its MAC and without its line feed.
    ///
    /// # Errors
    ///
    /// Those of `take`; [`Error::Io`](crate::error::Error::Io): what was handed over by
    /// then is not all.
    pub fn export(
        &self,
        filter: &Filter<'_>,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Exported> {
        let mut exported = Exported::default();
        let Some(folder) = self.folder()? else {
            return Ok(exported);
        };
        let segments = segments(&folder)?;
        for raw in RawLines::new(folder, segments, None) {
            let raw = raw?;
            match serde_json::from_slice::<Line>(&raw.bytes) {
                Ok(line) if filter.wants(&line) => {
                    exported.lines += 1;
                    take(&raw.bytes)?;
                }
                Ok(_) => {}
                Err(_) => exported.unreadable += 1,
            }
        }
        Ok(exported)
    }
}
