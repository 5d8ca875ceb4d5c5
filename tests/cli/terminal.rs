//! A real terminal for a test: a PTY with a program in it, started by `rexpect`.
//!
//! What is shown is taken as bytes and as soon as it is there. `rexpect` itself
//! would look for it every 100 ms, and takes each byte for a character.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rexpect::process::{PtyProcess, Signal, WaitStatus};
use rustix::process::Pid;
use rustix::termios::{LocalModes, Winsize};

use crate::sandbox::{KEYVAULT, Sandbox};

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a shell may take to end before it is killed.
const FAREWELL_MS: u64 = 2000;

/// The shell's prompt: between its two halves stands how the last command ended.
const PROMPT: (&str, &str) = ("[exit ", "] $ ");

/// A terminal, and the program in it that a person would have started.
pub struct Terminal {
    /// The program.
    pub pid: i32,
    process: PtyProcess,
    ended: bool,
    master: File,
    screen: Receiver<Vec<u8>>,
    shown: Vec<u8>,
    /// How much of it was looked at.
    read: usize,
    root: String,
}

/// What a terminal showed, and how its program ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ending {
    pub text: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

impl Terminal {
    /// Starts keyvault.
    #[must_use]
    pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut program = vec![KEYVAULT];
        program.extend(arguments);
        Self::program(sandbox, &program)
    }

    /// Starts a shell for a person to type in, which finds `keyvault`.
    #[must_use]
    pub fn shell(sandbox: &Sandbox) -> Self {
        // Without the editing of lines, what the terminal echoes is its own affair.
        let bash = ["bash", "--norc", "--noprofile", "--noediting", "-i"];
        let mut terminal = Self::program(sandbox, &bash);
        terminal.prompt();
        terminal.run("export -n PS1");
        terminal
    }

    /// Starts any program.
    #[must_use]
    pub fn program(sandbox: &Sandbox, program: &[&str]) -> Self {
        // `rexpect` switches the echo off, which would hide that a prompt does not.
        // A shell gives what it starts behind its back no Ctrl-C, and the tests may be that.
        let mut command = sandbox.other("/usr/bin/env");
        command
            .args(["--default-signal=INT,QUIT", "/bin/sh"])
            .args(["-c", r#"stty echo; echo $$; exec "$@""#, "sh"])
            .args(program)
            .stdin(Stdio::inherit())
            .env("PATH", path_with_keyvault())
            .env("PS1", format!("{}$?{}", PROMPT.0, PROMPT.1));
        let mut process = PtyProcess::new(command).expect("it starts");
        process.set_kill_timeout(Some(FAREWELL_MS));
        let master = process.get_file_handle().expect("a terminal");
        let mut output = master.try_clone().expect("the same one");
        let (show, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It fails once nobody has the terminal any more.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if show.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Self {
            pid: 0,
            process,
            ended: false,
            master,
            screen,
            shown: Vec::new(),
            read: 0,
            root: sandbox.root().to_string_lossy().into_owned(),
        };
        let pid = terminal.expect("\r\n");
        terminal.pid = pid.parse().unwrap_or_else(|_| panic!("no pid: {pid:?}"));
        terminal
    }

    /// Waits for words. Returns what was shown before them.
    #[track_caller]
    pub fn expect(&mut self, words: &str) -> String {
        self.until(&format!("`{words}`"), |text| {
            text.find(words).map(|start| (start, start + words.len()))
        })
    }

    /// Waits for the shell's prompt. Returns what was shown before it, and how
    /// the last command ended.
    #[track_caller]
    pub fn prompt(&mut self) -> (String, i32) {
        let mut code = None;
        let text = self.until("the shell's prompt", |text| {
            let start = text.find(PROMPT.0)?;
            let digits = text[start + PROMPT.0.len()..].split(PROMPT.1).next()?;
            let end = start + PROMPT.0.len() + digits.len() + PROMPT.1.len();
            code = Some(digits.parse().ok()?);
            (end <= text.len()).then_some((start, end))
        });
        (text, code.expect("it was found"))
    }

    /// Runs a command in the shell. Returns what it printed, and how it ended.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> (String, i32) {
        self.line(command);
        self.prompt()
    }

    /// Types a line, and waits until it is shown.
    #[track_caller]
    pub fn line(&mut self, text: &str) {
        self.send(format!("{text}\n"));
        self.expect(&format!("{text}\r\n"));
    }

    /// Types something, and the return key.
    pub fn enter(&mut self, text: &str) {
        self.send(format!("{text}\r"));
    }

    /// Types something.
    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        let typed = self.master.write_all(text.as_ref());
        typed.expect("the terminal is there");
    }

    /// Types a letter with the control key held down.
    pub fn control(&mut self, letter: char) {
        self.send([letter as u8 & 0x1f]);
    }

    /// Waits until the terminal shows what is typed, or until it does not.
    #[track_caller]
    pub fn echoes(&self, wanted: bool) {
        eventually("the echo is as it should be", || {
            let modes = rustix::termios::tcgetattr(&self.master).expect("a terminal");
            modes.local_modes.contains(LocalModes::ECHO) == wanted
        });
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&self.master, size).expect("a terminal");
    }

    /// Waits for the end of the program. Returns what was shown until then.
    #[track_caller]
    pub fn end(&mut self) -> Ending {
        let deadline = Instant::now() + PATIENCE;
        while self.look(deadline) {}
        let mut status = self.process.status();
        while status == Some(WaitStatus::StillAlive) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
            status = self.process.status();
        }
        self.ended = status != Some(WaitStatus::StillAlive);
        let (code, signal) = match status {
            Some(WaitStatus::Exited(_, code)) => (Some(code), None),
            Some(WaitStatus::Signaled(_, signal, _)) => (None, Some(signal as i32)),
            other => panic!(
                "it did not end ({other:?}), and this was shown:\n{}",
                self.unread()
            ),
        };
        let text = clean(self.unread(), &self.root);
        self.read = self.shown.len();
        Ending { text, code, signal }
    }

    /// Returns all that was ever shown.
    pub fn shown(&mut self) -> String {
        while let Ok(bytes) = self.screen.try_recv() {
            self.shown.extend(bytes);
        }
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    #[track_caller]
    fn until(
        &mut self,
        what: &str,
        mut find: impl FnMut(&str) -> Option<(usize, usize)>,
    ) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unread = self.unread();
            if let Some((start, end)) = find(unread) {
                let text = clean(&unread[..start], &self.root);
                self.read += end;
                return text;
            }
            let unread = unread.to_owned();
            assert!(
                self.look(deadline),
                "{what} was not shown, but this:\n{unread}"
            );
        }
    }

    /// Waits until more is shown. Returns false if nothing is.
    fn look(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let more = self.screen.recv_timeout(left);
        self.shown.extend(more.iter().flatten());
        more.is_ok()
    }

    /// Returns what was not looked at yet, up to a letter that is not yet whole.
    fn unread(&self) -> &str {
        let bytes = &self.shown[self.read..];
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("checked"),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.ended {
            // A shell does not end by SIGTERM; and it passes SIGHUP on to its jobs.
            let _ = self.process.kill(Signal::SIGHUP);
        }
    }
}

impl Display for Ending {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "[exit {code}]"),
            (None, Some(signal)) => write!(f, "[signal {signal}]"),
            (None, None) => write!(f, "[gone]"),
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to one process.
pub fn kill(pid: i32, signal: rustix::process::Signal) {
    let pid = Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, signal).expect("it is there");
}

/// Tells whether a process is still there.
pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn clean(text: &str, root: &str) -> String {
    text.replace("\r\n", "\n").replace(root, "[sandbox]")
}

pub fn path_with_keyvault() -> OsString {
    let folder = Path::new(KEYVAULT).parent().expect("a folder").to_owned();
    let path = std::env::var_os("PATH").expect("set");
    let all = std::iter::once(folder).chain(std::env::split_paths(&path));
    std::env::join_paths(all).expect("they were joined before")
}
