//! keyvault is killed in the middle of a rotation, at every system call that it makes.
//! The provider's own log is the witness.
//!
//! Usually only those calls are taken that have an effect, and those by which a hook is
//! started and waited for: a kill at any other is one at the next of these. With
//! `KEYVAULT_TESTS_EVERY_CALL` set each one is taken, whatever it is, which needs many
//! minutes, and it is told how many there were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::faults::{CHANGING, OUR_START, is_temporary, put_back};
use crate::rotation::{FIRST, Provider};
use crate::sandbox::{KEYVAULT, Transcript, read_to_string, text, tool};

/// What starts a hook, hears it and sees it end.
const AROUND_HOOKS: &[&str] = &[
    "clone",
    "clone3",
    "exit_group",
    "ioctl",
    "pipe2",
    "poll",
    "ppoll",
    "signalfd4",
    "vfork",
    "wait4",
    "waitid",
];

/// Where it is set, every call is taken.
const EVERY_CALL: &str = "KEYVAULT_TESTS_EVERY_CALL";

/// How many numbers of calls in a row a run does not come to, so that there are no more of
/// that name: how often it waits is not the same each time.
const BEYOND: usize = 2;

/// How long a hook may run on whose keyvault was killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A system call of a run.
struct Call {
    name: String,
    /// Counts the calls of this name, from 1.
    number: usize,
    has_effect: bool,
}

impl Call {
    /// Finds the calls of a trace that are taken.
    fn taken(trace: &str) -> Vec<Self> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut calls = Vec::new();
        for line in trace.lines() {
            let Some(name) = name_of_call(line) else {
                continue;
            };
            let number = numbers.entry(name).or_default();
            *number += 1;
            let number = *number;
            let creates = !name.starts_with("open") || line.contains("O_CREAT");
            let has_effect = CHANGING.contains(&name) && creates;
            let is_meant = has_effect || AROUND_HOOKS.contains(&name);
            // The first one is strace's own.
            let is_ours = name != "execve";
            if is_ours && is_meant && numbers.contains_key(OUR_START) {
                calls.push(Self {
                    name: name.to_owned(),
                    number,
                    has_effect,
                });
            }
        }
        calls
    }
}

fn traced(
    provider: &Provider,
    strace: &Path,
    inject: &[&str],
    command: &[&str],
) -> (Transcript, String) {
    let trace = provider.sandbox.root().join("trace");
    let mut strace = provider.sandbox.other(strace);
    strace.args(["-q", "-o", text(&trace)]).args(inject);
    strace.arg(KEYVAULT).args(command);
    let transcript = provider.sandbox.finish(&mut strace);
    let calls = read_to_string(&trace);
    fs::remove_file(trace).expect("removed");
    (transcript, calls)
}

