//! keyvault as it stays with a program: which signals the program gets, and what
//! is left of files and processes however one of them ends. What a shell sees of
//! it is in `jobs.rs`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::sandbox::{KEYVAULT, PASSPHRASE, Sandbox, read_to_string, skip, text, tool, value_of};
use crate::terminal::{Terminal, eventually, is_alive, kill};

/// A program that tells each signal it gets, and ends with 3 at the last one,
/// `SIGPWR`: of those that are pending the system gives out the lowest first.
const LISTENER: &str = "
import os, signal
heard = [signal.Signals(n) for n in range(1, 32) if n not in (9, 17, 19)]
signal.pthread_sigmask(signal.SIG_BLOCK, heard)
log = open(os.environ.get('LOG', '/dev/stdout'), 'w', buffering=1)
print('pid', os.getpid(), os.environ.get('A_FILE', '-'), file=log)
while (name := signal.Signals(signal.sigwaitinfo(heard).si_signo).name) != 'SIGPWR':
    print(name, file=log)
print('end', file=log)
os._exit(3)
";

/// On Linux, signal(7).
const SIGPWR: i32 = 30;

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A place in memory for the files, which is to be empty in the end.
struct Memory(TempDir);

impl Memory {
    /// Makes one, and lets the sandbox's runs use it.
    fn of(sandbox: Sandbox) -> (Sandbox, Self) {
        let memory = Self(TempDir::new_in("/dev/shm").expect("a folder"));
        let sandbox = sandbox.variable("XDG_RUNTIME_DIR", memory.0.path());
        (sandbox, memory)
    }

    fn folders(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.path()).expect("listed");
        entries.flatten().map(|entry| entry.path()).collect()
    }

    #[track_caller]
    fn is_empty(&self) {
        assert_eq!(self.folders(), [""; 0].map(PathBuf::from));
    }
}

/// A listener, and the keyvault that stays with it, in a process group of their own.
struct Listening {
    /// keyvault.
    process: Child,
    output: Receiver<String>,
    /// The listener.
    pid: i32,
}

impl Listening {
    fn start(sandbox: &mut Sandbox) -> Option<Self> {
        let python = tool("python3")?;
        let script = sandbox.write("listener.py", LISTENER);
        let mut command = sandbox.command(&["exec", "--file", "A", "--"]);
        command.arg(python).arg(script);
        command.process_group(0).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let stdout = process.stdout.take().expect("a pipe");
        let (tell, output) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            lines
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        let mut listening = Self {
            process,
            output,
            pid: 0,
        };
        let line = listening.line();
        let pid = line.split(' ').nth(1).and_then(|pid| pid.parse().ok());
        listening.pid = pid.unwrap_or_else(|| panic!("no pid: {line:?}"));
        Some(listening)
    }

    /// Returns the next line.
    #[track_caller]
    fn told(&self) -> String {
        self.output.recv_timeout(PATIENCE).expect("it is told")
    }

    /// Returns the next line, once all that came to the process was taken note of.
    #[track_caller]
    fn line(&mut self) -> String {
        let line = self.told();
        let status = format!("/proc/{}/status", self.process.id());
        eventually("nothing is pending", || {
            // Two that are the same would be one.
            read_to_string(status.as_ref()).contains("ShdPnd:\t0000000000000000")
        });
        line
    }

    /// Sends a signal to keyvault.
    fn signal(&self, signal: Signal) {
        kill(self.process.id() as i32, signal);
    }

    /// Sends a signal to the process group, as a shell does for `kill %1`.
    fn signal_group(&self, signal: Signal) {
        let group = Pid::from_raw(self.process.id() as i32).expect("a process");
        rustix::process::kill_process_group(group, signal).expect("it is there");
    }

    /// Ends it, and returns what was heard meanwhile.
    #[track_caller]
    fn end(mut self) -> Vec<String> {
        self.signal(Signal::from_named_raw(SIGPWR).expect("it is one"));
        let mut heard = Vec::new();
        loop {
            match self.told() {
                line if line == "end" => break,
                line => heard.push(line),
            }
        }
        let status = self.process.wait().expect("it ends");
        assert_eq!(status.code(), Some(3));
        heard
    }
}

