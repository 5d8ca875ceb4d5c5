//! `exec --mask`: values do not come out of it in any form, everything else does as it
//! is, and a program in a terminal cannot tell.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use insta::assert_snapshot;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::jobs::{seen, seen_next, the_same_by};
use crate::sandbox::{CANARY, KEYVAULT, Sandbox, skip, tool, value_of};
use crate::terminal::{Terminal, eventually, is_alive, kill};

/// What stands before a program.
const UNDER_MASK: &str = "keyvault exec --mask -- ";

/// Plays a scene in a terminal with a program by itself and then under the mask, and
/// makes sure that there is no difference. Returns what there was to be seen.
#[track_caller]
fn the_same(scene: impl Fn(&mut Terminal, &str) -> String) -> String {
    let sandbox = Sandbox::with_secrets(&["A"]);
    the_same_in(&sandbox, scene)
}

#[track_caller]
fn the_same_in(sandbox: &Sandbox, scene: impl Fn(&mut Terminal, &str) -> String) -> String {
    the_same_by(&[UNDER_MASK], sandbox, scene)
}

/// A program that waits for a line, and exits with 3.
fn waiting(first: &str) -> String {
    format!("bash -c '{first}; echo ready; until read -t 0.05; do :; done; exit 3'")
}

fn spawned(sandbox: &Sandbox, program: &[&str]) -> Child {
    let mut command = sandbox.command(&[&["exec", "--mask", "--"], program].concat());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

// Values

#[test]
fn values_are_replaced_by_their_names() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    let program = r#"
        echo "a is $A, and b is $B"
        printf %s "$A" | base64 -w 0; echo
        printf 'user:%s' "$B" | base64 -w 0; echo
        printf %s "$A" | od -An -v -tx1 | tr -d ' \n'; echo
        echo "https://user:${A%% *}%20${A#* }@host/"
        echo "$B" >&2
    "#;
    assert_snapshot!(sandbox.run(&["exec", "--mask", "--", "sh", "-c", program]).says("[B]"), @r"
    --- stdout ---
    a is [A], and b is [B]
    [A]
    dXNlcjp[B]
    [A]
    https://user:[A]@host/
    --- stderr ---
    [B]
    [exit 0]
    ");
}

#[test]
fn a_value_in_two_writes_is_masked() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let program = r#"printf %s "${A%-not*}"; sleep 0.1; printf '%s\n' "-not${A#*-not}""#;
    let run = sandbox.run(&["exec", "--mask", "--", "sh", "-c", program]);
    assert_eq!(run.succeeds().text(), "[A]\n");

    let mut terminal = Terminal::start(&sandbox, &["exec", "--mask", "--", "sh", "-c", program]);
    assert_eq!(terminal.end().text, "[A]\n");
}

#[test]
fn a_value_of_many_lines_is_masked() {
    let mut sandbox = Sandbox::new();
    let pem = format!("-----BEGIN MADE-UP KEY-----\n{CANARY}\n-----END MADE-UP KEY-----\n");
    sandbox.write("pem", &pem);
    sandbox
        .run(&["add", "PEM", "--from-file", "pem"])
        .succeeds();
    let line = [
        "exec",
        "--mask",
        "--file",
        "PEM",
        "--",
        "sh",
        "-c",
        "cat $PEM_FILE",
    ];
    assert_eq!(sandbox.run(&line).succeeds().text(), "[PEM]\n");
    assert_eq!(Terminal::start(&sandbox, &line).end().text, "[PEM]\n");
}

#[test]
fn of_settings_what_refers_to_a_secret_is_masked() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let settings = "URL=https://u:{{ A | url }}@host\nB64=x{{ A | base64 }}\nPORT=12345678\n";
    fs::write(sandbox.project().join("app.env"), settings).expect("written");
    let script = r#"echo "$URL $B64 $PORT"; echo "https://u:$(printf %s "$B64" | cut -c 2- | base64 -d)@host""#;
    let run = sandbox.run(&[
        "exec",
        "--mask",
        "--env-file",
        "app.env",
        "--",
        "sh",
        "-c",
        script,
    ]);
    assert_snapshot!(run, @"
    --- stdout ---
    [URL] [B64] 12345678
    https://u:[A]@host
    [exit 0]
    ");
}

