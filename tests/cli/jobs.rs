//! What a program under `exec` is to whoever started it: the same as without
//! keyvault, whether keyvault becomes the program or stays with it. Most scenes
//! are played each way in one terminal and compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::sandbox::{CANARY, PASSPHRASE, Sandbox, Transcript, read_to_string, tool};
use crate::terminal::{Terminal, eventually, is_alive, kill};

/// What stands before a program that keyvault becomes.
const UNDER_KEYVAULT: &str = "keyvault exec -- ";

/// What stands before one that it stays with.
const WITH_KEYVAULT: &str = "keyvault exec --file A -- ";

/// Plays a scene with a program by itself and then under keyvault, and makes sure
/// that its caller cannot tell. Returns what there was to be seen.
#[track_caller]
fn the_same(scene: impl Fn(&mut Terminal, &str) -> String) -> String {
    let sandbox = Sandbox::with_secrets(&["A"]);
    the_same_in(&sandbox, scene)
}

#[track_caller]
fn the_same_in(sandbox: &Sandbox, scene: impl Fn(&mut Terminal, &str) -> String) -> String {
    the_same_by(&[UNDER_KEYVAULT, WITH_KEYVAULT], sandbox, scene)
}

/// The same in a sandbox, and by other ways to start the program.
#[track_caller]
pub fn the_same_by(
    ways: &[&str],
    sandbox: &Sandbox,
    scene: impl Fn(&mut Terminal, &str) -> String,
) -> String {
    let mut terminal = Terminal::shell(sandbox);
    let by_itself = scene(&mut terminal, "");
    for way in ways {
        let under = scene(&mut terminal, way);
        assert_eq!(under.replace(way, ""), by_itself, "by `{way}`");
    }
    by_itself
}

/// Runs a command to its end. Returns what it printed and how it ended.
#[track_caller]
pub fn seen(terminal: &mut Terminal, command: &str) -> String {
    let (text, code) = terminal.run(command);
    format!("{text}[exit {code}]\n")
}

/// The same for the next prompt.
#[track_caller]
pub fn seen_next(terminal: &mut Terminal) -> String {
    let (text, code) = terminal.prompt();
    format!("{text}[exit {code}]\n")
}

/// Starts a program that tells its process, and returns that.
#[track_caller]
fn started(terminal: &mut Terminal, command: &str) -> i32 {
    terminal.line(command);
    terminal.expect("pid ");
    terminal.expect("\r\n").parse().expect("a number")
}

/// A program that waits for a line, and exits with 3. It starts no other, since what
/// a signal does to a shell that is about to start one depends on the shell. A line that
/// comes just as `read` gives up is lost, so it is patient.
fn waiting(first: &str) -> String {
    format!("bash -c '{first}; echo ready; until read -t 5; do :; done; exit 3'")
}

/// Returns the processes that another one started, by their names.
fn children(parent: i32) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("listed").flatten();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    let names = stats.filter_map(|stat| {
        let (head, tail) = stat.rsplit_once(") ")?;
        let is_child = tail.split(' ').nth(1)?.parse() == Ok(parent);
        is_child.then(|| head.split('(').next_back().unwrap_or_default().to_owned())
    });
    names.collect()
}

// Signals and ends

