//! What a person sees and types: hidden lines, questions, signals, colour.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::sandbox::{
    CANARY, PASSPHRASE, Sandbox, contains, has_session_cache, read_to_string, tool,
};
use crate::terminal::{Ending, Terminal, eventually, is_alive, kill};

const NEW_PASSPHRASE: &str = "New passphrase for your identity: ";
const ONCE_MORE: &str = "The same once more: ";
const ASKS_PASSPHRASE: &str = "Passphrase for ~/.config/keyvault/identity: ";
const ASKS_VALUE: &str = "Value of B in dev: ";

/// The signals that end a program at a prompt, with what a shell makes of them.
const ENDS: [(Signal, i32); 4] = [
    (Signal::INT, 130),
    (Signal::TERM, 143),
    (Signal::HUP, 129),
    (Signal::QUIT, 131),
];

/// Types the value of a new secret `B`, which must not be seen.
#[track_caller]
fn add_by_hand(sandbox: &Sandbox, keys: impl AsRef<[u8]>) -> Ending {
    let mut terminal = Terminal::start(sandbox, &["add", "B"]);
    terminal.expect(ASKS_VALUE);
    terminal.send(keys);
    let ending = terminal.end();
    let shown = terminal.shown();
    assert!(!shown.contains("canary"), "a value was shown:\n{shown}");
    ending
}

/// The same, where the value is to be refused.
#[track_caller]
fn refuses_by_hand(keys: impl AsRef<[u8]>) -> Ending {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot();
    let ending = add_by_hand(&sandbox, keys);
    assert_ne!(ending.code, Some(0), "it was not refused:\n{ending}");
    assert!(sandbox.snapshot() == before, "something was left behind");
    ending
}

/// Types keys at the prompt of `add`, and returns the value that they made.
#[track_caller]
fn value_of_keys(keys: impl AsRef<[u8]>) -> String {
    let sandbox = Sandbox::new();
    let ending = add_by_hand(&sandbox, keys);
    assert_eq!(ending.code, Some(0), "{ending}");
    let value = sandbox.run(&["get", "B"]).succeeds();
    value.text().to_owned()
}

// The passphrase of a new identity

