//! Telling whether a signal that came to us came to our whole process group, and
//! so to the child as well.
//!
//! Nothing in a signal tells. What the kernel says of its sender is the same for
//! `kill PID` and for `kill -- -GROUP`, which is what a shell does for `kill %1`
//! and to the jobs of a terminal that was closed; and the kernel itself hangs up
//! a session's leader alone. A program that is sent the second SIGTERM or SIGINT
//! for one often gives up at once what it was about to end in order.
//!
//! So there is a witness: a process in our group that blocks all signals and does
//! nothing. What was sent to the group is pending there, and can be read in
//! `/proc`; it is so before we see it, since the kernel goes through a group from
//! the last to join. As what is pending stays so, a witness that has seen
//! something is replaced. It ends with us, however we end.

use std::fs::{self, File};
use std::io::{self, PipeWriter};
use std::os::fd::AsRawFd;

use nix::spawn::PosixSpawnFileActions;
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, WaitOptions};

use crate::child::spawn::{self, SHELL, Session, c_string};

/// What a witness does: it waits for the end of its input, which is ours.
const WAIT: &str = "read _ # of keyvault, to see which signals are sent to the process group";

/// A process that sees what is sent to our process group.
pub struct Witness {
    process: Option<Process>,
    /// What former ones saw and nobody has asked about yet, one bit each.
    seen: u64,
}

struct Process {
    pid: Pid,
    /// Its input, which ends with us.
    _input: PipeWriter,
}

impl Witness {
    /// Calls a witness. Where there cannot be one, it knows nothing.
    pub fn call() -> Self {
        Self {
            process: Process::start().ok(),
            seen: 0,
        }
    }

    /// Calls another one if this one has seen something. To be done before the signals
    /// are read that have come: only so the next one sees each that comes behind them,
    /// as a second Ctrl-C.
    pub fn renew(&mut self) {
        // A window that is drawn larger sends many, and each would call a new one.
        let others = !bit(Signal::SIGWINCH);
        let pending = self.process.as_ref().and_then(Process::pending);
        if let Some(pending) = pending.filter(|pending| pending & others != 0) {
            let next = Process::start().ok();
            // Once more: what came until now, the next one may not have seen.
            let before = std::mem::replace(&mut self.process, next);
            self.seen |= pending | before.and_then(|before| before.pending()).unwrap_or(0);
        }
    }

    /// Tells whether a signal that came to us was sent to our group; `None` if
    /// there is nobody to ask.
    pub fn has_seen(&mut self, signal: Signal) -> Option<bool> {
        let bit = bit(signal);
        if self.seen & bit == 0 && self.process.as_ref()?.pending()? & bit != 0 {
            self.renew();
        }
        let seen = self.seen & bit != 0;
        self.seen &= !bit;
        Some(seen)
    }

    /// Forgets what was sent by now: the child was not there yet, or has not begun.
    pub fn forget(&mut self) {
        let pending = self.process.as_ref().and_then(Process::pending);
        if let Some(pending) = pending.filter(|pending| *pending != 0) {
            let next = Process::start().ok();
            let before = std::mem::replace(&mut self.process, next);
            let until_now = before.and_then(|before| before.pending()).unwrap_or(0);
            self.seen |= until_now & !pending;
        }
    }

    /// Takes note of the end of a process that may be the witness.
    pub fn note_end(&mut self, pid: Pid) {
        if let Some(process) = self.process.take_if(|process| process.pid == pid) {
            // Its number may be another's already.
            std::mem::forget(process);
        }
    }
}

impl Process {
    fn start() -> io::Result<Self> {
        // Without /proc it would be of no use.
        pending("self").ok_or(io::ErrorKind::Unsupported)?;
        let (input, writer) = io::pipe()?;
        let nothing = File::options().write(true).open("/dev/null")?;
        let mut streams = PosixSpawnFileActions::init()?;
        streams.add_dup2(input.as_raw_fd(), 0)?;
        streams.add_dup2(nothing.as_raw_fd(), 1)?;
        streams.add_dup2(nothing.as_raw_fd(), 2)?;
        let texts = [SHELL, "-c", WAIT].map(|text| c_string(text.as_ref()));
        let [shell, option, wait] = texts;
        let (shell, option, wait) = (shell?, option?, wait?);
        let arguments = [&*shell, &*option, &*wait];
        let pid = spawn::start(
            &shell,
            &arguments,
            &[],
            &SigSet::all(),
            &streams,
            Session::Ours,
        )?;
        Ok(Self {
            pid,
            _input: writer,
        })
    }

    fn pending(&self) -> Option<u64> {
        pending(&self.pid.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// The bit of a signal in a set.
fn bit(signal: Signal) -> u64 {
    1 << (signal as i32 - 1)
}

/// Returns what is pending for a process, one bit for each signal;
/// proc_pid_status(5).
fn pending(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let bits = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}
