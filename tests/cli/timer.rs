//! `rotate --due` by itself: README's line for cron and the units of `examples/systemd`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::{KEYVAULT, Sandbox, text, tool};

/// How long a grace period of a second may take to be over.
const PATIENCE: Duration = Duration::from_secs(30);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn unit(name: &str) -> String {
    fs::read_to_string(repository().join("examples/systemd").join(name)).expect("read")
}

/// README's section on hooks.
fn section() -> String {
    let readme = fs::read_to_string(repository().join("README.md")).expect("read");
    let rest = readme
        .split("\n### Rotation by hooks\n")
        .nth(1)
        .expect("it is there");
    rest.split("\n## ").next().expect("a part").to_owned()
}

/// The first block of a language in it.
fn block(language: &str) -> String {
    let section = section();
    let block = section
        .split(&format!("```{language}\n"))
        .nth(1)
        .expect("a block");
    block.split("\n```").next().expect("an end").to_owned()
}

/// Puts the program where the line and the units look for it.
fn install(sandbox: &Sandbox) {
    let bin = sandbox.home().join(".cargo/bin");
    fs::create_dir_all(&bin).expect("made");
    symlink(KEYVAULT, bin.join("keyvault")).expect("linked");
}

/// Has a value of `prod` replaced, by a hook, and waits until what runs by itself has
/// destroyed it. It has the places that README names, and no identity but its own.
fn does_what_is_due(run: impl Fn(&Sandbox) -> Command) {
    let sandbox = Sandbox::new();
    install(&sandbox);
    symlink(sandbox.project(), sandbox.home().join("project")).expect("linked");
    let hook = repository().join("examples/hooks/random-secret");
    for line in [
        &["env", "create", "prod"][..],
        &["add", "KEY", "--generate", "32", "-e", "prod"],
        &[
            "hook",
            "set",
            "KEY",
            "create",
            "-e",
            "prod",
            "--",
            text(&hook),
            "KEY",
        ],
        &["rotate", "KEY", "--grace", "1s", "-e", "prod"],
    ] {
        sandbox.run(line).succeeds();
    }
    let own = sandbox.identity().with_file_name("rotate-identity");
    fs::rename(sandbox.identity(), &own).expect("renamed");

    let begin = Instant::now();
    let old = || {
        let mut command = sandbox.command(&["get", "KEY@1", "-e", "prod"]);
        sandbox.finish(command.env("KEYVAULT_IDENTITY_FILE", &own))
    };
    while old().code == Some(0) {
        assert!(begin.elapsed() < PATIENCE, "it does nothing");
        thread::sleep(Duration::from_millis(500));
        sandbox.finish(&mut run(&sandbox)).succeeds();
    }
    old().exits(5);
}

#[test]
fn the_line_for_cron_does_what_is_due() {
    let line = block("crontab");
    // What cron makes a line feed of.
    assert!(!line.contains(['%', '\n']), "{line}");
    let command: Vec<&str> = line.splitn(6, ' ').collect();

    does_what_is_due(|sandbox| {
        let mut cron = sandbox.other("/bin/sh");
        cron.args(["-c", command[5]]).current_dir(sandbox.home());
        // As cron has it.
        cron.env("PATH", "/usr/bin:/bin");
        cron
    });
}

#[test]
fn the_service_does_what_is_due() {
    let service = unit("keyvault-rotate.service");

    does_what_is_due(|sandbox| {
        let service = service.replace("%h", text(&sandbox.home()));
        let values = |key: &str| {
            let lines = service.lines().filter_map(|line| line.split_once('='));
            let mut values = lines.filter(|(name, _)| *name == key);
            values
                .next()
                .map(|(_, value)| value.to_owned())
                .expect("it is there")
        };
        let line = values("ExecStart");
        let mut words = line.split(' ');
        let mut command = sandbox.other(words.next().expect("a program"));
        command.args(words).current_dir(values("WorkingDirectory"));
        let settings = service
            .lines()
            .filter_map(|line| line.strip_prefix("Environment="));
        command.envs(settings.filter_map(|setting| setting.split_once('=')));
        command
    });
}

#[test]
fn systemd_understands_the_units() {
    let Some(analyze) = tool("systemd-analyze") else {
        return;
    };
    let sandbox = Sandbox::empty();
    let runtime = sandbox.root().join("tmp");
    let sandbox = sandbox.variable("XDG_RUNTIME_DIR", runtime);
    install(&sandbox);
    let (name, timer) = ("keyvault-rotate.service", "keyvault-rotate.timer");
    let verify = |service: &str| {
        fs::write(sandbox.project().join(name), service).expect("written");
        fs::write(sandbox.project().join(timer), unit(timer)).expect("written");
        let mut command = sandbox.other(&analyze);
        command.args(["verify", "--user", name, timer]);
        sandbox.finish(&mut command)
    };
    let service = unit(name);

    verify(&service).succeeds().says_nothing();
    // And it does look: at what is said, and for the program.
    let _ = verify(&service.replace("KillMode=mixed", "KillMode=mixd")).says("mixd");
    let _ = verify(&service.replace("bin/keyvault", "bin/keyvolt")).says("keyvolt");
}

#[test]
fn the_example_of_a_hook_runs() {
    let sandbox = Sandbox::new();
    install(&sandbox);
    symlink(
        repository().join("examples"),
        sandbox.project().join("examples"),
    )
    .expect("linked");
    let path = format!(
        "{}/.cargo/bin:{}",
        text(&sandbox.home()),
        std::env::var("PATH").expect("set")
    );
    let mut shell = sandbox.other("sh");
    shell.args(["-euc", &block("sh")]).env("PATH", path);

    sandbox.finish(&mut shell).succeeds();

    let value = sandbox.run(&["get", "SESSION_KEY"]).succeeds();
    assert!(value.text().len() == 64 && value.text().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(
        sandbox.run(&["get", "SESSION_KEY@1"]).succeeds().text(),
        value.text()
    );
}