/// Returns the name of a call in a line of a trace. A line about a signal, or the end, has
/// none.
fn name_of_call(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('(')?;
    let mut bytes = name.bytes();
    let is_name = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

/// Waits for hooks that were left alone.
fn wait_for_hooks(provider: &Provider) {
    let start = Instant::now();
    let lines = |name: &str| provider.log(name).len();
    while lines("calls") != lines("ended") {
        assert!(start.elapsed() < PATIENCE, "a hook does not end");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a command once for each call at which it can be killed, and what comes after it.
/// `comes_after` is given where it was killed.
fn killed_everywhere(provider: &Provider, command: &[&str], comes_after: impl Fn(&str)) {
    struck_everywhere(provider, command, "signal=KILL", comes_after);
}

/// The same with any fault that strace(1) makes.
fn struck_everywhere(
    provider: &Provider,
    command: &[&str],
    fault: &str,
    comes_after: impl Fn(&str),
) {
    let Some(strace) = tool("strace") else { return };
    let kills = fault == "signal=KILL";
    let tree = provider.sandbox.whole_snapshot();
    // As each of the runs will find it.
    put_back(&provider.sandbox, &tree);
    let (undisturbed, trace) = traced(provider, &strace, &[], command);
    undisturbed.succeeds();
    let calls = Call::taken(&trace);
    assert!(
        calls.iter().any(|call| call.name.starts_with("rename")),
        "{trace}"
    );
    if kills && std::env::var_os(EVERY_CALL).is_some() {
        put_back(&provider.sandbox, &tree);
        return killed_at_every_call(provider, &strace, command, &trace, comes_after);
    }
    for Call {
        name,
        number,
        has_effect,
    } in calls.iter().filter(|call| kills || call.has_effect)
    {
        put_back(&provider.sandbox, &tree);
        let place = format!("{fault} at {name} #{number}");
        let inject = format!("inject={name}:{fault}:when={number}");
        let inject = ["-e", &format!("trace={name}"), "-e", &inject];
        let (killed, _) = traced(provider, &strace, &inject, command);
        // How often it waits, and is told nothing, is not the same each time.
        let is_over = !has_effect && killed.code == Some(0);
        if !is_over {
            assert_eq!(killed.signal, kills.then_some(9), "{place}\n{killed}");
        }
        goes_on(provider, &place, &comes_after);
    }
}

/// Kills a command at each system call that it makes, of whatever name: strace(1) counts
/// each name for itself.
fn killed_at_every_call(
    provider: &Provider,
    strace: &Path,
    command: &[&str],
    trace: &str,
    comes_after: impl Fn(&str),
) {
    let tree = provider.sandbox.whole_snapshot();
    let names: BTreeSet<&str> = trace.lines().filter_map(name_of_call).collect();
    let mut kills = 0;
    // The only `execve` is strace's own.
    for name in names.iter().filter(|name| **name != "execve") {
        let mut beyond = 0;
        let mut numbers = 1..;
        while beyond < BEYOND {
            let number = numbers.next().expect("without end");
            put_back(&provider.sandbox, &tree);
            let place = format!("killed at {name} #{number}");
            let inject = format!("inject={name}:signal=KILL:when={number}");
            let inject = ["-e", &format!("trace={name}"), "-e", &inject];
            let (killed, _) = traced(provider, strace, &inject, command);
            if killed.code == Some(0) {
                beyond += 1;
            } else {
                assert_eq!(killed.signal, Some(9), "{place}\n{killed}");
                (kills, beyond) = (kills + 1, 0);
            }
            goes_on(provider, &place, &comes_after);
        }
    }
    let command = command.join(" ");
    let calls = trace.lines().filter_map(name_of_call).count();
    let _ = writeln!(
        io::stderr(),
        "{command}: killed at {kills} calls; undisturbed it makes {calls}"
    );
}

/// Does what comes after a run that was struck, and looks for what it left behind.
fn goes_on(provider: &Provider, place: &str, comes_after: impl Fn(&str)) {
    comes_after(place);
    wait_for_hooks(provider);
    let tree = provider.sandbox.whole_snapshot();
    let left = tree.keys().find(|path| is_temporary(path));
    assert_eq!(left, None, "{place}");
}

/// How often the provider did something to a value.
fn times(provider: &Provider, what: &str) -> usize {
    let effects = fs::read_to_string(provider.place().join("effects")).unwrap_or_default();
    let lines = effects.lines();
    lines
        .filter(|line| line.split(" for ").next() == Some(what))
        .count()
}

/// The keys that the provider minted.
fn minted(provider: &Provider) -> Vec<String> {
    let effects = fs::read_to_string(provider.place().join("effects")).unwrap_or_default();
    let lines = effects
        .lines()
        .filter_map(|line| line.strip_prefix("minted "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_rotation_that_was_killed_is_resumed_with_nothing_lost() {
    loses_nothing("signal=KILL");
}

#[test]
fn a_rotation_on_a_disk_that_was_full_is_resumed_with_nothing_lost() {
    loses_nothing("error=ENOSPC");
}

fn loses_nothing(fault: &str) {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    let rotate = ["rotate", "A", "--grace", "0s"];

    struck_everywhere(&provider, &rotate, fault, |place| {
        let resumed = sandbox.run(&["rotate", "A", "--resume"]);
        // 3 where it had not begun, or was done.
        assert!(
            [Some(0), Some(3)].contains(&resumed.code),
            "{place}\n{resumed}"
        );
        wait_for_hooks(&provider);
        let current = sandbox.run(&["get", "A"]).succeeds().text().to_owned();
        sandbox.run(&["get", "A@pending"]).exits(3);
        let minted = minted(&provider);
        let revoked = times(&provider, &format!("revoked {FIRST}"));
        if current == FIRST {
            // It had not begun.
            assert_eq!((minted.len(), revoked), (0, 0), "{place}");
        } else {
            assert_eq!((minted, revoked), (vec![current.clone()], 1), "{place}");
            sandbox.run(&["get", "A@1"]).exits(5);
        }
        assert_eq!(
            times(&provider, &format!("revoked {current}")),
            0,
            "{place}"
        );

        // And the next one goes through.
        sandbox.run(&rotate).succeeds();
        let next = sandbox.run(&["get", "A"]).succeeds().text().to_owned();
        assert_ne!(next, current, "{place}");
        assert_eq!(
            times(&provider, &format!("revoked {current}")),
            1,
            "{place}"
        );
    });
}

#[test]
fn a_rotation_that_was_killed_is_given_up_and_no_key_stays_alive() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;

    killed_everywhere(&provider, &["rotate", "A"], |place| {
        // 3 where it had not begun, or was done.
        let aborted = sandbox.run(&["rotate", "A", "--abort"]);
        assert!(
            [Some(0), Some(3)].contains(&aborted.code),
            "{place}\n{aborted}"
        );
        wait_for_hooks(&provider);
        let current = sandbox.run(&["get", "A"]).succeeds().text().to_owned();
        sandbox.run(&["get", "A@pending"]).exits(3);
        for key in minted(&provider) {
            let is_current = key == current;
            let revoked = times(&provider, &format!("revoked {key}"));
            assert_eq!(revoked, usize::from(!is_current), "{place}\n{aborted}");
        }
        assert_eq!(times(&provider, &format!("revoked {FIRST}")), 0, "{place}");
        // It was done where it could not be given up.
        assert!(
            current == FIRST || aborted.code == Some(3),
            "{place}\n{aborted}"
        );
        sandbox.run(&["rotate", "A"]).succeeds();
    });
}

#[test]
fn a_rotation_that_is_given_up_leaves_no_key_behind() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    provider.fails("verify", "");
    sandbox.run(&["rotate", "A"]).exits(1);
    let key = sandbox
        .run(&["get", "A@pending"])
        .succeeds()
        .text()
        .to_owned();
    let abort = ["rotate", "A", "--abort"];

    killed_everywhere(&provider, &abort, |place| {
        let again = sandbox.run(&abort);
        assert!([Some(0), Some(3)].contains(&again.code), "{place}\n{again}");
        wait_for_hooks(&provider);
        sandbox.run(&["get", "A@2"]).exits(5).says("aborted");
        assert_eq!(times(&provider, &format!("revoked {key}")), 1, "{place}");
        assert_eq!(times(&provider, &format!("revoked {FIRST}")), 0, "{place}");
        assert_eq!(sandbox.run(&["get", "A"]).text(), FIRST, "{place}");
        sandbox.run(&["revoke", "A", "--no-hooks"]).succeeds();
    });
}

#[test]
fn a_secret_that_is_revoked_is_given_back_once() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    let revoke = ["revoke", "A"];

    killed_everywhere(&provider, &revoke, |place| {
        sandbox.run(&revoke).succeeds();
        wait_for_hooks(&provider);
        sandbox.run(&["get", "A"]).exits(5);
        assert_eq!(times(&provider, &format!("revoked {FIRST}")), 1, "{place}");
        sandbox.add("NEXT", "made up");
    });
}
