//! The process between us and a program in a terminal of its own.
//!
//! A terminal belongs to a session, and a session needs a leader. The program itself
//! cannot be it: a process whose parent is in another session is an orphan to the
//! kernel, and an orphan cannot be stopped by Ctrl-Z (`setpgid(2)`, "orphaned"). So
//! keyvault starts itself again as the leader, which starts the program as a shell
//! would: in a process group of its own, in front of the terminal or not, and tells
//! us when it stops and how it ends. `sudo` has the same three processes.
//!
//! Rust without `unsafe` does nothing between a fork and its exec, so what becomes
//! the program is keyvault as well, for a moment: it takes the front of the terminal
//! while nothing runs yet that could be stopped for not having it.
//!
//! None of them has secrets but in its environment, which is the program's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::sys::signal::{self, SigSet, SigmaskHow, Signal};
use nix::unistd;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpgrp};

use crate::child::signals::Signals;
use crate::error::Code;

/// What stands in the place of a subcommand where keyvault started itself.
const MONITOR: &str = "__monitor";
const PROGRAM: &str = "__program";

/// This program, however it is called by now, and although it may have been replaced;
/// where the system has no such name, the one that is found along the `PATH`.
pub const OURSELVES: &str = if cfg!(target_os = "linux") {
    "/proc/self/exe"
} else {
    "keyvault"
};

/// Where descriptors have names; on Linux it is part of /proc.
const DESCRIPTORS: &str = "/dev/fd";

/// Below it are descriptors that the caller has given us to pass on.
const OUT_OF_THE_WAY: RawFd = 10;

/// What we tell the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Continue the program in front of its terminal.
    Front,
    /// Continue it behind.
    Back,
    /// Send it a signal.
    Signal(i32),
    /// Send its process group a signal.
    SignalGroup(i32),
}

/// What the monitor tells us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The program runs, as this process.
    Started(i32),
    /// It could not be executed: the system's number for why.
    Failed(i32),
    /// A signal stopped it.
    Stopped(i32),
    /// It has ended, with this status (wait(2)).
    Ended(i32),
}

/// A message: what, and a number.
type Message = [u8; 5];

fn message(what: u8, number: i32) -> Message {
    let [a, b, c, d] = number.to_ne_bytes();
    [what, a, b, c, d]
}

impl Order {
    fn to_message(self) -> Message {
        match self {
            Self::Front => message(b'f', 0),
            Self::Back => message(b'b', 0),
            Self::Signal(number) => message(b's', number),
            Self::SignalGroup(number) => message(b'g', number),
        }
    }

    fn of([what, number @ ..]: Message) -> Option<Self> {
        let number = i32::from_ne_bytes(number);
        match what {
            b'f' => Some(Self::Front),
            b'b' => Some(Self::Back),
            b's' => Some(Self::Signal(number)),
            b'g' => Some(Self::SignalGroup(number)),
            _ => None,
        }
    }
}

impl News {
    fn to_message(self) -> Message {
        match self {
            Self::Started(pid) => message(b'p', pid),
            Self::Failed(number) => message(b'x', number),
            Self::Stopped(signal) => message(b't', signal),
            Self::Ended(status) => message(b'e', status),
        }
    }

    fn of([what, number @ ..]: Message) -> Option<Self> {
        let number = i32::from_ne_bytes(number);
        match what {
            b'p' => Some(Self::Started(number)),
            b'x' => Some(Self::Failed(number)),
            b't' => Some(Self::Stopped(number)),
            b'e' => Some(Self::Ended(number)),
            _ => None,
        }
    }
}

/// Our end of the talk with the monitor.
pub struct Line {
    orders: File,
    news: File,
}

/// The other end, which the monitor inherits.
pub struct LineOfMonitor {
    orders: OwnedFd,
    news: OwnedFd,
}

/// Opens a line to a monitor that is to be started.
///
/// # Errors
///
/// Where there are no more descriptors, or no names for them.
pub fn line() -> io::Result<(Line, LineOfMonitor)> {
    // By it the monitor finds itself and its end of the line.
    if !Path::new(DESCRIPTORS).exists() {
        return Err(io::Error::other(format!("`{DESCRIPTORS}` is not there")));
    }
    let (their_orders, orders) = io::pipe()?;
    let (news, their_news) = io::pipe()?;
    let line = Line {
        orders: File::from(OwnedFd::from(orders)),
        news: File::from(OwnedFd::from(news)),
    };
    let theirs = LineOfMonitor {
        orders: out_of_the_way(their_orders.as_fd())?,
        news: out_of_the_way(their_news.as_fd())?,
    };
    Ok((line, theirs))
}

