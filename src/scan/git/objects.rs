//! Objects out of git's own store, read by several of its processes at once: what takes
//! the time is to inflate them and to put them together from deltas, which each process
//! does on one core (git-cat-file(1), "Batch output").

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::{self, ScopedJoinHandle};

use super::changes::strange;
use super::oid::Oid;
use super::running::{Running, Start};
use crate::error::{Error, Result};
use crate::scan::piece::{Piece, Window};

/// How many objects a process is asked for at once. They stand side by side in a pack,
/// where many are told by how they differ from the one before: a process that is given
/// few would put together again what another one has.
const CHUNK: usize = 256;

/// How many chunks wait to be asked for.
const WAITING: usize = 16;

/// What an object is. Those that are folders hold names alone and are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, or where a link leads.
    Blob,
    /// A commit, with its message.
    Commit,
    /// A tag that has a message.
    Tag,
}

impl Kind {
    /// Reads one as git writes it; none for a folder.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"blob" => Some(Self::Blob),
            b"commit" => Some(Self::Commit),
            b"tag" => Some(Self::Tag),
            _ => None,
        }
    }
}

/// An object whose bytes are looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub oid: Oid,
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes.
    pub size: u64,
    /// Where it is in the tree, if that was known before it was read.
    pub path: Option<PathBuf>,
}

/// What is done with each piece of an object. It is called from several threads, with the
/// pieces of one object in order and on one thread.
pub type Each<'a> = &'a (dyn Fn(&Object, &Piece<'_>) + Sync);

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many blobs.
    pub blobs: u64,
    /// How many commits, by their messages.
    pub commits: u64,
    /// How many tags, by their messages.
    pub tags: u64,
    /// How many bytes all these had.
    pub bytes: u64,
    /// How many objects belong to the repository and are not in it, or not whole.
    pub missing: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.commits += other.commits;
        self.tags += other.tags;
        self.bytes += other.bytes;
        self.missing += other.missing;
    }
}

/// What is to be read.
struct Request {
    oid: Oid,
    path: Option<PathBuf>,
}

/// Takes down what is to be read, and gives it on by the chunk.
pub struct Requests {
    chunk: Vec<Request>,
    to: SyncSender<Vec<Request>>,
}

impl Requests {
    /// Asks for an object; tells whether there is anybody left to read it.
    pub fn push(&mut self, oid: Oid, path: Option<PathBuf>) -> bool {
        self.chunk.push(Request { oid, path });
        self.chunk.len() < CHUNK || self.give()
    }

    fn give(&mut self) -> bool {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.to.send(chunk).is_ok()
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        if !self.chunk.is_empty() {
            self.give();
        }
    }
}

/// Reads the objects that `find` asks for, as it finds them, by so many processes.
///
/// # Errors
///
/// Those of `find`, [`Error::NoGit`], [`Error::GitFailed`].
pub fn read<T: Send>(
    start: Start<'_>,
    processes: usize,
    each: Each<'_>,
    find: impl FnOnce(Requests) -> Result<T> + Send,
) -> Result<(T, Tally)> {
    let (to, chunks) = mpsc::sync_channel(WAITING);
    let requests = Requests {
        chunk: Vec::with_capacity(CHUNK),
        to,
    };
    thread::scope(|scope| {
        let finder = scope.spawn(|| find(requests));
        // Only readers hold it, so who still asks is told when none is left.
        let chunks: Chunks = Arc::new(Mutex::new(chunks));
        let readers = (0..processes).map(|_| Arc::clone(&chunks));
        let readers: Vec<_> = readers
            .map(|chunks| scope.spawn(|| Reader::run(start, chunks, each)))
            .collect();
        drop(chunks);
        let mut tally = Ok(Tally::default());
        for reader in readers {
            match (&mut tally, join(reader)) {
                (Ok(tally), Ok(read)) => tally.add(read),
                (Ok(_), Err(error)) => tally = Err(error),
                (Err(_), _) => {}
            }
        }
        let found = join(finder);
        let tally = tally?;
        Ok((found?, tally))
    })
}

