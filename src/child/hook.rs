//! A hook's command, run to its end: without a shell, in a process group of its own,
//! so that whatever it starts can be ended with it, and without a terminal. A program of
//! another group that reads the terminal is stopped: nobody would see why it waits. In a
//! session of its own it is told at once that there is none, as it is when cron runs it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions};
use zeroize::Zeroizing;

use crate::child::outcome;
use crate::child::signals::Signals;
use crate::child::spawn::Program;
use crate::error::{Error, Result};
use crate::secret_value::{SecretValue, VALUE_MAX};
use crate::vault::rotation::Hook;

/// How long a hook may take that does not say how long: a provider's answer, with a few
/// attempts.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a hook has to clean up once it was told to end, before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

const NOTHING: &str = "/dev/null";

/// A hook that has ended.
pub struct Ended {
    status: ExitStatus,
    /// What it printed on stdout, less one line feed at the end, where that was asked for.
    pub output: Option<SecretValue>,
    /// Whether it printed more than a value can be.
    pub is_too_large: bool,
    /// Whether it took longer than it may, and was told to end.
    is_late: bool,
    /// What signals are held back by, until this is dropped: what the hook made is to be
    /// saved before a second Ctrl-C counts.
    held: Held,
}

impl Ended {
    /// Returns how it failed, for `the hook …`; nothing where it did not.
    pub fn failure(&self) -> Option<String> {
        match (self.status.success(), self.is_late) {
            (true, _) => None,
            (false, true) => Some("took longer than it may, and was ended".to_owned()),
            (false, false) => Some(outcome(self.status)),
        }
    }

    /// Returns the signal by which a person, or the system, told us to end meanwhile.
    pub fn interruption(&mut self) -> Option<i32> {
        self.held.collect();
        self.held.interruption.map(|signal| signal as i32)
    }
}

/// Signals that are held back until it is dropped.
struct Held {
    signals: Option<Signals>,
    interruption: Option<Signal>,
}

impl Held {
    fn signals(&self) -> &Signals {
        self.signals.as_ref().expect("they are held until the end")
    }

    /// Takes in the signals that have come. Returns those that are for the hook as well.
    fn collect(&mut self) -> Vec<Signal> {
        let mut all = Vec::new();
        while let Ok(Some(received)) = self.signals().next() {
            let signal = received.signal;
            let ends = [
                Signal::SIGINT,
                Signal::SIGTERM,
                Signal::SIGHUP,
                Signal::SIGQUIT,
            ];
            if ends.contains(&signal) {
                self.interruption.get_or_insert(signal);
                all.push(signal);
            }
        }
        all
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(signals) = self.signals.take() {
            signals.release();
        }
    }
}

/// Runs a hook. It reads nothing. What it prints is taken as a value, or goes to stderr.
///
/// # Errors
///
/// Where it cannot be started, or not be stayed with.
pub fn run<'a>(
    hook: &Hook,
    takes_value: bool,
    variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Result<Ended> {
    let words = hook
        .command
        .iter()
        .map(|word| OsString::from(word.as_str()));
    let words: Vec<OsString> = words.collect();
    let (program, arguments) = words.split_first().expect("a hook has a program");
    let mut program = Program::new(program, arguments, variables)?;
    program.lead_session();
    let nothing = File::open(NOTHING).map_err(Error::io("open", NOTHING.as_ref()))?;
    let (reader, writer) = io::pipe().map_err(Error::Unattended)?;
    let out = if takes_value { writer.as_raw_fd() } else { 2 };
    (program.give(nothing.as_raw_fd(), 0))
        .and_then(|()| program.give(out, 1))
        .and_then(|()| Ok(rustix::io::ioctl_fionbio(&reader, true)?))
        .map_err(Error::Unattended)?;
    let mut held = Held {
        signals: Some(Signals::hold().map_err(Error::Unattended)?),
        interruption: None,
    };
    let child = program.start(held.signals().before())?;
    drop((program, writer));
    let timeout = hook
        .timeout
        .map(|timeout| Duration::from_secs(timeout.as_seconds()));
    let watch = Watch::over(child, timeout.unwrap_or(TIMEOUT));
    let mut output = Output::new();
    let stayed = watch.stay(&reader, &mut output, &mut held);
    let (status, is_late) = stayed.map_err(|error| {
        // Nobody would end it when its time is up.
        send(child, Signal::SIGTERM);
        Error::Unattended(error)
    })?;
    let is_too_large = output.is_too_large();
    Ok(Ended {
        status,
        output: takes_value.then(|| output.into_value()),
        is_too_large,
        is_late,
        held,
    })
}

