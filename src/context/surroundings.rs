//! Where a command was started from: by which programs, on which terminal, under which
//! coding agent or CI system. It is for the audit log, and as true as whoever started the
//! command lets it be.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;

use crate::context::variable;
use crate::error::printable;

/// How many programs above this one are named: a shell, what it runs in, and what started
/// that. Each is a file to be read, which takes 3 µs.
const PARENTS_MAX: usize = 8;

/// More than a line of proc_pid_stat(5) up to the fields that are read.
const STAT_MAX: usize = 256;

/// What coding agents set for the commands that they run, and what they are called.
const AGENTS: [(&str, &str); 17] = [
    ("CLAUDECODE", "claude-code"),
    ("CURSOR_AGENT", "cursor"),
    ("GEMINI_CLI", "gemini-cli"),
    ("CODEX_THREAD_ID", "codex"),
    ("CODEX_SANDBOX", "codex"),
    ("CODEX_SANDBOX_NETWORK_DISABLED", "codex"),
    ("CODEX_CI", "codex"),
    ("COPILOT_CLI", "copilot"),
    ("OPENCODE", "opencode"),
    ("AUGMENT_AGENT", "augment"),
    ("CLINE_ACTIVE", "cline"),
    ("GOOSE_TERMINAL", "goose"),
    ("QWEN_CODE", "qwen-code"),
    ("ANTIGRAVITY_AGENT", "antigravity"),
    // Of an editor, which sets it for people's terminals, too.
    ("CURSOR_TRACE_ID", "cursor"),
    ("REPL_ID", "replit"),
    ("AI_AGENT", "agent"),
];

/// The same of CI systems. Most of them set the last one besides.
const CI_SYSTEMS: [(&str, &str); 13] = [
    ("GITHUB_ACTIONS", "github-actions"),
    ("GITLAB_CI", "gitlab-ci"),
    ("BUILDKITE", "buildkite"),
    ("CIRCLECI", "circleci"),
    ("JENKINS_URL", "jenkins"),
    ("TF_BUILD", "azure-pipelines"),
    ("TEAMCITY_VERSION", "teamcity"),
    ("BITBUCKET_BUILD_NUMBER", "bitbucket"),
    ("TRAVIS", "travis"),
    ("APPVEYOR", "appveyor"),
    ("DRONE", "drone"),
    ("CODEBUILD_BUILD_ID", "codebuild"),
    ("CI", "ci"),
];

/// Where this process was started from.
#[derive(Default)]
pub struct Surroundings {
    /// The programs that started it, the nearest first.
    pub parents: Vec<String>,
    /// Its terminal.
    pub tty: Option<String>,
    /// The coding agent that it runs under.
    pub agent: Option<&'static str>,
    /// The CI system that it runs under.
    pub ci: Option<&'static str>,
}

impl Surroundings {
    /// Looks around. What the system does not tell is left out.
    pub fn look() -> Self {
        let mut found = Self {
            agent: first_set(&AGENTS),
            ci: first_set(&CI_SYSTEMS),
            ..Self::default()
        };
        let Some(own) = Stat::of("self") else {
            return found;
        };
        found.tty = terminal(own.tty);
        let mut parent = own.parent;
        while parent != 0 && found.parents.len() < PARENTS_MAX {
            // The first of all processes is the parent of everything in the end.
            if parent == 1 && !found.parents.is_empty() {
                break;
            }
            let Some(stat) = Stat::of(&parent.to_string()) else {
                break;
            };
            parent = stat.parent;
            found.parents.push(stat.name);
        }
        found
    }
}

fn first_set(known: &[(&str, &'static str)]) -> Option<&'static str> {
    let is_on = |value: &OsStr| value != "0" && value != "false";
    let mut known = known.iter();
    let found = known.find(|(name, _)| variable(name).is_some_and(|value| is_on(&value)));
    found.map(|(_, name)| *name)
}

/// A process, as proc_pid_stat(5) has it.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    /// The number of its terminal's device.
    tty: u32,
}

impl Stat {
    fn of(process: &str) -> Option<Self> {
        let mut text = [0; STAT_MAX];
        let mut file = File::open(format!("/proc/{process}/stat")).ok()?;
        let length = file.read(&mut text).ok()?;
        Self::parse(&text[..length])
    }

    fn parse(text: &[u8]) -> Option<Self> {
        // A name may hold anything, also brackets; of the fields behind it none does.
        let begin = text.iter().position(|byte| *byte == b'(')?;
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let name = printable(&String::from_utf8_lossy(text.get(begin + 1..end)?));
        let rest = std::str::from_utf8(&text[end + 1..]).ok()?;
        // The state, and then parent, group, session and terminal.
        let mut fields = rest.split_ascii_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let tty: i32 = fields.nth(2)?.parse().ok()?;
        Some(Self {
            name,
            parent,
            tty: tty.cast_unsigned(),
        })
    }
}

/// Names the device of a terminal by its number, as Linux gives them out.
fn terminal(device: u32) -> Option<String> {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match (major, minor) {
        (0, 0) => None,
        (136..=143, minor) => Some(format!("/dev/pts/{}", ((major - 136) << 8) + minor)),
        (4, minor @ 0..64) => Some(format!("/dev/tty{minor}")),
        (4, minor) => Some(format!("/dev/ttyS{}", minor - 64)),
        (major, minor) => Some(format!("{major}:{minor}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let parse = |text: &str| Stat::parse(text.as_bytes());
        let stat = |name: &str, parent, tty| {
            let name = name.to_owned();
            Some(Stat { name, parent, tty })
        };
        assert_eq!(
            parse("7 (bash) S 3 7 7 34817 9 4194304"),
            stat("bash", 3, 34817)
        );
        assert_eq!(parse("7 (a) S (b) R 3 7 7 0 -1 0"), stat("a) S (b", 3, 0));
        // Nothing that a terminal would obey gets into the log.
        assert_eq!(
            parse("7 (\"\u{1b}[2J\u{9b}1m) S 3 7 7 0 -1 0"),
            stat("\"\\u{1b}[2J\\u{9b}1m", 3, 0)
        );
        for bad in [
            "",
            "7 bash S 3",
            "7 (bash",
            "7 (bash) S",
            "7 )(",
            "7 (bash) S x 7 7 0",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn terminals_have_the_names_that_people_know() {
        for (device, name) in [
            (0, None),
            (136 << 8 | 3, Some("/dev/pts/3")),
            (137 << 8 | 1, Some("/dev/pts/257")),
            (4 << 8 | 1, Some("/dev/tty1")),
            (4 << 8 | 64, Some("/dev/ttyS0")),
            (204 << 8 | 64, Some("204:64")),
        ] {
            assert_eq!(terminal(device).as_deref(), name);
        }
    }
}
