use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, Transcript, value_of};

/// The environment that a child of `exec` has, one variable a line, sorted.
fn environment(sandbox: &Sandbox, options: &[&str]) -> Vec<String> {
    let mut arguments = vec!["exec"];
    arguments.extend(options);
    arguments.extend(["--", "env"]);
    lines(&sandbox.run(&arguments).succeeds())
}

fn lines(transcript: &Transcript) -> Vec<String> {
    let mut lines: Vec<String> = transcript.text().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The names of the secrets that a child gets.
fn secrets(sandbox: &Sandbox, options: &[&str]) -> Vec<String> {
    let environment = environment(sandbox, options);
    let ours = environment.iter().filter(|line| line.contains(CANARY));
    ours.map(|line| line.split('=').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_program_has_the_secrets_and_what_it_would_inherit() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]).variable("KEPT", "as it is");
    let mut expected = lines(&sandbox.finish(&mut sandbox.other("env")));
    expected.extend(["A", "B"].map(|name| format!("{name}={}", value_of(name))));
    expected.sort();

    let transcript = sandbox
        .run(&["exec", "--", "env"])
        .succeeds()
        .says_nothing();

    assert_eq!(lines(&transcript), expected);
}

#[test]
fn needs_no_dashes_and_has_other_names() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let print = ["sh", "-c", "printf %s \"$A\""];

    for start in [
        &["exec", "--"][..],
        &["exec"],
        &["run"],
        &["x", "--"],
        &["exec", "-e", "dev"],
    ] {
        let line = [start, &print].concat();
        assert_eq!(
            sandbox.run(&line).succeeds().text(),
            value_of("A"),
            "{line:?}"
        );
    }
}

#[test]
fn what_stands_behind_the_program_is_the_program_s() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let print = ["sh", "-c", r#"printf '[%s]' "$@""#, "sh"];
    let arguments = [
        "-e",
        "prod",
        "--json",
        "--",
        "--dry-run",
        "-q",
        "--help",
        "",
    ];
    let expected = "[-e][prod][--json][--][--dry-run][-q][--help][]";

    for start in [
        &["exec"][..],
        &["exec", "--"],
        &["exec", "-e", "dev"],
        &["exec", "-q", "--"],
        &["-q", "x"],
    ] {
        let line = [start, &print, &arguments].concat();
        assert_eq!(sandbox.run(&line).succeeds().text(), expected, "{start:?}");
    }
}

#[test]
fn only_and_except_choose_by_name_and_pattern() {
    let sandbox = Sandbox::with_secrets(&["AWS_ID", "AWS_KEY", "STRIPE_KEY"]);

    assert_eq!(secrets(&sandbox, &[]), ["AWS_ID", "AWS_KEY", "STRIPE_KEY"]);
    assert_eq!(
        secrets(&sandbox, &["--only", "AWS_*"]),
        ["AWS_ID", "AWS_KEY"]
    );
    assert_eq!(
        secrets(&sandbox, &["--only", "AWS_ID,STRIPE_KEY"]),
        ["AWS_ID", "STRIPE_KEY"]
    );
    assert_eq!(secrets(&sandbox, &["--only", "AWS_??"]), ["AWS_ID"]);
    assert_eq!(secrets(&sandbox, &["--only", "[RST]*"]), ["STRIPE_KEY"]);
    assert_eq!(secrets(&sandbox, &["--except", "AWS_*"]), ["STRIPE_KEY"]);
    assert_eq!(
        secrets(&sandbox, &["--only", "*_KEY", "--except", "AWS_KEY"]),
        ["STRIPE_KEY"]
    );
    assert_eq!(secrets(&sandbox, &["--except", "*"]), [""; 0]);
}

