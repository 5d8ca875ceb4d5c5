//! What the process gives up before it holds a secret.
//!
//! A crash must not write memory to a file, and nobody without root's rights
//! should read it while it runs. Both are done in the first lines of `main`.

use std::io::Write;
use std::panic;

use rustix::process::{Resource, Rlimit};

/// The limit on core files that a child should have: the one we were given.
#[derive(Clone, Copy)]
pub struct CoreLimit(Rlimit);

/// Switches core files off and makes the process undumpable, which also closes
/// its memory to debuggers and its `/proc` entries to other processes of the
/// user. Returns what to restore for a child.
///
/// Where the system refuses, there is nothing better to do than to go on.
pub fn harden() -> CoreLimit {
    keep_panics_quiet();
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let given = rustix::process::getrlimit(Resource::Core);
    // The soft limit alone: it can be raised again.
    let none = Rlimit {
        current: Some(0),
        maximum: given.maximum,
    };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    CoreLimit(given)
}

/// Makes a panic say where it happened and not what about: its message may hold
/// the text that it stumbled over.
fn keep_panics_quiet() {
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(
            std::io::stderr(),
            "keyvault: error: a defect of keyvault, at {place}; please report it"
        );
    }));
}

impl CoreLimit {
    /// Gives the limit back, right before a child is started or the process
    /// becomes one. Being dumpable comes back by itself with the new program.
    pub fn restore(self) {
        let _ = rustix::process::setrlimit(Resource::Core, self.0);
    }
}