#[test]
fn what_is_not_masked_is_said_once() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.add("PIN", "123");
    sandbox.add("DEBUG", "true");
    let line = ["exec", "--mask", "--", "sh", "-c", "echo $PIN $DEBUG $A"];
    assert_snapshot!(sandbox.run(&line), @"
    --- stdout ---
    123 true [A]
    --- stderr ---
    keyvault: note: too short or too common to be masked: `DEBUG`, `PIN`
    [exit 0]
    ");
    let quiet = [&["-q"], &line[..]].concat();
    sandbox.run(&quiet).succeeds().says_nothing();
}

#[test]
fn a_prompt_that_ends_as_a_value_begins_is_shown() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let program = "printf 'choose: A'; read answer; echo \"B $answer\"";
    let mut child = spawned(&sandbox, &["sh", "-c", program]);
    let mut prompt = [0; 9];
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut prompt).expect("it comes");
    assert_eq!(&prompt, b"choose: A");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"yes\n").expect("it is read");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "B yes\n");
    assert!(child.wait().expect("it ends").success());
}

// Streams

#[test]
fn output_without_values_is_the_same_byte_for_byte() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let mut bytes: Vec<u8> = (0..1_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    bytes.extend_from_slice(&value_of("A").as_bytes()[..12]);
    sandbox.write("burst", &bytes);
    let run = sandbox
        .run(&["exec", "--mask", "--", "cat", "burst"])
        .succeeds();
    assert!(run.stdout == bytes);
    let run = sandbox.finish_with_stdin(
        &mut sandbox.command(&["exec", "--mask", "--", "cat"]),
        &bytes,
    );
    assert!(run.succeeds().stdout == bytes);
}

#[test]
fn streams_stay_apart_and_those_that_are_one_keep_their_order() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let program = "for n in 1 2 3 4 5 6 7 8 9; do echo o$n; echo e$n $A >&2; done";
    let expected: String = (1..10).map(|n| format!("o{n}\ne{n} [A]\n")).collect();
    let mut command = sandbox.other("sh");
    command.args([
        "-c",
        r#""$0" exec --mask -- sh -c "$1" 2>&1"#,
        KEYVAULT,
        program,
    ]);
    assert_eq!(sandbox.finish(&mut command).succeeds().text(), expected);

    let run = sandbox
        .run(&["exec", "--mask", "--", "sh", "-c", program])
        .succeeds();
    assert_eq!(
        run.text()
            .lines()
            .filter(|line| line.starts_with('o'))
            .count(),
        9
    );
    assert_eq!(
        run.stderr
            .lines()
            .filter(|line| line.starts_with('e'))
            .count(),
        9
    );
}

#[test]
fn a_reader_that_goes_ends_the_program_as_without_masks() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut child = spawned(&sandbox, &["yes", "line"]);
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_line(&mut line).expect("text");
    assert_eq!(line, "line\n");
    drop(stdout);
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(Signal::PIPE.as_raw()));
}

#[test]
fn a_reader_that_hangs_up_leaves_nothing_to_wait_for() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let program = "pipe=$(readlink /proc/$$/fd/1); echo $pipe >&2; read line; echo line";
    let mut command = sandbox.command(&["exec", "--mask", "--", "sh", "-c", program]);
    command
        .stdin(Stdio::piped())
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(command);
    let mut pipe = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    stderr.read_line(&mut pipe).expect("text");
    drop(ours);
    eventually("the program's pipe is closed", || {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("listed");
        let mut places = descriptors
            .flatten()
            .map(|entry| fs::read_link(entry.path()));
        !places.any(|place| place.is_ok_and(|place| place.as_os_str() == pipe.trim_end()))
    });
    drop(child.stdin.take());
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(Signal::PIPE.as_raw()));
}