#[test]
fn a_name_that_is_not_there_is_an_error() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);

    assert_snapshot!(sandbox.run(&["exec", "--only", "STRYPE_KEY", "--", "true"]), @"
    --- stderr ---
    keyvault: error: no secret named `STRYPE_KEY` in environment `dev`
    keyvault: hint: did you mean `STRIPE_KEY`?
    [exit 125]
    ");
    assert_snapshot!(sandbox.run(&["exec", "--except", "AWS_*", "--", "true"]), @"
    --- stderr ---
    keyvault: error: `--except AWS_*` matches no secret in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 125]
    ");
    sandbox
        .run(&["exec", "--except", "NOPE", "--", "true"])
        .exits(125);
    sandbox
        .run(&["exec", "--map", "A=NOPE", "--", "true"])
        .exits(125);
    let bad = sandbox
        .run(&["exec", "--only", "a b/c", "--", "true"])
        .exits(125);
    bad.says("a pattern is a secret's name");
    assert_snapshot!(sandbox.refused(&["exec", "--tag", "none", "--", "touch", "made"]), @"
    --- stderr ---
    keyvault: error: `--tag none` matches no secret in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 125]
    ");
}

#[test]
fn tags_choose_too() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox
        .run_with_stdin(&["add", "B", "--tag", "ai"], value_of("B"))
        .succeeds();

    assert_eq!(secrets(&sandbox, &["--tag", "ai"]), ["B"]);
    sandbox
        .refused(&["exec", "--tag=ai", "--tag=none", "--", "touch", "made"])
        .exits(125);
    // There is one, though it is not passed on.
    sandbox.run(&["revoke", "B"]).succeeds();
    assert_eq!(secrets(&sandbox, &["--tag", "ai", "-q"]), [""; 0]);
}

#[test]
fn a_secret_may_go_under_another_name() {
    let sandbox = Sandbox::with_secrets(&["PROD_DB_URL", "B"]);

    let mapped = environment(&sandbox, &["--map", "DATABASE_URL=PROD_DB_URL"]);
    assert!(mapped.contains(&format!("DATABASE_URL={}", value_of("PROD_DB_URL"))));
    assert!(mapped.contains(&format!("B={}", value_of("B"))));
    assert!(
        !mapped.iter().any(|line| line.starts_with("PROD_DB_URL=")),
        "under the other name alone"
    );

    let options = ["--only", "PROD_DB_URL", "--map", "A=PROD_DB_URL,C=B"];
    assert_eq!(secrets(&sandbox, &options), ["A", "C", "PROD_DB_URL"]);
    // It takes the place of a secret of that name.
    let taken = environment(&sandbox, &["--map", "B=PROD_DB_URL"]);
    assert!(taken.contains(&format!("B={}", value_of("PROD_DB_URL"))));
    sandbox
        .run(&["exec", "--map", "A=B,A=PROD_DB_URL", "--", "true"])
        .exits(125);
    sandbox
        .run(&["exec", "--map", "AB", "--", "true"])
        .exits(125);
}

#[test]
fn a_secret_that_is_left_out_does_not_come_under_another_name() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    let exec = |except: &str, map: &str| {
        sandbox.refused(&[
            "exec", "--except", except, "--map", map, "--", "touch", "made",
        ])
    };

    assert_snapshot!(exec("B", "X=B"), @"
    --- stderr ---
    keyvault: error: `B` is left out by `--except` and passed on by `--map`
    keyvault: hint: take it out of one of them
    [exit 125]
    ");
    exec("*", "X=A").exits(125).says("`A` is left out");
    exec("A,B", "B=A").exits(125).says("`A` is left out");
    // It is the secret that is left out, and not the variable.
    assert_eq!(secrets(&sandbox, &["--except", "B", "--map", "B=A"]), ["B"]);
    assert_eq!(secrets(&sandbox, &["--only", "B*", "--map", "X=B"]), ["X"]);
}

#[test]
fn the_vault_wins_unless_told_otherwise() {
    let sandbox = Sandbox::with_secrets(&["A", "B"])
        .variable("A", "old")
        .variable("B", "old");

    let has =
        |options: &[&str], line: &str| environment(&sandbox, options).contains(&line.to_owned());
    assert!(has(&[], &format!("A={}", value_of("A"))));
    assert!(has(&["--keep-existing"], "A=old"));
    assert!(has(&["--preserve-env"], "B=old"));
    assert!(has(&["--keep-existing=A"], "A=old"));
    assert!(has(&["--keep-existing=A"], &format!("B={}", value_of("B"))));
}

