//! Many at once: writers take turns, readers wait for nobody and see one state
//! or another, and one passphrase is asked for once.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{
    CANARY, KEYVAULT, Sandbox, enter_session, has_session_cache, read_to_string, text, tool,
    value_of,
};

const WRITERS: usize = 50;
const READERS: usize = 20;

/// For how long a writer waits before it gives up, and what a busy machine may
/// add to that.
const PATIENCE: Duration = Duration::from_secs(30);
const LEEWAY: Duration = Duration::from_secs(30);

/// Starts a command, and gives it something on stdin.
fn start(command: &mut Command, stdin: &str) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut pipe = child.stdin.take().expect("it is a pipe");
    pipe.write_all(stdin.as_bytes()).expect("it fits");
    child
}

#[track_caller]
fn succeeds(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).expect("stdout is text")
}

fn revision(sandbox: &Sandbox) -> u64 {
    let listing = sandbox.run(&["env", "list", "--json"]).succeeds().json();
    let revision = &listing["environments"][0]["revision"];
    revision.as_u64().expect("a number")
}

#[test]
fn fifty_writers_lose_nothing() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..WRITERS).map(|n| format!("SECRET_{n:02}")).collect();
    let before = revision(&sandbox);

    let writers: Vec<Child> = names
        .iter()
        .map(|name| start(&mut sandbox.command(&["add", name]), &value_of(name)))
        .collect();
    for writer in writers {
        succeeds(writer);
    }

    let listed = sandbox.run(&["list", "-q"]).succeeds().says_nothing();
    assert_eq!(listed.text().lines().collect::<Vec<_>>(), names);
    for name in &names {
        let got = sandbox.run(&["get", name]).succeeds();
        assert_eq!(got.text(), value_of(name));
    }
    assert_eq!(revision(&sandbox), before + WRITERS as u64);
    let left = fs::read_dir(sandbox.vault()).expect("listed").count();
    assert_eq!(left, 1, "something was left behind");
}

#[test]
fn readers_see_one_state_or_another_while_writers_write() {
    let sandbox = Sandbox::new();
    let value = |n: usize| format!("value {n} {CANARY}");
    sandbox.add("A", &value(0));
    let done = AtomicBool::new(false);

    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=WRITERS {
                let mut rotate = sandbox.command(&["rotate", "A"]);
                succeeds(start(&mut rotate, &value(n)));
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let mut get = sandbox.command(&["get", "A"]);
            let readers: Vec<Child> = (0..READERS).map(|_| start(&mut get, "")).collect();
            for reader in readers {
                let got = succeeds(reader);
                let known = (0..=WRITERS).any(|n| got == value(n));
                assert!(known, "`{got}` was never written");
            }
        }
    });

    assert_eq!(sandbox.run(&["get", "A"]).text(), value(WRITERS));
}

/// The same at the worst moments, which seldom come by themselves: after each
/// file that a reader opens, somebody else saves.
#[test]
fn a_reader_that_is_overtaken_sees_one_state_or_the_other() {
    let Some(strace) = tool("strace") else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let trace = sandbox.root().join("trace");
    let traced = |options: &[&str]| {
        let mut command = sandbox.other(&strace);
        command.args(["-f", "-o", text(&trace), "-e", "trace=openat"]);
        command.args(options).args([KEYVAULT, "get", "A"]);
        command
    };
    sandbox.finish(&mut traced(&[])).succeeds();
    let files = read_to_string(&trace).matches("openat(").count();
    assert!(files >= 3, "there are an identity, a vault and a pin");

    for file in 1..=files {
        let old = sandbox.run(&["get", "A"]).text().to_owned();
        let new = format!("value {file} {CANARY}");
        fs::remove_file(&trace).expect("removed");
        let stop = format!("inject=openat:signal=STOP:when={file}");
        let reader = start(&mut traced(&["-e", &stop]), "");
        let stopped = wait_for_stop(&trace);
        sandbox.run_with_stdin(&["rotate", "A"], &new).succeeds();
        kill_process(stopped, Signal::CONT).expect("it is there");
        let got = succeeds(reader);
        assert!(got == old || got == new, "file {file}: `{got}`");
    }
}

/// Waits until a process has stopped, as its trace tells, and returns which.
fn wait_for_stop(trace: &Path) -> Pid {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(trace).unwrap_or_default();
        if text.contains("stopped by SIGSTOP") {
            let pid = text.split(' ').next().and_then(|pid| pid.parse().ok());
            return pid.and_then(Pid::from_raw).expect("a process");
        }
        assert!(start.elapsed() < PATIENCE, "it does not stop:\n{text}");
        thread::yield_now();
    }
}

#[test]
fn a_writer_says_what_it_waits_for_and_a_reader_does_not_wait() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let held = File::open(sandbox.vault()).expect("opened");
    held.lock().expect("locked");

    let mut writer = start(&mut sandbox.command(&["add", "B"]), &value_of("B"));
    let mut stderr = BufReader::new(writer.stderr.take().expect("it is a pipe"));
    let mut said = String::new();
    stderr.read_line(&mut said).expect("text");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox.run(&["get", "B"]).exits(3);
    drop(held);
    stderr.read_to_string(&mut said).expect("text");

    assert_snapshot!(said, @"
    keyvault: note: waiting for another keyvault that is writing this vault
    added `B` to `dev` (version 1)
    ");
    succeeds(writer);
    sandbox.run(&["get", "B"]).succeeds();
}