/// Waits for a thread, and panics if it did.
pub fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    let joined = thread.join();
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Where readers get what they are to ask for.
type Chunks = Arc<Mutex<Receiver<Vec<Request>>>>;

/// Reads what one process prints.
struct Reader<'a> {
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
    window: Window,
    each: Each<'a>,
    tally: Tally,
}

impl<'a> Reader<'a> {
    fn run(start: Start<'_>, chunks: Chunks, each: Each<'a>) -> Result<Tally> {
        let mut git = Running::start(start, &["cat-file", "--batch", "--buffer"])?;
        let mut input = git.input();
        let reader = Self {
            output: git.output(),
            line: Vec::new(),
            window: Window::new(),
            each,
            tally: Tally::default(),
        };
        let (asked, chunks_asked) = mpsc::channel();
        let read = thread::scope(|scope| {
            // Apart, since who is not read while he writes reads no more, either.
            scope.spawn(move || {
                let mut text = Vec::new();
                while let Some(chunk) = next(&chunks) {
                    text.clear();
                    for Request { oid, .. } in &chunk {
                        // A buffer takes all.
                        let _ = writeln!(text, "{oid}");
                    }
                    if asked.send(chunk).is_err() || input.write_all(&text).is_err() {
                        break;
                    }
                }
            });
            // What is moved in here is dropped at the end, and so both others end, too.
            let (mut reader, chunks_asked) = (reader, chunks_asked);
            for request in chunks_asked.into_iter().flatten() {
                reader.answer(request)?;
            }
            Ok(reader.tally)
        });
        match read {
            Ok(tally) => git.end().map(|()| tally),
            Err(error) => Err(git.end().err().unwrap_or(error)),
        }
    }

    /// Reads the answer to a request.
    fn answer(&mut self, request: Request) -> Result<()> {
        self.line.clear();
        let read = self.output.read_until(b'\n', &mut self.line);
        read.map_err(unheard)?;
        let mut fields = self.line.trim_ascii_end().split(|byte| *byte == b' ');
        let (_, kind, size) = (fields.next(), fields.next(), fields.next());
        if kind == Some(b"missing") {
            self.tally.missing += 1;
            return Ok(());
        }
        let size = size.and_then(|size| std::str::from_utf8(size).ok()?.parse().ok());
        let (Some(kind), Some(size)) = (kind, size) else {
            return Err(unheard(strange()));
        };
        let Some(kind) = Kind::parse(kind) else {
            return self.pass_over(size + 1);
        };
        let Request { oid, path } = request;
        let object = Object {
            oid,
            kind,
            size,
            path,
        };
        let bytes = (&mut self.output).take(size);
        let each = |piece: &Piece<'_>| (self.each)(&object, piece);
        let read = self.window.read(bytes, size, each).map_err(unheard)?;
        if read != size {
            return Err(unheard(strange()));
        }
        self.tally.bytes += size;
        *match kind {
            Kind::Blob => &mut self.tally.blobs,
            Kind::Commit => &mut self.tally.commits,
            Kind::Tag => &mut self.tally.tags,
        } += 1;
        self.pass_over(1)
    }

    fn pass_over(&mut self, count: u64) -> Result<()> {
        let mut bytes = (&mut self.output).take(count);
        let read = std::io::copy(&mut bytes, &mut std::io::sink()).map_err(unheard)?;
        match read == count {
            true => Ok(()),
            false => Err(unheard(strange())),
        }
    }
}

fn next(chunks: &Mutex<Receiver<Vec<Request>>>) -> Option<Vec<Request>> {
    chunks.lock().ok()?.recv().ok()
}

/// The error of a git that cannot be understood.
pub fn unheard(error: std::io::Error) -> Error {
    Error::GitFailed {
        said: error.to_string(),
    }
}
