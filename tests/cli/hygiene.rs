//! Where a value must not be: in arguments, in environments, in files, in core
//! dumps. That it is not in stderr or left in a file, every test of the sandbox
//! makes sure of.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionread;

use crate::faults::strace_that_sees_names;
use crate::permissions::Bound;
use crate::sandbox::{CANARY, KEYVAULT, Sandbox, contains, skip, text, tool, value_of};

/// How long a process may take to read a line.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that has read a value from its stdin and waits for more of it.
struct Holding {
    process: Child,
    stdin: ChildStdin,
}

impl Holding {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().expect("it starts");
        let mut stdin = process.stdin.take().expect("a pipe");
        stdin.write_all(CANARY.as_bytes()).expect("written");
        let start = Instant::now();
        while ioctl_fionread(&stdin).expect("a pipe") > 0 {
            assert!(start.elapsed() < PATIENCE, "it does not read");
            thread::sleep(Duration::from_millis(5));
        }
        Self { process, stdin }
    }

    /// The path of one of the files that the kernel has about it.
    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.process.id())
    }

    /// The limit on its core files that is in force.
    fn core_limit(&self) -> String {
        let limits = fs::read_to_string(self.file("limits")).expect("read");
        let mut lines = limits.lines();
        let limit = lines.find_map(|line| line.strip_prefix("Max core file size"));
        let soft = limit.and_then(|limits| limits.split_whitespace().next());
        soft.expect("a limit").to_owned()
    }

    fn finish(mut self) {
        drop(self.stdin);
        assert!(self.process.wait().expect("it ends").success());
    }
}

#[test]
fn no_argument_and_no_variable_of_ours_holds_a_value() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let keyvault = Holding::start(&mut sandbox.command(&["rotate", "A"]));

    let arguments = fs::read(keyvault.file("cmdline")).expect("read");
    assert!(contains(&arguments, b"rotate"));
    assert!(!contains(&arguments, CANARY.as_bytes()));
    // For root alone; to others it is closed.
    if let Ok(variables) = fs::read(keyvault.file("environ")) {
        assert!(contains(&variables, b"HOME="));
        assert!(!contains(&variables, CANARY.as_bytes()));
    }
    keyvault.finish();
}

#[test]
fn it_cannot_be_dumped_or_looked_into() {
    let Some(bound) = Bound::find(Sandbox::with_secrets(&["A"])) else {
        return;
    };
    let raise = "ulimit -S -c $(ulimit -H -c)";
    let is_closed = |process: &Holding| {
        let look = format!("exec cat {}", process.file("environ"));
        let by_same_user = bound.after(&look, &[]).output().expect("it starts");
        !by_same_user.status.success()
    };
    let control = Holding::start(&mut bound.after(&format!("{raise}; exec cat"), &[]));
    if control.core_limit() == "0" || is_closed(&control) {
        skip("every process of this system is closed to others");
        return;
    }
    control.finish();

    let keyvault = Holding::start(&mut bound.after(raise, &["rotate", "A"]));

    assert_eq!(keyvault.core_limit(), "0");
    assert!(is_closed(&keyvault), "its user can read its environment");
    keyvault.finish();
}

/// Runs a command of the shell that crashes something, with core dumps allowed.
fn crash(sandbox: &Sandbox, command: &str) -> ExitStatus {
    let script = format!("ulimit -c unlimited; {command}");
    let mut shell = sandbox.other("sh");
    shell.args(["-c", &script, KEYVAULT]).stdin(Stdio::null());
    shell
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("it starts")
}

#[test]
fn a_crash_leaves_no_core_dump() {
    let control = Sandbox::empty();
    if !crash(&control, "kill -ABRT $$").core_dumped() {
        skip("this system writes no core dumps at all");
        return;
    }
    let sandbox = Sandbox::with_secrets(&["A"]);

    let crashed = crash(
        &sandbox,
        "exec \"$0\" rotate A --from-env USER --verify 'kill -ABRT $PPID; sleep 1'",
    );

    assert_eq!(crashed.signal(), Some(6), "{crashed}");
    assert!(!crashed.core_dumped());
    let files: Vec<_> = fs::read_dir(sandbox.project())
        .expect("listed")
        .flatten()
        .collect();
    assert_eq!(files.len(), 1, "the vault alone: {files:?}");
}

