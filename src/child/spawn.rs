//! Starting a program beside us, as `exec` would start it in our place.
//!
//! `posix_spawn` and not the standard library's `Command`: only so our signals
//! can be blocked and the child's not, and no copy of a value is left behind in
//! a buffer that is not wiped.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use rustix::fs::Access;
use rustix::process::Pid;
use zeroize::Zeroizing;

use crate::child::unstarted;
use crate::error::Error;

/// Who runs a script without an interpreter's line.
pub const SHELL: &str = "/bin/sh";

/// Where programs are looked for without a `PATH`, execvp(3).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The longest name of a file, and so of what is looked for along the `PATH`.
const NAME_MAX: usize = 255;

/// A program with all that it is to be given. Wiped when dropped.
pub struct Program<'a> {
    name: &'a OsStr,
    /// Its own name first.
    arguments: Vec<CString>,
    variables: Vec<Variable>,
    /// The `PATH` that it gets, along which it is looked for.
    path: OsString,
    /// Ours, but for what is changed here.
    streams: PosixSpawnFileActions,
    session: Session,
}

/// To whom a program belongs, as a terminal sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// To us: our process group, and our terminal.
    Ours,
    /// To itself: it leads a session and a process group, and has no terminal.
    Own,
}

/// Starts a program in a session of its own. Glibc and musl have it, and macOS from
/// 10.15 on, whose number the crates do not know.
const SETSID: PosixSpawnFlags = PosixSpawnFlags::from_bits_retain(if cfg!(target_os = "macos") {
    0x400
} else {
    0x80
});

impl<'a> Program<'a> {
    /// Puts a program together. Of two variables of one name the later one counts.
    ///
    /// # Errors
    ///
    /// [`Error::CannotExecute`] for a NUL byte, which nothing of this can hold.
    pub fn new<'v>(
        name: &'a OsStr,
        arguments: &[OsString],
        variables: impl Iterator<Item = (&'v OsStr, &'v OsStr)>,
    ) -> Result<Self, Error> {
        let variables: BTreeMap<&OsStr, &OsStr> = variables.collect();
        let path = variables.get(OsStr::new("PATH")).copied();
        let path = path.unwrap_or(OsStr::new(DEFAULT_PATH)).to_owned();
        let all = std::iter::once(name).chain(arguments.iter().map(OsString::as_os_str));
        let whole = || -> io::Result<_> {
            Ok((
                all.map(c_string).collect::<io::Result<_>>()?,
                variables
                    .into_iter()
                    .map(|(name, value)| Variable::new(name, value))
                    .collect::<io::Result<_>>()?,
            ))
        };
        let (arguments, variables) = whole().map_err(|error| unstarted(name, error))?;
        let streams = PosixSpawnFileActions::init();
        let streams = streams.map_err(|error| unstarted(name, error.into()))?;
        Ok(Self {
            name,
            arguments,
            variables,
            path,
            streams,
            session: Session::Ours,
        })
    }

    /// Puts it, and what it starts, into a session and a process group of its own.
    pub fn lead_session(&mut self) {
        self.session = Session::Own;
    }

    /// Gives it one of our descriptors under a number.
    ///
    /// # Errors
    ///
    /// Where there is no memory.
    pub fn give(&mut self, ours: RawFd, number: RawFd) -> io::Result<()> {
        Ok(self.streams.add_dup2(ours, number)?)
    }

    /// Starts it, with these signals blocked and with `SIGPIPE` as a program expects
    /// it; else what is ignored stays so.
    ///
    /// # Errors
    ///
    /// As [`crate::child::exec`].
    pub fn start(&self, blocked: &SigSet) -> Result<Pid, Error> {
        self.search(|file| self.start_file(file, blocked))
            .map_err(|error| unstarted(self.name, error))
    }

    /// Tries each file that the program's name may stand for, as execvp(3) does.
    fn search(&self, start: impl Fn(&CStr) -> io::Result<Pid>) -> io::Result<Pid> {
        let name = self.name.as_bytes();
        if name.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if name.contains(&b'/') {
            return start(&c_string(self.name)?);
        }
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let mut failed = io::Error::from(Errno::ENOENT);
        let mut was_denied = false;
        for folder in self.path.as_bytes().split(|byte| *byte == b':') {
            let mut file = folder.to_vec();
            if !file.is_empty() {
                file.push(b'/');
            }
            file.extend_from_slice(name);
            let file = c_string(OsStr::from_bytes(&file))?;
            // Cheaper than to start a process that finds nothing.
            let started = rustix::fs::access(&*file, Access::EXISTS)
                .map_err(io::Error::from)
                .and_then(|()| start(&file));
            let Err(error) = started else {
                return started;
            };
            match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EACCES) => was_denied = true,
                Some(
                    Errno::ENOENT
                    | Errno::ESTALE
                    | Errno::ENOTDIR
                    | Errno::ENODEV
                    | Errno::ETIMEDOUT,
                ) => {}
                _ => return Err(error),
            }
            failed = error;
        }
        Err(if was_denied {
            Errno::EACCES.into()
        } else {
            failed
        })
    }

    /// Starts a file, or the shell with it where it is text without an interpreter.
    fn start_file(&self, file: &CStr, blocked: &SigSet) -> io::Result<Pid> {
        let arguments: Vec<&CStr> = self.arguments.iter().map(CString::as_c_str).collect();
        match self.start_exactly(file, &arguments, blocked) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
                let shell = c_string(OsStr::new(SHELL))?;
                let script = [&*shell, file];
                let arguments = [&script, &arguments[1..]].concat();
                self.start_exactly(&shell, &arguments, blocked)
            }
            started => started,
        }
    }

    fn start_exactly(&self, file: &CStr, arguments: &[&CStr], blocked: &SigSet) -> io::Result<Pid> {
        let (variables, streams) = (&self.variables, &self.streams);
        start(file, arguments, variables, blocked, streams, self.session)
    }
}

/// Starts a file.
///
/// # Errors
///
/// As posix_spawn(3).
pub fn start(
    file: &CStr,
    arguments: &[&CStr],
    variables: &[Variable],
    blocked: &SigSet,
    streams: &PosixSpawnFileActions,
    session: Session,
) -> io::Result<Pid> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_sigmask(blocked)?;
    // Rust's start ignores it.
    attributes.set_sigdefault(&SigSet::from(Signal::SIGPIPE))?;
    let mut flags =
        PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    if session == Session::Own {
        flags |= SETSID;
    }
    attributes.set_flags(flags)?;
    let pid = posix_spawn(file, streams, &attributes, arguments, variables)?;
    Pid::from_raw(pid.as_raw()).ok_or_else(|| Errno::ESRCH.into())
}

/// A variable as a program gets it, `NAME=value` and a NUL. Wiped when dropped.
pub struct Variable(Zeroizing<Vec<u8>>);

impl Variable {
    fn new(name: &OsStr, value: &OsStr) -> io::Result<Self> {
        let parts = [name.as_bytes(), b"=", value.as_bytes(), b"\0"];
        let size = parts.iter().map(|part| part.len()).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        for part in parts {
            bytes.extend_from_slice(part);
        }
        match CStr::from_bytes_with_nul(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(Errno::EINVAL.into()),
        }
    }
}

impl AsRef<CStr> for Variable {
    fn as_ref(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.0).expect("it was looked at when it was made")
    }
}

/// Makes a text such as the system takes.
///
/// # Errors
///
/// For a NUL byte.
pub fn c_string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.to_owned().into_vec())?)
}
