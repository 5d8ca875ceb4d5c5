//! What long work says on a terminal while it goes on.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::ui::Ui;

/// How long work goes on in silence: what is over by then needs no words.
const SILENCE: Duration = Duration::from_secs(1);

/// How often the words change.
const INTERVAL: Duration = Duration::from_millis(200);

/// Goes to the beginning of the line and clears it (ECMA-48, EL).
const CLEAR: &str = "\r\x1b[K";

impl Ui {
    /// Does some work. Where it takes long, a person at a terminal sees meanwhile how far it
    /// has come, in a line that is gone afterwards.
    pub fn with_progress<T>(
        &self,
        words: impl Fn() -> String + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        if self.quiet || !io::stderr().is_terminal() {
            return work();
        }
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let teller = scope.spawn(|| {
                let mut is_shown = false;
                thread::park_timeout(SILENCE);
                while !is_over.load(Ordering::Acquire) {
                    // What cannot be said on stderr cannot be said at all.
                    let _ = write!(io::stderr(), "{CLEAR}{}", words());
                    is_shown = true;
                    thread::park_timeout(INTERVAL);
                }
                if is_shown {
                    let _ = write!(io::stderr(), "{CLEAR}");
                }
            });
            let done = work();
            is_over.store(true, Ordering::Release);
            teller.thread().unpark();
            done
        })
    }
}
