//! Asking a person, on the terminal and never on stdin. The only owner of
//! `rpassword`, which edits the hidden line.
//!
//! The terminal's modes are ours, for two reasons. `rpassword` leaves the
//! terminal without echo when a signal ends the program, and takes Ctrl-Z for a
//! letter; here a thread puts the terminal back before a signal takes its
//! course. And the kernel's own line editing cuts a line after 4095 bytes.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::RangeInclusive;
use std::os::unix::thread::JoinHandleExt;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::pthread::pthread_kill;
use nix::sys::signal::{SigSet, Signal, raise};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::seal::identity::Passphrase;
use crate::secret_value::SecretValue;
use crate::ui::Ui;

const TERMINAL: &str = "/dev/tty";

/// How long the rest of a paste may take to arrive behind its first line.
const PASTE_PAUSE: Duration = Duration::from_millis(30);

/// The control characters that `rpassword` takes as keys: end of line, erase a
/// letter, a word or all, end of input. Others it drops, and with an escape the
/// letters behind it.
const KEYS: [u8; 7] = [b'\n', b'\r', 0x08, 0x7f, ERASE_ALL, 0x17, 0x04];
const ERASE_ALL: u8 = 0x15;

/// How often a terminal is read that cannot be waited for: as often as keys are
/// hit.
const POLL_PAUSE: Duration = Duration::from_millis(10);

/// A control character that is no key, and does nothing but to be dropped.
const DROPPED: u8 = 0x01;

/// The control characters U+0080 to U+009F in UTF-8.
const C1_LEAD: u8 = 0xc2;
const C1_LAST: RangeInclusive<u8> = 0x80..=0x9f;

/// What comes to a program that is to end or to stop.
const WATCHED: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
];

/// What ends the thread that watches. It has no other use here.
const WAKING: Signal = Signal::SIGUSR2;

impl Ui {
    /// Tells whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        self.input && terminal().is_some()
    }

    /// Asks a yes-or-no question; only `y` or `yes` is a yes.
    ///
    /// # Errors
    ///
    /// [`Error::Declined`]; [`Error::Unasked`], naming the flag that says yes
    /// beforehand, where nobody can be asked.
    pub fn confirm(&self, question: &str, flag: &'static str) -> Result<()> {
        let Some(tty) = terminal().filter(|_| self.input) else {
            return Err(Error::Unasked {
                question: format!("`{question}`"),
                flag,
            });
        };
        let failed = |error| Error::io("ask on", TERMINAL.as_ref())(error);
        write!(&tty, "{question} [y/N] ").map_err(failed)?;
        let mut answer = String::new();
        BufReader::new(&tty)
            .read_line(&mut answer)
            .map_err(failed)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Error::Declined),
        }
    }

    /// Asks for a value, hidden. Returns `None` where nobody can be asked.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] for what a hidden line cannot carry, rather than a
    /// part of it; [`Error::Interrupted`].
    pub fn ask_value(&self, prompt: &str) -> Result<Option<SecretValue>> {
        let Some(tty) = terminal().filter(|_| self.input) else {
            return Ok(None);
        };
        let hint = "nothing was changed; pipe it in, or name a file with `--from-file`";
        let mut line = read_hidden(&tty, prompt)?;
        let value = line.unaltered(hint).map(SecretValue::from_text)?;
        if line.is_first_of_more {
            let what = "more than one line was pasted, and a prompt takes one";
            return Err(Error::BadValue { what, hint });
        }
        Ok(Some(value))
    }

    /// Asks for a passphrase, hidden. Returns `None` where nobody can be asked.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] for what a hidden line cannot carry;
    /// [`Error::Interrupted`].
    pub fn ask_passphrase(&self, prompt: &str) -> Result<Option<Passphrase>> {
        let Some(tty) = terminal().filter(|_| self.input) else {
            return Ok(None);
        };
        let hint = "nothing was changed; name a file with `KEYVAULT_PASSPHRASE_FILE`";
        let mut line = read_hidden(&tty, prompt)?;
        line.unaltered(hint).map(Passphrase::new).map(Some)
    }
}

/// Opens the terminal of this process, if it has one.
pub fn terminal() -> Option<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(TERMINAL)
        .ok()
}