#[test]
fn what_cannot_be_written_is_not_lost_in_silence() {
    let memory = TempDir::new_in("/dev/shm").expect("a folder");
    let sandbox = Sandbox::with_secrets(&["A"]).variable("XDG_RUNTIME_DIR", memory.path());
    let program = "keyvault exec --mask --file A -- echo line >/dev/full";
    let mut terminal = Terminal::shell(&sandbox);
    let text = seen(&mut terminal, program);
    assert_snapshot!(text, @"
    keyvault: error: cannot write what the program printed: no space left on device
    [exit 125]
    ");
    let mut command = sandbox.other("sh");
    command.args(["-c", &program.replace("keyvault", "\"$0\""), KEYVAULT]);
    let run = sandbox.finish(&mut command);
    assert_eq!(text, format!("{}[exit 125]\n", run.exits(125).stderr));
    assert_eq!(fs::read_dir(memory.path()).expect("listed").count(), 0);
}

#[test]
fn its_end_is_the_program_s_without_a_terminal() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for end in [
        "exit 42",
        "kill -9 $$",
        "kill -TERM $$",
        "sleep 60 & exit 7",
    ] {
        let by_itself = sandbox.finish(sandbox.other("sh").args(["-c", &end.replace("60", "0")]));
        let under = sandbox.run(&["exec", "--mask", "--", "sh", "-c", end]);
        assert_eq!(under.to_string(), by_itself.to_string(), "{end}");
    }
    assert_snapshot!(sandbox.run(&["exec", "--mask", "--", "no-such-program"]), @"
    --- stderr ---
    keyvault: error: no program `no-such-program`
    [exit 127]
    ");
    assert_snapshot!(sandbox.run(&["exec", "--mask", "--", "./.keyvault"]), @"
    --- stderr ---
    keyvault: error: cannot execute `./.keyvault`: permission denied
    [exit 126]
    ");
}

// In a terminal

#[test]
fn it_has_a_terminal_of_the_same_kind() {
    let text = the_same(|terminal, mask| {
        terminal.resize(33, 77);
        [
            "sh -c 'for n in 0 1 2; do test -t $n && echo $n; done'",
            "sh -c 'echo $TERM; stty -a; stty size; : </dev/tty && echo there'",
            "sh -c 'exit 42'",
            "sh -c 'kill -9 $$'",
            "no-such-program 2>/dev/null",
            r"printf '\033[1;32m%s\033[0m\t\a\b\r%s\n' green line",
        ]
        .map(|command| seen(terminal, &format!("{mask}{command}")))
        .concat()
    });
    assert!(text.starts_with("0\n1\n2\n[exit 0]\n"), "{text}");
    assert!(
        text.contains("33 77\nthere\n[exit 0]\n[exit 42]\nKilled\n[exit 137]\n[exit 127]\n"),
        "{text}"
    );
}

#[test]
fn it_leads_a_group_in_front_of_it() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::shell(&sandbox);
    let program = "read pid name state parent group session tty front rest </proc/$$/stat; \
         [ $group = $$ ] && [ $front = $$ ]; echo $?; grep -E \"Sig(Blk|Ign)\" /proc/$$/status | grep -o .......$; ls /proc/self/fd | wc -l";
    let by_itself = terminal.run(&format!("sh -c '{program}'"));
    let under = terminal.run(&format!("{UNDER_MASK}sh -c '{program}'"));
    assert_eq!(under, by_itself);
    assert!(under.0.starts_with("0\n"), "{}", under.0);
}

#[test]
fn a_window_that_changes_changes_for_it() {
    assert_snapshot!(the_same(|terminal, mask| {
        terminal.resize(33, 77);
        terminal.line(&format!("{mask}{}", waiting(r#"trap "stty size; exit" WINCH"#)));
        terminal.expect("ready\r\n");
        terminal.resize(44, 88);
        seen_next(terminal)
    }), @"
    44 88
    [exit 0]
    ");
}

#[test]
fn ctrl_c_is_the_program_s() {
    assert_snapshot!(the_same(|terminal, mask| {
        terminal.line(&format!("{mask}sh -c 'echo ready; exec sleep 60'"));
        terminal.expect("ready\r\n");
        terminal.control('c');
        let mut text = seen_next(terminal);

        terminal.line(&format!("{mask}{}", waiting(r#"trap "echo caught" INT"#)));
        terminal.expect("ready\r\n");
        for _ in 0..2 {
            terminal.control('c');
            text.push_str(&terminal.expect("caught\r\n"));
        }
        terminal.enter("");
        text.push_str(&seen_next(terminal));
        terminal.echoes(true);
        text
    }), @"
    ^C
    [exit 130]
    ^C^C
    [exit 3]
    ");
}

#[test]
fn ctrl_z_stops_it_and_fg_continues_it() {
    assert_snapshot!(the_same(|terminal, mask| {
        terminal.line(&format!("{mask}{}", waiting(r#"trap "echo continued" CONT"#)));
        terminal.expect("ready\r\n");
        let mut text = String::new();
        for _ in 0..2 {
            terminal.control('z');
            text.push_str(&seen_next(terminal));
            terminal.echoes(true);
            terminal.line("fg");
            text.push_str(&terminal.expect("continued\r\n"));
        }
        terminal.control('c');
        text.push_str(&seen_next(terminal));
        text
    }), @r#"
    ^Z
    [1]+  Stopped                 bash -c 'trap "echo continued" CONT; echo ready; until read -t 0.05; do :; done; exit 3'
    [exit 148]
    bash -c 'trap "echo continued" CONT; echo ready; until read -t 0.05; do :; done; exit 3'
    ^Z
    [1]+  Stopped                 bash -c 'trap "echo continued" CONT; echo ready; until read -t 0.05; do :; done; exit 3'
    [exit 148]
    bash -c 'trap "echo continued" CONT; echo ready; until read -t 0.05; do :; done; exit 3'
    ^C
    [exit 130]
    "#);
}

#[test]
fn in_the_background_it_stops_when_it_reads_and_goes_on_in_front() {
    assert_snapshot!(the_same(|terminal, mask| {
        let mut text = seen(terminal, &format!("{{ {mask}sh -c 'exit 7' & }} 2>/dev/null; wait $!"));
        terminal.run(&format!("{mask}cat & 2>/dev/null"));
        eventually("it is stopped", || terminal.run("jobs").0.contains("Stopped"));
        text.push_str(&seen(terminal, "jobs"));
        terminal.line("fg");
        terminal.expect("cat\r\n");
        // What is typed before is shown twice: once by each terminal.
        terminal.echoes(mask.is_empty());
        terminal.send("typed\n");
        terminal.expect("typed\r\ntyped\r\n");
        terminal.control('d');
        text.push_str(&seen_next(terminal));

        terminal.line(&format!("{mask}sh -c 'echo ready; exec sleep 60'"));
        terminal.expect("ready\r\n");
        terminal.control('z');
        seen_next(terminal);
        terminal.run("bg");
        text.push_str(&seen(terminal, "jobs"));
        // When the shell tells of its end differs from run to run.
        assert!(terminal.run("kill %1; wait %1; echo ended by $?").0.contains("ended by 143"));
        text
    }), @"
    [1]+  Exit 7                  sh -c 'exit 7'
    [exit 7]
    [1]+  Stopped                 cat
    [exit 0]
    [exit 0]
    [1]+  Running                 sh -c 'echo ready; exec sleep 60' &
    [exit 0]
    ");
}

#[test]
fn in_a_pipeline_it_can_read_the_keyboard() {
    assert_snapshot!(the_same(|terminal, mask| {
        terminal.line(&format!("echo piped | {mask}sh -c 'cat; printf more?; read key </dev/tty; echo $key' | cat"));
        let mut text = terminal.expect("more?");
        // As above: it wants to read first.
        terminal.echoes(mask.is_empty());
        terminal.send("typed\n");
        text.push_str(&seen_next(terminal));
        text
    }), @"
    piped
    typed
    typed
    [exit 0]
    ");
}

#[test]
fn as_the_first_process_of_a_container_it_can_read_the_keyboard() {
    let Some(unshare) = tool("unshare") else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let contained = format!("{} --pid --fork --kill-child ", unshare.display());
    let mut terminal = Terminal::shell(&sandbox);
    if terminal.run(&format!("{contained} true 2>/dev/null")).1 != 0 {
        return skip("namespaces are not permitted");
    }
    terminal.line(&format!(
        "{contained}{UNDER_MASK}sh -c 'printf name?; read name; echo $name $A'"
    ));
    terminal.expect("name?");
    terminal.send("typed\n");
    assert_snapshot!(seen_next(&mut terminal), @"
    typed
    typed [A]
    [exit 0]
    ");
}

#[test]
fn without_names_of_descriptors_nothing_is_run_in_a_terminal() {
    let Some(unshare) = tool("unshare") else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let without = format!("{} --mount sh -c 'umount -l /proc", unshare.display());
    let mut terminal = Terminal::shell(&sandbox);
    if terminal.run(&format!("{without}' 2>/dev/null")).1 != 0 {
        return skip("namespaces are not permitted");
    }
    assert_snapshot!(seen(&mut terminal, &format!("{without}; exec {UNDER_MASK}echo run'")), @"
    keyvault: error: cannot stay with the program: `/dev/fd` is not there
    [exit 125]
    ");
}

#[test]
fn in_a_substitution_it_can_read_the_keyboard() {
    assert_snapshot!(the_same(|terminal, mask| {
        terminal.line(&format!("echo \"<$({mask}sh -c 'printf name? >&2; read name; echo $name')>\""));
        let mut text = terminal.expect("name?");
        terminal.send("typed\n");
        text.push_str(&seen_next(terminal));
        text
    }), @"
    typed
    <typed>
    [exit 0]
    ");
}

#[test]
fn a_stream_that_is_no_terminal_stays_none() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::shell(&sandbox);
    let program =
        r#"sh -c 'test -t 1 || echo "no terminal: $A"; test -t 2 && echo "a terminal: $A" >&2'"#;
    let (text, code) = terminal.run(&format!("{UNDER_MASK}{program} >out"));
    assert_eq!((text.as_str(), code), ("a terminal: [A]\n", 0));
    let out = sandbox.project().join("out");
    assert_eq!(
        fs::read_to_string(&out).expect("read"),
        "no terminal: [A]\n"
    );
    assert_eq!(
        terminal
            .run(&format!(
                "{UNDER_MASK}yes | head -n 1; echo ${{PIPESTATUS[0]}}"
            ))
            .0,
        "y\n141\n"
    );
}

#[test]
fn a_burst_comes_out_whole() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let lines: String = (0..20_000).map(|n| format!("{n:049}\n")).collect();
    sandbox.write("burst", lines);
    let mut terminal = Terminal::shell(&sandbox);
    let by_itself = terminal.run("cat burst");
    let under = terminal.run(&format!("{UNDER_MASK}cat burst"));
    assert!(under == by_itself);
    assert!(under.0.len() >= 1_000_000);
}

#[test]
fn a_bar_that_is_drawn_over_is_drawn_the_same() {
    the_same(|terminal, mask| {
        let frames = r#"i=0; while [ $i -le 9 ]; do printf "\r\033[2K\033[32m%d0%%\033[0m [%.*s\033[%dC]" $i $i ########## 3; i=$((i+1)); done; echo"#;
        seen(terminal, &format!("{mask}bash -c '{frames}'"))
    });
}

#[test]
fn what_is_typed_hidden_stays_hidden() {
    assert_snapshot!(the_same(|terminal, mask| {
        terminal.line(&format!(r#"{mask}bash -c 'read -s -p "Password: " word </dev/tty; echo; echo ${{#word}}'"#));
        terminal.expect("Password: ");
        terminal.enter("hidden");
        seen_next(terminal)
    }), @"

    6
    [exit 0]
    ");
}

#[test]
fn an_editor_and_an_interpreter_work() {
    if tool("vim").is_none() || tool("python3").is_none() {
        return;
    }
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::shell(&sandbox);
    terminal.line(&format!(
        "{UNDER_MASK}env TERM=vt100 LC_ALL=C.UTF-8 vim -u NONE -N text"
    ));
    terminal.expect("[New]");
    terminal.send("iwritten\u{1b}:r !echo $A\r");
    terminal.expect("[A]");
    terminal.send(":wq\r");
    assert_eq!(terminal.prompt().1, 0);
    terminal.echoes(true);
    let text = sandbox.project().join("text");
    assert_eq!(
        fs::read_to_string(&text).expect("read"),
        format!("written\n{}\n", value_of("A"))
    );
    fs::remove_file(text).expect("removed");

    terminal.line(&format!("{UNDER_MASK}python3 -i"));
    terminal.expect(">>> ");
    terminal.enter("import os; os.environ['A'] * 2");
    terminal.expect("'[A][A]'\r\n");
    terminal.expect(">>> ");
    terminal.control('d');
    assert_eq!(terminal.prompt().1, 0);
}

// What ends it

#[test]
fn a_signal_to_keyvault_is_the_program_s_and_the_terminal_is_put_back() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::shell(&sandbox);
    let modes = terminal.run("stty -g");
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::USR1, 138)] {
        terminal.line(&format!(
            "{UNDER_MASK}sh -c 'echo pid $PPID $$; exec sleep 60'"
        ));
        terminal.expect("pid ");
        let pids = terminal.expect("\r\n");
        let (monitor, program) = pids.split_once(' ').expect("two");
        let [monitor, program] = [monitor, program].map(|pid| pid.parse().expect("a number"));
        kill(parent(monitor), signal);
        assert_eq!(terminal.prompt().1, code, "{signal:?}");
        assert_eq!(terminal.run("stty -g"), modes);
        eventually("nobody is left", || {
            !is_alive(program) && !is_alive(monitor)
        });
    }
}

#[test]
fn a_program_that_takes_a_signal_gets_it_once() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::shell(&sandbox);
    let program = r#"trap "echo caught" TERM; echo pid $PPID; echo ready; for n in $(seq 40); do sleep 0.05; done; exit 3"#;
    terminal.line(&format!("{UNDER_MASK}sh -c '{program}'"));
    terminal.expect("pid ");
    let monitor = terminal.expect("\r\nready\r\n").parse().expect("a number");
    kill(parent(monitor), Signal::TERM);
    assert_snapshot!(seen_next(&mut terminal), @"
    caught
    [exit 3]
    ");
}

#[test]
fn the_end_of_keyvault_or_of_the_terminal_hangs_the_program_up() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for closed in [false, true] {
        let mut terminal = Terminal::shell(&sandbox);
        terminal.line(&format!(
            "{UNDER_MASK}sh -c 'echo pid $PPID $$; exec sleep 60'"
        ));
        terminal.expect("pid ");
        let pids = terminal.expect("\r\n");
        let (monitor, program) = pids.split_once(' ').expect("two");
        let [monitor, program] = [monitor, program].map(|pid| pid.parse().expect("a number"));
        let keyvault = parent(monitor);
        if closed {
            drop(terminal);
        } else {
            kill(keyvault, Signal::KILL);
            assert_eq!(terminal.prompt().1, 137);
        }
        eventually("nobody is left", || {
            !is_alive(program) && !is_alive(monitor) && !is_alive(keyvault)
        });
    }
}

#[test]
fn a_program_that_outlives_the_terminal_cannot_write_to_it() {
    // A terminal in the terminal, to be closed by the end of its owner.
    if tool("script").is_none() {
        return;
    }
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write(
        "prints",
        "trap '' HUP; echo $$ >running; while echo line; do sleep 0.02; done; exec sleep 60",
    );
    let running = sandbox.project().join("running");
    let mut terminal = Terminal::shell(&sandbox);
    terminal.line(&format!(
        "sh -c 'trap \"\" HUP; echo pid $$; exec script -qc \"{UNDER_MASK}sh prints\" /dev/null'"
    ));
    terminal.expect("pid ");
    let owner = terminal.expect("\r\n").parse().expect("a number");
    terminal.expect("line\r\n");
    let pid = fs::read_to_string(&running).expect("read");
    let pid = pid.trim().parse().expect("a number");
    kill(owner, Signal::KILL);
    let name = format!("/proc/{pid}/comm");
    eventually("its writing fails", || {
        fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n")
    });
    kill(pid, Signal::KILL);
}

#[test]
fn the_processes_between_have_no_value_in_their_arguments() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::shell(&sandbox);
    terminal.line(&format!(
        "{UNDER_MASK}sh -c 'echo pid $PPID; exec sleep 60'"
    ));
    terminal.expect("pid ");
    let monitor = terminal.expect("\r\n").parse().expect("a number");
    for pid in [monitor, parent(monitor)] {
        let line = fs::read(format!("/proc/{pid}/cmdline")).expect("read");
        let line = String::from_utf8_lossy(&line);
        assert!(
            line.contains("sleep 60") && !line.contains(CANARY),
            "{line}"
        );
    }
    terminal.control('c');
    assert_eq!(terminal.prompt().1, 130);
}

/// Returns the process that started another one.
fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    rest.split(' ')
        .nth(1)
        .expect("a parent")
        .parse()
        .expect("a number")
}
