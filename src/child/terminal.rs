//! A program in a terminal of its own, whose output goes through the masks to ours.
//!
//! To the program nothing is different: it has a terminal of the same size, in the
//! same mode, with the same control keys. What is typed goes to its terminal as it
//! is, which makes the signals and the echo; so ours has to be raw as long as we are in
//! front of it, and is put back whenever we are not: at our end, however it comes but by
//! SIGKILL, and when the job is stopped.
//!
//! Signals that come to us are the program's: its terminal is not ours, so none of
//! them has reached it yet. When it stops we stop with our whole process group, as
//! Ctrl-Z would have stopped it, and when we are continued, so is it, in front of its
//! terminal or behind as we are.
//!
//! In a pipeline others read the same keyboard. There the program begins behind its
//! terminal and ours stays as it is, until it wants to read: then the kernel stops it
//! (SIGTTIN), and we go in front for it (as `sudo` does).

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::panic;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, getpid};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, OutputModes, Termios};
use zeroize::Zeroizing;

use crate::child::monitor::{Line, News, Order};
use crate::child::relay::Relay;
use crate::child::signals::{Received, Sender, Signals};
use crate::child::supervise::Watcher;

/// How much is read from the keyboard at once, and waits until the program's terminal
/// takes it: as much as a terminal keeps itself (N_TTY_BUF_SIZE).
const KEYS: usize = 4096;

/// How long the terminal of a program that was stopped may take to hand its last
/// output over.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// A new terminal: our end of it, and the program's.
pub struct Pair {
    pub ours: OwnedFd,
    pub theirs: OwnedFd,
}

impl Pair {
    /// Opens a terminal.
    ///
    /// # Errors
    ///
    /// Where there is none left.
    pub fn open() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        #[cfg(target_os = "linux")]
        let flags = flags | OpenptFlags::CLOEXEC;
        let ours = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&ours)?;
        rustix::pty::unlockpt(&ours)?;
        let name = rustix::pty::ptsname(&ours, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name, flags, Mode::empty())?;
        Ok(Self { ours, theirs })
    }
}

/// The terminal that we were started in.
pub struct Ours {
    tty: File,
    /// What it is like when it is not ours, while it is.
    before: Option<Termios>,
}

impl Ours {
    /// Opens it. Without a controlling terminal, it is the one that a stream is.
    ///
    /// # Errors
    ///
    /// Where no stream is one.
    pub fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut opened = Err(Errno::NOTTY);
        for path in ["/dev/tty", "/dev/fd/1", "/dev/fd/2"] {
            opened = rustix::fs::open(path, flags, Mode::empty())
                .and_then(|tty| rustix::termios::tcgetattr(&tty).map(|_| tty));
            if opened.is_ok() {
                break;
            }
        }
        Ok(Self {
            tty: opened?.into(),
            before: None,
        })
    }

    /// Tells whether we are in front of it; where there is no job control, we are.
    ///
    /// As the first process of a container we may belong to a group from outside, and so
    /// may who is in front: both are 0 to us (pid_namespaces(7)), which `rustix` does not
    /// expect. Whoever starts a container like that mostly looks at it.
    pub fn is_front(&self) -> bool {
        nix::unistd::tcgetpgrp(&self.tty).is_ok_and(|front| front == nix::unistd::getpgrp())
            || nix::sys::termios::tcgetsid(&self.tty).is_err()
    }

    /// Gives another terminal the modes of this one.
    fn copy_modes_to(&self, other: impl AsFd) {
        if let Ok(modes) = rustix::termios::tcgetattr(&self.tty) {
            let _ = rustix::termios::tcsetattr(other, OptionalActions::Now, &modes);
        }
    }

    fn copy_size_to(&self, other: impl AsFd) {
        if let Ok(size) = rustix::termios::tcgetwinsize(&self.tty) {
            let _ = rustix::termios::tcsetwinsize(other, size);
        }
    }

    /// Lets all keys through as they are.
    fn make_raw(&mut self) {
        let before = match self.before.take() {
            Some(before) => before,
            None => match rustix::termios::tcgetattr(&self.tty) {
                Ok(before) => before,
                Err(_) => return,
            },
        };
        let mut raw = before.clone();
        raw.make_raw();
        if let Ok(tty) = self.tty.try_clone() {
            put_back_in_panic();
            *for_panic() = Some((tty, before.clone()));
        }
        if rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &raw).is_ok() {
            self.before = Some(before);
        }
    }

    /// Puts it back, unless somebody else is in front of it by now.
    fn put_back(&mut self) {
        *for_panic() = None;
        if let Some(before) = self.before.take()
            && self.is_front()
        {
            let _ = rustix::termios::tcsetattr(&self.tty, OptionalActions::Drain, &before);
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// The terminal and its modes, for the hook of a panic, which ends us at once.
fn for_panic() -> MutexGuard<'static, Option<(File, Termios)>> {
    static TERMINAL: Mutex<Option<(File, Termios)>> = Mutex::new(None);
    TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put_back_in_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if let Some((tty, before)) = for_panic().take() {
                let _ = rustix::termios::tcsetattr(tty, OptionalActions::Now, &before);
            }
            hook(panic);
        }));
    });
}