/// A line that was typed.
struct Line {
    text: Zeroizing<String>,
    /// Whether it is not what was typed, because something in it was dropped.
    altered: bool,
    /// Whether more lines were pasted behind it.
    is_first_of_more: bool,
}

impl Line {
    /// Takes the text, if it is what was typed.
    fn unaltered(&mut self, hint: &'static str) -> Result<String> {
        if self.altered {
            let what =
                "what was typed or pasted holds a control character, which a prompt cannot take";
            return Err(Error::BadValue { what, hint });
        }
        Ok(std::mem::take(&mut *self.text))
    }
}

fn read_hidden(tty: &File, prompt: &str) -> Result<Line> {
    let failed = |error: io::Error| Error::io("ask on", TERMINAL.as_ref())(error);
    let guard = Guard::hide(tty, prompt).map_err(failed)?;
    let altered = Rc::new(Cell::new(false));
    let input = Keyboard {
        tty: Keyboard::open().map_err(failed)?,
        beginning: BEGINNINGS.load(Ordering::Acquire),
        before: 0,
        altered: Rc::clone(&altered),
    };
    let config = rpassword::ConfigBuilder::new()
        .input_reader(input)
        .output_discard()
        .build();
    let text = rpassword::read_password_with_config(config).map(Zeroizing::new);
    let is_first_of_more = text.is_ok() && more_was_pasted(tty);
    drop(guard);
    match text {
        Ok(text) => Ok(Line {
            // U+FFFD stands for bytes that are no text.
            altered: altered.get() || text.contains(char::REPLACEMENT_CHARACTER),
            text,
            is_first_of_more,
        }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Interrupted),
        Err(error) => Err(failed(error)),
    }
}

/// Throws the other lines of a paste away, or the shell would run them, and tells
/// whether there were any.
fn more_was_pasted(tty: &File) -> bool {
    let mut any = false;
    loop {
        // The kernel keeps 4 KiB ready, and the terminal sends more as we take it.
        thread::sleep(PASTE_PAUSE);
        if rustix::io::ioctl_fionread(tty).unwrap_or(0) == 0 {
            return any;
        }
        any = true;
        if rustix::termios::tcflush(tty, QueueSelector::IFlush).is_err() {
            return any;
        }
    }
}

/// How often a hidden line was begun: once, and again after each stop.
static BEGINNINGS: AtomicU32 = AtomicU32::new(0);

/// What is typed, watched for what `rpassword` would drop without a word. A line
/// that was begun again loses what was typed before.
struct Keyboard {
    tty: File,
    /// Which beginning the last byte belongs to.
    beginning: u32,
    /// The last byte.
    before: u8,
    altered: Rc<Cell<bool>>,
}

impl Read for Keyboard {
    /// Reads one byte, which is all that `rpassword` asks for.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut byte = self.next()?;
        if byte.is_ascii_control() && !KEYS.contains(&byte) {
            self.altered.set(true);
            byte = DROPPED;
        } else if self.before == C1_LEAD && C1_LAST.contains(&byte) {
            self.altered.set(true);
        }
        self.before = byte;
        buffer[0] = byte;
        Ok(1)
    }
}

