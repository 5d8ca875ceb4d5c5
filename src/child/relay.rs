//! What a program prints, on its way through the masks to where it would have gone.
//!
//! Each stream is read as soon as something is there and all of what was read before
//! is written: if a reader is slow, so is the program, and no stream waits for
//! another. When a reader has gone, the stream is closed, and the program gets the
//! same signal as without us. So it is where a disk is full; but what was taken from
//! the program by then is lost without its knowing, so that failure is ours to tell.

use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::child::mask::{Filter, Masks, PIECE};
use crate::child::signals::Signals;

/// How long nothing must have come before a part of what is held back is given out. A
/// value that is printed in two halves with a tenth of a second between is masked; a
/// prompt may wait half a second, once.
const QUIET: Duration = Duration::from_millis(500);

/// For how long after a key was hit, and up to how many bytes, what is held back is
/// taken for its echo, and not kept waiting. A line that is typed must not lag, and
/// whoever typed it knows these letters.
const ECHO: (Duration, usize) = (Duration::from_secs(1), 2);

/// How long after the program's end its output may pause before it is over: what it
/// started may still have something to say, and may run for ever.
const FAREWELL: Duration = Duration::from_millis(100);

/// How long that may go on.
const LONG_FAREWELL: Duration = Duration::from_secs(2);

/// What ends us, although the reader of what is left has not come to its end.
const ENDING: [Signal; 4] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];

/// How a poll tells of a descriptor that its reader has gone: a pipe's, or a socket's.
const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP);

/// What is written at once where the descriptor cannot be told not to wait: as much
/// as a pipe takes that is not full (pipe(7), PIPE_BUF).
const CAUTIOUS: usize = 4096;

/// All streams of a program.
pub struct Relay<'a> {
    streams: Vec<Stream<'a>>,
    buffer: Zeroizing<Vec<u8>>,
    last_key: Option<Instant>,
    /// Why something that the program printed is nowhere, although it has a reader.
    failed: Option<io::Error>,
}

struct Stream<'a> {
    /// Where the program prints; none once it, or its reader, is gone.
    source: Option<OwnedFd>,
    sink: Sink,
    filter: Filter<'a>,
    /// What was decided, and how much of it is written.
    decided: Vec<u8>,
    written: usize,
    /// When it will have been quiet for long enough.
    quiet_at: Option<Instant>,
    /// Whether its reader has gone.
    is_left: bool,
}

/// Where a stream goes.
pub struct Sink {
    descriptor: OwnedFd,
    at_most: usize,
}

impl Sink {
    /// Takes one of our own streams. A terminal, or a pipe, is opened anew where it
    /// can be, because not to wait is a property that others would share.
    ///
    /// # Errors
    ///
    /// Where it is closed.
    pub fn new(stream: impl AsFd, number: RawFd) -> io::Result<Self> {
        let file_type = FileType::from_raw_mode(rustix::fs::fstat(&stream)?.st_mode);
        if matches!(file_type, FileType::Fifo | FileType::CharacterDevice) {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let opened = rustix::fs::open(format!("/dev/fd/{number}"), flags, Mode::empty());
            if let Ok(descriptor) = opened {
                return Ok(Self {
                    descriptor,
                    at_most: usize::MAX,
                });
            }
        }
        let is_file = file_type == FileType::RegularFile;
        Ok(Self {
            descriptor: stream.as_fd().try_clone_to_owned()?,
            at_most: if is_file { usize::MAX } else { CAUTIOUS },
        })
    }

    /// Closes it, for its reader to see the end.
    fn close(&mut self) {
        if let Ok(nothing) =
            rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        {
            self.descriptor = nothing;
        }
    }
}

impl<'a> Relay<'a> {
    /// A relay of no stream.
    pub fn new() -> Self {
        let mut buffer = Zeroizing::new(Vec::with_capacity(PIECE));
        buffer.resize(PIECE, 0);
        Self {
            streams: Vec::new(),
            buffer,
            last_key: None,
            failed: None,
        }
    }

    /// Adds a stream.
    ///
    /// # Errors
    ///
    /// Where its source cannot be read without waiting.
    pub fn add(&mut self, source: OwnedFd, sink: Sink, masks: &'a Masks) -> io::Result<()> {
        rustix::io::ioctl_fionbio(&source, true)?;
        self.streams.push(Stream {
            source: Some(source),
            sink,
            filter: Filter::new(masks),
            decided: Vec::with_capacity(2 * PIECE),
            written: 0,
            quiet_at: None,
            is_left: false,
        });
        Ok(())
    }

    /// Takes note that something was typed.
    pub fn note_key(&mut self) {
        self.last_key = Some(Instant::now());
    }

    /// Tells whether the reader of the first stream has gone.
    pub fn is_left(&self) -> bool {
        self.streams.first().is_some_and(|stream| stream.is_left)
    }

    /// Returns why something was lost that the program printed, if it was.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Tells whether nothing comes any more.
    pub fn is_over(&self) -> bool {
        let mut streams = self.streams.iter();
        streams.all(|stream| stream.source.is_none() && stream.is_written())
    }