impl Line {
    /// Gives an order. If nobody takes it, the monitor has ended, which is seen
    /// elsewhere.
    pub fn order(&self, order: Order) {
        let _ = (&self.orders).write_all(&order.to_message());
    }

    /// Returns what there is to hear, once the line is readable; none at its end.
    pub fn hear(&self) -> Option<News> {
        hear(&self.news).and_then(News::of)
    }
}

impl AsFd for Line {
    /// Is readable when there is news.
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.news.as_fd()
    }
}

impl LineOfMonitor {
    /// The descriptors that the monitor must inherit, under the same numbers.
    pub fn descriptors(&self) -> [RawFd; 2] {
        [self.orders.as_raw_fd(), self.news.as_raw_fd()]
    }

    /// Returns the arguments with which [`OURSELVES`] is the monitor of a program.
    pub fn arguments(
        &self,
        is_front: bool,
        program: &OsStr,
        arguments: &[OsString],
    ) -> Vec<OsString> {
        let [orders, news] = self.descriptors().map(|number| number.to_string().into());
        let place = if is_front { "front" } else { "back" };
        let mut all = vec![MONITOR.into(), orders, news, place.into(), program.into()];
        all.extend_from_slice(arguments);
        all
    }
}

fn hear(mut line: &File) -> Option<Message> {
    let mut message = Message::default();
    line.read_exact(&mut message).ok()?;
    Some(message)
}

/// Returns a copy whose number no stream of a program has.
///
/// # Errors
///
/// Where there are no more descriptors.
pub fn out_of_the_way(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, OUT_OF_THE_WAY)?)
}

/// Plays the part for which this process was started, if it is one of ours.
pub fn play(arguments: &[OsString]) -> Option<ExitCode> {
    let part = arguments.get(1)?;
    let played = if part == MONITOR {
        let [orders, news, place, program @ ..] = arguments.get(2..)? else {
            return None;
        };
        monitor(orders, news, place, program)
    } else if part == PROGRAM {
        let [errors, place, program @ ..] = arguments.get(2..)? else {
            return None;
        };
        become_program(errors, place, program)
    } else {
        return None;
    };
    Some(played.unwrap_or(ExitCode::from(Code::ExecFailed as u8)))
}

/// Takes over what was inherited under a number, and passes it on no further.
fn inherited(number: &OsStr, options: &mut std::fs::OpenOptions) -> io::Result<File> {
    let number: RawFd = number
        .to_str()
        .and_then(|number| number.parse().ok())
        .ok_or(io::ErrorKind::InvalidInput)?;
    let file = options.open(format!("{DESCRIPTORS}/{number}"))?;
    unistd::close(number)?;
    Ok(file)
}

