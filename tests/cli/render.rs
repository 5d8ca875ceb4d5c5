//! `keyvault render`: references filled in, or nothing written at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use insta::assert_snapshot;

use crate::forge;
use crate::sandbox::{CANARY, Sandbox, read_to_string, tool, value_of};
use crate::terminal::Terminal;

#[test]
fn fills_references_in_and_leaves_the_rest() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.add("B", &format!("it's \"{CANARY}\""));
    let template = "a: keyvault://A\r\nb: {{ B | json }} {{ .Values.b }}\n";
    sandbox.write("app.tpl", template);
    let expected = format!(
        "a: {}\r\nb: \"it's \\\"{CANARY}\\\"\" {{{{ .Values.b }}}}\n",
        value_of("A")
    );

    let rendered = sandbox
        .run(&["render", "app.tpl"])
        .succeeds()
        .says_nothing();

    assert_eq!(rendered.text(), expected);
    for dash in [&["render", "-"][..], &["render", "-", "-o", "-"]] {
        let rendered = sandbox.run_with_stdin(dash, template).succeeds();
        assert_eq!(rendered.text(), expected);
    }
    let json = sandbox.run(&["render", "app.tpl", "--json"]).json();
    assert_eq!(json["text"], expected);
}

#[test]
fn what_is_no_text_passes_through_as_it_is() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let bytes: Vec<u8> = (0..=255).collect();
    sandbox.write("bytes", &bytes);

    let rendered = sandbox.run(&["render", "bytes"]).succeeds();

    assert_eq!(rendered.stdout, bytes);
    assert_eq!(
        rendered.stderr,
        "keyvault: note: there is no reference in it; `keyvault render --help` shows their forms\n"
    );
}