/// Signals that end a program, or that it may have a use for.
const SIGNALS: [(Signal, &str); 14] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::TSTP, "SIGTSTP"),
    (Signal::TTIN, "SIGTTIN"),
    (Signal::CONT, "SIGCONT"),
    (Signal::URG, "SIGURG"),
    (Signal::WINCH, "SIGWINCH"),
    (Signal::ABORT, "SIGABRT"),
];

#[test]
fn a_signal_to_keyvault_alone_is_passed_on_once() {
    let (mut sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(mut listening) = Listening::start(&mut sandbox) else {
        return;
    };
    for (signal, name) in SIGNALS {
        listening.signal(signal);
        assert_eq!(listening.line(), name);
    }
    assert_eq!(listening.end(), [""; 0]);
    memory.is_empty();
}

#[test]
fn a_signal_to_the_group_is_not_passed_on_as_well() {
    let (mut sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(mut listening) = Listening::start(&mut sandbox) else {
        return;
    };
    // A stop would be forgotten as keyvault goes on.
    let others = ["SIGTSTP", "SIGTTIN", "SIGCONT", "SIGWINCH"];
    let signals = SIGNALS.iter().filter(|(_, name)| !others.contains(name));
    // Twice, since it is another witness that sees the second.
    for (signal, name) in signals.clone().chain(signals) {
        // So that what is passed on is a second one, and not the same once more.
        listening.signal(Signal::STOP);
        listening.signal_group(*signal);
        assert_eq!(listening.told(), *name);
        listening.signal(Signal::CONT);
        assert_eq!(listening.line(), "SIGCONT");
    }
    for (signal, name) in [(Signal::CONT, "SIGCONT"), (Signal::TSTP, "SIGTSTP")] {
        listening.signal_group(signal);
        assert_eq!(listening.line(), name);
        // Each of the two undoes the other where it is pending. Whoever tells of this
        // one is done with that.
        listening.signal(Signal::USR1);
        assert_eq!(listening.line(), "SIGUSR1");
    }
    // And then to the process alone: what was seen before does not count.
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        listening.signal(signal);
        assert_eq!(listening.line(), name);
    }
    assert_eq!(listening.end(), [""; 0]);
    memory.is_empty();
}

#[test]
fn a_signal_that_another_process_of_the_group_sends_is_passed_on() {
    // `server & kill $!` in a script: without job control all are of one group.
    let (mut sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(python) = tool("python3") else {
        return;
    };
    let script = sandbox.write("listener.py", LISTENER);
    let play = format!(
        "{KEYVAULT} exec --file A -- {} {} >heard & \
         for signal in TERM USR1 PWR; do \
         until [ $(wc -l <heard) = ${{n:=1}} ]; do sleep 0.01; done; \
         kill -$signal $!; n=$((n + 1)); done; wait $!; echo $?",
        text(&python),
        text(&script)
    );
    let run = sandbox.finish(sandbox.other("sh").args(["-c", &play]));
    assert_eq!(run.text(), "3\n");
    let heard = sandbox.project().join("heard");
    let heard = std::fs::read_to_string(heard).expect("read");
    let heard: Vec<&str> = heard.lines().skip(1).collect();
    assert_eq!(heard, ["SIGTERM", "SIGUSR1", "end"]);
    memory.is_empty();
}

#[test]
fn a_timer_from_before_its_start_is_the_program_s() {
    // As `perl -e 'alarm 5; exec @ARGV'`: the kernel sends it, and to us alone.
    let (sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(python) = tool("python3") else {
        return;
    };
    let play = "import os, signal, sys; \
         signal.setitimer(signal.ITIMER_REAL, 0.3); os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = sandbox.other(python);
    command.args([
        "-c", play, KEYVAULT, "exec", "--file", "A", "--", "sleep", "60",
    ]);
    let run = sandbox.finish(&mut command);
    assert_eq!(run.signal, Some(14));
    memory.is_empty();
}

#[test]
fn its_end_is_known_though_the_caller_ignores_ends() {
    let (sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let mut command = sandbox.other("env");
    command.args([
        "--ignore-signal=CHLD",
        KEYVAULT,
        "exec",
        "--file",
        "A",
        "--",
    ]);
    sandbox
        .finish(command.args(["sh", "-c", "exit 3"]))
        .exits(3);
    memory.is_empty();
}

#[test]
fn ctrl_c_twice_is_twice_for_the_program() {
    let (mut sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(python) = tool("python3") else {
        return;
    };
    let script = sandbox.write("listener.py", LISTENER);
    let by_itself = [text(&python), text(&script)];
    let with_keyvault = [&[KEYVAULT, "exec", "--file", "A", "--"], &by_itself[..]].concat();
    let played = [&by_itself[..], &with_keyvault[..]].map(|program| {
        let mut terminal = Terminal::program(&sandbox, program);
        terminal.expect("\r\n");
        let mut seen = String::new();
        for (key, signal) in [('c', "SIGINT"), ('c', "SIGINT"), ('z', "SIGTSTP")] {
            terminal.control(key);
            seen.push_str(&terminal.expect(&format!("{signal}\r\n")));
        }
        kill(
            terminal.pid,
            Signal::from_named_raw(SIGPWR).expect("it is one"),
        );
        seen + &terminal.end().to_string()
    });
    assert_eq!(played[1], played[0]);
    assert_eq!(played[0], "^C^C^Zend\n[exit 3]");
    memory.is_empty();
}

#[test]
fn a_terminal_that_is_gone_is_told_once_to_its_leader_s_program() {
    let Some(script_tool) = tool("script") else {
        return;
    };
    let (mut sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(python) = tool("python3") else {
        return;
    };
    let script = sandbox.write("listener.py", LISTENER);
    let log = sandbox.project().join("log");
    let listener = format!("{} {}", text(&python), text(&script));
    let played = ["", &format!("{KEYVAULT} exec --file A -- ")].map(|with| {
        let mut owner = sandbox
            .other(&script_tool)
            .args(["-qc", &format!("exec {with}{listener}"), "/dev/null"])
            .env("LOG", &log)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = || std::fs::read_to_string(&log).unwrap_or_default();
        eventually("it listens", || lines().ends_with('\n'));
        let pid = lines().split(' ').nth(1).and_then(|pid| pid.parse().ok());
        let pid: i32 = pid.expect("a number");
        owner.kill().expect("it is there");
        owner.wait().expect("it ends");
        eventually("it is told", || lines().contains("SIGCONT"));
        kill(pid, Signal::from_named_raw(SIGPWR).expect("it is one"));
        eventually("it ends", || lines().ends_with("end\n"));
        let heard = lines().lines().skip(1).collect::<Vec<_>>().join(" ");
        std::fs::remove_file(&log).expect("removed");
        heard
    });
    assert_eq!(played, ["SIGHUP SIGCONT end"; 2]);
    eventually("nothing is left", || memory.folders().is_empty());
}

#[test]
fn a_keyvault_that_is_killed_leaves_its_program_and_the_file_for_the_next_to_remove() {
    let (mut sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let Some(listening) = Listening::start(&mut sandbox) else {
        return;
    };
    let Listening {
        mut process, pid, ..
    } = listening;
    let group = process.id();
    let others = || of_group(group).into_iter().filter(|other| *other != pid);
    assert_eq!(others().count(), 2, "keyvault and its witness");
    process.kill().expect("it is there");
    process.wait().expect("it ends");

    eventually("the witness goes too", || others().count() == 0);
    assert!(is_alive(pid), "the program goes on");
    let folder = &memory.folders()[0];
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(folder), mode(&folder.join("A"))), (0o700, 0o600));

    // One that still runs keeps its own.
    let next = "ls -d $(dirname $(dirname $A_FILE))/* | wc -l; cat $A_FILE";
    let run = sandbox.run(&["exec", "--file", "A", "--", "sh", "-c", next]);
    assert_eq!(run.text(), format!("1\n{}", value_of("A")));
    memory.is_empty();
    kill(pid, Signal::KILL);
}

/// The processes of a group.
fn of_group(group: u32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").expect("listed").flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let is_of_it = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        fields.split(' ').nth(2) == Some(&group.to_string())
    };
    pids.filter(is_of_it).collect()
}

#[test]
fn the_first_process_of_a_container_takes_in_all_and_passes_on_signals() {
    let Some(unshare) = tool("unshare") else {
        return;
    };
    let namespaces = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let (sandbox, memory) = Memory::of(Sandbox::with_secrets(&["A"]));
    let contained = || {
        let mut command = sandbox.other(&unshare);
        command.args(namespaces).stdout(Stdio::piped());
        command
    };
    if !contained()
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        skip("namespaces are not permitted");
        return;
    }
    let run = |program: &str| {
        let mut command = contained();
        command.args([KEYVAULT, "exec", "--file", "A", "--", "sh", "-c", program]);
        command
    };
    // An orphan that ends, and is gone without anyone else having waited for it.
    let orphan = "(sh -c 'echo $$ >orphan; exec sleep 0.1' &); \
         until [ -s orphan ]; do sleep 0.01; done; \
         while [ -e /proc/$(cat orphan) ]; do sleep 0.01; done; exit 7";
    sandbox.finish(&mut run(orphan)).exits(7);
    sandbox.finish(&mut run("kill -9 $$")).exits(137);

    // What `docker stop` sends.
    let program = "trap 'echo ended; exit 4' TERM; echo ready; while :; do sleep 0.02; done";
    let mut container = run(program).spawn().expect("it starts");
    let mut lines = BufReader::new(container.stdout.take().expect("a pipe")).lines();
    assert_eq!(lines.next().expect("a line").expect("read"), "ready");
    let children = format!("/proc/{0}/task/{0}/children", container.id());
    let first = read_to_string(children.as_ref());
    kill(first.trim().parse().expect("a number"), Signal::TERM);
    assert_eq!(lines.next().expect("a line").expect("read"), "ended");
    assert_eq!(container.wait().expect("it ends").code(), Some(4));
    memory.is_empty();
}

#[test]
fn streams_that_the_program_closes_are_closed() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    // It gives up after a while, so that this fails and does not hang.
    let program = "exec <&- >&-; for n in $(seq 100); do [ -e seen ] && exit 3; sleep 0.05; done";
    for option in [&["--file", "A"][..], &["--mask"]] {
        let line = [&["exec"], option, &["--", "sh", "-c", program]].concat();
        let mut command = sandbox.command(&line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdout = child.stdout.take().expect("a pipe");
        assert_eq!(stdout.read(&mut [0]).expect("read"), 0, "{option:?}");
        let mut stdin = child.stdin.take().expect("a pipe");
        while stdin.write_all(&[b' '; 4096]).is_ok() {}
        std::fs::write(sandbox.project().join("seen"), "").expect("written");
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(3), "{option:?}");
        std::fs::remove_file(sandbox.project().join("seen")).expect("removed");
    }
}

#[test]
fn a_passphrase_typed_before_changes_nothing() {
    // Whoever waits for signals while it is typed is gone by then.
    let (mut sandbox, memory) = Memory::of(Sandbox::locked());
    let Some(python) = tool("python3") else {
        return;
    };
    let script = sandbox.write("listener.py", LISTENER);
    let program = [text(&python), text(&script)];
    let mut terminal = Terminal::start(
        &sandbox,
        &[&["exec", "--file", "A", "--"], &program[..]].concat(),
    );
    terminal.expect("identity: ");
    terminal.enter(PASSPHRASE);
    terminal.expect("pid ");
    terminal.expect("\r\n");
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        kill(terminal.pid, signal);
        terminal.expect(&format!("{name}\r\n"));
    }
    kill(
        terminal.pid,
        Signal::from_named_raw(SIGPWR).expect("it is one"),
    );
    assert_eq!(terminal.end().to_string(), "end\n[exit 3]");
    memory.is_empty();
}
