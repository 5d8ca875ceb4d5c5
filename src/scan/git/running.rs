//! A git that runs.

use std::io::{self, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout};
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result, printable};

/// Starts git with arguments, all its ends being pipes.
pub type Start<'a> = &'a (dyn Fn(&[&str]) -> io::Result<Child> + Sync);

/// How much is taken from a pipe at once: what a pipe holds, several times over.
const READ_AT_ONCE: usize = 256 << 10;

/// How much of a complaint is kept: its first line tells the reason.
const COMPLAINT_MAX: usize = 4096;

/// A git that runs. It is ended where it is dropped.
pub struct Running {
    child: Child,
    /// What it says on stderr, which is read as it comes: who is not read stops.
    complaint: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts git.
    ///
    /// # Errors
    ///
    /// [`Error::NoGit`].
    pub fn start(start: Start<'_>, arguments: &[&str]) -> Result<Self> {
        let mut child = start(arguments).map_err(Error::NoGit)?;
        let stderr = child.stderr.take();
        let complaint = stderr.map(|stderr| thread::spawn(|| hear_out(stderr)));
        Ok(Self { child, complaint })
    }

    /// Returns the way to tell git something; it reads on until that is dropped.
    pub fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("taken once, of a pipe")
    }

    /// Returns what git prints.
    pub fn output(&mut self) -> BufReader<ChildStdout> {
        let output = self.child.stdout.take().expect("taken once, of a pipe");
        BufReader::with_capacity(READ_AT_ONCE, output)
    }

    /// Waits until git has ended, and tells whether it was content.
    ///
    /// # Errors
    ///
    /// [`Error::NotARepository`], [`Error::BadRange`], [`Error::GitFailed`].
    pub fn end(mut self) -> Result<()> {
        match self.code()? {
            Some(0) => Ok(()),
            _ => Err(self.complain()),
        }
    }

    /// Waits until git has ended, and returns its exit code; none where a signal ended it.
    ///
    /// # Errors
    ///
    /// [`Error::NoGit`].
    pub fn code(&mut self) -> Result<Option<i32>> {
        drop(self.child.stdin.take());
        Ok(self.child.wait().map_err(Error::NoGit)?.code())
    }

    /// Returns the error that git's last words are.
    pub fn complain(&mut self) -> Error {
        let complaint = self.complaint.take().map(JoinHandle::join);
        let said = complaint.and_then(thread::Result::ok).unwrap_or_default();
        if said.contains("not a git repository") {
            return Error::NotARepository;
        }
        if [
            "bad revision",
            "ambiguous argument",
            "Invalid revision range",
        ]
        .iter()
        .any(|words| said.contains(words))
        {
            return Error::BadRange;
        }
        // What it warned of before is not why it gave up.
        let last_words = said.lines().find_map(|line| line.strip_prefix("fatal: "));
        let line = last_words.or(said.lines().next());
        let line = line.unwrap_or("it ended without a word");
        Error::GitFailed {
            said: printable(line.trim_end_matches('.')).replace('`', "'"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads all that is said, and returns the beginning of it.
fn hear_out(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; COMPLAINT_MAX];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        let left = COMPLAINT_MAX - kept.len();
        kept.extend_from_slice(&piece[..count.min(left)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
