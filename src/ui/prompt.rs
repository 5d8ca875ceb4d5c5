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
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::error::{Error, Result};
use crate::seal::identity::Passphrase;
use crate::secret_value::SecretValue;
use crate::ui::Ui;

const TERMINAL: &str = "/dev/tty";

/// How long the rest of a paste may take to arrive behind its first line.
const PASTE_PAUSE: Duration = Duration::from_millis(30);

/// The control characters that `rpassword` takes as keys: end of line, erase a
/// letter, a word or all, end of input, escape. Others it drops.
const KEYS: [u8; 8] = [b'\n', b'\r', 0x08, 0x7f, 0x15, 0x17, 0x04, 0x1b];

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
        let (text, altered) = read_hidden(&tty, prompt)?;
        let value = SecretValue::from_text(text);
        let hint = "nothing was changed; pipe it in, or name a file with `--from-file`";
        if altered {
            let what =
                "what was typed or pasted holds a control character, which a prompt cannot take";
            return Err(Error::BadValue { what, hint });
        }
        if more_was_pasted(&tty) {
            let what = "more than one line was pasted, and a prompt takes one";
            return Err(Error::BadValue { what, hint });
        }
        Ok(Some(value))
    }

    /// Asks for a passphrase, hidden. Returns `None` where nobody can be asked.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`].
    pub fn ask_passphrase(&self, prompt: &str) -> Result<Option<Passphrase>> {
        let Some(tty) = terminal().filter(|_| self.input) else {
            return Ok(None);
        };
        read_hidden(&tty, prompt).map(|(text, _)| Some(Passphrase::new(text)))
    }
}

fn terminal() -> Option<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(TERMINAL)
        .ok()
}

/// Reads a line, and tells whether it is not what was typed, because something
/// in it was dropped.
fn read_hidden(tty: &File, prompt: &str) -> Result<(String, bool)> {
    let failed = |error: io::Error| Error::io("ask on", TERMINAL.as_ref())(error);
    let guard = Guard::hide(tty, prompt).map_err(failed)?;
    let altered = Rc::new(Cell::new(false));
    let input = Watched {
        tty: tty.try_clone().map_err(failed)?,
        altered: Rc::clone(&altered),
    };
    let config = rpassword::ConfigBuilder::new()
        .input_reader(input)
        .output_discard()
        .build();
    let line = rpassword::read_password_with_config(config);
    drop(guard);
    match line {
        Ok(text) => {
            // It stands for bytes that are no text.
            let altered = altered.get() || text.contains(char::REPLACEMENT_CHARACTER);
            Ok((text, altered))
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Interrupted),
        Err(error) => Err(failed(error)),
    }
}

/// The terminal, watched for what `rpassword` would drop without a word.
struct Watched {
    tty: File,
    altered: Rc<Cell<bool>>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.tty.read(buffer)?;
        if buffer[..read]
            .iter()
            .any(|byte| byte.is_ascii_control() && !KEYS.contains(byte))
        {
            self.altered.set(true);
        }
        Ok(read)
    }
}

/// Tells whether input waits that was not typed: the other lines of a paste.
/// They are thrown away, or the shell would run them.
fn more_was_pasted(tty: &File) -> bool {
    thread::sleep(PASTE_PAUSE);
    let waiting = rustix::io::ioctl_fionread(tty).unwrap_or(0);
    if waiting > 0 {
        let _ = rustix::termios::tcflush(tty, QueueSelector::IFlush);
    }
    waiting > 0
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

struct Guard;

impl Guard {
    fn hide(tty: &File, prompt: &str) -> io::Result<Self> {
        watch_signals()?;
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
        Ok(Self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(hidden) = hidden_terminal().take() {
            hidden.end();
        }
    }
}

impl Hidden {
    fn begin(&self) -> io::Result<()> {
        rustix::termios::tcsetattr(&self.tty, OptionalActions::Drain, &self.during)?;
        write!(&self.tty, "{}", self.prompt)
    }

    fn end(&self) {
        let _ = rustix::termios::tcsetattr(&self.tty, OptionalActions::Drain, &self.before);
        let _ = writeln!(&self.tty);
    }
}

fn hidden_terminal() -> MutexGuard<'static, Option<Hidden>> {
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts, once, the thread that puts the terminal back before a signal takes
/// its course. It stays until the end, since a signal's default cannot be had
/// back without it.
fn watch_signals() -> io::Result<()> {
    static WATCHED: OnceLock<()> = OnceLock::new();
    if WATCHED.get().is_some() {
        return Ok(());
    }
    // A signal that whoever started us ignores stays ignored.
    let ignored = ignored_signals();
    let mut signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP].to_vec();
    signals.retain(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = Signals::new(signals)?;
    thread::spawn(move || signals.forever().for_each(take_course));
    let _ = WATCHED.set(());
    Ok(())
}

fn take_course(signal: i32) {
    // Held until the end, so that nothing is typed into a terminal that echoes.
    let hidden = hidden_terminal();
    if let Some(hidden) = &*hidden {
        hidden.end();
    }
    // Ends the process, unless the signal only stops it.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
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