#[test]
fn init_asks_for_the_passphrase_twice() {
    let sandbox = Sandbox::empty();
    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.expect(NEW_PASSPHRASE);
    terminal.echoes(false);
    terminal.enter(PASSPHRASE);
    terminal.expect(ONCE_MORE);
    terminal.enter(PASSPHRASE);

    assert_snapshot!(terminal.end(), @"

    made your identity `~/.config/keyvault/identity`; keep a copy of it in a safe place
    made vault `[sandbox]/project/.keyvault` with environment `dev`, member `alice`
    next: `keyvault add NAME`, then `keyvault exec -- PROGRAM`
    [exit 0]
    ");
    let shown = terminal.shown();
    assert!(!shown.contains(CANARY), "the passphrase was shown: {shown}");
    let identity = fs::read(sandbox.identity()).expect("read");
    assert!(contains(&identity, b"-> scrypt "), "it is not sealed");
}

#[test]
fn init_makes_nothing_if_the_two_passphrases_differ() {
    let sandbox = Sandbox::empty();
    let before = sandbox.snapshot();
    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.expect(NEW_PASSPHRASE);
    terminal.enter(PASSPHRASE);
    terminal.expect(ONCE_MORE);
    terminal.enter("another");

    assert_snapshot!(terminal.end(), @"

    keyvault: error: the two passphrases are not the same
    keyvault: hint: nothing was changed; run it again
    [exit 2]
    ");
    assert!(sandbox.snapshot() == before, "something was left behind");
}

#[test]
fn init_makes_nothing_of_an_empty_passphrase() {
    let sandbox = Sandbox::empty();
    let before = sandbox.snapshot();
    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.expect(NEW_PASSPHRASE);
    terminal.enter("");

    assert_snapshot!(terminal.end(), @"

    keyvault: error: an empty passphrase protects nothing
    keyvault: hint: nothing was changed; if you want none, pass `--no-passphrase`
    [exit 2]
    ");
    assert!(sandbox.snapshot() == before, "something was left behind");
}

/// A passphrase that is not the one that was typed would open nothing elsewhere.
#[test]
fn a_new_passphrase_is_not_taken_without_its_control_characters() {
    let sandbox = Sandbox::empty();
    let before = sandbox.snapshot();
    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.expect(NEW_PASSPHRASE);
    terminal.enter("correct\thorse");
    terminal.expect("\r\n");
    let next = terminal.expect(":");
    assert_eq!(next, "keyvault", "it was taken without the TAB");
    terminal.end();
    assert!(sandbox.snapshot() == before, "something was left behind");
}

// The line that is typed

#[test]
fn add_shows_nothing_of_what_is_typed() {
    let sandbox = Sandbox::new();

    let ending = add_by_hand(&sandbox, format!("{CANARY}\r"));
    // Behind the prompt, the end of its line.
    assert_eq!(ending.text, "\nadded `B` to `dev` (version 1)\n");
    assert_eq!(sandbox.run(&["get", "B"]).text(), CANARY);
}

#[test]
fn a_prompt_stands_on_the_terminal_whatever_the_streams_are() {
    let mut sandbox = Sandbox::locked();
    let output = sandbox.write("output", "");
    let mut terminal = Terminal::shell(&sandbox);

    terminal.line("echo made-up | keyvault add B >output 2>&1");
    terminal.expect(ASKS_PASSPHRASE);
    terminal.enter(PASSPHRASE);
    assert_eq!(terminal.prompt(), ("\n".to_owned(), 0));
    assert_eq!(
        read_to_string(&output),
        "added `B` to `dev` (version 1)\n",
        "the prompt is in the output"
    );
    assert_eq!(
        terminal.run("keyvault get B >output; echo $(keyvault get B)"),
        ("made-up\n".to_owned(), 0)
    );
    assert_eq!(read_to_string(&output), "made-up", "the exact bytes");
}

#[test]
fn backspace_takes_back_a_letter() {
    assert_eq!(value_of_keys("canarx\x7fy-xé\x7f\x08z\r"), "canary-z");
    assert_eq!(value_of_keys("\x7f\x7fcanary\r"), "canary");
}

#[test]
fn ctrl_w_takes_back_a_word_and_ctrl_u_all() {
    assert_eq!(value_of_keys("two wrong\x17canaries\r"), "two canaries");
    assert_eq!(value_of_keys("two wrong\x15canary\r"), "canary");
}

#[test]
fn text_of_any_language_is_taken() {
    let text = "canary ключ 鍵 🗝 é";
    assert_eq!(value_of_keys(format!("{text}\r")), text);
}

#[test]
fn a_line_longer_than_the_kernel_s_is_taken_whole() {
    let line = "canary ".repeat(2000);
    assert_eq!(value_of_keys(format!("{line}\r")), line);
}

#[test]
fn an_empty_line_is_an_empty_value_and_says_so() {
    let sandbox = Sandbox::new();
    assert_snapshot!(add_by_hand(&sandbox, "\r"), @"

    added `B` to `dev` (version 1)
    keyvault: warning: the value of `B` is empty
    [exit 0]
    ");
}

#[test]
fn end_of_input_interrupts() {
    assert_snapshot!(refuses_by_hand("\x04"), @"

    keyvault: error: interrupted
    [exit 130]
    ");

    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::start(&sandbox, &["get", "A"]);
    terminal.expect(ASKS_PASSPHRASE);
    terminal.control('d');
    assert_snapshot!(terminal.end(), @"

    keyvault: error: interrupted
    [exit 130]
    ");
}

#[test]
fn a_control_character_is_refused_and_not_dropped() {
    assert_snapshot!(refuses_by_hand("canary\tcanary\r"), @"

    keyvault: error: what was typed or pasted holds a control character, which a prompt cannot take
    keyvault: hint: nothing was changed; pipe it in, or name a file with `--from-file`
    [exit 2]
    ");
    refuses_by_hand("canary\x01\r");
    refuses_by_hand(b"canary\xff\r");
}

/// U+0085, which some editors take for the end of a line.
#[test]
fn a_control_character_beyond_ascii_is_refused_as_well() {
    refuses_by_hand("canary\u{85}canary\r");
}

#[test]
fn an_escape_in_what_is_pasted_is_refused_and_takes_no_letter_with_it() {
    refuses_by_hand("canary\x1bcanary\r");
}

#[test]
fn several_pasted_lines_are_refused() {
    assert_snapshot!(refuses_by_hand("canary\ncanary\n"), @"

    keyvault: error: more than one line was pasted, and a prompt takes one
    keyvault: hint: nothing was changed; pipe it in, or name a file with `--from-file`
    [exit 2]
    ");
}

#[test]
fn the_rest_of_a_paste_is_not_left_to_the_shell() {
    let paste = "canary\necho canary-$((1 + 1))\n";
    paste_into_a_shell(&Sandbox::new(), "add B", ASKS_VALUE, paste, 2);
}

/// More than the kernel keeps ready for reading, as a paste of several keys is.
#[test]
fn the_rest_of_a_long_paste_is_not_left_to_the_shell() {
    let paste = "echo canary-$((1 + 1))\n".repeat(1000);
    paste_into_a_shell(&Sandbox::new(), "add B", ASKS_VALUE, &paste, 2);
}

#[test]
fn the_rest_of_a_paste_at_a_passphrase_prompt_is_not_left_to_the_shell() {
    let paste = "canary\necho canary-$((1 + 1))\n";
    paste_into_a_shell(&Sandbox::locked(), "get A", ASKS_PASSPHRASE, paste, 4);
}

fn paste_into_a_shell(sandbox: &Sandbox, command: &str, prompt: &str, paste: &str, code: i32) {
    let before = sandbox.snapshot();
    let mut terminal = Terminal::shell(sandbox);
    terminal.line(&format!("keyvault {command}"));
    terminal.expect(prompt);
    terminal.send(paste);
    let (text, exit) = terminal.prompt();
    assert_eq!(exit, code, "{text}");
    // What the shell had been left would have come before this.
    terminal.send("echo that is all | tr a-z A-Z\n");
    terminal.expect("THAT IS ALL");

    let shown = terminal.shown();
    assert!(
        !shown.contains("canary"),
        "the paste was shown or run:\n{shown}"
    );
    assert!(sandbox.snapshot() == before, "something was left behind");
}

/// As with ssh and sudo: it was meant for something else.
#[test]
fn what_is_typed_before_the_prompt_is_not_taken_for_an_answer() {
    let sandbox = Sandbox::new();
    let mut terminal = Terminal::shell(&sandbox);
    terminal.send("keyvault add B\nmeant for the shell\n");
    terminal.expect(ASKS_VALUE);
    terminal.enter(CANARY);
    assert_eq!(terminal.prompt().1, 0);
    assert_eq!(sandbox.run(&["get", "B"]).text(), CANARY);
}

// Signals

/// Brings `add` to its second prompt, or `get` to its only one, in a shell that does
/// not mend the terminal's modes as an interactive one does. Returns the terminal
/// and keyvault's process.
fn at_a_prompt(sandbox: &Sandbox, command: &str) -> (Terminal, i32) {
    let script = format!(
        r#"trap : INT QUIT
        stty -ixon min 5 time 7
        echo "before $(stty -g)"
        sh -c 'echo "pid $$"; exec keyvault {command}'
        echo "code $?"
        echo "after $(stty -g)""#
    );
    let mut terminal = Terminal::program(sandbox, &["sh", "-c", &script]);
    terminal.expect("before ");
    terminal.expect("pid ");
    let pid = terminal.expect("\r\n").parse().expect("a number");
    terminal.expect(ASKS_PASSPHRASE);
    if command == "add B" {
        terminal.enter(PASSPHRASE);
        terminal.expect(ASKS_VALUE);
    }
    terminal.echoes(false);
    (terminal, pid)
}

fn modes(shown: &str, when: &str) -> String {
    let after = shown.split(when).nth(1).unwrap_or_default();
    after.lines().next().unwrap_or_default().trim().to_owned()
}

#[test]
fn a_signal_at_a_prompt_leaves_the_terminal_as_it_was() {
    for command in ["get A", "add B"] {
        for (signal, code) in ENDS {
            let sandbox = Sandbox::locked();
            let before = sandbox.snapshot();
            let (mut terminal, pid) = at_a_prompt(&sandbox, command);
            terminal.send("canary");
            // Long enough for the kernel to pass it on.
            thread::sleep(Duration::from_millis(100));
            if signal == Signal::INT {
                terminal.control('c');
            } else {
                kill(pid, signal);
            }
            terminal.expect(&format!("code {code}\r\n"));
            terminal.end();

            let shown = terminal.shown();
            assert_eq!(modes(&shown, "before "), modes(&shown, "after "));
            assert!(
                !shown.contains("canary"),
                "what was typed is shown:\n{shown}"
            );
            assert!(sandbox.snapshot() == before, "something was left behind");
        }
    }
}

/// To its parent as well: 130 could be an exit code.
#[test]
fn a_signal_at_a_prompt_ends_it_by_that_signal() {
    for (signal, code) in ENDS {
        let sandbox = Sandbox::locked();
        let mut terminal = Terminal::start(&sandbox, &["get", "A"]);
        terminal.expect(ASKS_PASSPHRASE);
        match signal {
            Signal::INT => terminal.control('c'),
            Signal::QUIT => terminal.control('\\'),
            _ => kill(terminal.pid, signal),
        }
        let ending = terminal.end();
        assert_eq!(ending.signal, Some(code - 128), "{ending}");
    }
}

#[test]
fn a_signal_that_is_ignored_is_ignored_at_a_prompt() {
    let sandbox = Sandbox::locked();
    let script = "trap '' INT HUP; exec keyvault get A";
    let mut terminal = Terminal::program(&sandbox, &["sh", "-c", script]);
    terminal.expect(ASKS_PASSPHRASE);
    terminal.control('c');
    kill(terminal.pid, Signal::HUP);
    terminal.enter(PASSPHRASE);
    assert_snapshot!(terminal.end(), @"

    A canary-of-the-tests-not-a-key
    [exit 0]
    ");
}

#[test]
fn ctrl_z_at_a_prompt_stops_the_job_and_fg_asks_again() {
    for (command, prompt, typed, answer) in [
        ("keyvault get A", ASKS_PASSPHRASE, PASSPHRASE, "A canary"),
        ("keyvault add B", ASKS_VALUE, CANARY, "added `B`"),
    ] {
        let sandbox = if command == "keyvault get A" {
            Sandbox::locked()
        } else {
            Sandbox::new()
        };
        let mut terminal = Terminal::shell(&sandbox);
        let before = terminal.run("stty -a");

        terminal.line(command);
        terminal.expect(prompt);
        terminal.control('z');
        let (text, _) = terminal.prompt();
        assert!(text.contains("Stopped"), "{text}");
        assert_eq!(terminal.run("stty -a"), before);
        terminal.line("fg");
        terminal.expect(prompt);
        terminal.echoes(false);
        terminal.control('z');
        terminal.prompt();
        // In the background it waits until it may ask.
        terminal.run("bg");
        eventually("it is stopped", || {
            terminal.run("jobs").0.contains("Stopped")
        });
        terminal.line("fg");
        terminal.expect(prompt);
        terminal.echoes(false);
        terminal.enter(typed);
        let (text, code) = terminal.prompt();
        assert!(text.contains(answer), "{text}");
        assert_eq!(code, 0);
        assert_eq!(terminal.run("stty -a"), before);
    }
}

#[test]
fn a_shell_sees_ctrl_z_at_a_prompt_as_it_does_elsewhere() {
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::shell(&sandbox);
    let mut stopped = |command: &str, ready: &str| {
        terminal.line(command);
        terminal.expect(ready);
        terminal.control('z');
        let (_, code) = terminal.prompt();
        terminal.run("kill -9 %1; wait %1");
        code
    };
    let elsewhere = stopped("sh -c 'echo ready; exec cat'", "ready\r\n");
    assert_eq!(stopped("keyvault get A", ASKS_PASSPHRASE), elsewhere);
}

/// An interactive shell mends the terminal after a job that was stopped; this one
/// does not.
#[test]
fn ctrl_z_at_a_prompt_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::locked();
    let script = r#"set -m
        echo "before $(stty -g)"
        keyvault get A
        echo "stopped $(stty -g)"
        fg
        echo "after $(stty -g)""#;
    let mut terminal = Terminal::program(&sandbox, &["bash", "-c", script]);
    terminal.expect(ASKS_PASSPHRASE);
    terminal.control('z');
    terminal.expect("stopped ");
    terminal.expect(ASKS_PASSPHRASE);
    terminal.enter(PASSPHRASE);
    terminal.expect("A canary");
    terminal.end();

    let shown = terminal.shown();
    assert_eq!(modes(&shown, "stopped "), modes(&shown, "before "));
    assert_eq!(modes(&shown, "after "), modes(&shown, "before "));
}

/// The prompt is shown anew, so whoever comes back begins anew.
#[test]
fn what_was_typed_before_ctrl_z_is_forgotten() {
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::shell(&sandbox);
    terminal.line("keyvault get A");
    terminal.expect(ASKS_PASSPHRASE);
    // So long that most of it has been read by the time that all of it is typed.
    terminal.send("half of it ".repeat(10_000));
    terminal.control('z');
    terminal.prompt();
    terminal.line("fg");
    terminal.expect(ASKS_PASSPHRASE);
    terminal.enter(PASSPHRASE);
    terminal.expect("A canary");
    assert_eq!(terminal.prompt().1, 0);
}

/// As in `ssh -t host keyvault get A`: a stopped process could not be continued, so
/// the kernel lets no Ctrl-Z stop one.
#[test]
fn ctrl_z_does_nothing_where_there_is_no_shell_to_come_back_to() {
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::start(&sandbox, &["get", "A"]);
    terminal.expect(ASKS_PASSPHRASE);
    terminal.control('z');
    let soon = Instant::now() + Duration::from_millis(500);
    while Instant::now() < soon {
        let stat = fs::read_to_string(format!("/proc/{}/stat", terminal.pid));
        assert!(!stat.expect("read").contains(") T "), "it is stopped");
        thread::sleep(Duration::from_millis(5));
    }
    terminal.enter(PASSPHRASE);
    let ending = terminal.end();
    assert!(ending.text.contains("A canary"), "{ending}");
}

#[test]
fn a_job_in_the_background_waits_for_the_foreground_to_ask() {
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::shell(&sandbox);
    terminal.run("keyvault get A &");
    eventually("it is stopped", || {
        terminal.run("jobs").0.contains("Stopped")
    });
    terminal.line("fg");
    terminal.expect(ASKS_PASSPHRASE);
    terminal.enter(PASSPHRASE);
    terminal.expect("A canary");
    assert_eq!(terminal.prompt().1, 0);
}

#[test]
fn a_terminal_that_is_closed_at_a_prompt_ends_it() {
    if tool("script").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let (mut terminal, owner) = in_a_terminal_of_its_own(&sandbox, "exec keyvault add B");
    let before = sandbox.snapshot();
    let pid = terminal.expect("\r\n").parse().expect("a number");
    terminal.expect(ASKS_VALUE);
    kill(owner, Signal::KILL);
    eventually("it ends", || !is_alive(pid));
    assert!(sandbox.snapshot() == before, "something was left behind");
}

#[test]
fn half_a_value_is_not_taken_for_one_when_the_terminal_is_closed() {
    if tool("script").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let ended = sandbox.project().join("ended");
    let script = "trap : HUP; nohup keyvault add B 2>&1; echo done >ended";
    let (mut terminal, owner) = in_a_terminal_of_its_own(&sandbox, script);
    terminal.expect(ASKS_VALUE);
    terminal.send("canary");
    kill(owner, Signal::KILL);
    eventually("it ends", || ended.exists());
    sandbox.run(&["get", "B"]).exits(3);
}

/// Runs a script in a terminal within the terminal, which is closed by the end of
/// its owner. Returns the outer terminal, at the script's process, and the owner.
fn in_a_terminal_of_its_own(sandbox: &Sandbox, script: &str) -> (Terminal, i32) {
    let path = sandbox.root().join("script");
    fs::write(&path, format!("echo \"pid $$\"; {script}")).expect("written");
    let inner = format!("sh {}", path.display());
    let owner = ["script", "-qc", &inner, "/dev/null"];
    let mut terminal = Terminal::program(sandbox, &owner);
    terminal.expect("pid ");
    let pid = terminal.pid;
    (terminal, pid)
}

// Questions

#[test]
fn remove_asks_and_only_yes_is_yes() {
    let question = "Forget A in dev with its version? [y/N] ";
    for answer in ["n", "", "yeah", "\x04"] {
        let sandbox = Sandbox::with_secrets(&["A"]);
        let before = sandbox.snapshot();
        let ending = answered(&sandbox, &["remove", "A"], question, answer);
        assert_eq!(ending.code, Some(1), "{ending}");
        assert!(ending.text.contains("not done"), "{ending}");
        assert!(sandbox.snapshot() == before, "something was changed");
    }
    for answer in ["y", "YES"] {
        let sandbox = Sandbox::with_secrets(&["A"]);
        let ending = answered(&sandbox, &["remove", "A"], question, answer);
        assert_eq!(ending.code, Some(0), "{ending}");
        sandbox.run(&["get", "A"]).exits(3);
    }
    let sandbox = Sandbox::with_secrets(&["A"]);
    let ending = answered(&sandbox, &["remove", "A"], question, "n");
    assert_snapshot!(ending, @"
    n
    keyvault: error: not done
    [exit 1]
    ");
}

/// Types an answer to a question: a line, or the key for the end of input.
#[track_caller]
fn answered(sandbox: &Sandbox, arguments: &[&str], question: &str, answer: &str) -> Ending {
    let mut terminal = Terminal::start(sandbox, arguments);
    terminal.expect(question);
    terminal.echoes(true);
    if answer == "\x04" {
        terminal.control('d');
    } else {
        terminal.enter(answer);
    }
    terminal.end()
}

#[test]
fn ctrl_c_at_a_question_changes_nothing() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let before = sandbox.snapshot();
    let mut terminal = Terminal::start(&sandbox, &["remove", "A"]);
    terminal.expect("[y/N] ");
    terminal.control('c');
    assert_eq!(terminal.end().signal, Some(2));
    assert!(sandbox.snapshot() == before, "something was changed");
}

#[test]
fn env_remove_asks() {
    let question = "Remove environment dev with all its secrets? [y/N] ";
    let sandbox = Sandbox::with_secrets(&["A"]);
    for answer in ["n", "", "\x04"] {
        let before = sandbox.snapshot();
        let ending = answered(&sandbox, &["env", "remove", "dev"], question, answer);
        assert_eq!(ending.code, Some(1), "{ending}");
        assert!(sandbox.snapshot() == before, "something was changed");
    }
    assert_snapshot!(answered(&sandbox, &["env", "remove", "dev"], question, "y"), @"
    y
    removed environment `dev`
    [exit 0]
    ");
    assert!(!sandbox.dev().exists());
}

#[test]
fn add_asks_before_it_makes_an_environment() {
    let question = "There is no environment new here. Make it? [y/N] ";
    let add = ["add", "-e", "new", "B"];
    let sandbox = Sandbox::new();
    for answer in ["n", "", "\x04"] {
        let before = sandbox.snapshot();
        let ending = answered(&sandbox, &add, question, answer);
        assert_eq!(ending.code, Some(1), "{ending}");
        assert!(sandbox.snapshot() == before, "something was made");
    }
    let mut terminal = Terminal::start(&sandbox, &add);
    terminal.expect(question);
    terminal.enter("y");
    terminal.expect("Value of B in new: ");
    terminal.enter(CANARY);
    assert_snapshot!(terminal.end(), @"

    added `B` to `new` (version 1)
    [exit 0]
    ");
    assert_eq!(sandbox.run(&["get", "-e", "new", "B"]).text(), CANARY);
}

#[test]
fn an_environment_is_not_made_for_a_value_that_is_not_given() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot();
    let mut terminal = Terminal::start(&sandbox, &["add", "-e", "new", "B"]);
    terminal.expect("[y/N] ");
    terminal.enter("y");
    terminal.expect("Value of B in new: ");
    terminal.control('d');
    assert_eq!(terminal.end().code, Some(130));
    assert!(sandbox.snapshot() == before, "something was left behind");
}

#[test]
fn with_no_input_nothing_is_asked() {
    let sandbox = Sandbox::locked();
    assert_snapshot!(Terminal::start(&sandbox, &["--no-input", "get", "A"]).end(), @"
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` wants its passphrase, and input is switched off
    keyvault: hint: set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
    [exit 4]
    ");
    let with_variable = Sandbox::locked().variable("KEYVAULT_NO_INPUT", "1");
    let ending = Terminal::start(&with_variable, &["get", "A"]).end();
    assert_eq!(ending.code, Some(4), "{ending}");
    let with_variable = with_variable.variable("KEYVAULT_NO_INPUT", "0");
    let mut terminal = Terminal::start(&with_variable, &["get", "A"]);
    terminal.expect(ASKS_PASSPHRASE);

    let sandbox = Sandbox::with_secrets(&["A"]);
    let before = sandbox.snapshot();
    for (arguments, code) in [
        (&["add", "B"][..], 2),
        (&["remove", "A"], 2),
        (&["rotate", "A"], 2),
        (&["env", "remove", "dev"], 2),
        (&["add", "-e", "new", "B"], 3),
    ] {
        let mut terminal = Terminal::start(&sandbox, &[&["--no-input"], arguments].concat());
        let ending = terminal.end();
        assert_eq!(ending.code, Some(code), "{ending}");
        assert!(sandbox.snapshot() == before, "something was changed");
    }
    let sandbox = Sandbox::empty();
    let before = sandbox.snapshot();
    let ending = Terminal::start(&sandbox, &["--no-input", "init"]).end();
    assert_eq!(ending.code, Some(4), "{ending}");
    assert!(sandbox.snapshot() == before, "something was made");
}

#[test]
fn a_wrong_passphrase_is_said_to_be_wrong() {
    let sandbox = Sandbox::locked();
    let before = sandbox.snapshot();
    let mut terminal = Terminal::start(&sandbox, &["get", "A"]);
    terminal.expect(ASKS_PASSPHRASE);
    terminal.enter("correct house");
    assert_snapshot!(terminal.end(), @"

    keyvault: error: wrong passphrase for identity `[sandbox]/home/.config/keyvault/identity`
    [exit 4]
    ");
    assert!(sandbox.snapshot() == before, "something was left behind");
}

#[test]
fn many_commands_at_once_ask_once() {
    if !has_session_cache() {
        return;
    }
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::shell(&sandbox);
    let get = "keyvault -q get A";
    terminal.line(&format!("set -o pipefail; {get} | {get} | {get} | {get}"));
    terminal.expect(ASKS_PASSPHRASE);
    terminal.enter(PASSPHRASE);
    let (text, code) = terminal.prompt();
    assert!(!text.contains("Passphrase"), "it asked again:\n{text}");
    assert_eq!(code, 0, "{text}");
}

#[test]
fn rotate_asks_for_the_new_value() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::start(&sandbox, &["rotate", "A"]);
    terminal.expect("New value of A in dev: ");
    terminal.echoes(false);
    terminal.enter("canary-two");
    assert_snapshot!(terminal.end(), @"

    rotated `A` in `dev` (version 2)
    [exit 0]
    ");
    assert!(!terminal.shown().contains("canary"));
    assert_eq!(sandbox.run(&["get", "A"]).text(), "canary-two");
}

#[test]
fn nobody_types_a_value_in_vain() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let taken = Terminal::start(&sandbox, &["add", "A"]).end();
    assert_eq!(taken.code, Some(7), "{taken}");
    let missing = Terminal::start(&sandbox, &["rotate", "B"]).end();
    assert_eq!(missing.code, Some(3), "{missing}");
}

// Answers

#[test]
fn get_ends_its_line_on_a_terminal() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    assert_snapshot!(Terminal::start(&sandbox, &["get", "A"]).end(), @"
    A canary-of-the-tests-not-a-key
    [exit 0]
    ");
    assert_eq!(sandbox.run(&["get", "A"]).text(), format!("A {CANARY}"));
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let is_coloured = |sandbox: &Sandbox, arguments: &[&str]| {
        let ending = Terminal::start(sandbox, arguments).end();
        assert_eq!(ending.code, Some(3), "{ending}");
        ending.text.contains('\x1b')
    };
    let get = ["get", "NONE"];
    let always = ["--color", "always", "get", "NONE"];
    let sandbox = Sandbox::new().variable("TERM", "xterm");
    assert!(is_coloured(&sandbox, &get));
    assert!(!is_coloured(&sandbox, &["--color", "never", "get", "NONE"]));
    assert!(!is_coloured(&sandbox, &["--json", "get", "NONE"]));

    let dumb = Sandbox::new().variable("TERM", "dumb");
    assert!(!is_coloured(&dumb, &get));
    let unwanted = sandbox.variable("NO_COLOR", "1");
    assert!(!is_coloured(&unwanted, &get));
    assert!(is_coloured(&unwanted, &always));

    let sandbox = unwanted.variable("NO_COLOR", "");
    assert!(!sandbox.run(&["get", "NONE"]).stderr.contains('\x1b'));
    assert!(sandbox.run(&always).stderr.contains('\x1b'));
}