    /// Adds what is to be waited for: two descriptors for each stream, or none.
    pub fn watched<'s>(&'s self, descriptors: &mut Vec<PollFd<'s>>) {
        for stream in self.streams.iter().filter(|stream| !stream.is_over()) {
            let sink = &stream.sink.descriptor;
            match &stream.source {
                Some(source) if stream.is_written() => {
                    descriptors.push(PollFd::new(source, PollFlags::IN));
                    // Only whether its reader goes.
                    descriptors.push(PollFd::new(sink, PollFlags::empty()));
                }
                _ => descriptors.push(PollFd::new(sink, PollFlags::OUT)),
            }
        }
    }

    /// Returns how long to wait at most.
    pub fn patience(&self) -> Option<Duration> {
        let quiet = self.streams.iter().filter_map(|stream| stream.quiet_at);
        let first = quiet.min()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    /// Passes on what has come. Takes the events of [`Relay::watched`] off.
    pub fn act(&mut self, events: &mut impl Iterator<Item = PollFlags>) {
        let is_typing = self.last_key.is_some_and(|key| key.elapsed() < ECHO.0);
        for stream in self.streams.iter_mut().filter(|stream| !stream.is_over()) {
            if stream.source.is_some() && stream.is_written() {
                let (source, sink) = (events.next(), events.next());
                if sink.is_some_and(|events| events.intersects(GONE)) {
                    stream.leave();
                } else if source.is_some_and(|events| !events.is_empty()) {
                    stream.read(&mut self.buffer, is_typing);
                }
            } else {
                events.next();
            }
            let written = stream.write().and_then(|()| stream.settle());
            if let Err(error) = written {
                self.failed.get_or_insert(error);
            }
            if stream.is_over() {
                stream.sink.close();
            }
        }
    }

    /// Passes on what has come by now, of a program that was stopped: until nothing comes
    /// for this long.
    pub fn flush(&mut self, quiet: Duration) {
        let start = Instant::now();
        while !self.is_over() && self.wait(quiet, None) && start.elapsed() < LONG_FAREWELL {}
        for stream in &mut self.streams {
            stream.quiet_at = None;
            stream.filter.settle(&mut stream.decided);
            if let Err(error) = stream.write() {
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Passes on what is left of a program that has ended: all that it printed, and what
    /// comes right behind it from others that it left. It waits for whoever reads it, but
    /// no longer than until a signal is to end us.
    pub fn end(&mut self, signals: &Signals) {
        let start = Instant::now();
        while !self.is_over() {
            let is_written = self.streams.iter().all(Stream::is_written);
            let is_quiet = !self.wait(FAREWELL, Some(signals));
            if is_written && (is_quiet || start.elapsed() > LONG_FAREWELL) {
                self.streams.iter_mut().for_each(Stream::finish);
            }
            while let Ok(Some(received)) = signals.next() {
                if ENDING.contains(&received.signal) {
                    return;
                }
            }
        }
    }

    /// Waits, no longer than this, and acts. Returns whether there was anything to do.
    fn wait(&mut self, patience: Duration, signals: Option<&Signals>) -> bool {
        let mut descriptors = Vec::new();
        self.watched(&mut descriptors);
        let streams = descriptors.len();
        descriptors.extend(signals.map(|signals| PollFd::new(signals, PollFlags::IN)));
        let patience = Timespec::try_from(patience).ok();
        let _ = rustix::event::poll(&mut descriptors, patience.as_ref());
        let events = descriptors.iter().map(PollFd::revents);
        let events: Vec<PollFlags> = events.take(streams).collect();
        drop(descriptors);
        let is_any = events.iter().any(|events| !events.is_empty());
        self.act(&mut events.into_iter());
        is_any
    }
}

impl Stream<'_> {
    fn is_written(&self) -> bool {
        self.written == self.decided.len()
    }

    fn is_over(&self) -> bool {
        self.source.is_none() && self.is_written()
    }

    fn read(&mut self, buffer: &mut [u8], is_typing: bool) {
        let Some(source) = &self.source else {
            return;
        };
        match rustix::io::read(source, &mut *buffer) {
            Ok(0) => self.finish(),
            Ok(count) => {
                self.filter.push(&buffer[..count], &mut self.decided);
                let waiting = self.filter.waiting();
                self.quiet_at = (waiting > 0).then(|| Instant::now() + QUIET);
                if is_typing && waiting <= ECHO.1 {
                    self.filter.settle(&mut self.decided);
                    self.quiet_at = None;
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A terminal that nobody has any more (EIO).
            Err(_) => self.finish(),
        }
    }

    /// Gives out the rest: the source has come to its end.
    fn finish(&mut self) {
        self.source = None;
        self.quiet_at = None;
        self.filter.finish(&mut self.decided);
    }

    /// Closes the source: nobody reads what comes from it.
    fn leave(&mut self) {
        self.source = None;
        self.is_left = true;
        self.quiet_at = None;
        self.decided.clear();
        self.written = 0;
    }

    /// Writes what can be written at once.
    ///
    /// # Errors
    ///
    /// Where it cannot be written although its reader is there. It is lost then.
    fn write(&mut self) -> io::Result<()> {
        while !self.is_written() {
            let left = &self.decided[self.written..];
            let left = &left[..left.len().min(self.sink.at_most)];
            match rustix::io::write(&self.sink.descriptor, left) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => {
                    self.leave();
                    // The reader of a pipe has gone, or a terminal.
                    let is_gone = matches!(error, Errno::PIPE | Errno::IO | Errno::CONNRESET);
                    return if is_gone { Ok(()) } else { Err(error.into()) };
                }
            }
            if self.sink.at_most == CAUTIOUS {
                break;
            }
        }
        if self.is_written() {
            self.decided.clear();
            self.written = 0;
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        if self.quiet_at.is_some_and(|at| at <= Instant::now()) {
            self.quiet_at = None;
            self.filter.settle(&mut self.decided);
            return self.write();
        }
        Ok(())
    }
}