/// Leads the session of a program's terminal until it has ended.
fn monitor(
    orders: &OsStr,
    news: &OsStr,
    place: &OsStr,
    program: &[OsString],
) -> io::Result<ExitCode> {
    let orders = inherited(orders, File::options().read(true))?;
    let mut news = inherited(news, File::options().write(true))?;
    // Whatever comes is the program's, and nothing ends us before it.
    let signals = Signals::hold()?;
    let streams = [
        io::stdin().as_fd().try_clone_to_owned()?,
        io::stdout().as_fd().try_clone_to_owned()?,
        io::stderr().as_fd().try_clone_to_owned()?,
    ];
    let mut terminals = streams.iter().rev();
    let terminal = terminals.find(|stream| rustix::termios::isatty(stream));
    let terminal = terminal.ok_or(Errno::NOTTY)?.try_clone()?;
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(&terminal)?;

    signals.before().thread_set_mask()?;
    let started = start(place, program, streams);
    SigSet::all().thread_set_mask()?;
    let pid = match started {
        Ok(pid) => pid,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
            news.write_all(&News::Failed(number).to_message())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    news.write_all(&News::Started(pid.as_raw_pid()).to_message())?;
    let program = Program { pid, terminal };
    let status = program.watch(&signals, &orders, &mut news)?;
    // What it left running must not be hung up for the end of this session's leader,
    // which happens to the group in front.
    let _ = rustix::termios::tcsetpgrp(&program.terminal, getpgrp());
    news.write_all(&News::Ended(status).to_message())?;
    Ok(ExitCode::SUCCESS)
}

/// A program that runs in the terminal.
struct Program {
    /// The process, and its group.
    pid: Pid,
    terminal: OwnedFd,
}

impl Program {
    /// Does as it is told and tells what becomes of the program, until it has ended.
    /// Returns how it did.
    fn watch(&self, signals: &Signals, orders: &File, news: &mut File) -> io::Result<i32> {
        let mut is_alone = false;
        loop {
            // First of all: what became of it before we listened was told to nobody.
            if let Some(status) = self.see(news)? {
                return Ok(status);
            }
            let mut descriptors = vec![PollFd::new(signals, PollFlags::IN)];
            if !is_alone {
                descriptors.push(PollFd::new(orders, PollFlags::IN));
            }
            match rustix::event::poll(&mut descriptors, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if descriptors
                .get(1)
                .is_some_and(|orders| !orders.revents().is_empty())
            {
                match hear(orders) {
                    Some(message) => self.obey(message),
                    // The terminal went with whoever gave the orders.
                    None => {
                        is_alone = true;
                        self.signal_group(Signal::SIGHUP);
                        self.signal_group(Signal::SIGCONT);
                    }
                }
            }
            while signals.next()?.is_some() {}
        }
    }

    /// Tells of each stop. Returns how the program ended, if it did.
    fn see(&self, news: &mut File) -> io::Result<Option<i32>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        while let Some((_, status)) = rustix::process::waitpid(Some(self.pid), options)? {
            match status.stopping_signal() {
                // Whether anyone hears it or not.
                Some(signal) => {
                    let _ = news.write_all(&News::Stopped(signal).to_message());
                }
                None => return Ok(Some(status.as_raw())),
            }
        }
        Ok(None)
    }

    fn obey(&self, message: Message) {
        let process = unistd::Pid::from_raw(self.pid.as_raw_pid());
        match Order::of(message) {
            Some(Order::Front) => {
                let _ = rustix::termios::tcsetpgrp(&self.terminal, self.pid);
                self.signal_group(Signal::SIGCONT);
            }
            Some(Order::Back) => {
                let _ = rustix::termios::tcsetpgrp(&self.terminal, getpgrp());
                self.signal_group(Signal::SIGCONT);
            }
            Some(Order::Signal(number)) => {
                if let Ok(signal) = Signal::try_from(number) {
                    let _ = signal::kill(process, signal);
                }
            }
            Some(Order::SignalGroup(number)) => {
                if let Ok(signal) = Signal::try_from(number) {
                    self.signal_group(signal);
                }
            }
            None => {}
        }
    }

    fn signal_group(&self, signal: Signal) {
        let _ = signal::killpg(unistd::Pid::from_raw(self.pid.as_raw_pid()), signal);
    }
}

/// Starts what becomes the program, and gives our own streams up: whoever is at their
/// other ends must see when the program closes them.
fn start(place: &OsStr, program: &[OsString], streams: [OwnedFd; 3]) -> io::Result<Pid> {
    let [stdin, stdout, stderr] = streams;
    let (errors, writer) = io::pipe()?;
    let theirs = out_of_the_way(&writer)?;
    drop(writer);
    // Inherited, by this one process: the others are started elsewhere.
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty())?;
    let mut command = Command::new(OURSELVES);
    command
        .arg(PROGRAM)
        .arg(theirs.as_raw_fd().to_string())
        .arg(place)
        .args(program);
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    let child = command.spawn()?;
    drop(command);
    drop(theirs);
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    let mut number = [0; 4];
    match File::from(OwnedFd::from(errors)).read_exact(&mut number) {
        Ok(()) => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number))),
        // It was closed by the system, as the program was executed.
        Err(_) => {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            pid.ok_or_else(|| Errno::SRCH.into())
        }
    }
}

/// Becomes the program, in a process group of its own, and in front of the terminal
/// if it belongs there.
fn become_program(errors: &OsStr, place: &OsStr, program: &[OsString]) -> io::Result<ExitCode> {
    let mut errors = inherited(errors, File::options().write(true))?;
    let become_it = || -> io::Result<()> {
        rustix::process::setpgid(None, None)?;
        if place == "front" {
            let terminal = File::open("/dev/tty")?;
            // Or it would stop us: we are not in front yet.
            let before = SigSet::from(Signal::SIGTTOU).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
            rustix::termios::tcsetpgrp(&terminal, getpgrp())?;
            before.thread_set_mask()?;
        }
        let (program, arguments) = program.split_first().ok_or(Errno::INVAL)?;
        Err(Command::new(program).args(arguments).exec())
    };
    if let Err(error) = become_it() {
        let number = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
        errors.write_all(&number.to_ne_bytes())?;
    }
    Ok(ExitCode::from(Code::ExecFailed as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        for order in [
            Order::Front,
            Order::Back,
            Order::Signal(15),
            Order::SignalGroup(2),
        ] {
            assert_eq!(Order::of(order.to_message()), Some(order));
        }
        for news in [
            News::Started(1 << 22),
            News::Failed(2),
            News::Stopped(20),
            News::Ended(-1),
        ] {
            assert_eq!(News::of(news.to_message()), Some(news));
        }
        assert_eq!(Order::of([0; 5]), None);
        assert_eq!(News::of([0; 5]), None);
    }
}
