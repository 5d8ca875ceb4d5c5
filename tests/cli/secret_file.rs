//! `exec --file`: secrets as files while a program runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use insta::assert_snapshot;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, skip, text, tool, value_of};
use crate::terminal::eventually;

/// A sandbox with secrets, and the place in memory where its files are.
fn in_memory(names: &[&str]) -> (Sandbox, TempDir) {
    let memory = TempDir::new_in("/dev/shm").expect("a folder");
    let sandbox = Sandbox::with_secrets(names).variable("XDG_RUNTIME_DIR", memory.path());
    (sandbox, memory)
}

/// What is in a folder.
fn listed(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).expect("listed");
    entries.flatten().map(|entry| entry.path()).collect()
}

#[track_caller]
fn is_empty(folder: &TempDir) {
    assert_eq!(listed(folder), [""; 0].map(PathBuf::from));
}

#[test]
fn a_file_has_the_exact_bytes_and_only_while_the_program_runs() {
    let (mut sandbox, memory) = in_memory(&["B"]);
    let every_byte: Vec<u8> = (0..=255).collect();
    sandbox.write("bytes", &every_byte);
    sandbox
        .run(&["add", "KEY", "--from-file", "bytes"])
        .succeeds();
    let program = "echo ${KEY-none} ${B:+given}; cd ${KEY_FILE%/*}; pwd; stat -c '%a %n' . *; \
         cmp KEY $OLDPWD/bytes && touch left-by-the-program; mkdir sub; echo x >sub/x";
    let sandbox = sandbox.variable("KEY", "inherited");
    let run = sandbox
        .run(&["exec", "--file", "KEY", "--", "sh", "-c", program])
        .succeeds()
        .says_nothing();
    let place = format!("{}/keyvault-files-", memory.path().display());
    let lines: Vec<&str> = run.text().lines().collect();
    let random = lines[1].strip_prefix(&place).expect("it is in there");
    assert_eq!(random.len(), 16);
    assert_eq!(
        [lines[0], lines[2], lines[3]],
        ["none given", "700 .", "600 KEY"]
    );
    is_empty(&memory);
}

#[test]
fn it_is_readable_whatever_the_caller_takes_from_new_files() {
    let (sandbox, memory) = in_memory(&["A"]);
    let mut command = sandbox.other("sh");
    let line = r#"umask 0777; exec "$0" exec --file A -- sh -c 'stat -c %a "${A_FILE%/*}" "$A_FILE"; cat "$A_FILE"; umask'"#;
    command.args(["-c", line, KEYVAULT]);
    let run = sandbox.finish(&mut command).succeeds().says_nothing();
    assert_eq!(run.text(), format!("700\n600\n{}0777\n", value_of("A")));
    is_empty(&memory);
}

#[test]
fn its_variable_may_have_another_name_and_there_may_be_several() {
    let (sandbox, memory) = in_memory(&["A", "B", "C"]);
    let program = "cat $A_PATH; echo; cat $B_FILE; echo; cat $AGAIN; echo; \
         env | grep -c '^[AB]='; env | grep ^C=";
    let options = ["exec", "--file", "A=A_PATH,B", "--file", "A=AGAIN", "--"];
    let arguments = [&options[..], &["sh", "-c", program]].concat();
    let (a, b, c) = (value_of("A"), value_of("B"), value_of("C"));
    assert_eq!(
        sandbox.run(&arguments).text(),
        format!("{a}\n{b}\n{a}\n0\nC={c}\n")
    );
    is_empty(&memory);
}

