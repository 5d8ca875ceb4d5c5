//! Secrets out of files: what is read, what is refused, and what becomes of the file.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, Transcript, lacks, read_to_string, text, tool, value_of};
use crate::terminal::Terminal;

/// A `.env` of secrets with the canary.
fn dotenv(names: &[&str]) -> String {
    let lines = names
        .iter()
        .map(|name| format!("{name}=\"{}\"\n", value_of(name)));
    lines.collect()
}

/// A project whose `.env` has these secrets.
fn with_dotenv(names: &[&str]) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", dotenv(names));
    sandbox
}

#[track_caller]
fn has(sandbox: &Sandbox, name: &str, value: &str) {
    assert_eq!(
        sandbox.run(&["get", name]).succeeds().text(),
        value,
        "{name}"
    );
}

/// Runs git in the project, as somebody with a name.
#[track_caller]
fn git(sandbox: &Sandbox, arguments: &[&str]) -> Transcript {
    let mut git = sandbox.other("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
    sandbox.finish(git.args(arguments)).succeeds()
}

/// The same project in a work tree of git, if there is git.
fn in_git(names: &[&str]) -> Option<Sandbox> {
    tool("git")?;
    let sandbox = with_dotenv(names);
    git(&sandbox, &["init", "--quiet", "--template="]);
    Some(sandbox)
}

// What is read

#[test]
fn a_dotenv_file_is_imported_whole() {
    let mut sandbox = with_dotenv(&["A", "B"]);

    assert_snapshot!(sandbox.run(&["import", ".env"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2); name yours with `--dialect`
    imported into `dev`: 2 added; 2 read back and compared
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    has(&sandbox, "A", &value_of("A"));
    has(&sandbox, "B", &value_of("B"));

    sandbox.write(".env", format!("{}C={CANARY}\n", dotenv(&["A"])));
    assert_snapshot!(sandbox.run(&["import", ".env", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"environment":"dev","added":["C"],"rotated":[],"unchanged":["A"],"skipped":[],"read_back":2}
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (line 1); name yours with `--dialect`
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    "#);
    assert!(sandbox.project().join(".env").exists());
}

#[test]
fn stdin_and_pipes_are_read_and_have_nothing_to_put_away() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.run_with_stdin(&["import", "-"], dotenv(&["A"])), @"
    --- stderr ---
    keyvault: note: `stdin` is read as `node` does, and otherwise by `docker` (line 1); name yours with `--dialect`
    imported into `dev`: 1 added; 1 read back and compared
    [exit 0]
    ");
    let json = format!("{{\"B\": \"{CANARY}\"}}");
    sandbox.run_with_stdin(&["import", "-"], json).succeeds();
    has(&sandbox, "B", CANARY);

    if tool("bash").is_none() {
        return;
    }
    let line = format!("\"$0\" import <(sleep 0.1; echo C={CANARY}; sleep 0.1; echo D={CANARY})");
    let mut bash = sandbox.other("bash");
    bash.args(["-c", &line, crate::sandbox::KEYVAULT]);
    sandbox.finish(&mut bash).succeeds();
    has(&sandbox, "D", CANARY);
}

#[test]
fn a_pipe_that_nobody_writes_into_is_said_to_be_waited_for() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.project().join("pipe");
    sandbox
        .finish(sandbox.other("mkfifo").arg(&pipe))
        .succeeds();
    let mut terminal = Terminal::start(&sandbox, &["import", "pipe"]);

    terminal.expect("waiting for somebody to write into `pipe`");
    let mut writer = fs::OpenOptions::new()
        .write(true)
        .open(&pipe)
        .expect("opened");
    write!(writer, "A={CANARY}").expect("written");
    drop(writer);
    assert_eq!(terminal.end().code, Some(0));

    has(&sandbox, "A", CANARY);
}

#[test]
fn other_forms_are_told_by_name_or_option() {
    let mut sandbox = Sandbox::new();
    sandbox.write("a.json", format!("{{\"J\": \"{CANARY}\", \"N\": 1.10}}"));
    sandbox.write("a.yaml", format!("Y: {CANARY}\nNO: NO\n"));
    sandbox.write("a.toml", format!("T = '{CANARY}'\nX = 0x1f\n"));
    sandbox.write("flat", format!("F: {CANARY}\nO: 0777"));

    sandbox
        .run(&["import", "a.json", "a.yaml", "a.toml"])
        .succeeds();
    sandbox
        .run(&["import", "flat", "--format", "yaml"])
        .succeeds();

    for (name, value) in [
        ("J", CANARY),
        ("N", "1.10"),
        ("Y", CANARY),
        ("NO", "NO"),
        ("T", CANARY),
        ("X", "0x1f"),
        ("F", CANARY),
        ("O", "0777"),
    ] {
        has(&sandbox, name, value);
    }
}

#[test]
fn what_others_write_is_read_as_they_meant_it() {
    let Some(python) = tool("python3") else {
        return;
    };
    let sandbox = Sandbox::new();
    let mut probe = sandbox.other(&python);
    if sandbox
        .finish(probe.args(["-c", "import tomllib, yaml"]))
        .code
        != Some(0)
    {
        lacks("`python3` with PyYAML");
        return;
    }
    let mut python = sandbox.other(&python);
    let written = sandbox.finish(python.args(["-c", include_str!("import/write_forms.py")]));
    let values: BTreeMap<String, String> =
        serde_json::from_slice(&written.succeeds().stdout).expect("an object of texts");
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    let files = [
        "a.json", "b.json", "a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "a.toml",
    ];
    for (number, file) in files.iter().enumerate() {
        let environment = format!("e{number}");
        let line = ["import", file, "--create-env", "-q", "-e", &environment];
        sandbox.run(&line).succeeds();
        let line = [&["get", "--json", "-e", &environment], &names[..]].concat();
        let read = sandbox.run(&line).succeeds().json();
        for (name, value) in &values {
            let read = read["secrets"][name]["value"].as_str().expect("a text");
            assert_eq!(read, value, "{name} in {file}");
        }
    }
}

#[test]
fn names_are_chosen_as_the_file_has_them_and_get_a_prefix() {
    let sandbox = with_dotenv(&["A", "B_1", "B_2"]);

    sandbox
        .run(&["import", ".env", "--only", "B*", "--prefix", "APP_"])
        .succeeds()
        .says("the plaintext is still in `.env`\n");

    let names = sandbox.run(&["list", "-q"]);
    assert_eq!(names.text(), "APP_B_1\nAPP_B_2\n");
    sandbox
        .refused(&["import", ".env", "--only", "A,C*"])
        .exits(2)
        .says("`--only C*` matches no name");
    for prefix in ["1", "A-", CANARY] {
        sandbox
            .refused(&["import", ".env", "--prefix", prefix])
            .exits(2);
    }
}

#[test]
fn references_are_kept_unless_they_are_to_be_resolved() {
    let mut sandbox = Sandbox::new().variable("OUTSIDE", "outside");
    sandbox.write("a", format!("A={CANARY}\nB=$A\nC=${{OUTSIDE}}\nBARE\n"));

    assert_snapshot!(sandbox.run(&["import", "a"]), @"
    --- stderr ---
    keyvault: note: `a` line 4: a name without a value, left out
    keyvault: note: `a` is read as `node` does, and otherwise by `python` (line 3), `compose` (lines 2, 3), `ruby` (lines 2, 3, 4), `shell` (lines 2, 3, 4); name yours with `--dialect`
    imported into `dev`: 3 added; 3 read back and compared
    keyvault: note: the plaintext is still in `a`; to overwrite and remove it, run `keyvault import a --env dev --shred`
    [exit 0]
    ");
    has(&sandbox, "B", "$A");
    sandbox
        .run(&["import", "a", "--expand", "--prefix", "X_"])
        .succeeds();
    has(&sandbox, "X_B", CANARY);
    has(&sandbox, "X_C", "outside");
}

#[test]
fn what_dialects_read_otherwise_is_said_by_line_unless_one_is_named() {
    let mut sandbox = Sandbox::new();
    let lines = [
        format!("A={CANARY}#b"),
        format!("B=\"{CANARY}\\ny\""),
        format!("export C={CANARY}"),
        format!("D=plain{CANARY}"),
        format!("E: {CANARY}"),
    ];
    sandbox.write(".env", lines.join("\n"));
    sandbox.write("docker.env", format!("Q=\"{CANARY}\"\nR={CANARY} # x\n"));

    assert_snapshot!(sandbox.run(&["import", ".env"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `python` (lines 1, 5), `docker` (lines 1, 2, 3, 5), `compose` (line 1), `ruby` (line 2), `shell` (lines 1, 2, 5); name yours with `--dialect`
    imported into `dev`: 5 added; 5 read back and compared
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    has(&sandbox, "A", CANARY);
    has(&sandbox, "B", &format!("{CANARY}\ny"));
    assert_snapshot!(sandbox.run(&["import", "docker.env", "--dialect", "docker"]), @"
    --- stderr ---
    imported into `dev`: 2 added; 2 read back and compared
    keyvault: note: the plaintext is still in `docker.env`; to overwrite and remove it, run `keyvault import docker.env --env dev --dialect docker --shred`
    [exit 0]
    ");
    has(&sandbox, "Q", &format!("\"{CANARY}\""));
    has(&sandbox, "R", &format!("{CANARY} # x"));
    sandbox
        .refused(&["import", ".env", "--dialect", "docker"])
        .exits(1)
        .says("`.env` line 3");
}

// What is there already

#[test]
fn what_is_there_with_another_value_is_not_overwritten_unasked() {
    let sandbox = with_dotenv(&["A", "B"]);
    sandbox.add("A", &format!("old {CANARY}"));

    assert_snapshot!(sandbox.refused(&["import", ".env"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2); name yours with `--dialect`
    keyvault: error: `A` is in environment `dev` already, with another value
    keyvault: hint: nothing was changed; pass `--on-conflict rotate` for the new values, or `--on-conflict skip` for the old ones
    [exit 7]
    ");
    sandbox
        .refused(&["import", ".env", "--on-conflict", "ask"])
        .exits(7);

    assert_snapshot!(sandbox.run(&["import", ".env", "--dry-run"]), @"
    --- stdout ---
    NAME  WOULD BE
    A     in conflict
    B     added
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2); name yours with `--dialect`
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["import", ".env", "--on-conflict", "skip"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2); name yours with `--dialect`
    imported into `dev`: 1 added, 1 skipped; 1 read back and compared
    keyvault: note: the plaintext is still in `.env`
    [exit 0]
    ");
    has(&sandbox, "A", &format!("old {CANARY}"));
    has(&sandbox, "B", &value_of("B"));
    assert_snapshot!(sandbox.run(&["import", ".env", "--on-conflict", "rotate"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2); name yours with `--dialect`
    imported into `dev`: 1 rotated, 1 unchanged; 2 read back and compared
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    has(&sandbox, "A", &value_of("A"));
    has(&sandbox, "A@previous", &format!("old {CANARY}"));
}

#[test]
fn a_person_is_asked_about_what_is_there() {
    let sandbox = with_dotenv(&["A", "B"]);
    sandbox.add("A", &format!("old {CANARY}"));
    let before = sandbox.snapshot();
    let question = "In dev with other values: A. Give them the new ones? [y/N] ";

    let mut terminal = Terminal::start(&sandbox, &["import", ".env"]);
    terminal.expect(question);
    terminal.enter("");
    assert_eq!(terminal.end().code, Some(1));
    assert!(sandbox.snapshot() == before, "something was left behind");

    let mut terminal = Terminal::start(&sandbox, &["import", ".env"]);
    terminal.expect(question);
    terminal.enter("y");
    assert_snapshot!(terminal.end(), @"
    y
    imported into `dev`: 1 added, 1 rotated; 2 read back and compared
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    has(&sandbox, "A", &value_of("A"));
}

#[test]
fn a_revoked_value_is_not_taken_again() {
    let sandbox = with_dotenv(&["A", "B"]);
    sandbox.add("OLD", &value_of("B"));
    sandbox.run(&["revoke", "OLD"]).succeeds();

    sandbox
        .refused(&["import", ".env"])
        .exits(5)
        .says("this value for `B` was revoked before");
}

#[test]
fn a_new_environment_is_made_only_when_asked_for() {
    let sandbox = with_dotenv(&["A"]);

    sandbox.refused(&["import", ".env", "-e", "prod"]).exits(3);
    sandbox
        .run(&["import", ".env", "-e", "prod", "--create-env"])
        .succeeds();

    let got = sandbox.run(&["get", "A", "-e", "prod"]).succeeds();
    assert_eq!(got.text(), value_of("A"));
    sandbox.run(&["get", "A"]).exits(3);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let sandbox = with_dotenv(&["NEW", "SAME", "OTHER"]);
    sandbox.add("SAME", &value_of("SAME"));
    sandbox.add("OTHER", &format!("old {CANARY}"));
    let before = sandbox.snapshot();

    assert_snapshot!(sandbox.run(&["import", ".env", "--dry-run"]), @"
    --- stdout ---
    NAME   WOULD BE
    NEW    added
    OTHER  in conflict
    SAME   unchanged
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2, 3); name yours with `--dialect`
    [exit 0]
    ");
    let rotating = [
        "import",
        ".env",
        "--dry-run",
        "--on-conflict",
        "rotate",
        "--json",
    ];
    assert_snapshot!(sandbox.run(&rotating), @r#"
    --- stdout ---
    {"schema":1,"environment":"dev","dry_run":true,"added":["NEW"],"rotated":["OTHER"],"unchanged":["SAME"],"skipped":[],"conflicts":[]}
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2, 3); name yours with `--dialect`
    [exit 0]
    "#);
    let elsewhere = ["import", ".env", "--dry-run", "-e", "prod", "--shred"];
    assert_snapshot!(sandbox.run(&elsewhere), @"
    --- stdout ---
    NAME   WOULD BE
    NEW    added
    OTHER  added
    SAME   added
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (lines 1, 2, 3); name yours with `--dialect`
    [exit 0]
    ");
    assert!(sandbox.snapshot() == before, "something was changed");
}

// What is refused

/// A file that is bad, and what is said of it.
struct Bad {
    name: &'static str,
    bytes: Vec<u8>,
    says: &'static str,
}

fn bad(name: &'static str, bytes: impl AsRef<[u8]>, says: &'static str) -> Bad {
    let bytes = bytes.as_ref().to_owned();
    Bad { name, bytes, says }
}

#[test]
fn bad_input_is_refused_by_line_and_nothing_is_imported() {
    let c = CANARY;
    let utf_16: Vec<u8> = format!("\u{feff}A={c}\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut laughs = format!("a: &a [{c}, {c}]\n");
    for (new, old) in ('b'..='j').zip('a'..) {
        laughs.push_str(&format!("{new}: &{new} [*{old}, *{old}, *{old}, *{old}]\n"));
    }
    let cases = [
        bad(".env", format!("A=1\nB=\"{c}\n"), "`.env` line 2: "),
        bad(
            ".env",
            format!("A={c}\n\nA=2\n"),
            "`.env` line 3: `A` stands in `.env` line 1 already",
        ),
        bad(".env", format!("A=1\nnot-a-name={c}\n"), "`.env` line 2: "),
        bad(".env", format!("A=1\nB.C={c}\n"), "`.env` line 2: "),
        bad(".env", format!("A=1\n{c} {c}\n"), "`.env` line 2: "),
        bad(
            ".env",
            format!("A=1\nB={c}{}\n", "x".repeat(10 << 20)),
            "`.env` line 2: ",
        ),
        bad(
            ".env",
            format!("A=1\nB={c}\0\n"),
            "`.env` line 2: a NUL byte",
        ),
        bad(".env", utf_16, "`.env` line 1: the file is UTF-16"),
        bad(
            ".env",
            [b"A=1\nB=\xff", c.as_bytes()].concat(),
            "`.env` line 2: bytes that are not UTF-8",
        ),
        bad(".env", vec![b'#'; 17 << 20], "`.env`: more than 16 MiB"),
        bad(
            "x.json",
            format!("{{\"A\": {c}}}"),
            "`x.json` line 1, column 7: it is no JSON",
        ),
        bad(
            "x.json",
            format!("{{\"A\": {{\"B\": \"{c}\"}}}}"),
            "`x.json` line 1, column 7: an object or a list",
        ),
        bad(
            "x.json",
            format!("{{\"A\": \"{c}\",\n\"A\": 1}}"),
            "`x.json` line 2, column 1: `A` stands in",
        ),
        bad(
            "x.json",
            format!("{{\"A\": \"{c}\\ud800\"}}"),
            "`x.json` line 1, column 7: ",
        ),
        bad("x.yaml", format!("A: [{c}\n"), "`x.yaml` line "),
        bad(
            "x.yaml",
            format!("A: 1\nB: {{C: {c}}}\n"),
            "`x.yaml` line 2, column 4: an object or a list",
        ),
        bad(
            "x.yaml",
            laughs,
            "`x.yaml` line 1, column 4: YAML's anchors are not read",
        ),
        bad(
            "x.toml",
            format!("A = {c}\n"),
            "`x.toml` line 1, column 5: it is no TOML",
        ),
        bad(
            "x.toml",
            format!("[A]\nB = '{c}'\n"),
            "`x.toml` line 1, column 1: a table",
        ),
    ];
    let mut sandbox = Sandbox::with_secrets(&["KEPT"]);
    for Bad { name, bytes, says } in cases {
        let file = sandbox.write(name, bytes);
        sandbox
            .refused(&["import", name, "--shred", "--yes"])
            .exits(1)
            .says(&format!("keyvault: error: {says}"));
        fs::remove_file(file).expect("it was kept");
    }
    assert_eq!(sandbox.run(&["list", "-q"]).text(), "KEPT\n");
}

#[test]
fn the_words_for_bad_input_are_clear() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", format!("A=1\nB=\"{CANARY}\n"));
    sandbox.write("b.env", format!("A={CANARY}\n"));
    sandbox.write("c.json", format!("{{\"a-b\": \"{CANARY}\"}}"));

    assert_snapshot!(sandbox.refused(&["import", ".env"]), @"
    --- stderr ---
    keyvault: error: `.env` line 2: a quote or brace that is opened and not closed
    keyvault: hint: nothing was imported; mend the file and run it again
    [exit 1]
    ");
    assert_snapshot!(sandbox.refused(&["import", "b.env", "b.env"]), @"
    --- stderr ---
    keyvault: error: `b.env` line 1: `A` stands in `b.env` line 1 already
    keyvault: hint: nothing was imported; pass `--last-wins` to take the last one
    [exit 1]
    ");
    assert_snapshot!(sandbox.refused(&["import", "c.json"]), @"
    --- stderr ---
    keyvault: error: `c.json` line 1, column 2: this is no name: a secret's name is letters, digits and `_`, does not start with a digit, and has at most 128 bytes
    keyvault: hint: nothing was imported; give it another name there, or choose what is to be imported with `--only NAME,…`
    [exit 1]
    ");
    assert_snapshot!(sandbox.refused(&["import", "no-such.env"]), @"
    --- stderr ---
    keyvault: error: cannot read `no-such.env`: no such file or directory
    [exit 1]
    ");
    assert_snapshot!(sandbox.refused(&["import", "."]), @"
    --- stderr ---
    keyvault: error: `.` is a folder
    keyvault: hint: name a file, or pipe it in and name `-`
    [exit 2]
    ");
}

#[test]
fn nobody_types_a_passphrase_for_a_bad_file() {
    let mut sandbox = Sandbox::locked();
    sandbox.write("good.env", dotenv(&["B"]));
    sandbox.write("bad.env", format!("B='{CANARY}\n"));

    sandbox.refused(&["import", "good.env"]).exits(4);
    sandbox.refused(&["import", "bad.env"]).exits(1);
}

#[test]
fn one_bad_file_keeps_all_out() {
    let mut sandbox = with_dotenv(&["A"]);
    sandbox.write("bad.env", format!("B={CANARY}\nC='{CANARY}\n"));

    sandbox
        .refused(&["import", ".env", "bad.env"])
        .exits(1)
        .says("`bad.env` line 2");
    sandbox.run(&["get", "A"]).exits(3);
}

#[test]
fn the_last_of_two_wins_only_if_told_so() {
    let mut sandbox = with_dotenv(&["A"]);
    sandbox.write("b.env", format!("A=last {CANARY}\n"));

    sandbox.refused(&["import", ".env", "b.env"]).exits(1);
    sandbox
        .run(&["import", ".env", "b.env", "--last-wins"])
        .succeeds();
    has(&sandbox, "A", &format!("last {CANARY}"));
    // What it says to run next is about both, or the first would be taken for newer.
    sandbox
        .run(&["import", ".env", "b.env", "--last-wins"])
        .succeeds()
        .says("`keyvault import .env b.env --env dev --last-wins --shred`");
}

#[test]
fn what_has_no_secrets_is_no_failure() {
    let mut sandbox = Sandbox::new();
    let before = sandbox.run(&["list", "--json"]).text().to_owned();
    for (name, contents) in [
        ("empty.env", ""),
        ("comment.env", "# nothing\n\n"),
        ("empty.json", "{}"),
        ("empty.yaml", "---\n"),
        ("empty.toml", ""),
    ] {
        let file = sandbox.write(name, contents);
        sandbox
            .run(&["import", name, "--shred", "--yes"])
            .succeeds()
            .says("there is nothing to import");
        assert!(file.exists(), "{name} is gone");
    }
    assert_eq!(sandbox.run(&["list", "--json"]).text(), before);
}

#[test]
fn a_value_in_the_place_of_a_file_is_not_repeated() {
    let sandbox = Sandbox::new();

    let pair = format!("STRIPE_KEY={CANARY}");
    sandbox
        .refused(&["import", &pair])
        .exits(2)
        .says("never taken from the command line");
    sandbox
        .refused(&["import", CANARY])
        .exits(2)
        .says("no file has this name");
    for option in ["--format", "--dialect", "--on-conflict"] {
        sandbox
            .refused(&["import", ".env", option, CANARY])
            .exits(2);
    }
}

// What becomes of the file

#[test]
fn a_file_is_removed_once_its_values_are_in_the_vault() {
    let sandbox = with_dotenv(&["A"]);
    let file = sandbox.project().join(".env");
    let mut open = fs::File::open(&file).expect("opened");

    assert_snapshot!(sandbox.run(&["import", ".env", "--shred", "--yes"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (line 1); name yours with `--dialect`
    imported into `dev`: 1 added; 1 read back and compared
    keyvault: note: overwrote and removed `.env`; an SSD, a snapshot or a backup may still have it
    [exit 0]
    ");

    assert!(!file.exists());
    has(&sandbox, "A", &value_of("A"));
    // Whoever has it open still sees what is left of it.
    let mut left = Vec::new();
    std::io::Read::read_to_end(&mut open, &mut left).expect("read");
    assert!(
        !left.is_empty() && left.iter().all(|byte| *byte == 0),
        "{left:?}"
    );
}

#[test]
fn a_person_is_asked_before_a_file_is_removed() {
    let sandbox = with_dotenv(&["A"]);
    let file = sandbox.project().join(".env");

    assert_snapshot!(sandbox.refused(&["import", ".env", "--shred"]), @"
    --- stderr ---
    keyvault: error: whether to remove the files was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");

    let mut terminal = Terminal::start(&sandbox, &["import", ".env", "--shred"]);
    terminal.expect("Overwrite and remove .env? [y/N] ");
    terminal.enter("n");
    assert_snapshot!(terminal.end(), @"
    n
    keyvault: note: the plaintext is still in `.env`
    [exit 0]
    ");
    assert!(file.exists());

    let mut terminal = Terminal::start(&sandbox, &["import", ".env", "--shred"]);
    terminal.expect("Overwrite and remove .env? [y/N] ");
    terminal.enter("y");
    assert_snapshot!(terminal.end(), @"
    y
    keyvault: note: overwrote and removed `.env`; an SSD, a snapshot or a backup may still have it
    [exit 0]
    ");
    assert!(!file.exists());
}

#[test]
fn what_would_be_lost_is_not_removed() {
    let mut sandbox = with_dotenv(&["A", "B"]);
    sandbox.add("A", &format!("old {CANARY}"));
    let file = sandbox.project().join(".env");
    symlink(&file, sandbox.project().join("link.env")).expect("linked");

    let field =
        |kind: &str| format!("{{\"type\":\"{kind}\",\"label\":\"C\",\"value\":\"{CANARY}\"}}");
    let item = format!("{{\"fields\":[{},{}]}}", field("CONCEALED"), field("OTP"));
    sandbox.write("op.json", item);
    sandbox
        .run(&["import", "op.json", "--dry-run"])
        .succeeds()
        .says("`op.json` line 1: a field that is no text, left out");
    let shred = |more: &[&str]| {
        let arguments = [&["import", "--shred", "--yes"], more].concat();
        sandbox.refused(&arguments).exits(2)
    };
    shred(&[".env", "--on-conflict", "skip"]).says("would be lost");
    shred(&[".env", "--only", "B"]).says("would be lost");
    shred(&["op.json"]).says("would be lost");
    shred(&["link.env"]).says("`link.env` is a symbolic link");
    shred(&["/dev/null"]).says("`/dev/null` is no file");
    fs::hard_link(&file, sandbox.project().join("b.env")).expect("linked");
    shred(&[".env"]).says("`.env` has another name");
    fs::remove_file(sandbox.project().join("b.env")).expect("removed");

    assert_eq!(read_to_string(&file), dotenv(&["A", "B"]));
}

#[test]
fn git_is_told_to_ignore_the_file_once() {
    let Some(sandbox) = in_git(&["A"]) else {
        return;
    };
    let ignore = sandbox.project().join(".gitignore");
    fs::write(&ignore, "node_modules\r\n*.log").expect("written");
    fs::set_permissions(&ignore, Permissions::from_mode(0o640)).expect("set");

    assert_snapshot!(sandbox.run(&["import", ".env"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (line 1); name yours with `--dialect`
    imported into `dev`: 1 added; 1 read back and compared
    keyvault: note: added `.env` to `.gitignore`
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    let told = "node_modules\r\n*.log\r\n/.env\r\n";
    assert_eq!(read_to_string(&ignore), told);
    let mode = fs::metadata(&ignore).expect("seen").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let status = git(&sandbox, &["status", "--porcelain"]);
    assert_eq!(status.text(), "?? .gitignore\n?? .keyvault/\n");

    let again = sandbox.run(&["import", ".env"]).succeeds();
    assert!(!again.stderr.contains("gitignore"), "{again}");
    assert_eq!(read_to_string(&ignore), told);
}

#[test]
fn a_file_below_is_ignored_by_its_path() {
    let Some(mut sandbox) = in_git(&["A"]) else {
        return;
    };
    fs::create_dir_all(sandbox.project().join("apps/a b")).expect("made");
    sandbox.write("apps/a b/.env", dotenv(&["B"]));
    let mut import = sandbox.command(&["import", ".env"]);

    let run = sandbox.finish(import.current_dir(sandbox.project().join("apps/a b")));

    let ignore = sandbox.project().join(".gitignore");
    let told = format!("added `.env` to `{}`", text(&ignore));
    run.succeeds().says(&told);
    assert_eq!(read_to_string(&ignore), "/apps/a\\ b/.env\n");
    let others = git(
        &sandbox,
        &["status", "--porcelain", "--untracked-files=all"],
    );
    assert!(!others.text().contains("apps"), "{others}");
}

#[test]
fn what_git_has_already_is_said() {
    let Some(sandbox) = in_git(&["A"]) else {
        return;
    };
    git(&sandbox, &["add", ".env"]);

    assert_snapshot!(sandbox.run(&["import", ".env"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (line 1); name yours with `--dialect`
    imported into `dev`: 1 added; 1 read back and compared
    keyvault: note: added `.env` to `.gitignore`
    keyvault: warning: git tracks `.env`, and has its values in its history: rotate them, and run `git rm --cached .env`
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    git(&sandbox, &["commit", "--quiet", "--message", "x"]);
    git(&sandbox, &["rm", "--quiet", "--cached", ".env"]);
    git(&sandbox, &["commit", "--quiet", "--message", "y"]);
    assert_snapshot!(sandbox.run(&["import", ".env"]), @"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `docker` (line 1); name yours with `--dialect`
    imported into `dev`: 1 unchanged; 1 read back and compared
    keyvault: warning: git does not track `.env` any more, but has its old values in its history: rotate those that were ever in it
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --shred`
    [exit 0]
    ");
    forget_objects(&sandbox);
}

/// What git has of the canary is compressed, and the test put it there.
fn forget_objects(sandbox: &Sandbox) {
    fs::remove_dir_all(sandbox.project().join(".git")).expect("removed");
}

#[test]
fn what_a_repository_would_run_is_not_run() {
    let Some(sandbox) = in_git(&["A"]) else {
        return;
    };
    git(
        &sandbox,
        &["commit", "--quiet", "--allow-empty", "--message", "x"],
    );
    let evil = sandbox.root().join("evil");
    let run = format!("touch {}", text(&evil));
    for name in [
        "core.fsmonitor",
        "core.pager",
        "gpg.program",
        "core.sshCommand",
        "core.editor",
    ] {
        git(&sandbox, &["config", name, &run]);
    }
    git(&sandbox, &["config", "log.showSignature", "true"]);

    sandbox
        .run(&["import", ".env"])
        .succeeds()
        .says("added `.env`");

    assert!(!evil.exists(), "the repository ran something");
}

#[test]
fn what_a_repository_lacks_is_not_fetched_and_that_is_said() {
    let Some(mut sandbox) = in_git(&["A"]) else {
        return;
    };
    sandbox.write("x", "");
    git(&sandbox, &["add", "x"]);
    git(&sandbox, &["commit", "--quiet", "--message", "x"]);
    let tree = git(&sandbox, &["rev-parse", "HEAD^{tree}"]);
    let (folder, file) = tree.text().trim().split_at(2);
    let objects = sandbox.project().join(".git/objects");
    fs::remove_file(objects.join(folder).join(file)).expect("it is there");
    let evil = sandbox.root().join("evil");
    let run = format!("touch {};", text(&evil));
    for (name, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", text(&sandbox.root())),
        ("remote.origin.uploadPack", &run),
        ("protocol.file.allow", "always"),
    ] {
        git(&sandbox, &["config", name, value]);
    }

    sandbox
        .run(&["import", ".env"])
        .succeeds()
        .says("git did not say whether it ignores `.env` and has it in its history");

    assert!(!evil.exists(), "the repository ran something");
}

#[test]
fn a_folder_that_a_repository_names_is_not_written_to() {
    let Some(sandbox) = in_git(&["A"]) else {
        return;
    };
    git(
        &sandbox,
        &["config", "core.worktree", text(&sandbox.root())],
    );

    let run = sandbox.run(&["import", ".env"]).succeeds();

    assert!(!run.stderr.contains(".gitignore"), "{run}");
    assert!(!sandbox.root().join(".gitignore").exists());
}

#[test]
fn values_in_comments_are_told_before_they_go() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", format!("# A={CANARY}\n# of the shop\nA=1\n"));
    sandbox
        .run(&["import", ".env", "--dry-run"])
        .succeeds()
        .says("`.env` line 1: a value in a comment, left out\n");
}

#[test]
fn a_gitignore_that_leads_elsewhere_is_left_alone() {
    let Some(sandbox) = in_git(&["A"]) else {
        return;
    };
    let elsewhere = sandbox.root().join("elsewhere");
    fs::write(&elsewhere, "").expect("written");
    symlink(&elsewhere, sandbox.project().join(".gitignore")).expect("linked");

    sandbox
        .run(&["import", ".env"])
        .succeeds()
        .says("`.env` could not be added to `.gitignore`");

    assert_eq!(read_to_string(&elsewhere), "");
}

#[test]
fn without_git_nothing_is_said_of_it() {
    let Some(sandbox) = in_git(&["A"]) else {
        return;
    };
    let sandbox = sandbox.variable("PATH", "/nowhere");

    let run = sandbox.run(&["import", ".env"]).succeeds();

    assert!(!run.stderr.contains("git"), "{run}");
    assert!(!Path::new(&sandbox.project().join(".gitignore")).exists());
}

#[test]
fn quiet_is_quiet() {
    let sandbox = with_dotenv(&["A"]);

    sandbox
        .run(&["import", ".env", "-q", "--shred", "--yes"])
        .succeeds()
        .says_nothing();

    has(&sandbox, "A", &value_of("A"));
}