/// The program's terminal, by our end of it.
pub struct Theirs {
    master: OwnedFd,
    /// Whether it has the modes of ours. Those that ours has while we are not in front of
    /// it are another's, such as those of a shell that waits for a command.
    is_alike: bool,
    /// Whether it leaves the ends of lines to ours.
    is_plain: bool,
}

impl Theirs {
    /// Makes a new terminal like ours, for a program that begins in front of it or not.
    pub fn new(master: OwnedFd, ours: &Ours, is_front: bool) -> Self {
        let mut theirs = Self {
            master,
            is_alike: false,
            is_plain: false,
        };
        ours.copy_size_to(&theirs.master);
        if ours.is_front() {
            theirs.become_alike(ours);
        }
        if !is_front {
            theirs.make_plain();
        }
        theirs
    }

    /// Hangs it up, because ours is gone.
    fn close(&mut self) {
        if let Ok(nothing) = File::options().write(true).open("/dev/null") {
            self.master = nothing.into();
        }
    }

    fn become_alike(&mut self, ours: &Ours) {
        if !self.is_alike {
            ours.copy_modes_to(&self.master);
            self.is_alike = true;
        }
    }

    /// Has the ends of lines written by our terminal instead, which does so whenever it
    /// is not raw.
    fn make_plain(&mut self) {
        self.is_plain |= self.change(|modes| {
            let was_there = modes.output_modes.contains(OutputModes::OPOST);
            modes.output_modes.remove(OutputModes::OPOST);
            was_there
        });
    }

    fn end_plain(&mut self) {
        if std::mem::take(&mut self.is_plain) {
            self.change(|modes| {
                modes.output_modes.insert(OutputModes::OPOST);
                true
            });
        }
    }

    /// Changes its modes. Returns whether that was needed, and done.
    fn change(&self, change: impl FnOnce(&mut Termios) -> bool) -> bool {
        let Ok(mut modes) = rustix::termios::tcgetattr(&self.master) else {
            return false;
        };
        change(&mut modes)
            && rustix::termios::tcsetattr(&self.master, OptionalActions::Now, &modes).is_ok()
    }
}

/// Tells whether the program should wait behind its terminal until it wants to read,
/// because others may be reading our keyboard: what is no terminal of our streams goes to
/// the next program of a pipeline, or comes from the one before.
///
/// Where the signal is ignored that says so, as within a shell's `$(…)`, it would wait in
/// vain: its reading fails (termios(3)).
pub fn has_neighbours() -> bool {
    let is_pipe = |stream: &dyn IsPipe| stream.is_pipe();
    let any = !io::stdin().is_terminal() || is_pipe(&io::stdout()) || is_pipe(&io::stderr());
    any && !is_ignored(Signal::SIGTTIN)
}

/// Tells whether we ignore a signal, and so does what we start; proc_pid_status(5).
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> (signal as i32 - 1) & 1 == 1)
}

trait IsPipe {
    fn is_pipe(&self) -> bool;
}

impl<T: AsFd> IsPipe for T {
    fn is_pipe(&self) -> bool {
        rustix::fs::fstat(self).is_ok_and(|status| {
            let file_type = FileType::from_raw_mode(status.st_mode);
            matches!(file_type, FileType::Fifo | FileType::Socket)
        })
    }
}

/// Watches over a program in a terminal of its own.
pub struct Window<'a> {
    ours: Ours,
    theirs: Theirs,
    line: Line,
    /// Its first stream is that of the terminal.
    relay: Relay<'a>,
    /// What was typed, and is not in the program's terminal yet.
    keys: Zeroizing<Vec<u8>>,
    is_keyboard_gone: bool,
    is_line_over: bool,
    /// Whether the signal that continued us is still to come.
    is_continued: bool,
    program: Option<Pid>,
    outcome: Option<Outcome>,
}

/// What became of a program.
pub enum Outcome {
    /// It has ended.
    Ended(ExitStatus),
    /// It could not be executed.
    Failed(io::Error),
    /// Something that it printed could not be written.
    Lost(io::Error),
}

impl<'a> Window<'a> {
    /// Opens a window to a program that was started, in front of its terminal or not.
    pub fn new(ours: Ours, theirs: Theirs, line: Line, relay: Relay<'a>, is_front: bool) -> Self {
        let mut window = Self {
            ours,
            theirs,
            line,
            relay,
            keys: Zeroizing::new(Vec::with_capacity(KEYS)),
            is_keyboard_gone: false,
            is_line_over: false,
            is_continued: false,
            program: None,
            outcome: None,
        };
        if is_front {
            window.ours.make_raw();
        }
        window
    }

    /// Closes it. Returns what became of the program, if it was heard.
    pub fn close(mut self) -> Option<Outcome> {
        self.ours.put_back();
        let lost = self.relay.failure().map(Outcome::Lost);
        lost.or(self.outcome)
    }

    fn is_raw(&self) -> bool {
        self.ours.before.is_some()
    }