#[test]
fn ctrl_c_is_the_program_s() {
    assert_snapshot!(the_same(|terminal, exec| {
        terminal.line(&format!("{exec}sh -c 'echo ready; exec sleep 60'"));
        terminal.expect("ready\r\n");
        terminal.control('c');
        seen_next(terminal)
    }), @"
    ^C
    [exit 130]
    ");
}

#[test]
fn a_program_that_takes_ctrl_c_itself_gets_it_once() {
    assert_snapshot!(the_same(|terminal, exec| {
        terminal.line(&format!("{exec}{}", waiting(r#"trap "echo caught" INT"#)));
        terminal.expect("ready\r\n");
        terminal.control('c');
        let mut text = terminal.expect("caught\r\n");
        terminal.enter("");
        text.push_str(&seen_next(terminal));
        text
    }), @"
    ^C
    [exit 3]
    ");
}

#[test]
fn ctrl_z_stops_it_and_fg_continues_it() {
    assert_snapshot!(the_same(|terminal, exec| {
        terminal.line(&format!("{exec}{}", waiting(r#"trap "echo continued" CONT"#)));
        terminal.expect("ready\r\n");
        terminal.control('z');
        let mut text = seen_next(terminal);
        terminal.line("fg");
        text.push_str(&terminal.expect("continued\r\n"));
        terminal.control('c');
        text.push_str(&seen_next(terminal));
        text
    }), @r#"
    ^Z
    [1]+  Stopped                 bash -c 'trap "echo continued" CONT; echo ready; until read -t 5; do :; done; exit 3'
    [exit 148]
    bash -c 'trap "echo continued" CONT; echo ready; until read -t 5; do :; done; exit 3'
    ^C
    [exit 130]
    "#);
}

#[test]
fn a_signal_to_the_process_that_was_started_reaches_the_program() {
    assert_snapshot!(the_same(|terminal, exec| {
        let mut text = String::new();
        for signal in [Signal::TERM, Signal::HUP, Signal::USR1, Signal::KILL] {
            let pid = started(terminal, &format!("{exec}sh -c 'echo pid $$; exec sleep 60'"));
            kill(pid, signal);
            text.push_str(&seen_next(terminal));
        }
        text
    }), @"
    Terminated
    [exit 143]
    Hangup
    [exit 129]
    User defined signal 1
    [exit 138]
    Killed
    [exit 137]
    ");
}

#[test]
fn its_end_is_the_program_s_own() {
    assert_snapshot!(the_same(|terminal, exec| {
        let ends = ["exit 42", "exit 255", "kill -9 $$", "kill -USR2 $$", "kill -PIPE $$"];
        ends.iter()
            .map(|end| seen(terminal, &format!("{exec}sh -c '{end}'")))
            .collect()
    }), @"
    [exit 42]
    [exit 255]
    Killed
    [exit 137]
    User defined signal 2
    [exit 140]
    [exit 141]
    ");
}

#[test]
fn a_shell_in_the_shell_has_jobs_of_its_own() {
    let text = the_same(|terminal, exec| {
        // It takes the terminal for a process group of its own.
        let shell = "bash --norc --noprofile --noediting -i";
        let mut text = seen(terminal, &format!("{exec}env PS1=\"$PS1\" {shell}"));
        let program = waiting(r#"trap "echo continued" CONT"#);
        terminal.line(&program);
        terminal.expect("ready\r\n");
        terminal.control('z');
        text.push_str(&seen_next(terminal));
        terminal.line("fg");
        terminal.expect("continued\r\n");
        terminal.control('c');
        text.push_str(&seen_next(terminal));
        text.push_str(&seen(terminal, "suspend"));
        text.push_str(&seen(terminal, "fg"));
        terminal.line(&program);
        terminal.expect("ready\r\n");
        terminal.control('c');
        text.push_str(&seen_next(terminal));
        text.push_str(&seen(terminal, "exit 5"));
        text
    });
    assert!(text.ends_with("exit\n[exit 5]\n"), "{text}");
}

#[test]
fn a_job_in_the_background_is_waited_for() {
    assert_snapshot!(the_same(|terminal, exec| {
        let mut text = seen(terminal, &format!("{{ {exec}sh -c 'exit 7' & }} 2>/dev/null; wait $!"));
        // It may not read from the terminal until it is in front.
        terminal.run(&format!("{exec}cat & 2>/dev/null"));
        eventually("it is stopped", || terminal.run("jobs").0.contains("Stopped"));
        text.push_str(&seen(terminal, "jobs"));
        terminal.line("fg");
        terminal.expect("cat\r\n");
        terminal.send("typed\n");
        terminal.expect("typed\r\ntyped\r\n");
        terminal.control('d');
        text.push_str(&seen_next(terminal));
        text
    }), @"
    [1]+  Exit 7                  sh -c 'exit 7'
    [exit 7]
    [1]+  Stopped                 cat
    [exit 0]
    [exit 0]
    ");
}

#[test]
fn a_terminal_that_is_closed_hangs_the_program_up() {
    // A terminal in the terminal, to be closed by the end of its owner.
    if tool("script").is_none() {
        return;
    }
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write(
        "listens",
        "trap 'echo hung up >heard; exit' HUP; echo ready; while :; do sleep 0.02; done",
    );
    sandbox.write("does-not", "echo $$ >running; echo ready; exec sleep 60");
    let heard = sandbox.project().join("heard");
    let running = sandbox.project().join("running");
    the_same_in(&sandbox, |terminal, exec| {
        for program in ["listens", "does-not"] {
            let owner = started(
                terminal,
                &format!("sh -c 'echo pid $$; exec script -qc \"{exec}sh {program}\" /dev/null'"),
            );
            terminal.expect("ready\r\n");
            kill(owner, Signal::KILL);
            terminal.prompt();
        }
        eventually("it is heard", || heard.exists());
        fs::remove_file(&heard).expect("removed");
        let pid = read_to_string(&running).trim().parse().expect("a number");
        eventually("the program ends", || !is_alive(pid));
        String::new()
    });
}

// What is inherited

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let text = the_same(|terminal, exec| {
        // But for the two that the C library keeps to itself, 32 and 33.
        let show = format!("{exec}sed -nE 's/^SigIgn.*(.{{7}})$/\\1/p' /proc/self/status");
        let ignoring = format!("(trap '' HUP INT; exec {show})");
        seen(terminal, &ignoring) + &seen(terminal, &format!("nohup {show} | cat"))
    });
    // The two lowest bits. What else is ignored is up to whoever runs the tests.
    let hup_and_int = text.lines().next().unwrap_or_default();
    assert!(hup_and_int.ends_with('3'), "{text}");
}

#[test]
fn a_signal_that_is_blocked_stays_blocked() {
    let text = the_same(|terminal, exec| {
        let show = format!("{exec}grep SigBlk /proc/self/status");
        seen(terminal, &format!("env --block-signal=USR1 {show}"))
    });
    assert_eq!(text, "SigBlk:\t0000000000000200\n[exit 0]\n");
}

#[test]
fn limits_rights_and_variables_are_inherited() {
    the_same(|terminal, exec| {
        terminal.run("ulimit -S -c 1000; ulimit -n 200; umask 027; export B=inherited");
        let status =
            "^(SigBlk|SigCgt|Cap|NoNewPrivs|Seccomp|Threads|Cpus_allowed|Groups|Umask|Uid|Gid)";
        [
            "sh -c 'umask; ulimit -Sa; ulimit -Ha; pwd; nice; cat /proc/self/oom_score_adj'",
            &format!("grep -E '{status}' /proc/self/status"),
            "env | grep -v -e ^A= -e ^A_FILE= -e ^_= | sort",
            r#"sh -c 'tr "\\000" "\\n" </proc/$$/cmdline' -- 'a  b' '' '*' é"#,
        ]
        .map(|command| seen(terminal, &format!("{exec}{command}")))
        .concat()
    });
}

#[test]
fn streams_are_passed_as_they_are() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("four", "from four\n");
    assert_snapshot!(the_same_in(&sandbox, |terminal, exec| {
        let three = sandbox.project().join("three");
        let program = "ls /proc/self/fd; readlink /proc/$$/fd/3; echo to three >&3; cat <&4";
        let streams = "3>three 4<four 5>&1 6</dev/null";
        let numbers = seen(terminal, &format!("{exec}sh -c '{program}' {streams}"));
        let piped = format!("echo through | {exec}sh -c 'cat; echo error >&2' 2>&1 | cat");
        // Which numbers there are depends on what the test itself has open.
        let (_, text) = numbers.split_once("[sandbox]").expect("a path");
        format!("{text}{}{}", read_to_string(&three), seen(terminal, &piped))
    }), @"
    /project/three
    from four
    [exit 0]
    to three
    through
    error
    [exit 0]
    ");
}

#[test]
fn no_stream_of_keyvault_s_own_is_left_open() {
    let numbers = the_same(|terminal, exec| seen(terminal, &format!("{exec}ls /proc/self/fd")));
    assert!(numbers.contains('0'), "{numbers}");
}

#[test]
fn the_window_is_the_terminal_s() {
    assert_snapshot!(the_same(|terminal, exec| {
        terminal.resize(33, 77);
        let mut text = seen(terminal, &format!("{exec}stty size"));
        terminal.line(&format!("{exec}{}", waiting(r#"trap "stty size; exit" WINCH"#)));
        terminal.expect("ready\r\n");
        terminal.resize(44, 88);
        text.push_str(&seen_next(terminal));
        text
    }), @"
    33 77
    [exit 0]
    44 88
    [exit 0]
    ");
}

#[test]
fn keyvault_becomes_the_program() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let text = the_same_by(&[UNDER_KEYVAULT], &sandbox, |terminal, exec| {
        let pid = started(
            terminal,
            &format!("{exec}sh -c 'echo pid $$; exec sleep 60'"),
        );
        eventually("it sleeps", || children(terminal.pid) == ["sleep"]);
        assert_eq!(children(pid), [""; 0]);
        let status = read_to_string(Path::new(&format!("/proc/{pid}/status")));
        let threads = status.lines().find(|line| line.starts_with("Threads"));
        terminal.control('c');
        terminal.prompt();

        // The leader of its group, in front of the terminal, started by the shell.
        let program = "read pid name state parent group session tty front rest </proc/$$/stat; \
             [ $group = $$ ] && [ $front = $$ ] && echo $parent $session $tty";
        format!(
            "{threads:?} {}",
            seen(terminal, &format!("{exec}sh -c '{program}'"))
        )
    });
    assert!(text.starts_with("Some(\"Threads:\\t1\")"), "{text}");
    assert!(text.ends_with("[exit 0]\n"), "{text}");

    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut child = sandbox.command(&["exec", "--", "sleep", "60"]);
    let mut child = child.spawn().expect("it starts");
    let pid = i32::try_from(child.id()).expect("a process");
    let name = format!("/proc/{pid}/comm");
    eventually("it is the program", || {
        read_to_string(Path::new(&name)) == "sleep\n"
    });
    child.kill().expect("it is there");
    child.wait().expect("it ends");
}

#[test]
fn after_a_prompt_the_program_is_the_same() {
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::shell(&sandbox);
    let program =
        r#"sh -c 'stty -g; grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status; ls /proc/self/fd'"#;
    let by_itself = terminal.run(program);
    terminal.line(&format!("{UNDER_KEYVAULT}{program}"));
    terminal.expect("Passphrase for ~/.config/keyvault/identity: ");
    terminal.enter(PASSPHRASE);
    terminal.expect("\r\n");
    assert_eq!(terminal.prompt(), by_itself);
}

#[test]
fn an_end_of_input_at_the_prompt_is_not_the_program_s() {
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::start(&sandbox, &["exec", "--", "echo", "started"]);
    terminal.expect("identity: ");
    terminal.control('d');
    assert_snapshot!(terminal.end(), @"

    keyvault: error: interrupted
    [exit 130]
    ");
}

// Programs that cannot be executed

#[test]
fn what_cannot_be_executed_has_the_exit_code_of_env() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let bin = sandbox.root().join("bin");
    fs::create_dir(&bin).expect("made");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    sandbox = sandbox.variable("PATH", path);
    let script = |name: &str, mode: u32, text: &str| {
        for folder in [&bin, &sandbox.project()] {
            let path = folder.join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("changed");
        }
    };
    script("not-executable", 0o644, "exit 9");
    script("no-interpreter-line", 0o755, "echo \"$# $1\"; exit 9");
    script("missing-interpreter", 0o755, "#!/no/such/interpreter\n");
    script("empty", 0o755, "");
    script(
        "no-program",
        0o755,
        "\x7fELF\x02\x01\x01 and nothing behind it",
    );
    fs::create_dir(bin.join("folder")).expect("made");
    fs::create_dir(sandbox.project().join("folder")).expect("made");
    std::os::unix::fs::symlink("loop", bin.join("loop")).expect("made");
    std::os::unix::fs::symlink("loop", sandbox.project().join("loop")).expect("made");
    let long = "x".repeat(300);
    for name in [
        "not-executable",
        "no-interpreter-line",
        "missing-interpreter",
        "empty",
        "no-program",
        "folder",
        "loop",
        "none",
        "not-executable/none",
        "folder/none",
        &long,
    ] {
        for program in [
            name.to_owned(),
            format!("./{name}"),
            format!("/no/such/{name}"),
        ] {
            let by_env = sandbox.finish(sandbox.other("/usr/bin/env").args([&program, "x"]));
            let under = sandbox.run(&["exec", "--", &program, "x"]);
            assert_eq!(under.code, by_env.code, "{program}: {under} and {by_env}");
            assert_eq!(under.stdout, by_env.stdout, "{program}");
        }
    }
    let by_env = sandbox.finish(sandbox.other("/usr/bin/env").args([""]));
    assert_eq!(sandbox.run(&["exec", "--", ""]).code, by_env.code);
}

#[test]
fn what_cannot_be_executed_is_said_to_be() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("text", "");
    assert_snapshot!(sandbox.run(&["exec", "--", "no-such-program"]), @"
    --- stderr ---
    keyvault: error: no program `no-such-program`
    [exit 127]
    ");
    assert_snapshot!(sandbox.run(&["exec", "--", "./text"]), @"
    --- stderr ---
    keyvault: error: cannot execute `./text`: permission denied
    [exit 126]
    ");
    assert_snapshot!(sandbox.run(&["exec", "--", "./.keyvault"]), @"
    --- stderr ---
    keyvault: error: cannot execute `./.keyvault`: permission denied
    [exit 126]
    ");
}

// Without a terminal

#[test]
fn without_a_terminal_it_is_the_same_as_well() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let run = |program: &str| -> [Transcript; 2] {
        let arguments = ["exec", "--", "sh", "-c", program];
        let mut by_itself = sandbox.other("sh");
        by_itself.args(["-c", program]);
        [
            sandbox.finish_with_stdin(&mut by_itself, CANARY),
            sandbox.run_with_stdin(&arguments, CANARY),
        ]
    };
    for program in [
        "exit 42",
        "kill -9 $$",
        "cat",
        "tty",
        ": </dev/tty",
        "cut -d' ' -f 6-8 /proc/$$/stat",
        "echo news >&2; echo answer",
    ] {
        let [by_itself, under] = run(program);
        assert_eq!(under.to_string(), by_itself.to_string());
    }
}