#[test]
fn it_goes_with_the_other_options() {
    let (sandbox, memory) = in_memory(&["A", "B", "C"]);
    let shown = |options: &[&str]| {
        let arguments = [&["exec", "--dry-run"], options].concat();
        sandbox.run(&arguments).succeeds().text().to_owned()
    };
    assert_snapshot!(shown(&["--file", "A"]), @"
    VARIABLE  SECRET         ENVIRONMENT  VERSION
    A_FILE    A (in a file)  dev          1
    B         B              dev          1
    C         C              dev          1
    ");
    assert_snapshot!(shown(&["--file", "A", "--only", "A,B"]), @"
    VARIABLE  SECRET         ENVIRONMENT  VERSION
    A_FILE    A (in a file)  dev          1
    B         B              dev          1
    ");
    assert_snapshot!(shown(&["--file", "A=X", "--map", "Y=A", "--only", "B"]), @"
    VARIABLE  SECRET         ENVIRONMENT  VERSION
    B         B              dev          1
    X         A (in a file)  dev          1
    Y         A              dev          1
    ");
    assert_snapshot!(shown(&["--file", "A=C"]), @"
    VARIABLE  SECRET         ENVIRONMENT  VERSION
    B         B              dev          1
    C         A (in a file)  dev          1
    ");
    is_empty(&memory);
    let json = sandbox.run(&["exec", "--dry-run", "--only", "B", "--file", "A", "--json"]);
    assert_eq!(
        json.json()["variables"][0],
        serde_json::json!({
            "variable": "A_FILE", "secret": "A", "environment": "dev", "version": 1,
            "expires_at": null, "file": true, "inherited": false, "env_file": null
        })
    );
    // Of a value and a file the program would take either.
    let sandbox = sandbox.variable("A", "inherited");
    let kept = [
        "exec",
        "--file",
        "A",
        "--only",
        "B",
        "--keep-existing",
        "--dry-run",
    ];
    assert_snapshot!(sandbox.run(&kept).text(), @"
    VARIABLE  SECRET       ENVIRONMENT  VERSION
    A         (inherited)
    B         B            dev          1
    ");
}

#[test]
fn it_goes_before_what_a_file_of_settings_says() {
    let (mut sandbox, memory) = in_memory(&["A", "B"]);
    let settings = "A=keyvault://A\nA_FILE=/elsewhere\nPORT=8080\n";
    sandbox.write("app.env", settings);
    let program = "echo ${A-none} $PORT ${B-none}; cat $A_FILE";
    let options = ["exec", "--env-file", "app.env", "--file", "A", "--"];
    let run = sandbox.run(&[&options[..], &["sh", "-c", program]].concat());
    assert_eq!(run.text(), format!("none 8080 none\n{}", value_of("A")));
    is_empty(&memory);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let (sandbox, memory) = in_memory(&["A", "B", "GIT_CONFIG", "OLD"]);
    sandbox.run(&["revoke", "OLD"]).succeeds();
    let refused = |options: &[&str]| {
        let arguments = [&["exec"], options, &["--", "touch", "started"]].concat();
        let transcript = sandbox.refused(&arguments).to_string();
        is_empty(&memory);
        transcript
    };
    let all = [
        &["--file", "A=X,B=X"][..],
        &["--file", "A=X", "--map", "X=B"],
        &["--file", "A", "--except", "A"],
        &["--file", "NONE"],
        &["--file", "OLD"],
        &["--file", "A=no name"],
        &[
            "--file",
            "A",
            "--except",
            "GIT_CONFIG,OLD",
            "--file",
            "B=BASH_ENV",
        ],
    ]
    .map(refused);
    assert_snapshot!(all.join("\n"), @"
    --- stderr ---
    keyvault: error: `--file` gives one variable two secrets
    keyvault: hint: name each variable once
    [exit 125]
    --- stderr ---
    keyvault: error: `--file` gives one variable two secrets
    keyvault: hint: name each variable once
    [exit 125]
    --- stderr ---
    keyvault: error: `A` is left out by `--except` and passed on by `--file`
    keyvault: hint: take it out of one of them
    [exit 125]
    --- stderr ---
    keyvault: error: no secret named `NONE` in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 125]
    --- stderr ---
    keyvault: error: `OLD` in environment `dev` is revoked (version 1)
    keyvault: hint: run `keyvault rotate OLD --env dev` to give it a new value
    [exit 125]
    --- stderr ---
    keyvault: error: `--file` has a value that does not fit: it takes a secret's name, and a variable if that is not to be `NAME_FILE`, as in `TLS_KEY=KEY_PATH`
    keyvault: hint: run `keyvault exec --help`
    [exit 125]
    --- stderr ---
    keyvault: error: a secret named `BASH_ENV` would take the program over, and is not passed on
    keyvault: hint: map to other names, or leave out, what you do not need, or pass `--allow-dangerous BASH_ENV` if that is what you want
    [exit 125]
    ");
    let missing = [
        "exec",
        "--file",
        "A",
        "--only",
        "A",
        "--",
        "no-such-program",
    ];
    assert_snapshot!(sandbox.refused(&missing), @"
    --- stderr ---
    keyvault: error: no program `no-such-program`
    [exit 127]
    ");
    is_empty(&memory);
}

#[test]
fn a_program_of_each_kind_is_started_as_without_a_file() {
    let (mut sandbox, memory) = in_memory(&["A"]);
    let bin = sandbox.write("script", "echo \"$# $1 ${A_FILE:+given}\"; exit 9");
    fs::set_permissions(&bin, PermissionsExt::from_mode(0o755)).expect("changed");
    let denied = sandbox.write("denied", "exit 9");
    let path = format!(":{}:/usr/bin:/bin", sandbox.root().display());
    sandbox = sandbox.variable("PATH", path);
    for (program, code) in [
        ("./script", 9),
        ("script", 9),
        ("./denied", 126),
        ("denied", 126),
        (text(&denied), 126),
        ("./.keyvault", 126),
        ("none", 127),
        ("./none", 127),
        ("./script/none", 126),
        ("", 127),
        (&"x".repeat(300), 126),
    ] {
        let run = sandbox.run(&["exec", "--file", "A", "--", program, "a b"]);
        let become_it = sandbox.run(&["exec", "--", program, "a b"]);
        assert_eq!(run.code, Some(code), "{program}: {run}");
        assert_eq!(run.code, become_it.code, "{program}: {become_it}");
        assert_eq!(run.stderr, become_it.stderr, "{program}");
        if code == 9 {
            assert_eq!(run.text(), "1 a b given\n", "{program}");
        }
    }
    is_empty(&memory);
}

#[test]
fn the_user_s_folder_is_used_only_if_it_is_theirs_and_in_memory() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let on_disk = sandbox.home();
    let open = TempDir::new_in("/dev/shm").expect("a folder");
    fs::set_permissions(open.path(), PermissionsExt::from_mode(0o777)).expect("changed");
    for folder in [
        on_disk.as_path(),
        open.path(),
        "relative".as_ref(),
        "/none".as_ref(),
    ] {
        let mut command = sandbox.command(&["exec", "--file", "A", "--", "sh", "-c"]);
        command.arg("echo $A_FILE").env("XDG_RUNTIME_DIR", folder);
        let run = sandbox.finish(&mut command).succeeds().says_nothing();
        assert!(run.text().starts_with("/dev/shm/keyvault-files-"), "{run}");
    }
}

#[test]
fn where_no_memory_is_found_it_is_on_the_disk_and_said_to_be() {
    if !geteuid().is_root() {
        return skip("only root can hide /dev/shm");
    }
    let Some(unshare) = tool("unshare") else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let disk = sandbox.root().join("disk");
    fs::create_dir(&disk).expect("made");
    let play = format!(
        "mount --bind {} /dev/shm && exec keyvault exec --file A -- sh -c \
         'cat $A_FILE; echo; echo ${{A_FILE%-*}}'",
        text(&disk)
    );
    let mut command = sandbox.other(unshare);
    let path = PathBuf::from(crate::sandbox::KEYVAULT);
    let path = format!("{}:/usr/bin:/bin", text(path.parent().expect("a folder")));
    command
        .args(["--mount", "sh", "-c", &play])
        .env("PATH", path);
    let run = sandbox.finish(&mut command);
    if run.code != Some(0) && run.stderr.contains("unshare") {
        return skip("namespaces are not permitted");
    }
    let random = run
        .stderr
        .split("keyvault-files-")
        .nth(1)
        .expect("the path");
    let random = random.split('`').next().expect("an end");
    let shown = run
        .to_string()
        .replace(random, "[random]")
        .replace(CANARY, "[value]");
    assert_snapshot!(shown, @"
    --- stdout ---
    A [value]
    [sandbox]/tmp/keyvault-files
    --- stderr ---
    keyvault: warning: no file system in memory was found: until the program ends, secrets are on the disk, in `[sandbox]/tmp/keyvault-files-[random]`
    [exit 0]
    ");
    let left = fs::read_dir(sandbox.root().join("tmp")).expect("listed");
    assert_eq!(
        left.count() + fs::read_dir(disk).expect("listed").count(),
        0
    );
}

#[test]
fn what_was_left_behind_is_removed_and_nothing_else() {
    let (sandbox, memory) = in_memory(&["A"]);
    let make = |name: &str| {
        let folder = memory.path().join(name);
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("A"), CANARY).expect("written");
        folder
    };
    let left = make("keyvault-files-0011223344556677");
    let others = [
        make("keyvault-files-00112233445566"),
        make("keyvault-files-00112233445566xx"),
        make("keyvault"),
    ];
    let link = memory.path().join("keyvault-files-8899aabbccddeeff");
    std::os::unix::fs::symlink(&others[2], &link).expect("linked");
    // One that another keyvault has.
    let running = make("keyvault-files-0000000000000000");
    let lock = fs::File::open(&running).expect("opened");
    lock.lock().expect("locked");

    let run = ["exec", "--file", "A", "--", "true"];
    sandbox.run(&run).succeeds().says_nothing();

    assert!(!left.exists());
    for folder in others.iter().chain([&link, &running]) {
        let kept = fs::read(folder.join("A")).expect("kept");
        assert_eq!(kept, CANARY.as_bytes(), "{}", folder.display());
    }
    drop(lock);
    // What another test starts meanwhile has the lock as well, for a moment.
    eventually("it was left behind, too, and is removed", || {
        // It may find no session to lock.
        sandbox.run(&["lock"]);
        !running.exists()
    });
}
