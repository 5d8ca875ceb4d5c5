//! Staying with a program whose output goes through the masks.
//!
//! What is a terminal of our stdout and stderr is one for the program too: a new one,
//! which is its stdin as well if ours is a terminal (`terminal.rs`). What is none is a
//! pipe, and the two stay apart, unless they go to one place: then they share a pipe
//! as well, and what is printed keeps its order.
//!
//! Where neither is a terminal the program stays in our session and process group, and has our
//! stdin; there is nothing between it and its terminal, if it has one, but the pipes.
//!
//! We end when the program does, with its exit code, as `exec` does without masks; not when
//! the last of those that it started and left has closed its output, as the end of a
//! pipeline would. What they print right behind the program's end is passed on.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::child::mask::Masks;
use crate::child::monitor::{self, Line, LineOfMonitor, OURSELVES};
use crate::child::relay::{Relay, Sink};
use crate::child::signals::{Received, Signals};
use crate::child::spawn::Program;
use crate::child::supervise::{Running, Watcher};
use crate::child::terminal::{Ours, Outcome, Pair, Theirs, Window, has_neighbours};
use crate::child::unstarted;
use crate::error::Error;

/// The streams of a program that is about to be started.
pub struct Streams<'a> {
    /// What the program gets, by its numbers: 0 for stdin.
    theirs: Vec<(OwnedFd, RawFd)>,
    relay: Relay<'a>,
    terminal: Option<Terminal>,
}

/// What there is besides, where one of them is a terminal.
struct Terminal {
    ours: Ours,
    theirs: Theirs,
    line: Line,
    line_of_monitor: LineOfMonitor,
    is_front: bool,
}

impl<'a> Streams<'a> {
    /// Opens what a program prints to.
    ///
    /// # Errors
    ///
    /// [`Error::Unattended`].
    pub fn open(masks: &'a Masks) -> Result<Self, Error> {
        Self::try_open(masks).map_err(Error::Unattended)
    }

    fn try_open(masks: &'a Masks) -> io::Result<Self> {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let outputs = [(1, stdout.as_fd()), (2, stderr.as_fd())];
        let mut streams = Self {
            theirs: Vec::new(),
            relay: Relay::new(),
            terminal: None,
        };
        if let Some(shown) = outputs.iter().find(|(_, stream)| stream.is_terminal()) {
            let pair = Pair::open()?;
            for (number, stream) in [(0, stdin.as_fd())].iter().chain(&outputs) {
                if stream.is_terminal() {
                    streams.give(&pair.theirs, *number)?;
                }
            }
            let sink = Sink::new(shown.1, shown.0)?;
            streams.relay.add(pair.ours.try_clone()?, sink, masks)?;
            let (line, line_of_monitor) = monitor::line()?;
            let ours = Ours::open()?;
            let is_front = ours.is_front() && !has_neighbours();
            streams.terminal = Some(Terminal {
                theirs: Theirs::new(pair.ours, &ours, is_front),
                ours,
                line,
                line_of_monitor,
                is_front,
            });
        } else if is_same(outputs[0].1, outputs[1].1) {
            let theirs = streams.open_pipe(outputs[0], masks)?;
            streams.give(&theirs, 1)?;
            streams.give(&theirs, 2)?;
            return Ok(streams);
        }
        for (number, stream) in outputs {
            // One that is closed is closed to the program as well.
            if !stream.is_terminal() && rustix::io::fcntl_getfd(stream).is_ok() {
                let theirs = streams.open_pipe((number, stream), masks)?;
                streams.give(&theirs, number)?;
            }
        }
        Ok(streams)
    }

    fn open_pipe(
        &mut self,
        (number, stream): (RawFd, BorrowedFd<'_>),
        masks: &'a Masks,
    ) -> io::Result<OwnedFd> {
        let (source, theirs) = io::pipe()?;
        let sink = Sink::new(stream, number)?;
        self.relay.add(source.into(), sink, masks)?;
        Ok(theirs.into())
    }

    fn give(&mut self, theirs: &OwnedFd, number: RawFd) -> io::Result<()> {
        let theirs = monitor::out_of_the_way(theirs)?;
        self.theirs.push((theirs, number));
        Ok(())
    }

    /// Returns what is to be started for a program: it, or what starts it in a terminal.
    pub fn command(&self, program: &OsStr, arguments: &[OsString]) -> (OsString, Vec<OsString>) {
        match &self.terminal {
            Some(Terminal {
                line_of_monitor,
                is_front,
                ..
            }) => {
                let arguments = line_of_monitor.arguments(*is_front, program, arguments);
                (OURSELVES.into(), arguments)
            }
            None => (program.to_owned(), arguments.to_vec()),
        }
    }

    /// Gives a program that is about to be started its streams.
    ///
    /// # Errors
    ///
    /// [`Error::Unattended`].
    pub fn give_to(&self, program: &mut Program<'_>) -> Result<(), Error> {
        let streams = self
            .theirs
            .iter()
            .map(|(theirs, number)| (theirs.as_raw_fd(), *number));
        let terminal = self.terminal.iter();
        // To itself: it stays open in the program that is started.
        let line = terminal
            .flat_map(|terminal| terminal.line_of_monitor.descriptors())
            .map(|number| (number, number));
        let mut all = streams.chain(line);
        all.try_for_each(|(ours, number)| program.give(ours, number))
            .map_err(Error::Unattended)
    }

    /// Stays with a program that was started with these streams. Returns how it ended.
    ///
    /// # Errors
    ///
    /// Whatever kept it from being executed, in a terminal; [`Error::Unattended`];
    /// [`Error::Unprinted`] where what it printed is nowhere.
    pub fn stay(self, running: Running, program: &OsStr) -> Result<ExitStatus, Error> {
        let Self {
            relay,
            theirs,
            terminal,
        } = self;
        // Only so an end of its output is seen.
        drop(theirs);
        let Some(terminal) = terminal else {
            let mut pipes = Pipes(relay);
            let status = running.stay(&mut pipes)?;
            return match pipes.0.failure() {
                Some(error) => Err(Error::Unprinted(error)),
                None => Ok(status),
            };
        };
        drop(terminal.line_of_monitor);
        let (ours, is_front) = (terminal.ours, terminal.is_front);
        let mut window = Window::new(ours, terminal.theirs, terminal.line, relay, is_front);
        let status = running.stay(&mut window);
        match window.close() {
            Some(Outcome::Lost(error)) => Err(Error::Unprinted(error)),
            Some(Outcome::Ended(status)) => Ok(status),
            Some(Outcome::Failed(error)) => Err(unstarted(program, error)),
            // The monitor was killed, and with it the program's terminal.
            None => status,
        }
    }
}

/// Tells whether two streams go to one place.
fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let place = |stream| -> Result<_, Errno> {
        let status = rustix::fs::fstat(stream)?;
        Ok((status.st_dev, status.st_ino))
    };
    place(one).is_ok_and(|one| place(other) == Ok(one))
}

/// Watches over the pipes of a program.
struct Pipes<'a>(Relay<'a>);

impl Watcher for Pipes<'_> {
    fn watched<'w>(&'w self, descriptors: &mut Vec<PollFd<'w>>) {
        self.0.watched(descriptors);
    }

    fn patience(&self) -> Option<Duration> {
        self.0.patience()
    }

    fn act(&mut self, events: &[PollFlags]) {
        self.0.act(&mut events.iter().copied());
    }

    fn takes(&mut self, _received: Received) -> bool {
        false
    }

    fn end(&mut self, signals: &Signals) {
        self.0.end(signals);
    }
}