#[test]
fn a_clean_environment_has_the_list_and_the_secrets() {
    let sandbox = Sandbox::with_secrets(&["A"])
        .variable("LC_ALL", "C.UTF-8")
        .variable("AWS_PROFILE", "x")
        .variable("KEYVAULT_ENV", "dev")
        .variable("TZ", "UTC");

    for option in ["--clean-env", "--pristine", "--no-inherit"] {
        let environment = environment(&sandbox, &[option]);
        let names: Vec<&str> = environment
            .iter()
            .filter_map(|line| line.split('=').next())
            .collect();
        assert_eq!(
            names,
            ["A", "HOME", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER"]
        );
    }
}

#[test]
fn what_opens_the_vault_does_not_reach_the_program() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let text = fs::read_to_string(sandbox.identity()).expect("read");
    let sandbox = sandbox
        .variable("KEYVAULT_IDENTITY", text)
        .variable("KEYVAULT_PASSPHRASE_FILE", "/nowhere")
        .variable("KEYVAULT_PASSPHRASE_COMMAND", "false")
        .variable("KEYVAULT_ENV", "dev");

    let environment = environment(&sandbox, &[]);

    let ours: Vec<_> = environment
        .iter()
        .filter(|line| line.starts_with("KEYVAULT"))
        .collect();
    assert_eq!(ours, ["KEYVAULT_ENV=dev"]);
    assert!(!environment.join("\n").contains("AGE-SECRET-KEY"));
}

