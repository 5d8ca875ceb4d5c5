//! Where a value must not be: in arguments, in environments, in files, in core
//! dumps. That it is not in stderr or left in a file, every test of the sandbox
//! makes sure of.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, contains, skip, text, tool, value_of};

/// Rotates a secret and looks at keyvault from outside, from the command of
/// `--verify`, while it has the new value in its memory.
fn while_it_holds_a_value(sandbox: &Sandbox, look: &str) -> String {
    let command = ["rotate", "A", "--verify", look];
    let transcript = sandbox.run_with_stdin(&command, CANARY).succeeds();
    fs::read_to_string(sandbox.project().join("seen")).unwrap_or_else(|_| panic!("{transcript}"))
}

#[test]
fn no_argument_and_no_variable_of_ours_holds_a_value() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let seen = while_it_holds_a_value(
        &sandbox,
        "cat /proc/$PPID/cmdline /proc/$PPID/environ > seen",
    );

    assert!(seen.contains("rotate"), "{seen}");
    assert!(!seen.contains(CANARY), "{seen}");
}

#[test]
fn it_cannot_be_dumped_or_looked_into() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    // The kernel gives the files of an undumpable process to root.
    let seen = while_it_holds_a_value(
        &sandbox,
        "grep -E '^(CoreDumping|Max core)' /proc/$PPID/status /proc/$PPID/limits > seen",
    );

    assert!(
        seen.lines()
            .any(|line| line.contains("Max core file size") && line.contains(" 0 ")),
        "{seen}"
    );
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
            "ulimit -c 1234; {program} sh -c 'ulimit -c; grep -E ^Sig.?.?: /proc/self/status'"
        );
        sandbox
            .finish(sandbox.other("sh").args(["-c", &script, KEYVAULT]))
            .succeeds()
    };

    assert_eq!(limits("\"$0\" exec --").text(), limits("env").text());
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
    let strace = tool("strace")?;
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
