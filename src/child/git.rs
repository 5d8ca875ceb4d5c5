//! Questions to git.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::child::Variables;

/// The longest answer that is taken: a path, several times over.
const ANSWER_MAX: u64 = 64 << 10;

/// How long git may think: in a large history it looks at every commit, and a
/// repository that was made to harm keeps it waiting for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What git said, and its exit code.
pub struct Answer {
    /// The exit code.
    pub code: i32,
    /// What it printed, without the last line's end.
    pub text: Vec<u8>,
}

/// Asks git something about a folder, silently; `None` where there is no git, or no
/// answer in ten seconds.
///
/// What the repository's configuration would have run is not: it may be someone
/// else's. Nothing is fetched, nothing is asked for and no index is refreshed.
pub fn ask(
    folder: &Path,
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    let silenced = [
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
    ];
    answer(folder, &silenced, question, variables)
}

/// The same with all of the configuration, for questions about it: by which nothing is
/// run.
pub fn ask_as_it_is(
    folder: &Path,
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    answer(folder, &[], question, variables)
}

fn answer(
    folder: &Path,
    options: &[&str],
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    let variables = variables.into_iter();
    let variables = variables.filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"GIT_"));
    // To fetch what is missing could run what the configuration names. The first is known
    // since git 2.45; the second allows no way to another repository.
    let ours = [("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "")];
    let ours = ours.map(|(name, value)| (name.into(), value.into()));
    let quiet = ["GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT"].map(|name| (name.into(), "0".into()));
    let variables: Vec<(OsString, OsString)> = variables.chain(ours).chain(quiet).collect();
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(folder)
        .args(options)
        .args(question)
        .env_clear()
        .envs(variables);
    git.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = git.spawn().ok()?;
    let answer = hear(&mut child, PATIENCE);
    if answer.is_none() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let code = child.wait().ok()?.code()?;
    let mut text = answer?;
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    Some(Answer { code, text })
}

/// Reads what is printed to its end, or to the most that is taken; `None` where that
/// takes too long.
fn hear(child: &mut Child, patience: Duration) -> Option<Vec<u8>> {
    let mut pipe = child.stdout.take()?;
    let mut text = Vec::new();
    let end = Instant::now() + patience;
    let mut piece = [0; 4096];
    while (text.len() as u64) < ANSWER_MAX {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok()?;
        let mut pipes = [PollFd::new(&pipe, PollFlags::IN)];
        match rustix::event::poll(&mut pipes, Some(&left)) {
            Ok(0) => return None,
            Ok(_) => match pipe.read(&mut piece).ok()? {
                0 => break,
                length => text.extend_from_slice(&piece[..length]),
            },
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_is_not_waited_for() {
        let start = |program: &str, argument: &str| {
            let mut command = Command::new(program);
            command.arg(argument).stdout(Stdio::piped());
            command.spawn().expect("started")
        };
        let mut silent = start("sleep", "600");
        assert_eq!(hear(&mut silent, Duration::from_millis(1)), None);
        silent.kill().expect("ended");
        silent.wait().expect("ended");

        let mut speaks = start("echo", "x");
        assert_eq!(hear(&mut speaks, PATIENCE).as_deref(), Some(&b"x\n"[..]));
        speaks.wait().expect("ended");
    }
}
