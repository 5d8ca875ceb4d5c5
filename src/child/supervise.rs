//! Staying with a program, so that nobody can tell that we are there: it is as if
//! the program had been started in our place.
//!
//! It is in our process group, so what the terminal sends reaches it without us,
//! and so does what a shell sends to a job. What was sent to our process alone is
//! passed on, once and at once; nothing is sent that did not come in, however
//! long the program takes to end. When it stops we stop, and when it has ended we
//! end as it did.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::unistd;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpid};

use crate::child::signals::{Received, Sender, Signals};
use crate::child::spawn::Program;
use crate::child::witness::Witness;
use crate::error::Error;

const TERMINAL: &str = "/dev/tty";
const NOTHING: &str = "/dev/null";

/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i32 = 128;

/// What is to be done beside the waiting.
pub trait Watcher {
    /// Adds what is to be waited for.
    fn watched<'a>(&'a self, _descriptors: &mut Vec<PollFd<'a>>) {}

    /// Returns how long to wait at most.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// Acts on what was waited for, in the order of [`Watcher::watched`]; on
    /// nothing where the time was up.
    fn act(&mut self, _events: &[PollFlags]) {}

    /// Sees a signal that came to us. Returns whether it goes no further.
    fn takes(&mut self, _received: Received) -> bool {
        false
    }

    /// Gets ready to be stopped, because the program is.
    fn before_stop(&mut self) {}

    /// Gets going again.
    fn after_stop(&mut self) {}

    /// Brings what is left to its end: the program has ended.
    fn end(&mut self, _signals: &Signals) {}
}

/// Nothing to be done.
pub struct Waiting;

impl Watcher for Waiting {}

/// A program that runs beside us.
pub struct Running {
    child: Pid,
    signals: Signals,
    witness: Witness,
}

impl Running {
    /// Starts a program. Signals have to be held back from before there is anything
    /// that must not be left behind.
    ///
    /// # Errors
    ///
    /// As [`Program::start`]. What has come meanwhile takes its course.
    pub fn start(program: &Program<'_>, signals: Signals) -> Result<Self, Error> {
        // It is there first: whoever sees the program run may press a key at once.
        let mut witness = Witness::call();
        match program.start(signals.before()) {
            Ok(child) => {
                witness.forget();
                Ok(Self {
                    child,
                    signals,
                    witness,
                })
            }
            Err(error) => {
                drop(witness);
                signals.release();
                Err(error)
            }
        }
    }

    /// Stays with it until it ends. Returns how it did.
    ///
    /// # Errors
    ///
    /// [`Error::Unattended`].
    pub fn stay(self, watcher: &mut impl Watcher) -> Result<ExitStatus, Error> {
        stay(self.child, &self.signals, self.witness, watcher).map_err(Error::Unattended)
    }
}

fn stay(
    child: Pid,
    signals: &Signals,
    mut witness: Witness,
    watcher: &mut impl Watcher,
) -> io::Result<ExitStatus> {
    let_go_of_streams();
    loop {
        if wait(signals, watcher)? {
            witness.renew();
        }
        while let Some(received) = signals.next()? {
            if received.signal != Signal::SIGCHLD && !watcher.takes(received) {
                pass_on(received, child, &mut witness);
            }
        }
        if let Some(status) = reap(child, &mut witness, watcher)? {
            watcher.end(signals);
            return Ok(status);
        }
    }
}

/// Gives our stdin and stdout up, which are the child's: whoever is at their other ends
/// must see when it closes them. Stderr stays, for what we may have to say.
fn let_go_of_streams() {
    if let Ok(nothing) = File::options().read(true).write(true).open(NOTHING) {
        let _ = rustix::stdio::dup2_stdin(&nothing);
        let _ = rustix::stdio::dup2_stdout(&nothing);
    }
}