impl Keyboard {
    /// Opens the terminal once more: reading it does not wait, and writing does.
    fn open() -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(TERMINAL, flags, Mode::empty())?.into())
    }

    /// Waits for a byte, and returns it; or else what erases the line, if it was
    /// begun again.
    fn next(&mut self) -> io::Result<u8> {
        loop {
            self.wait()?;
            // From here on no stop comes between the byte and what it belongs to.
            let _hidden = hidden_terminal();
            let beginning = BEGINNINGS.load(Ordering::Acquire);
            if beginning != self.beginning {
                self.beginning = beginning;
                self.altered.set(false);
                return Ok(ERASE_ALL);
            }
            let mut byte = [0];
            match self.tty.read(&mut byte) {
                // Not the end of a line, for which `rpassword` would take it.
                Ok(0) => return Err(io::Error::other("the terminal was closed")),
                Ok(_) => return Ok(byte[0]),
                // Ctrl-Z empties the queue.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&self) -> io::Result<()> {
        let mut terminal = [PollFd::new(&self.tty, PollFlags::IN)];
        match rustix::event::poll(&mut terminal, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if terminal[0].revents().contains(PollFlags::NVAL) {
            // Where a terminal cannot be waited for (macOS, poll(2)).
            thread::sleep(POLL_PAUSE);
        }
        Ok(())
    }
}

/// The terminal, while a hidden line is typed. What it was before is put back
/// when the guard is dropped, or when a signal comes first.
static HIDDEN: Mutex<Option<Hidden>> = Mutex::new(None);

struct Hidden {
    tty: File,
    prompt: String,
    before: Termios,
    during: Termios,
}

struct Guard {
    /// What was blocked before.
    signals_before: SigSet,
    watch: Option<Watch>,
}

impl Guard {
    fn hide(tty: &File, prompt: &str) -> io::Result<Self> {
        let guard = watch_signals()?;
        let before = rustix::termios::tcgetattr(tty)?;
        let mut during = before.clone();
        // Signals stay on: Ctrl-C and Ctrl-Z are for the kernel to see.
        during
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        let hidden = Hidden {
            tty: tty.try_clone()?,
            prompt: prompt.to_owned(),
            before,
            during,
        };
        hidden_terminal().insert(hidden).begin()?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(hidden) = hidden_terminal().take() {
            hidden.end(OptionalActions::Drain);
        }
        // First, or it would take what is for this thread again.
        if let Some(watch) = self.watch.take() {
            watch.end();
        }
        let _ = self.signals_before.thread_set_mask();
    }
}

impl Hidden {
    fn begin(&self) -> io::Result<()> {
        // What was typed before the prompt was meant for something else.
        rustix::termios::tcsetattr(&self.tty, OptionalActions::Flush, &self.during)?;
        BEGINNINGS.fetch_add(1, Ordering::Release);
        write!(&self.tty, "{}", self.prompt)
    }

    fn end(&self, action: OptionalActions) {
        let _ = rustix::termios::tcsetattr(&self.tty, action, &self.before);
        let _ = writeln!(&self.tty);
    }
}

fn hidden_terminal() -> MutexGuard<'static, Option<Hidden>> {
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that waits for signals.
struct Watch {
    thread: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

impl Watch {
    /// Ends the thread: whoever stays with a program waits for signals, too.
    fn end(self) {
        self.is_over.store(true, Ordering::Release);
        // To this thread alone, in which it is blocked and waited for.
        if pthread_kill(self.thread.as_pthread_t(), WAKING).is_ok() {
            let _ = self.thread.join();
        }
    }
}

/// Blocks, for this thread, the signals that are to find the terminal as it was,
/// and lets another thread wait for them, until the guard is dropped.
///
/// The signals keep their defaults, for which there is no other way to have a stop
/// by Ctrl-Z seen as such, and none where there is no shell to continue it.
fn watch_signals() -> io::Result<Guard> {
    let before = SigSet::thread_get_mask()?;
    // What whoever started us ignores or blocks stays so.
    let ignored = ignored_signals();
    let mut watched = SigSet::empty();
    for signal in WATCHED {
        if ignored >> (signal as i32 - 1) & 1 == 0 && !before.contains(signal) {
            watched.add(signal);
        }
    }
    watched.add(WAKING);
    watched.thread_block()?;
    let mut guard = Guard {
        signals_before: before,
        watch: None,
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_over);
    // A limit on processes counts threads, too.
    let thread = thread::Builder::new().spawn(move || {
        while let Ok(signal) = watched.wait() {
            if signal == WAKING && until.load(Ordering::Acquire) {
                break;
            }
            take_course(signal);
        }
    })?;
    guard.watch = Some(Watch { thread, is_over });
    Ok(guard)
}

fn take_course(signal: Signal) {
    // Held until the end, so that nothing is typed into a terminal that echoes.
    let hidden = hidden_terminal();
    if let Some(hidden) = &*hidden {
        // Part of a secret is not for whoever reads the terminal next.
        hidden.end(OptionalActions::Flush);
    }
    let signals = SigSet::from(signal);
    let _ = signals.thread_unblock();
    // Ends the process, or stops it here until it is continued.
    let _ = raise(signal);
    let _ = signals.thread_block();
    if let Some(hidden) = &*hidden {
        let _ = hidden.begin();
    }
}

/// Returns the signals that are ignored, one bit each, from proc_pid_status(5);
/// none where there is no such file.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}
