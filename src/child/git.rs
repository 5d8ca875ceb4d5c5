//! Questions to git.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child::Variables;

/// The longest answer that is taken: a path, several times over.
const ANSWER_MAX: u64 = 64 << 10;

/// What git said, and its exit code.
pub struct Answer {
    /// The exit code.
    pub code: i32,
    /// What it printed, without the last line's end.
    pub text: Vec<u8>,
}

/// Asks git something about a folder, silently; `None` where there is no git.
///
/// What the repository's configuration would have run is not: it may be someone
/// else's. Nothing is fetched, nothing is asked for and no index is refreshed.
pub fn ask(
    folder: &Path,
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    let variables = variables.into_iter();
    let variables = variables.filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"GIT_"));
    let ours = [("GIT_NO_LAZY_FETCH".into(), "1".into())];
    let quiet = ["GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT"].map(|name| (name.into(), "0".into()));
    let variables: Vec<(OsString, OsString)> = variables.chain(ours).chain(quiet).collect();
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(folder)
        .args(["-c", "core.fsmonitor=false"])
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(question)
        .env_clear()
        .envs(variables);
    git.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = git.spawn().ok()?;
    let mut text = Vec::new();
    let mut read = Ok(0);
    if let Some(pipe) = child.stdout.take() {
        read = pipe.take(ANSWER_MAX).read_to_end(&mut text);
    }
    let code = child.wait().ok()?.code()?;
    read.ok()?;
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    Some(Answer { code, text })
}