#[test]
fn a_child_has_the_limits_of_the_caller() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let limits = |program: &str| {
        let script = format!(
            "ulimit -c 1234; {program} sh -c 'ulimit -c; grep -E ^Sig...: /proc/self/status'"
        );
        sandbox
            .finish(sandbox.other("sh").args(["-c", &script, KEYVAULT]))
            .succeeds()
    };

    let callers = limits("env");
    assert!(callers.text().contains("SigIgn"), "{callers}");
    assert_eq!(limits("\"$0\" exec --").text(), callers.text());
    let verify = [
        "rotate",
        "A",
        "--generate",
        "20",
        "--verify",
        "ulimit -c > seen",
    ];
    let script = format!(
        "ulimit -c 1234; exec \"$0\" {}",
        verify.map(|word| format!("'{word}'")).join(" ")
    );
    sandbox
        .finish(sandbox.other("sh").args(["-c", &script, KEYVAULT]))
        .succeeds();
    assert_eq!(
        fs::read_to_string(sandbox.project().join("seen")).expect("read"),
        "1234\n"
    );
}

/// Every system call with the value in it, from a run under strace.
fn calls_with_the_value(sandbox: &Sandbox, arguments: &[&str], stdin: &str) -> Option<Vec<String>> {
    let strace = strace_that_sees_names()?;
    let log = sandbox.root().join("calls");
    let mut command = sandbox.other(strace);
    command
        .args(["-f", "-s", "100000", "-o", text(&log), KEYVAULT])
        .args(arguments);
    sandbox.finish_with_stdin(&mut command, stdin).succeeds();
    let calls = fs::read_to_string(&log).expect("read");
    fs::remove_file(log).expect("removed");
    let with_value = calls
        .lines()
        .filter(|line| contains(line.as_bytes(), CANARY.as_bytes()));
    Some(
        with_value
            .map(|line| {
                line.split_once(' ')
                    .map_or(line, |(_, call)| call.trim())
                    .to_owned()
            })
            .collect(),
    )
}

#[test]
fn a_value_passes_through_no_system_call_but_the_ones_that_must() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let Some(add) = calls_with_the_value(&sandbox, &["add", "B"], CANARY) else {
        return;
    };
    assert!(
        !add.is_empty() && add.iter().all(|call| call.starts_with("read(0,")),
        "{add:?}"
    );

    let get = calls_with_the_value(&sandbox, &["get", "A"], "").expect("strace");
    assert!(
        !get.is_empty() && get.iter().all(|call| call.starts_with("write(1,")),
        "{get:?}"
    );

    let list = calls_with_the_value(&sandbox, &["list"], "").expect("strace");
    assert_eq!(list, [""; 0]);

    let exec = calls_with_the_value(&sandbox, &["exec", "--", "true"], "").expect("strace");
    assert_eq!(
        exec, [""; 0],
        "strace shows a variable only as one of so many"
    );
}

#[test]
fn a_file_that_is_imported_is_read_and_goes_nowhere_else() {
    let mut sandbox = Sandbox::new();
    if tool("git").is_some() {
        let mut git = sandbox.other("git");
        sandbox.finish(git.args(["init", "--quiet"])).succeeds();
    }
    for (name, contents) in [
        (".env", format!("E=\"{CANARY}\\n\"\n")),
        ("x.yaml", format!("Y: \"{CANARY}\\n\"\n")),
        ("x.toml", format!("T = \"{CANARY}\\n\"\n")),
        ("x.json", format!("{{\"J\": \"{CANARY}\\u0041\"}}")),
    ] {
        sandbox.write(name, contents);
        let line = ["import", name, "--shred", "--yes"];
        let Some(calls) = calls_with_the_value(&sandbox, &line, "") else {
            return;
        };
        // Once to import it, and once to see whether it is still the same.
        let reads = calls.iter().filter(|call| call.starts_with("read("));
        assert_eq!((reads.count(), calls.len()), (2, 2), "{calls:?}");
    }
}

#[test]
fn a_name_in_a_folder_is_shown_without_its_escapes() {
    let sandbox = Sandbox::empty();
    let folder = sandbox.project().join("\u{1b}[2J");
    fs::create_dir(&folder).expect("made");

    let transcript = sandbox.finish(sandbox.command(&["list"]).current_dir(folder));

    transcript.exits(3).says("project/\\u{1b}[2J`");
}

#[test]
fn what_a_vault_holds_is_in_it_sealed() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);

    let file = fs::read(sandbox.dev()).expect("read");

    for plain in ["STRIPE_KEY", "alice", "keyvault", &value_of("STRIPE_KEY")] {
        assert!(
            !contains(&file, plain.as_bytes()),
            "{plain} is in the clear"
        );
    }
}
