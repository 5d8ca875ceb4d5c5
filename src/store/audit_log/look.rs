//! Looking at a log from outside: nothing in it is read, and nothing is changed.

use std::io;
use std::path::Path;

use rustix::fs::{Access, OFlags};

use crate::error::{Error, Result};
use crate::store::audit_log::{AuditLog, HEAD, lock, open, segment_name, segments};
use crate::store::folder::{is_open_to_others, is_regular_file};

impl AuditLog {
    /// Makes sure, as far as can be seen without doing it, that a line can be added. Tells
    /// whether others may look into the log.
    ///
    /// # Errors
    ///
    /// Those that [`AuditLog::append`] would have.
    pub fn look(&self) -> Result<bool> {
        let path = self.path()?;
        let Some(folder) = self.folder()? else {
            // There it will be made.
            let mut above = path.ancestors().filter(|above| above.exists());
            return above.next().map_or(Ok(()), writable).map(|()| false);
        };
        writable(path)?;
        lock(&folder, self.patience)?;
        let newest = segments(&folder)?
            .last()
            .map(|newest| segment_name(*newest));
        for name in newest.iter().map(String::as_str).chain([HEAD]) {
            let failed = |error: io::Error| Error::io("write", &path.join(name))(error);
            let file = match open(&folder, name, OFlags::WRONLY) {
                Err(rustix::io::Errno::NOENT) => continue,
                opened => opened.map_err(|error| failed(error.into()))?,
            };
            let status = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
            if !is_regular_file(&status) {
                return Err(failed(io::ErrorKind::InvalidInput.into()));
            }
        }
        Ok(is_open_to_others(&folder.status()?))
    }
}

fn writable(folder: &Path) -> Result<()> {
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| Error::io("write", folder)(error.into()))
}
