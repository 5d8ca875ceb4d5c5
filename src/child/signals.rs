//! The signals of this process, held back and read one by one, so that each can
//! be looked at before anything is done about it.
//!
//! They are blocked, not caught: what is blocked stays pending, is never lost,
//! and comes through although it is ignored or, as for the first process of a
//! container, without effect (pid_namespaces(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// A signal that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub signal: Signal,
    /// From whom.
    pub sender: Sender,
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The kernel: for the terminal, a timer or a child.
    Kernel,
    /// A process; 0 if it is outside of our namespace.
    Process(i32),
    /// Where the system does not tell.
    Unknown,
}

/// All signals, held back from this thread, which is to be the only one.
pub struct Signals {
    before: SigSet,
    source: source::Source,
}

impl Signals {
    /// Holds the signals back from here on.
    ///
    /// # Errors
    ///
    /// As the system does; nothing is held back then.
    pub fn hold() -> io::Result<Self> {
        // Where the caller ignores the ends of children, nobody is told of them. A
        // handler ends that, though it never runs; a child then has the default.
        signal_hook::flag::register(Signal::SIGCHLD as i32, Arc::default())?;
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        match source::Source::open() {
            Ok(source) => Ok(Self { before, source }),
            Err(error) => {
                before.thread_set_mask()?;
                Err(error)
            }
        }
    }

    /// Returns what was blocked before, and is to be in a child.
    pub fn before(&self) -> &SigSet {
        &self.before
    }

    /// Lets the signals through again, those as well that have come meanwhile.
    pub fn release(self) {
        let _ = self.before.thread_set_mask();
    }

    /// Returns a signal that has come, if there is one.
    ///
    /// # Errors
    ///
    /// As the system does.
    pub fn next(&self) -> io::Result<Option<Received>> {
        self.source.next()
    }
}

impl AsFd for Signals {
    /// Is readable when a signal has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

#[cfg(target_os = "linux")]
mod source {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd};

    use nix::sys::signal::{SigSet, Signal};
    use nix::sys::signalfd::{SfdFlags, SignalFd};

    use super::{Received, Sender};

    /// signalfd(2), which tells who sent what.
    pub struct Source(SignalFd);

    impl Source {
        pub fn open() -> io::Result<Self> {
            let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
            Ok(Self(SignalFd::with_flags(&SigSet::all(), flags)?))
        }

        pub fn next(&self) -> io::Result<Option<Received>> {
            while let Some(found) = self.0.read_signal()? {
                let number = i32::try_from(found.ssi_signo).unwrap_or_default();
                // A real-time signal has no name here, and cannot be passed on.
                let Ok(signal) = Signal::try_from(number) else {
                    continue;
                };
                let sender = match i32::try_from(found.ssi_pid) {
                    // Codes above that of kill(2), which is 0, are the kernel's.
                    _ if found.ssi_code > 0 => Sender::Kernel,
                    Ok(pid) => Sender::Process(pid),
                    Err(_) => Sender::Unknown,
                };
                return Ok(Some(Received { signal, sender }));
            }
            Ok(None)
        }
    }

    impl AsFd for Source {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod source {
    use std::io::{self, ErrorKind, Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use nix::sys::signal::{SigSet, Signal};

    use super::{Received, Sender};

    /// A thread that waits for signals, and writes each into a socket.
    pub struct Source(UnixStream);

    impl Source {
        pub fn open() -> io::Result<Self> {
            let (reader, mut writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            thread::Builder::new().spawn(move || {
                while let Ok(signal) = SigSet::all().wait() {
                    if writer.write_all(&[signal as u8]).is_err() {
                        break;
                    }
                }
            })?;
            Ok(Self(reader))
        }

        pub fn next(&self) -> io::Result<Option<Received>> {
            let mut number = [0];
            match (&self.0).read(&mut number) {
                Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => Ok(Signal::try_from(i32::from(number[0]))
                    .ok()
                    .map(|signal| Received {
                        signal,
                        sender: Sender::Unknown,
                    })),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            }
        }
    }

    impl AsFd for Source {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}
