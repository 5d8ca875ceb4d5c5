//! `keyvault exec --env-file`: a committed file of settings and references, resolved
//! for the program that is run; and what such a file cannot do.

use std::path::PathBuf;

use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, value_of};

/// A sandbox with secrets and a file `app.env`.
fn with_file(secrets: &[&str], text: &str) -> Sandbox {
    let mut sandbox = Sandbox::with_secrets(secrets);
    sandbox.write("app.env", text);
    sandbox
}

/// Runs a program that prints these variables, one a line.
fn seen(sandbox: &Sandbox, options: &[&str], names: &str) -> String {
    let script = names
        .split(' ')
        .map(|name| format!("echo \"${{{name}-unset}}\"; "))
        .collect::<String>();
    let line = [&["exec"], options, &["--", "sh", "-c", &script]].concat();
    let printed = sandbox.run(&line).succeeds().says_nothing();
    printed.text().trim_end().replace('\n', "|")
}

const ENV_FILE: [&str; 2] = ["--env-file", "app.env"];

#[test]
fn the_program_gets_settings_and_what_they_refer_to() {
    let text = "# committed\nPORT=8080\nNAME='two words'\nTOKEN=keyvault://A\n\
        URL=\"https://u:{{ B | url }}@h/\" # where\nRAW=$HOME {{ .x }}\nEMPTY=\n";
    let sandbox = with_file(&["A", "B", "C"], text);

    let found = seen(&sandbox, &ENV_FILE, "PORT NAME TOKEN URL RAW EMPTY A C");

    let (a, b) = (value_of("A"), value_of("B").replace(' ', "%20"));
    assert_eq!(
        found,
        format!("8080|two words|{a}|https://u:{b}@h/|$HOME {{{{ .x }}}}||unset|unset")
    );
}

#[test]
fn options_choose_secrets_besides() {
    let sandbox = with_file(&["A", "B", "C"], "PORT=1\nB=from the file\n");
    let found = |options: &[&str]| {
        let found = seen(&sandbox, &[&ENV_FILE, options].concat(), "PORT A B C X");
        found.replace(CANARY, "*")
    };

    assert_eq!(found(&[]), "1|unset|from the file|unset|unset");
    assert_eq!(found(&["--only", "A,B"]), "1|A *|from the file|unset|unset");
    assert_eq!(found(&["--except", "C"]), "1|A *|from the file|unset|unset");
    assert_eq!(found(&["--map", "X=C"]), "1|unset|from the file|unset|C *");
    assert_eq!(found(&["--map", "B=C"]), "1|unset|C *|unset|unset");
}

#[test]
fn a_later_file_wins_and_inherited_variables_only_if_they_are_to() {
    let mut sandbox = with_file(&["A"], "X=1\nY=1\nY=2\n").variable("X", "inherited");
    sandbox.write("local.env", "Y=3\n");
    let two = [&ENV_FILE[..], &["--env-file", "local.env"]].concat();

    assert_eq!(seen(&sandbox, &ENV_FILE, "X Y"), "1|2");
    assert_eq!(seen(&sandbox, &two, "X Y"), "1|3");
    let kept = [&ENV_FILE[..], &["--keep-existing"]].concat();
    assert_eq!(seen(&sandbox, &kept, "X Y"), "inherited|2");
}

