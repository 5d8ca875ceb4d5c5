//! Values on the clipboard, for a while.

use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use crate::child::clipboard::{self, Tool};
use crate::child::environment::{can_carry, inherited};
use crate::child::outcome;
use crate::context::{Context, this_program};
use crate::error::{Error, Result};
use crate::hardening::harden;
use crate::name::SecretName;
use crate::seal::digest::Digest;
use crate::secret_value::SecretValue;
use crate::timestamp::Period;
use crate::ui::clipboard::{TerminalClipboard, VALUE_MAX};

/// The hidden command that clears, see `cli.rs`.
pub const GUARD: &str = "clipboard-guard";

/// What the guard's command line calls the terminal.
const TERMINAL: &str = "terminal";

/// The most characters of a digest in hexadecimal.
const DIGEST_TEXT: u64 = 64;

/// How the clipboard is reached.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// By a program.
    Tool(Tool),
    /// By a control sequence to the terminal.
    Terminal,
}

impl Way {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tool(tool) => tool.name(),
            Self::Terminal => TERMINAL,
        }
    }
}

impl std::str::FromStr for Way {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            TERMINAL => Ok(Self::Terminal),
            tool => tool.parse().map(Self::Tool),
        }
    }
}

impl Context {
    /// Puts a value on the clipboard, and sees to it that it goes after some time.
    /// Returns which way it went. The guard is there before the value is.
    ///
    /// # Errors
    ///
    /// [`Error::NotForClipboard`].
    pub fn copy_to_clipboard(
        &self,
        name: &SecretName,
        value: &SecretValue,
        clear_after: Period,
    ) -> Result<Way> {
        let failed = |what: String| Error::NotForClipboard {
            name: name.clone(),
            what,
        };
        if !can_carry(value) {
            return Err(failed(
                "it holds a NUL byte, which cannot be pasted".to_owned(),
            ));
        }
        let variables = inherited(self.inherited(), false);
        let terminal = TerminalClipboard::find();
        let way = match (Tool::find(&variables), &terminal) {
            (Some(tool), _) => Way::Tool(tool),
            (None, Some(_)) if value.len() > VALUE_MAX => {
                return Err(failed(format!(
                    "it has {} bytes, and a terminal takes {VALUE_MAX} at most",
                    value.len()
                )));
            }
            (None, Some(_)) => Way::Terminal,
            (None, None) => {
                return Err(failed(
                    "there is neither a tool for it (`wl-copy`, `xclip`, `xsel`) with a display nor a terminal".to_owned(),
                ));
            }
        };
        let program = this_program().map_err(|error| failed(error.to_string()))?;
        let seconds = clear_after.as_seconds().to_string();
        let arguments = [GUARD, way.name(), &seconds];
        // What is started, the tool as well, lives on in a session of its own.
        self.let_go();
        let digest = Digest::of_value(value);
        let copied = clipboard::start_guard(&program, &arguments, digest, &variables)
            .map_err(|error| format!("what is to clear it does not start: {}", error.kind()))
            .and_then(|()| match (way, &terminal) {
                (Way::Tool(tool), _) => match tool.copy(value, &variables) {
                    Ok(status) if status.success() => Ok(()),
                    Ok(status) => Err(format!("`{}` {}", tool.name(), outcome(status))),
                    Err(error) => Err(format!("`{}`: {}", tool.name(), error.kind())),
                },
                (Way::Terminal, Some(terminal)) => {
                    let sent = terminal.copy(value);
                    sent.map_err(|error| format!("the terminal: {}", error.kind()))
                }
                (Way::Terminal, None) => Ok(()),
            });
        harden();
        copied.map_err(failed)?;
        Ok(way)
    }

    /// Waits, and then clears the clipboard of the value whose digest comes by stdin.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`], [`Error::Output`]: where nobody started it who should.
    pub fn guard_clipboard(&self, way: Way, clear_after: Period) -> Result<()> {
        let mut digest = String::new();
        let read = io::stdin().take(DIGEST_TEXT).read_to_string(&mut digest);
        let digest = read.ok().and_then(|_| digest.parse().ok());
        let digest: Digest = digest.ok_or_else(|| Error::Usage {
            message: "this command is keyvault's own".to_owned(),
            hint: "run `keyvault get -c NAME`".to_owned(),
        })?;
        // Before the terminal is left, from when on there is none to find.
        let terminal = TerminalClipboard::find();
        clipboard::leave_terminal();
        let mut out = io::stdout().lock();
        let ready = out.write_all(b"\n").and_then(|()| out.flush());
        ready.map_err(Error::Output)?;
        thread::sleep(Duration::from_secs(clear_after.as_seconds()));
        match (way, terminal) {
            (Way::Tool(tool), _) => {
                tool.clear(digest, &inherited(self.inherited(), false));
            }
            // It may be gone by now.
            (Way::Terminal, Some(terminal)) => {
                let _ = terminal.clear();
            }
            (Way::Terminal, None) => {}
        }
        Ok(())
    }
}