#[test]
fn a_file_is_for_its_owner_alone_and_warned_of() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("app.tpl", "a: {{ A }}\n");
    let file = sandbox.write("app.yml", "left from before");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");

    assert_snapshot!(sandbox.run(&["render", "app.tpl", "-o", "app.yml"]), @"
    --- stderr ---
    keyvault: warning: `app.yml` holds one value in plaintext, which you alone may read; remove it once it has served
    [exit 0]
    ");
    assert_eq!(read_to_string(&file), format!("a: {}\n", value_of("A")));
    let mode = fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let line = ["render", "app.tpl", "-o", "app.yml", "--json", "-q"];
    assert_snapshot!(sandbox.run(&line), @r#"
    --- stdout ---
    {"schema":1,"path":"app.yml","values":1}
    [exit 0]
    "#);
}

#[test]
fn says_whether_git_ignores_what_it_wrote() {
    let Some(git) = tool("git") else { return };
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox
        .finish(sandbox.other(git).args(["init", "-q"]))
        .succeeds();
    sandbox.write(".gitignore", "/ignored\n");
    for (name, is_told) in [("ignored", false), ("committed", true)] {
        sandbox.write(name, "");
        let rendered = sandbox.run_with_stdin(&["render", "-", "-o", name], "{{ A }}");
        let told = rendered
            .succeeds()
            .stderr
            .contains("git does not ignore it");
        assert_eq!(told, is_told, "{name}");
    }
}

#[test]
fn every_fault_is_told_at_once_and_nothing_is_written() {
    let mut sandbox = Sandbox::with_secrets(&["STRIPE_KEY", "GONE"]);
    sandbox.run(&["revoke", "GONE"]).succeeds();
    sandbox.write(
        "app.tpl",
        "ä {{ STRYPE_KEY }} keyvault://STRIPE_KEY/x\n{{ STRIPE_KEY | upper }}\n  {{ GONE\n{{ GONE }}\n",
    );

    let line = ["render", "app.tpl", "-o", "app.yml"];
    assert_snapshot!(sandbox.refused(&line), @"
    --- stderr ---
    keyvault: error: 5 references in `app.tpl` cannot be filled in
      1:3 no secret named `STRYPE_KEY` in environment `dev` (did you mean `STRIPE_KEY`?)
      1:20 a reference is `NAME` or `ENVIRONMENT/NAME` behind `keyvault://`, or `{{ NAME }}` where more letters follow
      2:1 there is no such filter; there are `json`, `json-inner`, `yaml`, `url`, `base64`, `shell`
      3:3 these braces do not close on their line
      4:1 `GONE` in environment `dev` is revoked (version 1)
    [exit 3]
    ");
    sandbox.write("one.tpl", "{{ STRYPE_KEY }}");
    assert_snapshot!(sandbox.refused(&["render", "one.tpl"]), @"
    --- stderr ---
    keyvault: error: one reference in `one.tpl` cannot be filled in
      1:1 no secret named `STRYPE_KEY` in environment `dev`
    keyvault: hint: did you mean `STRIPE_KEY`?
    [exit 3]
    ");
    sandbox.write("gone.tpl", "{{ GONE }}");
    sandbox.refused(&["render", "gone.tpl"]).exits(5);
    assert_eq!(sandbox.refused(&line).stdout, b"");
}

#[test]
fn an_expired_secret_is_not_filled_in() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let file = forge::resigned(
        &read_to_string(&sandbox.identity()),
        &fs::read(sandbox.dev()).expect("read"),
        |document| {
            document.replace(
                "\"value\":",
                "\"expires_at\":\"2001-01-01T00:00:00Z\",\"value\":",
            )
        },
    );
    fs::write(sandbox.dev(), file).expect("written");
    sandbox.run(&["trust", "--yes"]).succeeds();
    sandbox.write("app.tpl", "{{ A }}");

    sandbox
        .refused(&["render", "app.tpl"])
        .exits(5)
        .says("1:1 `A` in environment `dev` has expired");
}

#[test]
fn a_reference_opens_no_environment_that_was_not_named() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let value = format!("prod {CANARY}");
    sandbox
        .run_with_stdin(&["add", "A", "--env", "prod"], &value)
        .succeeds();
    sandbox.write("app.tpl", "{{ prod/A }}, keyvault://dev/A");

    assert_snapshot!(sandbox.refused(&["render", "app.tpl"]), @"
    --- stderr ---
    keyvault: error: one reference in `app.tpl` cannot be filled in
      1:1 environment `prod` was not asked for, and a reference opens no other than `dev`
    keyvault: hint: if it is to be opened, name it: `--env prod,dev`
    [exit 3]
    ");
    let rendered = sandbox.run(&["render", "app.tpl", "-e", "prod,dev"]);
    assert_eq!(
        rendered.succeeds().text(),
        format!("{value}, {}", value_of("A"))
    );
}

#[test]
fn nothing_but_a_regular_file_is_written_to() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("app.tpl", "{{ A }}");
    sandbox.write("target", "kept");
    symlink("target", sandbox.project().join("link")).expect("linked");
    symlink("app.tpl", sandbox.project().join("same")).expect("linked");

    assert_snapshot!(sandbox.refused(&["render", "app.tpl", "-o", "link"]), @"
    --- stderr ---
    keyvault: error: `link` is not replaced: it is a symbolic link
    keyvault: hint: nothing was written; name another file, or leave `--output` away to write to stdout
    [exit 7]
    ");
    for (arguments, code) in [
        (["render", "app.tpl", "-o", "."], 7),
        (["render", "app.tpl", "-o", "/dev/null"], 7),
        (["render", "app.tpl", "-o", "nowhere/x"], 1),
        (["render", "app.tpl", "-o", "app.tpl"], 2),
        (["render", "same", "-o", "app.tpl"], 2),
        (["render", "nothing", "-o", "x"], 1),
        (["render", ".", "-o", "x"], 2),
    ] {
        sandbox.refused(&arguments).exits(code);
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("large", vec![b' '; (4 << 20) + 1]);

    assert_snapshot!(sandbox.refused(&["render", "large"]), @"
    --- stderr ---
    keyvault: error: `large`: more than 4 MiB
    keyvault: hint: nothing was done; name the right file
    [exit 1]
    ");
}

#[test]
fn asks_before_values_are_shown_on_a_terminal() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("app.tpl", "{{ A }}\n");
    sandbox.write("plain.tpl", "nothing to hide\n");
    let asked = |arguments: &[&str], answer: &str| {
        let mut terminal = Terminal::start(&sandbox, arguments);
        if !answer.is_empty() {
            terminal.expect("Show one value on this terminal? [y/N] ");
            terminal.enter(answer);
        }
        let ending = terminal.end();
        (ending.text.contains(CANARY), ending.code)
    };

    assert_eq!(asked(&["render", "app.tpl"], "y"), (true, Some(0)));
    assert_eq!(asked(&["render", "app.tpl"], "n"), (false, Some(1)));
    assert_eq!(
        asked(&["render", "app.tpl", "--json"], "n"),
        (false, Some(1))
    );
    assert_eq!(asked(&["render", "app.tpl", "-y"], ""), (true, Some(0)));
    assert_eq!(
        asked(&["render", "app.tpl", "--no-input"], ""),
        (false, Some(2))
    );
    assert_eq!(asked(&["render", "plain.tpl"], ""), (false, Some(0)));
}
