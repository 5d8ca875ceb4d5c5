//! The clipboard, by the platform's own tool, and the process that clears it.
//!
//! A value goes to the tool by stdin, never as an argument. Whoever clears it later
//! is told the value's digest alone, and keeps no plaintext for all that time.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::child::Variables;
use crate::seal::digest::{Digest, Digester};
use crate::secret_value::SecretValue;

/// The most bytes that are read of a clipboard: whatever is larger is no value that
/// was put there, or is taken for one that is not.
const CLIPBOARD_MAX: u64 = 64 << 20;

/// The name of the buffer in tmux.
const BUFFER: &str = "keyvault";

/// A program that sets and reads the clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// wl-clipboard, for Wayland.
    WlCopy,
    /// xclip, for X11.
    Xclip,
    /// xsel, for X11.
    Xsel,
    /// macOS's own.
    Pbcopy,
    /// tmux 3.2 and later, which passes its buffer on to the terminal: on its default
    /// settings it swallows what a program sends to the terminal for that (tmux(1),
    /// `set-clipboard`).
    Tmux,
}

impl Tool {
    const ALL: [Self; 5] = [
        Self::WlCopy,
        Self::Xclip,
        Self::Xsel,
        Self::Pbcopy,
        Self::Tmux,
    ];

    /// Returns the program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WlCopy => "wl-copy",
            Self::Xclip => "xclip",
            Self::Xsel => "xsel",
            Self::Pbcopy => "pbcopy",
            Self::Tmux => "tmux",
        }
    }

    /// Finds the tool for the display that there is.
    pub fn find(variables: &Variables) -> Option<Self> {
        let value = |wanted: &str| {
            let mut found = variables.iter().filter(|(name, _)| name == wanted);
            found.next().map(|(_, value)| value.as_os_str())
        };
        let is_set = |name: &str| value(name).is_some_and(|value| !value.is_empty());
        let path = value("PATH").unwrap_or_default();
        Self::ALL.into_iter().find(|tool| {
            let has_display = match tool {
                Self::WlCopy => is_set("WAYLAND_DISPLAY"),
                Self::Xclip | Self::Xsel => is_set("DISPLAY"),
                Self::Pbcopy => cfg!(target_os = "macos"),
                Self::Tmux => is_set("TMUX"),
            };
            has_display && is_in_path(path, tool.name())
        })
    }

    /// Puts a value on the clipboard. Returns how the tool ended.
    ///
    /// # Errors
    ///
    /// Where it cannot be started, or does not take the value.
    pub fn copy(
        self,
        value: &SecretValue,
        variables: &Variables,
    ) -> io::Result<std::process::ExitStatus> {
        let arguments: &[&str] = match self {
            Self::WlCopy => &["--type", "text/plain"],
            Self::Xclip => &["-selection", "clipboard"],
            Self::Xsel => &["--clipboard", "--input"],
            Self::Pbcopy => &[],
            Self::Tmux => &["load-buffer", "-b", BUFFER, "-w", "-"],
        };
        let mut child = silent(self.name(), arguments, variables)
            .stdin(Stdio::piped())
            .spawn()?;
        give(&mut child, value.expose())?;
        child.wait()
    }

    /// Empties the clipboard if it still holds the value of this digest. Returns
    /// whether it did.
    pub fn clear(self, digest: Digest, variables: &Variables) -> bool {
        if self.digest(variables) != Some(digest) {
            return false;
        }
        let runs: &[(&str, &[&str])] = match self {
            Self::WlCopy => &[("wl-copy", &["--clear"])],
            // Its stdin is empty.
            Self::Xclip => &[("xclip", &["-selection", "clipboard"])],
            Self::Xsel => &[("xsel", &["--clipboard", "--clear"])],
            Self::Pbcopy => &[("pbcopy", &[])],
            // An empty buffer is none, and would not be passed on to the terminal.
            Self::Tmux => &[
                ("tmux", &["set-buffer", "-b", BUFFER, "-w", " "]),
                ("tmux", &["delete-buffer", "-b", BUFFER]),
            ],
        };
        runs.iter().all(|(program, arguments)| {
            let status = silent(program, arguments, variables).status();
            status.is_ok_and(|status| status.success())
        })
    }

    /// Returns the digest of what is on the clipboard, if it can be read.
    fn digest(self, variables: &Variables) -> Option<Digest> {
        let (program, arguments): (&str, &[&str]) = match self {
            Self::WlCopy => ("wl-paste", &["--no-newline"]),
            Self::Xclip => ("xclip", &["-selection", "clipboard", "-out"]),
            Self::Xsel => ("xsel", &["--clipboard", "--output"]),
            Self::Pbcopy => ("pbpaste", &[]),
            Self::Tmux => ("tmux", &["save-buffer", "-b", BUFFER, "-"]),
        };
        let mut command = silent(program, arguments, variables);
        let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
        // It may be another secret by now: no growing, which would leave copies.
        let mut digester = Digester::default();
        let mut window = Zeroizing::new([0; 4096]);
        let mut output = child.stdout.take()?.take(CLIPBOARD_MAX);
        loop {
            match output.read(&mut *window) {
                Ok(0) => break,
                Ok(count) => digester.update(&window[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        drop(output);
        child.wait().ok()?.success().then(|| digester.finish())
    }
}

impl FromStr for Tool {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|tool| tool.name() == text)
            .ok_or("no tool of this name is known")
    }
}

fn is_in_path(path: &OsStr, program: &str) -> bool {
    let folders = path.as_encoded_bytes().split(|byte| *byte == b':');
    let mut folders = folders.filter_map(|folder| std::str::from_utf8(folder).ok());
    folders.any(|folder| Path::new(folder).join(program).is_file())
}

fn silent(program: &str, arguments: &[&str], variables: &Variables) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn give(child: &mut Child, bytes: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = child.stdin.take() else {
        return Ok(());
    };
    match stdin.write_all(bytes) {
        // Its exit status will say more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Starts this program again as a guard that outlives it, tells it a digest, and
/// waits until it stands on its own feet.
///
/// # Errors
///
/// Where it does not start.
pub fn start_guard(
    program: &Path,
    arguments: &[&str],
    digest: Digest,
    variables: &Variables,
) -> io::Result<()> {
    let mut command = silent(&program.to_string_lossy(), arguments, variables);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    give(&mut child, digest.to_string().as_bytes())?;
    let mut ready = [0];
    let mut output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    output.read_exact(&mut ready)
}

/// Leaves the terminal's session, so that a guard neither ends with it nor gets its
/// signals; and the folder, which could not be unmounted else.
pub fn leave_terminal() {
    // Refused to a leader of its group alone, which the terminal does not know then.
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir("/");
}