#[test]
fn a_writer_that_waited_for_thirty_seconds_gives_up() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let held = File::open(sandbox.vault()).expect("opened");
    held.lock().expect("locked");

    let start = Instant::now();
    let refusal = sandbox.refused_with_stdin(&["add", "B"], CANARY);
    let waited = start.elapsed();

    assert_snapshot!(refusal, @"
    --- stderr ---
    keyvault: note: waiting for another keyvault that is writing this vault
    keyvault: error: another keyvault has kept `[sandbox]/project/.keyvault` locked for 30 seconds
    keyvault: hint: nothing was changed; run it again once the other is done
    [exit 7]
    ");
    assert!(waited >= PATIENCE, "it waited for {waited:?} only");
    assert!(waited < PATIENCE + LEEWAY, "it waited for {waited:?}");
    drop(held);
    sandbox.add("B", &value_of("B"));
}

#[test]
fn of_many_who_make_a_vault_one_does() {
    let sandbox = Sandbox::empty();

    let mut init = sandbox.command(&["init", "--no-passphrase"]);
    let makers: Vec<Child> = (0..8).map(|_| start(&mut init, "")).collect();
    let outputs = makers.into_iter().map(|maker| maker.wait_with_output());
    let mut codes: Vec<_> = outputs
        .map(|output| output.expect("it ends").status.code())
        .collect();

    sandbox.add("A", &value_of("A"));
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
    codes.sort_unstable();
    let (made, refused) = codes.split_at(1);
    assert_eq!(made, [Some(0)]);
    assert_eq!(refused, [Some(7); 7]);
}

#[test]
fn vaults_that_begin_at_once_are_one() {
    let sandbox = Sandbox::empty();
    let makers: Vec<Child> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| {
            start(
                &mut sandbox.command(&["init", "--no-passphrase", "-e", name]),
                "",
            )
        })
        .collect();
    let ends = makers.into_iter().map(|maker| maker.wait_with_output());
    let codes = ends.map(|end| end.expect("it ends").status.code());
    let mut codes: Vec<_> = codes.collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(7), Some(7), Some(7)]);

    let makers: Vec<Child> = ["e", "f", "g", "h"]
        .iter()
        .map(|name| start(&mut sandbox.command(&["env", "create", name]), ""))
        .collect();
    for maker in makers {
        succeeds(maker);
    }
    for name in ["e", "f", "g", "h"] {
        sandbox.run(&["list", "-q", "-e", name]).succeeds();
    }
}

/// A reader who meets a writer between the file and its pin accuses nobody.
#[test]
fn an_environment_that_is_made_anew_is_missing_or_there() {
    let sandbox = Sandbox::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let list = sandbox.run(&["list", "-q", "-e", "dev"]);
                        assert!([Some(0), Some(3)].contains(&list.code), "{list}");
                    }
                })
            })
            .collect();
        for _ in 0..15 {
            sandbox.run(&["env", "remove", "dev", "--yes"]).succeeds();
            sandbox.run(&["env", "create", "dev"]).succeeds();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("it read");
        }
    });
}

#[test]
fn secrets_for_an_environment_that_is_made_for_them_are_all_there() {
    let sandbox = Sandbox::new();
    let names = ["A", "B", "C", "D"];
    let writers: Vec<Child> = names
        .iter()
        .map(|name| {
            let add = ["add", name, "-e", "new", "--create-env"];
            start(&mut sandbox.command(&add), &value_of(name))
        })
        .collect();
    for writer in writers {
        succeeds(writer);
    }
    for name in names {
        assert_eq!(
            sandbox.run(&["get", name, "-e", "new"]).text(),
            value_of(name)
        );
    }
}

#[test]
fn many_commands_at_once_ask_for_the_passphrase_once() {
    if !has_session_cache() {
        return;
    }
    let mut sandbox = Sandbox::empty();
    let passphrase = sandbox.write("passphrase", "a made-up passphrase\n");
    let asked = sandbox.project().join("asked");
    let command = format!("echo once >> {}; cat {}", text(&asked), text(&passphrase));
    let sandbox = sandbox.variable("KEYVAULT_PASSPHRASE_COMMAND", command);
    sandbox.run(&["init"]).succeeds();
    sandbox.add("A", &value_of("A"));
    // Once more, because what was just made is unlocked.
    assert!(enter_session());
    fs::remove_file(&asked).expect("it was asked");

    let mut get = sandbox.command(&["get", "A"]);
    let readers: Vec<Child> = (0..8).map(|_| start(&mut get, "")).collect();
    for reader in readers {
        assert_eq!(succeeds(reader), value_of("A"));
    }

    assert_eq!(read_to_string(&asked), "once\n");
}