/// A hook that is waited for.
struct Watch {
    child: Pid,
    /// When it is told to end, or killed; never where there is no such time.
    deadline: Option<Instant>,
    is_late: bool,
}

impl Watch {
    fn over(child: Pid, timeout: Duration) -> Self {
        Self {
            child,
            deadline: Instant::now().checked_add(timeout),
            is_late: false,
        }
    }

    fn stay(
        mut self,
        pipe: &PipeReader,
        output: &mut Output,
        held: &mut Held,
    ) -> io::Result<(ExitStatus, bool)> {
        let mut is_open = true;
        loop {
            self.wait(pipe, is_open, held)?;
            is_open = is_open && output.take_in(pipe)?;
            for signal in held.collect() {
                self.send(signal);
            }
            self.look_at_clock();
            // What it started may keep the pipe open for ever: its own end counts.
            if let Some((_, status)) =
                rustix::process::waitpid(Some(self.child), WaitOptions::NOHANG)?
            {
                output.take_in(pipe)?;
                return Ok((ExitStatus::from_raw(status.as_raw()), self.is_late));
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, pipe: &PipeReader, is_open: bool, held: &Held) -> io::Result<()> {
        let left = (self.deadline).map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose();
        let left = left.map_err(io::Error::other)?;
        let mut descriptors = vec![PollFd::from_borrowed_fd(
            held.signals().as_fd(),
            PollFlags::IN,
        )];
        // One that was closed would be ready for ever.
        if is_open {
            descriptors.push(PollFd::new(pipe, PollFlags::IN));
        }
        match rustix::event::poll(&mut descriptors, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells it to end when its time is up, and then kills it.
    fn look_at_clock(&mut self) {
        if self.deadline.is_none_or(|at| Instant::now() < at) {
            return;
        }
        if self.is_late {
            self.send(Signal::SIGKILL);
            self.deadline = None;
            return;
        }
        self.send(Signal::SIGTERM);
        // One that was stopped would not hear of it.
        self.send(Signal::SIGCONT);
        self.is_late = true;
        self.deadline = Instant::now().checked_add(PATIENCE);
    }

    fn send(&self, signal: Signal) {
        send(self.child, signal);
    }
}

/// Sends a signal to a hook and all that it started.
fn send(hook: Pid, signal: Signal) {
    // It may have ended.
    let _ = killpg(unistd::Pid::from_raw(hook.as_raw_pid()), signal);
}

/// What a hook printed so far.
struct Output {
    /// The whole size first: a buffer that grows leaves copies behind.
    bytes: Zeroizing<Vec<u8>>,
    length: usize,
}

impl Output {
    /// A value, its line feed, and one byte more by which it is known to be too large.
    const MAX: usize = VALUE_MAX as usize + 2;

    fn new() -> Self {
        Self {
            bytes: Zeroizing::new(vec![0; Self::MAX]),
            length: 0,
        }
    }

    fn is_too_large(&self) -> bool {
        let ends = self.bytes[..self.length].ends_with(b"\n");
        self.length - usize::from(ends) > VALUE_MAX as usize
    }

    /// Takes in what there is. What is too much is read and forgotten, so that the hook
    /// comes to its end. Returns whether there may be more.
    fn take_in(&mut self, mut pipe: &PipeReader) -> io::Result<bool> {
        let mut surplus = Zeroizing::new([0; 4096]);
        loop {
            let is_full = self.length == Self::MAX;
            let space = if is_full {
                &mut surplus[..]
            } else {
                &mut self.bytes[self.length..]
            };
            match pipe.read(space) {
                Ok(0) => return Ok(false),
                Ok(_) if is_full => {}
                Ok(length) => self.length += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn into_value(mut self) -> SecretValue {
        self.bytes.truncate(self.length);
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
        }
        SecretValue::new(self.bytes)
    }
}