#[test]
fn a_name_that_takes_programs_over_is_refused() {
    let sandbox = Sandbox::with_secrets(&["A", "LD_PRELOAD"]);

    assert_snapshot!(sandbox.refused(&["exec", "--", "touch", "made"]), @"
    --- stderr ---
    keyvault: error: a secret named `LD_PRELOAD` would take the program over, and is not passed on
    keyvault: hint: leave out what you do not need with `--except LD_PRELOAD`, or pass `--allow-dangerous LD_PRELOAD` if that is what you want
    [exit 125]
    ");
    assert_eq!(secrets(&sandbox, &["--except", "LD_PRELOAD"]), ["A"]);
    for name in ["BROWSER", "Npm_Config_Script_Shell", "ES_JAVA_OPTS"] {
        let map = format!("{name}=A");
        sandbox
            .refused(&["exec", "--only", "A", "--map", &map, "--", "touch", "made"])
            .exits(125);
    }
    assert_snapshot!(sandbox.refused(&["exec", "--only", "A", "--map", "PATH=A", "--", "true"]), @"
    --- stderr ---
    keyvault: error: a secret named `PATH` would take the program over, and is not passed on
    keyvault: hint: map to other names, or leave out, what you do not need, or pass `--allow-dangerous PATH` if that is what you want
    [exit 125]
    ");
    // Allowed, it arrives: the dynamic linker complains of it and goes on.
    let allowed = sandbox
        .other("sh")
        .args([
            "-c",
            "exec \"$0\" exec --allow-dangerous LD_PRELOAD -- env 2>/dev/null",
            KEYVAULT,
        ])
        .output();
    let allowed = String::from_utf8(allowed.expect("it starts").stdout).expect("text");
    assert!(allowed.contains(&format!("LD_PRELOAD={}", value_of("LD_PRELOAD"))));
}

#[test]
fn a_revoked_secret_is_left_out_and_refused_by_name() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox
        .run(&["revoke", "A", "--reason", "leaked"])
        .succeeds();

    assert_snapshot!(sandbox.run(&["exec", "--", "sh", "-c", "echo ${A-none}"]), @"
    --- stdout ---
    none
    --- stderr ---
    keyvault: warning: `A` is revoked and was left out
    [exit 0]
    ");
    sandbox
        .run(&["exec", "-q", "--", "true"])
        .succeeds()
        .says_nothing();
    sandbox
        .run(&["exec", "--only", "*", "--", "true"])
        .succeeds()
        .says("`A` is revoked and was left out");
    assert_snapshot!(sandbox.run(&["exec", "--only", "A", "--", "true"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` is revoked (version 1: leaked)
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value
    [exit 125]
    ");
    sandbox
        .run(&["exec", "--map", "X=A", "--", "true"])
        .exits(125)
        .says("is revoked");
}

#[test]
fn layers_are_laid_over_each_other() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run_with_stdin(&["add", "A", "-e", "prod"], format!("prod {CANARY}"))
        .succeeds();

    let layered = environment(&sandbox, &["-e", "dev,prod"]);

    assert!(layered.contains(&format!("A=prod {CANARY}")));
    assert!(layered.contains(&format!("B={}", value_of("B"))));
    sandbox.run(&["revoke", "A", "-e", "prod"]).succeeds();
    assert_eq!(
        secrets(&sandbox, &["-e", "dev,prod", "-q"]),
        ["B"],
        "not the one below"
    );
    sandbox
        .run(&["exec", "-e", "dev,nowhere", "--", "true"])
        .exits(125)
        .says("no environment `nowhere`");
}

#[test]
fn a_dry_run_tells_names_and_where_from() {
    let sandbox = Sandbox::with_secrets(&["A", "B", "C"]).variable("B", "inherited");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run_with_stdin(&["add", "A", "-e", "prod"], CANARY)
        .succeeds();
    let options = [
        "exec",
        "--dry-run",
        "-e",
        "dev,prod",
        "--keep-existing",
        "--map",
        "X=C",
    ];

    assert_snapshot!(sandbox.run(&options), @"
    --- stdout ---
    VARIABLE  SECRET       ENVIRONMENT  VERSION
    A         A            prod         1
    B         (inherited)
    X         C            dev          1
    [exit 0]
    ");
    let with_program = [&options[..], &["--", "touch", "made"]].concat();
    assert_eq!(
        sandbox.run(&with_program).text(),
        sandbox.run(&options).text()
    );
    assert!(!sandbox.project().join("made").exists());
    assert_eq!(
        sandbox.run(&["exec", "--dry-run", "-q"]).text(),
        "A\nB\nC\n"
    );
    let json = sandbox
        .run(&["exec", "--dry-run", "--only", "A", "--json"])
        .json();
    assert_eq!(
        json["variables"],
        serde_json::json!([
            {"variable": "A", "secret": "A", "environment": "dev", "version": 1, "expires_at": null, "file": false, "inherited": false, "env_file": null}
        ])
    );
}

#[test]
fn a_value_no_variable_can_carry_is_refused_by_name() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("nul", format!("{CANARY}\0"));
    sandbox
        .run(&["add", "NUL", "--from-file", "nul"])
        .succeeds();

    assert_snapshot!(sandbox.run(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: the value of `NUL` in environment `dev` holds a NUL byte, which no environment variable can carry
    keyvault: hint: pass it on in a file with `--file NUL`, or leave it out with `--except NUL`
    [exit 125]
    ");
    assert_eq!(secrets(&sandbox, &["--except", "NUL"]), ["A"]);
}

#[test]
fn a_value_too_long_for_the_system_is_named() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    // Linux takes 128 KiB for one variable, its name included.
    sandbox
        .run_with_stdin(&["add", "LARGE"], "x".repeat(200_000))
        .succeeds();

    assert_snapshot!(sandbox.run(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: the environment is too large for the system; the largest secret is `LARGE` in environment `dev` with 200000 bytes
    keyvault: hint: pass it on in a file with `--file LARGE`, or leave it out with `--except LARGE`
    [exit 126]
    ");
    assert_eq!(secrets(&sandbox, &["--except", "LARGE"]), ["A"]);
}

#[test]
fn the_exit_code_is_the_program_s() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let ends = |command: &str| sandbox.run(&["exec", "--", "sh", "-c", command]);

    assert_eq!(ends("exit 42").code, Some(42));
    assert_eq!(ends("exit 255").code, Some(255));
    assert_eq!(ends("kill -9 $$").signal, Some(9));
    assert_eq!(ends("kill -TERM $$").signal, Some(15));
}

#[test]
fn a_program_that_does_not_start_ends_as_with_env() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let script = sandbox.write("script", "echo run by a shell\n");
    sandbox.write("plain", "text");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("set");
    let no_interpreter = sandbox.write("no-interpreter", "#!/nowhere/at-all\n");
    fs::set_permissions(&no_interpreter, fs::Permissions::from_mode(0o755)).expect("set");

    let cases = [
        ("no-such-program", 127),
        ("./no-such-program", 127),
        ("./plain", 126),
        ("./", 126),
        (".", 126),
        ("./plain/below", 126),
        ("./no-interpreter", 127),
        ("./script", 0),
        ("", 127),
    ];
    for (program, code) in cases {
        let with_env = sandbox.finish(sandbox.other("env").arg(program));
        let with_us = sandbox.run(&["exec", "--", program]);
        assert_eq!(with_us.code, with_env.code, "{program:?}: {with_us}");
        assert_eq!(with_us.code, Some(code), "{program:?}: {with_us}");
        assert_eq!(with_us.stdout, with_env.stdout);
    }
    assert_snapshot!(sandbox.run(&["exec", "--", "no-such-program"]), @"
    --- stderr ---
    keyvault: error: no program `no-such-program`
    [exit 127]
    ");
    assert_snapshot!(sandbox.run(&["exec", "--", "./plain"]), @"
    --- stderr ---
    keyvault: error: cannot execute `./plain`: permission denied
    [exit 126]
    ");
}

#[test]
fn whatever_else_fails_ends_with_125() {
    let sandbox = Sandbox::empty();

    assert_snapshot!(sandbox.run(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: no vault in `[sandbox]/project` or above it, and no personal one
    keyvault: hint: run `keyvault init` to make one here
    [exit 125]
    ");
    assert_snapshot!(sandbox.run(&["exec"]), @"
    --- stderr ---
    keyvault: error: no program was named
    keyvault: hint: run `keyvault exec -- PROGRAM`; `keyvault exec --help` shows its options
    [exit 125]
    ");
    assert_snapshot!(sandbox.run(&["exec", "--olny", "A", "--", "true"]), @"
    --- stderr ---
    keyvault: error: an option of `exec` is not known, or `--` is missing before the program
    keyvault: hint: did you mean `--only`?
    [exit 125]
    ");
    sandbox.run(&["exec", "--json"]).exits(125);
    sandbox.run(&["x", "--keep-existing=1A", "true"]).exits(125);
    sandbox
        .run(&["run", "--vault", "nowhere", "true"])
        .exits(125);
}

#[test]
fn the_program_is_found_along_the_path_that_it_gets() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let folder = sandbox.project().join("bin");
    fs::create_dir(&folder).expect("made");
    let program = sandbox.write("bin/own-program", "#!/bin/sh\necho found\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    sandbox.run_with_stdin(&["add", "PATH"], &path).succeeds();

    let found = sandbox.run(&["exec", "--allow-dangerous", "PATH", "--", "own-program"]);

    assert_eq!(found.succeeds().text(), "found\n");
    sandbox
        .run(&["exec", "--except", "PATH", "--", "own-program"])
        .exits(127);
}

#[test]
fn a_program_behind_dashes_may_be_called_like_an_option() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["exec", "--", "--bogus"]).exits(127);
    sandbox.run(&["exec", "--only", "A", "--", "-x"]).exits(127);
    sandbox.run(&["exec", "--bogus", "--", "true"]).exits(125);
    sandbox.run(&["exec", "--only", "A", "-x"]).exits(125);
}

#[test]
fn all_that_would_take_the_program_over_is_told_at_once() {
    let sandbox = Sandbox::with_secrets(&["PATH", "NODE_OPTIONS", "A"]);
    assert_snapshot!(sandbox.run(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: secrets named `NODE_OPTIONS`, `PATH` would take the program over, and are not passed on
    keyvault: hint: leave out what you do not need with `--except NODE_OPTIONS,PATH`, or pass `--allow-dangerous NODE_OPTIONS,PATH` if that is what you want
    [exit 125]
    ");
}