/// Waits until there is something to do. Returns whether signals have come.
fn wait(signals: &Signals, watcher: &mut impl Watcher) -> io::Result<bool> {
    let patience = watcher.patience().map(Timespec::try_from).transpose();
    let patience = patience.map_err(io::Error::other)?;
    let mut descriptors = vec![PollFd::new(signals, PollFlags::IN)];
    watcher.watched(&mut descriptors);
    match rustix::event::poll(&mut descriptors, patience.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut events = descriptors.iter().map(PollFd::revents);
    let has_signals = events.next().is_some_and(|events| !events.is_empty());
    let events: Vec<PollFlags> = events.collect();
    drop(descriptors);
    watcher.act(&events);
    Ok(has_signals)
}

fn pass_on(received: Received, child: Pid, witness: &mut Witness) {
    let signal = received.signal;
    // For none of these it is renewed, so it cannot tell.
    let was_seen = match signal {
        Signal::SIGWINCH => None,
        _ => witness.has_seen(signal),
    };
    if is_passed_on(received, was_seen, Bond::with(child)) {
        // It may have ended.
        let _ = kill(unistd::Pid::from_raw(child.as_raw_pid()), signal);
    }
}

/// Takes in what became of children: ours, and as the first process of a container
/// all that were left alone. Returns how ours ended, once it has.
fn reap(
    child: Pid,
    witness: &mut Witness,
    watcher: &mut impl Watcher,
) -> io::Result<Option<ExitStatus>> {
    let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
    loop {
        let (pid, status) = match rustix::process::wait(options) {
            Ok(Some(changed)) => changed,
            Ok(None) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let status = ExitStatus::from_raw(status.as_raw());
        match status.stopped_signal() {
            Some(signal) if pid == child => stop(signal, child, watcher),
            Some(_) => {}
            None if pid == child => return Ok(Some(status)),
            None => witness.note_end(pid),
        }
    }
}

/// Stops as the child did, so that whoever started us sees a job that is stopped.
/// Returns once we were continued. The child is then continued as well: it was
/// sent the same, or it is passed on.
fn stop(signal: i32, child: Pid, watcher: &mut impl Watcher) {
    let Ok(signal) = Signal::try_from(signal) else {
        return;
    };
    watcher.before_stop();
    // A shell as the child has the terminal for a group of its own.
    let terminal = File::open(TERMINAL).ok();
    let front = terminal.as_ref().and_then(front);
    let signals = SigSet::from(signal);
    // In this order: one that came to the group as well must not stop us again.
    let _ = raise(signal);
    let _ = signals.thread_unblock();
    let _ = signals.thread_block();
    if let (Some(terminal), Some(front)) = (terminal, front)
        && group_of(child).map(unistd::Pid::as_raw) == Some(front.as_raw_pid())
        && !Bond::with(child).is_one_group
    {
        let _ = rustix::termios::tcsetpgrp(terminal, front);
    }
    watcher.after_stop();
}

/// Returns the process group of a child. It is 0, which `rustix` does not expect, if it
/// is from outside of our namespace.
fn group_of(child: Pid) -> Option<unistd::Pid> {
    unistd::getpgid(Some(unistd::Pid::from_raw(child.as_raw_pid()))).ok()
}

/// Returns the process group that is in front of a terminal.
fn front(terminal: &File) -> Option<Pid> {
    rustix::termios::tcgetpgrp(terminal).ok()
}

/// How the child and we belong together.
#[derive(Clone, Copy)]
struct Bond {
    us: Pid,
    child: Pid,
    /// What is sent to our process group reaches both.
    is_one_group: bool,
    /// A terminal that is gone tells the leader of its session alone.
    leads_session: bool,
}

impl Bond {
    fn with(child: Pid) -> Self {
        let us = getpid();
        Self {
            us,
            child,
            is_one_group: group_of(child) == Some(unistd::getpgrp()),
            leads_session: unistd::getsid(None) == Ok(unistd::getpid()),
        }
    }
}

/// Tells whether a signal that came to us is for the child and has not reached it.
/// `was_seen` says whether it was sent to our whole group, if that is known.
fn is_passed_on(received: Received, was_seen: Option<bool>, bond: Bond) -> bool {
    let Received { signal, sender } = received;
    let is_from = |pid: Pid| sender == Sender::Process(pid.as_raw_pid());
    if is_from(bond.child) || is_from(bond.us) {
        return false;
    }
    if !bond.is_one_group {
        return true;
    }
    match (was_seen, sender) {
        // Whatever the witness saw: two of them at once are one to it.
        (_, Sender::Kernel) if is_of_terminal(signal) => false,
        (Some(was_seen), _) => !was_seen,
        (None, Sender::Process(_)) => true,
        (None, Sender::Kernel) if matches!(signal, Signal::SIGHUP | Signal::SIGCONT) => {
            bond.leads_session
        }
        (None, Sender::Kernel | Sender::Unknown) => !is_of_terminal(signal),
    }
}

/// Tells whether a terminal sends a signal: its keys and its size are for the whole group
/// that is in front of it.
fn is_of_terminal(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::SIGINT
            | Signal::SIGQUIT
            | Signal::SIGTSTP
            | Signal::SIGTTIN
            | Signal::SIGTTOU
            | Signal::SIGWINCH
    )
}

/// Ends this process by the signal that ended a child. Returns what to exit with
/// where there was none, or where it cannot be: nothing ends the first process of
/// a container.
pub fn end_as(status: ExitStatus) -> u8 {
    if let Some(number) = status.signal() {
        if getpid() != Pid::INIT {
            end_by(number);
        }
        return u8::try_from(SIGNALLED + number).unwrap_or(u8::MAX);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(u8::MAX)
}

fn end_by(number: i32) {
    if let Ok(signal) = Signal::try_from(number) {
        let _ = raise(signal);
        let _ = SigSet::from(signal).thread_unblock();
    }
    // We are still here: it is ignored, as SIGPIPE is since Rust's start.
    let _ = signal_hook::low_level::emulate_default_handler(number);
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: i32 = 100;
    const CHILD: i32 = 101;
    const OTHER: i32 = 50;

    fn bond() -> Bond {
        let pid = |number| Pid::from_raw(number).expect("a number");
        Bond {
            us: pid(US),
            child: pid(CHILD),
            is_one_group: true,
            leads_session: false,
        }
    }

    fn passes(signal: Signal, sender: Sender, was_seen: Option<bool>, bond: Bond) -> bool {
        is_passed_on(Received { signal, sender }, was_seen, bond)
    }

    #[test]
    fn what_the_group_was_sent_is_not_passed_on_whoever_sent_it() {
        for sender in [Sender::Kernel, Sender::Process(OTHER), Sender::Unknown] {
            for signal in Signal::iterator() {
                assert!(!passes(signal, sender, Some(true), bond()), "{signal}");
                let is_key = sender == Sender::Kernel && is_of_terminal(signal);
                let passed = passes(signal, sender, Some(false), bond());
                assert_eq!(passed, !is_key, "{signal} from {sender:?}");
            }
        }
    }

    #[test]
    fn a_child_in_a_group_of_its_own_gets_everything() {
        let bond = Bond {
            is_one_group: false,
            ..bond()
        };
        for was_seen in [None, Some(false), Some(true)] {
            assert!(passes(Signal::SIGINT, Sender::Kernel, was_seen, bond));
        }
    }

    #[test]
    fn nothing_goes_back_to_the_child_that_sent_it() {
        for sender in [US, CHILD].map(Sender::Process) {
            assert!(!passes(Signal::SIGTERM, sender, Some(false), bond()));
        }
    }

    #[test]
    fn without_a_witness_the_sender_tells() {
        let leader = Bond {
            leads_session: true,
            ..bond()
        };
        for (signal, sender, bond, expected) in [
            (Signal::SIGTERM, Sender::Process(OTHER), bond(), true),
            (Signal::SIGINT, Sender::Process(OTHER), bond(), true),
            (Signal::SIGINT, Sender::Kernel, bond(), false),
            (Signal::SIGWINCH, Sender::Kernel, bond(), false),
            (Signal::SIGALRM, Sender::Kernel, bond(), true),
            (Signal::SIGHUP, Sender::Kernel, bond(), false),
            (Signal::SIGHUP, Sender::Kernel, leader, true),
            (Signal::SIGTSTP, Sender::Unknown, bond(), false),
            (Signal::SIGTERM, Sender::Unknown, bond(), true),
        ] {
            let passed = passes(signal, sender, None, bond);
            assert_eq!(passed, expected, "{signal} from {sender:?}");
        }
    }

    #[test]
    fn an_exit_code_is_kept() {
        for code in [0, 1, 125, 255] {
            assert_eq!(i32::from(end_as(ExitStatus::from_raw(code << 8))), code);
        }
    }
}
