//! Answers on stdout, news on stderr, and what happens when they cannot be
//! written.

use std::fs::OpenOptions;
use std::io::{Read, pipe};
use std::process::Stdio;

use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, value_of};

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::new();
    // More than a pipe holds, so that the rest is written to nobody.
    sandbox
        .run_with_stdin(&["add", "LARGE"], "x".repeat(300_000))
        .succeeds();

    for arguments in [&["get", "LARGE"][..], &["get", "LARGE", "--json"]] {
        let mut command = sandbox.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut first = [0];
        child
            .stdout
            .take()
            .expect("a pipe")
            .read_exact(&mut first)
            .expect("one byte");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn nor_is_one_that_never_came() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    for arguments in [
        &["get", "A"][..],
        &["list"],
        &["exec", "--dry-run"],
        &["exec", "--dry-run", "--json"],
        &["completions", "fish"],
        &["man"],
        &["shell", "bash"],
        &["export"],
        &["export", "--json"],
        &["export", "--example"],
        &["--help"],
    ] {
        let (reader, writer) = pipe().expect("made");
        drop(reader);
        let mut command = sandbox.command(arguments);
        let transcript = sandbox.finish(command.stdout(writer));
        assert!(
            transcript.code == Some(0) && transcript.stderr.is_empty(),
            "{arguments:?}: {transcript}"
        );
    }
}

#[test]
fn a_full_disk_is_one() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let full = || {
        OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("it is there")
    };

    for arguments in [
        &["get", "A"][..],
        &["list"],
        &["list", "--json"],
        &["identity"],
        &["--help"],
        &["env", "list"],
        &["env", "diff", "dev", "dev"],
        &["completions", "bash"],
        &["man"],
        &["shell", "zsh"],
        &["export"],
        &["export", "--json"],
        &["exec", "--dry-run"],
    ] {
        let mut command = sandbox.command(arguments);
        let child = command
            .stdout(full())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = child.wait_with_output().expect("it ends");
        let code = if arguments[0] == "exec" { 125 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(
            stderr.contains("cannot write the answer: no space left on device"),
            "{stderr}"
        );
    }
}

#[test]
fn news_that_cannot_be_written_stop_nothing() {
    let sandbox = Sandbox::new();
    let full = OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("it is there");

    let status = sandbox
        .command(&["add", "A", "--generate", "20"])
        .stderr(full)
        .status()
        .expect("it starts");

    assert_eq!(status.code(), Some(0));
    assert_eq!(sandbox.run(&["get", "A"]).text().len(), 20);
}

