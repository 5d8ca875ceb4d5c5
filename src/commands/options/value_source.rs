//! Where the value of a secret comes from, for `add` and `rotate`: never from the
//! command line.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::FileType;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::{Error, Result, reason};
use crate::name::SecretName;
use crate::seal::random;
use crate::secret_value::{SecretValue, VALUE_MAX};

/// How long a generated value may be. Below 8 letters it can be tried out.
const GENERATED: std::ops::RangeInclusive<i64> = 8..=4096;

/// Where the value comes from. Without any of these: from stdin if something is
/// piped in, less one line feed at the end, or else from a hidden prompt.
#[derive(clap::Args)]
pub struct ValueArgs {
    /// Read the value from stdin, less one line feed at the end; at a terminal it
    /// is asked for
    #[arg(long, group = "source")]
    stdin: bool,

    /// Read the value from a file, byte by byte
    #[arg(long, value_name = "FILE", group = "source")]
    from_file: Option<PathBuf>,

    /// Take the value of a variable
    #[arg(long, value_name = "VAR", group = "source")]
    from_env: Option<String>,

    /// Make a value of so many random letters and digits
    #[arg(long, value_name = "N", group = "source", value_parser = clap::value_parser!(i64).range(GENERATED))]
    generate: Option<i64>,

    /// Catches a value that stands on the command line, to refuse it unread.
    #[arg(hide = true, num_args = 0.., allow_hyphen_values = false)]
    stray: Vec<OsString>,
}

impl ValueArgs {
    /// Refuses a value on the command line.
    ///
    /// # Errors
    ///
    /// [`Error::ValueOnCommandLine`].
    pub fn refuse_stray(&self, verb: &'static str, name: &SecretName) -> Result<()> {
        if self.stray.is_empty() {
            return Ok(());
        }
        Err(Error::ValueOnCommandLine {
            verb,
            name: name.clone(),
        })
    }

    /// Tells whether it was said where the value comes from.
    pub fn is_said(&self) -> bool {
        let named = self.from_file.is_some() || self.from_env.is_some();
        self.stdin || named || self.generate.is_some()
    }

    /// Gets the value.
    ///
    /// # Errors
    ///
    /// Where it is not to be had, or is larger than 1 MiB.
    pub fn read(&self, cx: &Context, prompt: &str) -> Result<SecretValue> {
        if let Some(length) = self.generate {
            return random::password(usize::try_from(length).expect("the range is checked"));
        }
        if let Some(variable) = &self.from_env {
            // Not repeated: with one `$` too many it is the value.
            let value = cx.value_of_variable(variable).ok_or_else(|| Error::Usage {
                message: "the variable that `--from-env` names is not set".to_owned(),
                hint: "`--from-env` takes a name; a value is typed or piped in".to_owned(),
            })?;
            return within_limit(Zeroizing::new(value.into_vec()));
        }
        if let Some(path) = &self.from_file {
            let bytes = File::open(path).and_then(read_to_limit);
            return within_limit(bytes.map_err(|error| Error::Usage {
                message: format!(
                    "the file that `--from-file` names cannot be read: {}",
                    reason(&error)
                ),
                hint: "`--from-file` takes a path; a value is typed or piped in".to_owned(),
            })?);
        }
        if is_piped() || (self.stdin && !io::stdin().is_terminal()) {
            let bytes = read_to_limit(io::stdin().lock());
            let mut bytes = bytes.map_err(Error::io("read", "stdin".as_ref()))?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            return within_limit(bytes);
        }
        cx.ui.ask_value(prompt)?.ok_or(Error::BadValue {
            what: "there is no value: nothing is piped in, and there is no terminal to ask on",
            hint: "pipe it in, or pass `--from-file`, `--from-env` or `--generate`",
        })
    }
}

/// Tells whether stdin is a pipe, a file or a socket: not a terminal, where a
/// person sits, and not `/dev/null`, where nothing comes from.
fn is_piped() -> bool {
    let stdin = io::stdin();
    let status = rustix::fs::fstat(stdin.as_fd());
    let device = status.map(|status| FileType::from_raw_mode(status.st_mode));
    !stdin.is_terminal() && device.is_ok_and(|kind| kind != FileType::CharacterDevice)
}

fn read_to_limit(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // The whole size first: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(VALUE_MAX as usize + 2));
    from.take(VALUE_MAX + 2).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn within_limit(bytes: Zeroizing<Vec<u8>>) -> Result<SecretValue> {
    if bytes.len() as u64 > VALUE_MAX {
        return Err(Error::BadValue {
            what: "the value is larger than 1 MiB",
            hint: "nothing was changed; a vault is for secrets, not for files",
        });
    }
    Ok(SecretValue::new(bytes))
}

/// Reads a secret's name from the command line.
///
/// # Errors
///
/// The rule that it breaks, and nothing of the text.
pub fn secret_name(text: &str) -> std::result::Result<SecretName, String> {
    if text.contains('=') {
        return Err("only a name stands here; the value is typed or piped in, where `ps` and the shell's history do not show it".to_owned());
    }
    text.parse()
        .map_err(|rule: crate::name::NameRule| rule.to_string())
}