#[test]
fn a_dry_run_tells_what_is_from_a_file() {
    let sandbox = with_file(&["A", "B"], "PORT=8080\nTOKEN=keyvault://A\n");
    let line = [&["exec"], &ENV_FILE[..], &["--only", "B", "--dry-run"]].concat();

    assert_snapshot!(sandbox.run(&line), @"
    --- stdout ---
    VARIABLE  SECRET     ENVIRONMENT  VERSION
    B         B          dev          1
    PORT      (app.env)
    TOKEN     (app.env)
    [exit 0]
    ");
    let json = sandbox.run(&[&line[..], &["--json"]].concat()).json();
    assert_eq!(json["variables"][1]["env_file"], "app.env");
    assert_eq!(json["variables"][1]["secret"], serde_json::Value::Null);
}

#[test]
fn a_file_that_is_not_right_runs_nothing() {
    let refused = |text: &str| {
        let sandbox = with_file(&["STRIPE_KEY"], text);
        let line = [&["exec"], &ENV_FILE[..], &["--", "touch", "ran"]].concat();
        sandbox.refused(&line).exits(125).stderr
    };
    let all = [
        "A=1\nB=keyvault://STRYPE_KEY\nC={{ STRIPE_KEY | upper }}{{ X",
        "A=1\nB='open\n",
        "A=1\nB\n",
        "a.b=1\n",
        "A=\"two\nlines {{ X }}\n{{ Y }}\"\n",
        "A=keyvault://prod/STRIPE_KEY\n",
        "A=1\nLD_PRELOAD=./x.so\nPATH=.\n",
        "LD_PRELOAD={{ STRIPE_KEY }}\n",
    ];
    assert_snapshot!(all.map(refused).join("\n"), @"
    keyvault: error: 3 references in `app.env` cannot be filled in
      line 2: no secret named `STRYPE_KEY` in environment `dev` (did you mean `STRIPE_KEY`?)
      line 3: there is no such filter; there are `json`, `json-inner`, `yaml`, `url`, `base64`, `shell`
      line 3: these braces do not close on their line

    keyvault: error: `app.env` line 2: a quote or brace that is opened and not closed
    keyvault: hint: nothing was run; mend the file

    keyvault: error: `app.env` line 2: a name without a value
    keyvault: hint: write `NAME=keyvault://NAME` for a secret

    keyvault: error: `app.env` line 1: its name is not one of letters, digits and `_` that does not start with a digit
    keyvault: hint: nothing was run; mend the file

    keyvault: error: 2 references in `app.env` cannot be filled in
      line 2: no secret named `X` in environment `dev`
      line 3: no secret named `Y` in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets

    keyvault: error: one reference in `app.env` cannot be filled in
      line 1: environment `prod` was not asked for, and a reference opens no other than `dev`
    keyvault: hint: if it is to be opened, name it: `--env prod,dev`

    keyvault: error: `app.env` sets `LD_PRELOAD`, `PATH`, which would take the program over
    keyvault: hint: take it out of the file, or pass `--allow-dangerous LD_PRELOAD,PATH` if that is what you want

    keyvault: error: `app.env` sets `LD_PRELOAD`, which would take the program over
    keyvault: hint: take it out of the file, or pass `--allow-dangerous LD_PRELOAD` if that is what you want
    ");
    for (line, code) in [
        (["exec", "--env-file", "nothing", "true"], 125),
        (["exec", "--env-file", ".", "true"], 125),
    ] {
        Sandbox::with_secrets(&["A"]).refused(&line).exits(code);
    }
}

#[test]
fn a_value_no_variable_can_carry_is_told_by_its_line() {
    let mut sandbox = with_file(&[], "A=1\nB=x{{ NUL }}\n");
    sandbox.write("nul", format!("a\0{CANARY}"));
    let line = ["add", "NUL", "--from-file", "nul"];
    sandbox.run(&line).succeeds();
    let line = [&["exec"], &ENV_FILE[..], &["--", "true"]].concat();

    assert_snapshot!(sandbox.refused(&line), @"
    --- stderr ---
    keyvault: error: one reference in `app.env` cannot be filled in
      line 2: what it refers to holds a NUL byte, which no environment variable can carry
    keyvault: hint: write `{{ NAME | base64 }}`, and let the program decode it
    [exit 125]
    ");
}

#[test]
fn a_dangerous_name_is_set_where_it_is_allowed() {
    let sandbox = with_file(&["A"], "NODE_OPTIONS=--trace-warnings\n");
    let allowed = [&ENV_FILE[..], &["--allow-dangerous", "NODE_OPTIONS"]].concat();

    assert_eq!(seen(&sandbox, &allowed, "NODE_OPTIONS"), "--trace-warnings");
}

#[test]
fn a_pipe_is_a_file_too() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut command = sandbox.command(&["exec", "--env-file", "-", "--", "sh", "-c", "echo $X"]);

    let printed = sandbox.finish_with_stdin(&mut command, "X={{ A }}");

    assert_eq!(printed.succeeds().text(), format!("{}\n", value_of("A")));
    let pipe: PathBuf = sandbox.project().join("pipe");
    let status = sandbox.other("mkfifo").arg(&pipe).status();
    assert!(status.expect("it starts").success());
    let writer = std::thread::spawn(move || std::fs::write(pipe, "X=from a pipe"));
    assert_eq!(seen(&sandbox, &["--env-file", "pipe"], "X"), "from a pipe");
    writer.join().expect("it ended").expect("written");
}