#[test]
fn failures_are_json_when_answers_are() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.run(&["get", "B", "--json"]), @r#"
    --- stderr ---
    {"error":{"code":3,"hint":"run `keyvault list --env dev` to see its secrets","message":"no secret named `B` in environment `dev`"},"schema":1}
    [exit 3]
    "#);
    assert_snapshot!(sandbox.run(&["list", "--json", "--olny"]), @r#"
    --- stderr ---
    {"error":{"code":2,"hint":"run `keyvault list --help`","message":"`--olny` is not known here"},"schema":1}
    [exit 2]
    "#);
    assert_snapshot!(sandbox.run(&["exec", "--json", "--only", "X", "--", "true"]), @r#"
    --- stderr ---
    {"error":{"code":125,"hint":"run `keyvault list --env dev` to see its secrets","message":"no secret named `X` in environment `dev`"},"schema":1}
    [exit 125]
    "#);
}

#[test]
fn a_line_that_does_not_parse_is_answered_and_not_repeated() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.run(&["list", "--jsno"]), @"
    --- stderr ---
    keyvault: error: `--jsno` is not known here
    keyvault: hint: did you mean `--json`?
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["gte", "A"]), @"
    --- stderr ---
    keyvault: error: there is no such command
    keyvault: hint: did you mean `get`?
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["audit", "list"]), @"
    --- stderr ---
    keyvault: error: there is no such command
    keyvault: hint: run `keyvault audit --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["hook", "sett", "A"]), @"
    --- stderr ---
    keyvault: error: there is no such command
    keyvault: hint: did you mean `set`?
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["hook", "set", "A", "create", "true"]), @"
    --- stderr ---
    keyvault: error: an argument is not known here
    keyvault: hint: write the command behind `--`, as in `keyvault hook set NAME create -- CMD`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["rotate", "A", "--due"]), @"
    --- stderr ---
    keyvault: error: `NAME` does not go with `--due`
    keyvault: hint: run `keyvault rotate --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["revoke"]), @"
    --- stderr ---
    keyvault: error: `NAME[@N]` is missing
    keyvault: hint: run `keyvault revoke --help`
    [exit 2]
    ");
    for typed in ["<hunter2>", "[hunter2]", "-hunter2"] {
        let run = sandbox.run(&["list", typed]);
        assert!(!run.to_string().contains("hunter2"), "{run}");
    }
    assert_snapshot!(sandbox.run(&["list", "-o", "json"]), @"
    --- stderr ---
    keyvault: error: `-o` is not known here
    keyvault: hint: for JSON, pass `--json`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["list", "--format", "json"]), @"
    --- stderr ---
    keyvault: error: `--format` is not known here
    keyvault: hint: for JSON, pass `--json`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["get"]), @"
    --- stderr ---
    keyvault: error: `NAME` is missing
    keyvault: hint: run `keyvault get --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["unlock", "--for", "soon"]), @"
    --- stderr ---
    keyvault: error: `--for` has a value that does not fit: a length of time is a number and `s`, `m`, `h`, `d` or `w`, as in `90d`
    keyvault: hint: run `keyvault unlock --help`
    [exit 2]
    ");
    // Whoever starts a program tells our failures from its own, wherever we fail.
    for line in [
        &["exec", "--bogus"][..],
        &["--bogus", "exec", "--", "true"],
        &["--json", "--bogus", "run", "true"],
    ] {
        sandbox.refused(line).exits(125);
    }
    for line in [
        &[CANARY][..],
        &["get", "A", "--token", CANARY],
        &["list", CANARY],
        &["list", "--tag", &format!("{CANARY}!")],
        &["add", "A", "--generate", CANARY],
        &["-e", &format!("{CANARY}!"), "list"],
        &["revoke", &format!("A@{CANARY}")],
        &["exec", &format!("--{CANARY}")],
        &["identity", &format!("--key={CANARY}")],
    ] {
        let transcript = sandbox.run(line);
        assert!(
            [Some(2), Some(125)].contains(&transcript.code),
            "{line:?}: {transcript}"
        );
        assert!(transcript.stdout.is_empty(), "{line:?}: {transcript}");
    }
}

#[test]
fn help_is_an_answer_and_its_absence_a_mistake() {
    let sandbox = Sandbox::empty();

    for line in [
        &["--help"][..],
        &["-h"],
        &["get", "--help"],
        &["exec", "-h"],
        &["env", "list", "--help"],
        &["--version"],
    ] {
        let transcript = sandbox.run(line).succeeds().says_nothing();
        assert!(transcript.text().contains("keyvault"), "{transcript}");
    }
    let nothing = sandbox.run(&[]).exits(2);
    assert!(
        nothing.stdout.is_empty() && nothing.stderr.contains("Usage: keyvault"),
        "{nothing}"
    );
    let half = sandbox.run(&["env"]).exits(2);
    assert!(
        half.stdout.is_empty() && half.stderr.contains("Usage: keyvault env"),
        "{half}"
    );
}

#[test]
fn each_command_says_in_help_what_it_does() {
    let sandbox = Sandbox::empty();
    let help = sandbox.run(&["--help"]);
    let commands = help
        .text()
        .split("Commands:")
        .nth(1)
        .expect("a list of them");
    let commands = commands.split("\n\n").next().expect("it ends");

    for line in commands.trim_matches('\n').lines() {
        let (name, about) = line
            .trim()
            .split_once(' ')
            .unwrap_or_else(|| panic!("{line}"));
        let own = sandbox.run(&[name, "--help"]).succeeds();
        let about = about.split('[').next().unwrap_or_default().trim();
        assert!(own.text().starts_with(about), "{name}: {own}");
    }
}

#[test]
fn colour_is_for_terminals() {
    let sandbox = Sandbox::new();

    let plain = sandbox.run(&["get", "A"]);
    assert!(!plain.stderr.contains('\u{1b}'), "{plain}");
    let coloured = sandbox.run(&["get", "A", "--color", "always"]);
    assert!(
        coloured.stderr.contains("\u{1b}[1;31merror:\u{1b}[0m"),
        "{coloured}"
    );
}

#[test]
fn quiet_leaves_the_bare_answer() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_eq!(
        sandbox.run(&["-q", "get", "A"]).says_nothing().text(),
        value_of("A")
    );
    sandbox
        .run(&["-q", "rotate", "A", "--generate", "20"])
        .succeeds()
        .says_nothing();
    sandbox
        .run(&["get", "B", "-q"])
        .exits(3)
        .says("no secret named `B`");
}