    /// Continues the program, where we are: in front of our terminal or behind.
    fn go_on(&mut self) {
        self.ours.copy_size_to(&self.theirs.master);
        self.is_keyboard_gone = false;
        if self.ours.is_front() {
            self.theirs.become_alike(&self.ours);
            self.theirs.end_plain();
            self.ours.make_raw();
            self.line.order(Order::Front);
        } else {
            self.ours.put_back();
            self.theirs.make_plain();
            self.line.order(Order::Back);
        }
    }

    /// Stops as the program did.
    fn stop(&mut self, number: i32) {
        let Ok(signal) = Signal::try_from(number) else {
            return;
        };
        let wants_terminal = matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU);
        if wants_terminal && self.ours.is_front() {
            return self.go_on();
        }
        self.relay.flush(LAST_WORDS);
        self.ours.put_back();
        self.theirs.make_plain();
        if signal == Signal::SIGSTOP {
            let _ = rustix::process::kill_process(getpid(), rustix::process::Signal::STOP);
        } else {
            let _ = nix::sys::signal::killpg(nix::unistd::getpgrp(), signal);
            let stopping = SigSet::from(signal);
            // Here we stop, unless nobody is there to continue us.
            let _ = stopping.thread_unblock();
            let _ = stopping.thread_block();
        }
        self.is_continued = true;
        self.go_on();
    }

    fn hear(&mut self) {
        match self.line.hear() {
            Some(News::Started(pid)) => self.program = Pid::from_raw(pid),
            Some(News::Failed(number)) => {
                let error = io::Error::from_raw_os_error(number);
                self.outcome = Some(Outcome::Failed(error));
            }
            Some(News::Stopped(signal)) => self.stop(signal),
            Some(News::Ended(status)) => {
                self.outcome = Some(Outcome::Ended(ExitStatus::from_raw(status)));
            }
            None => self.is_line_over = true,
        }
    }

    fn read_keys(&mut self) {
        let mut keys = Zeroizing::new([0; KEYS]);
        match rustix::io::read(&self.ours.tty, &mut *keys) {
            Ok(0) => self.is_keyboard_gone = true,
            Ok(count) => {
                self.keys.extend_from_slice(&keys[..count]);
                self.relay.note_key();
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Also where we are in front no more.
            Err(_) => self.is_keyboard_gone = true,
        }
    }

    fn pass_keys_on(&mut self) {
        match rustix::io::write(&self.theirs.master, &self.keys) {
            Ok(count) => {
                self.keys.drain(..count);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.keys.clear(),
        }
    }

    fn is_listening(&self) -> bool {
        self.is_raw() && self.keys.is_empty() && !self.is_keyboard_gone
    }
}

impl Watcher for Window<'_> {
    fn watched<'w>(&'w self, descriptors: &mut Vec<PollFd<'w>>) {
        if !self.is_line_over {
            descriptors.push(PollFd::new(&self.line, PollFlags::IN));
        }
        if self.is_listening() {
            descriptors.push(PollFd::new(&self.ours.tty, PollFlags::IN));
        }
        if !self.keys.is_empty() {
            descriptors.push(PollFd::new(&self.theirs.master, PollFlags::OUT));
        }
        self.relay.watched(descriptors);
    }

    fn patience(&self) -> Option<Duration> {
        self.relay.patience()
    }

    fn act(&mut self, events: &[PollFlags]) {
        let mut events = events.iter().copied();
        // What is in the list depends on what these three are before anything is done.
        let (is_listening, has_keys) = (self.is_listening(), !self.keys.is_empty());
        let mut is_ready =
            |is_watched: bool| is_watched && events.next().is_some_and(|events| !events.is_empty());
        let has_news = is_ready(!self.is_line_over);
        let is_typed = is_ready(is_listening);
        let is_wanted = is_ready(has_keys);
        self.relay.act(&mut events);
        if self.relay.is_left() {
            self.theirs.close();
        }
        if is_typed {
            self.read_keys();
        }
        if is_wanted || is_typed {
            self.pass_keys_on();
        }
        if has_news {
            self.hear();
        }
    }

    fn takes(&mut self, received: Received) -> bool {
        let Received { signal, sender } = received;
        let is_from = |pid: Pid| sender == Sender::Process(pid.as_raw_pid());
        match signal {
            Signal::SIGWINCH => self.ours.copy_size_to(&self.theirs.master),
            Signal::SIGCONT if std::mem::take(&mut self.is_continued) => {}
            // By `fg` or `bg`, without having been stopped.
            Signal::SIGCONT => self.go_on(),
            // What we wrote where nobody reads.
            Signal::SIGPIPE => {}
            _ if is_from(getpid()) || self.program.is_some_and(is_from) => {}
            _ if sender == Sender::Kernel => self.line.order(Order::SignalGroup(signal as i32)),
            _ => self.line.order(Order::Signal(signal as i32)),
        }
        true
    }

    fn end(&mut self, signals: &Signals) {
        while !self.is_line_over {
            self.hear();
        }
        self.relay.end(signals);
    }
}
