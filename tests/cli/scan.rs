//! `keyvault scan` of files and of what is piped in: what it looks through, which values
//! and keys it finds there, and how it says so.

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use insta::assert_snapshot;

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, skip, tool, value_of};
use crate::terminal::Terminal;

/// A made-up key, put together here so that no scanner reports this file.
pub fn key() -> String {
    [
        "gsk_",
        "Qm7tXv2KpL9sRb4NwZ8c",
        "WGdyb3FY",
        "h3JfD6gTq1Vy5UxWa0PoKiMe",
    ]
    .concat()
}

const CONFIG: &str = ".keyvault-scan.toml";
const FOUND: i32 = 8;

/// Lists the places of what is found.
#[track_caller]
fn places(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["scan", "-q"], arguments].concat();
    let transcript = sandbox.run(&arguments);
    let places: Vec<_> = transcript.text().lines().map(str::to_owned).collect();
    let code = if places.is_empty() { 0 } else { FOUND };
    transcript.exits(code);
    places
}

fn put(sandbox: &Sandbox, path: &str, contents: impl AsRef<[u8]>) {
    let path = sandbox.project().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, contents).expect("written");
}

// What is looked through

#[test]
fn a_key_is_found_and_not_shown() {
    let sandbox = Sandbox::empty();
    put(
        &sandbox,
        "src/a.py",
        format!("import os\n\nkey = \"{}\"\n", key()),
    );
    let found = sandbox.run(&["scan"]).exits(FOUND);
    assert!(!found.to_string().contains(&key()[8..]), "{found}");
    assert_snapshot!(found, @"
    --- stdout ---
    PLACE         SEVERITY  WHAT          SHOWN                  ID
    src/a.py:3:8  error     Groq API key  gsk_… (56 characters)  1273363e90b276be
    --- stderr ---
    keyvault: note: take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Groq
    keyvault: note: if it is no secret, run `keyvault scan allow 1273363e90b276be --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 76 bytes)
    [exit 8]
    ");
    put(&sandbox, "src/a.py", "import os\n");
    assert_snapshot!(sandbox.run(&["scan"]), @"
    --- stderr ---
    keyvault: note: nothing found (scanned 1 file, 10 bytes)
    [exit 0]
    ");
}

#[test]
fn nothing_scanned_is_not_called_clean() {
    let sandbox = Sandbox::empty();
    assert_snapshot!(sandbox.run(&["scan"]), @"
    --- stderr ---
    keyvault: warning: nothing was scanned (0 files, 0 bytes)
    [exit 1]
    ");
    put(&sandbox, "empty", "");
    sandbox
        .run(&["scan"])
        .exits(1)
        .says("nothing was scanned (1 file, 0 bytes)");
    assert_snapshot!(sandbox.run(&["scan", "gone"]), @"
    --- stderr ---
    keyvault: error: cannot read `gone`: no such file or directory
    [exit 1]
    ");
    assert_snapshot!(sandbox.run(&["scan", "-", "empty"]), @"
    --- stderr ---
    keyvault: error: `-` stands alone: stdin is scanned, or files are
    keyvault: hint: a file of that name is `./-`
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["scan", "--staged"]), @"
    --- stderr ---
    keyvault: error: this folder is in no git repository
    keyvault: hint: run `keyvault scan .` for the files in it
    [exit 3]
    ");
    // What the project allows was not looked at.
    put(&sandbox, "a", key());
    put(&sandbox, CONFIG, "[[allow]]\npath = \"*\"\n");
    assert_snapshot!(sandbox.run(&["scan"]), @"
    --- stderr ---
    keyvault: warning: nothing was scanned (1 file, 0 bytes; 2 files left out, as `.keyvault-scan.toml` says)
    [exit 0]
    ");
}

#[test]
fn of_a_tree_all_is_read_but_what_git_ignores() {
    let Some(git) = tool("git") else { return };
    let sandbox = Sandbox::empty();
    let git = |arguments: &[&str]| {
        sandbox
            .finish(sandbox.other(&git).args(arguments))
            .succeeds();
    };
    git(&["init", "-q"]);
    put(&sandbox, ".gitignore", "*.log\n/kept\n");
    for path in ["a.log", "kept/b", ".hidden/c", "d"] {
        put(&sandbox, path, key());
    }
    put(
        &sandbox,
        "binary",
        [b"\0\xff\x7fELF\0", key().as_bytes(), b"\0"].concat(),
    );
    symlink("..", sandbox.project().join(".hidden/loop")).expect("linked");
    symlink("d", sandbox.project().join("link")).expect("linked");
    let without = [".hidden/c:1:1", "binary:1:8", "d:1:1"];
    assert_eq!(places(&sandbox, &[]), without);
    git(&["add", "--force", "kept/b"]);
    let with = [&without[..], &["kept/b:1:1"]].concat();
    assert_eq!(places(&sandbox, &[]), with);
    assert_eq!(places(&sandbox, &["."]).len(), with.len());
    assert_eq!(places(&sandbox, &["kept"]), ["kept/b:1:1"]);
    assert_eq!(
        places(&sandbox, &["a.log", "link"]),
        ["a.log:1:1", "link:1:1"]
    );
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_is_waited_for() {
    let sandbox = Sandbox::empty();
    put(&sandbox, "a", key());
    put(&sandbox, "closed", key());
    let odd = sandbox
        .project()
        .join(std::ffi::OsStr::from_bytes(b"n\xff\x1b[2J"));
    fs::write(odd, key()).expect("written");
    let pipe = sandbox.project().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("made");
    let closed = sandbox.project().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).expect("changed");
    let listed = sandbox.run(&["scan", "-q"]).exits(FOUND);
    let places: Vec<_> = listed.text().lines().collect();
    assert!(places.contains(&"a:1:1"), "{places:?}");
    assert!(places.contains(&"n\u{fffd}\\u{1b}[2J:1:1"), "{places:?}");
    // What opens and fails to be read, for root, too.
    if cfg!(target_os = "linux") {
        sandbox
            .run(&["scan", "a", "/proc/self/mem"])
            .exits(FOUND)
            .says("`/proc/self/mem` was not scanned: ");
    }
    if rustix::process::geteuid().is_root() {
        return skip("root reads everything");
    }
    sandbox
        .run(&["scan"])
        .exits(FOUND)
        .says("`closed` was not scanned: permission denied")
        .says("1 file could not be read");
}

#[test]
fn a_list_of_ignored_files_that_is_none_hides_nothing() {
    let sandbox = Sandbox::empty();
    sandbox.make_git_work_tree();
    put(&sandbox, "a", key());
    put(&sandbox, "below/b", key());
    for folder in ["", "below/"] {
        let list = sandbox.project().join(folder).join(".gitignore");
        // Read to its end it would fill the memory.
        symlink("/dev/zero", &list).expect("linked");
        assert_eq!(places(&sandbox, &[]), ["a:1:1", "below/b:1:1"]);
        assert_eq!(places(&sandbox, &["below"]), ["below/b:1:1"]);
        fs::remove_file(&list).expect("removed");
    }
}

#[test]
fn stdin_is_looked_through() {
    let sandbox = Sandbox::empty();
    let text = format!("\n x {}", key());
    assert_snapshot!(sandbox.run_with_stdin(&["scan", "-"], &text), @"
    --- stdout ---
    PLACE  SEVERITY  WHAT          SHOWN                  ID
    -:2:4  error     Groq API key  gsk_… (56 characters)  1273363e90b276be
    --- stderr ---
    keyvault: note: take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Groq
    keyvault: note: if it is no secret, run `keyvault scan allow 1273363e90b276be --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 60 bytes)
    [exit 8]
    ");
    sandbox
        .run_with_stdin(&["scan", "-"], "a\n")
        .succeeds()
        .says("1 file, 2 bytes");
    sandbox
        .run(&["scan", "-"])
        .exits(1)
        .says("nothing was scanned");
}

#[test]
fn a_place_far_into_a_line_is_told_as_it_is() {
    let sandbox = Sandbox::empty();
    // Longer than what is read at once; `é` has two bytes.
    let before = "é, ".repeat(3 << 20);
    let text = format!("\n{before}{}\n", key());
    let found = sandbox.run_with_stdin(&["scan", "-", "-q"], text);
    assert_eq!(
        found.text(),
        format!("-:2:{}\n", before.chars().count() + 1)
    );
}

#[test]
fn a_text_made_to_take_long_does_not() {
    let sandbox = Sandbox::empty();
    // Each could be the beginning of a token that goes on to the end.
    for beginning in ["-eyJ", "-ops_eyJ", "/-ghp_"] {
        let text = [beginning.repeat(300_000), format!("\n{}", key())].concat();
        let found = sandbox.run_with_stdin(&["scan", "-", "-q"], text);
        assert!(found.text().ends_with("-:2:1\n"), "{beginning}");
    }
}

// Values

/// A value with all that writers escape, and the canary.
fn value() -> String {
    format!("p&\"<{CANARY}>/é=?")
}

#[test]
fn values_are_found_in_every_form_and_named() {
    let mut sandbox = Sandbox::new();
    sandbox.add("TOKEN", &value());
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let url: String = value()
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let html = value().replace('&', "&amp;").replace('"', "&quot;");
    let html = html.replace('<', "&lt;").replace('>', "&gt;");
    let base64 = |before: &str| BASE64_STANDARD.encode(format!("{before}{}", value()));
    let wrapped = base64("a longer text that comes before it: ");
    let wrapped = wrapped.as_bytes().chunks(24);
    let wrapped: Vec<_> = wrapped.map(|line| String::from_utf8_lossy(line)).collect();
    let forms = [
        ("raw", value()),
        ("json", serde_json::to_string(&value()).expect("a text")),
        ("url", url),
        ("html", html),
        ("hex", hex(value().as_bytes())),
        ("upper", hex(value().as_bytes()).to_uppercase()),
        ("base64-0", base64("")),
        ("base64-1", base64("a")),
        ("base64-2", base64("ab")),
        ("base64-url", BASE64_URL_SAFE.encode(value())),
        (
            "wrapped",
            format!("data: |\n    {}\n", wrapped.join("\n    ")),
        ),
    ];
    for (name, form) in &forms {
        let path = format!("{name}.txt");
        sandbox.write(&path, format!("x = {form}\n"));
        for format in [
            &["-f", "human"][..],
            &["--json"],
            &["-f", "sarif"],
            &["-f", "github"],
        ] {
            let found = sandbox
                .run(&[&["scan", &path][..], format].concat())
                .exits(FOUND);
            assert!(!found.text().contains(CANARY), "{name}: {found}");
            // Code hosts get no name out of the vault but in the words of the finding.
            assert!(found.text().contains("TOKEN@1"), "{name}: {found}");
        }
    }
    assert_snapshot!(sandbox.run(&["scan", "raw.txt"]), @"
    --- stdout ---
    PLACE        SEVERITY  WHAT                                 ID
    raw.txt:1:5  error     current value of `TOKEN@1` in `dev`  f6d93b68dc3dcc6a
    --- stderr ---
    keyvault: note: take it out: `keyvault exec` hands it to the program, and `{{ TOKEN }}` stands for it in a template
    keyvault: note: if it is no secret, run `keyvault scan allow f6d93b68dc3dcc6a --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 44 bytes)
    [exit 8]
    ");
    let whole = sandbox.run(&["scan", "--json"]).exits(FOUND).json();
    let findings = whole["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), forms.len());
    let ids = findings.iter().map(|finding| &finding["id"]);
    assert_eq!(ids.collect::<std::collections::HashSet<_>>().len(), 1);
}

#[test]
fn a_value_that_was_replaced_is_a_warning_and_a_revoked_one_nothing() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("notes", format!("{}\n", value_of("A")));
    sandbox
        .run_with_stdin(&["rotate", "A"], "made-up-2")
        .succeeds();
    assert_snapshot!(sandbox.run(&["scan", "notes"]), @"
    --- stdout ---
    PLACE      SEVERITY  WHAT                              ID
    notes:1:1  warning   previous value of `A@1` in `dev`  26d69a2593c832dd
    --- stderr ---
    keyvault: note: take it out: `keyvault exec` hands it to the program, and `{{ A }}` stands for it in a template
    keyvault: note: if it is no secret, run `keyvault scan allow 26d69a2593c832dd --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found, to be looked at (scanned 1 file, 32 bytes)
    [exit 8]
    ");
    put(&sandbox, "now", "made-up-2");
    let found = sandbox.run(&["scan", "--json"]).exits(FOUND).json();
    let severities: Vec<_> = found["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["severity"].clone())
        .collect();
    assert_eq!(severities, ["warning", "error"]);
    sandbox.run(&["revoke", "A@1"]).succeeds();
    assert_eq!(places(&sandbox, &["notes"]), [""; 0]);
}

#[test]
fn what_would_be_found_everywhere_is_left_out_and_said() {
    let sandbox = Sandbox::new();
    for (name, value) in [
        ("SHORT", "a1b2c3d"),
        ("MODE", "production"),
        ("PORT", "30003000"),
    ] {
        sandbox.add(name, value);
    }
    put(&sandbox, "a", "a1b2c3d production 30003000\n");
    assert_snapshot!(sandbox.run(&["scan", "a"]), @"
    --- stderr ---
    keyvault: note: nothing found (scanned 1 file, 28 bytes)
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["scan", "a", "--verbose"]), @"
    --- stderr ---
    keyvault: note: `MODE@1` in `dev` is not looked for: a setting and no secret by its looks
    keyvault: note: `PORT@1` in `dev` is not looked for: a setting and no secret by its looks
    keyvault: note: `SHORT@1` in `dev` is not looked for: shorter than 8 characters
    keyvault: note: nothing found (scanned 1 file, 28 bytes)
    [exit 0]
    ");
}

#[test]
fn with_a_locked_identity_formats_are_looked_for() {
    let mut sandbox = Sandbox::locked();
    sandbox.write("a", format!("{}\n{}\n", value_of("A"), key()));
    assert_snapshot!(sandbox.run(&["scan", "a"]), @"
    --- stdout ---
    PLACE  SEVERITY  WHAT          SHOWN                  ID
    a:2:1  error     Groq API key  gsk_… (56 characters)  1273363e90b276be
    --- stderr ---
    keyvault: warning: values of the vault were not looked for: your identity is locked; `keyvault unlock` opens it
    keyvault: note: take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Groq
    keyvault: note: if it is no secret, run `keyvault scan allow 1273363e90b276be --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 89 bytes)
    [exit 8]
    ");
}

#[test]
fn without_an_identity_it_is_not_called_locked() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("a", "clean\n");
    fs::remove_file(sandbox.identity()).expect("removed");
    assert_snapshot!(sandbox.run(&["scan", "a"]), @"
    --- stderr ---
    keyvault: warning: values of the vault were not looked for: no identity at `[sandbox]/home/.config/keyvault/identity`
    keyvault: note: nothing found (scanned 1 file, 6 bytes)
    [exit 0]
    ");
}

#[test]
fn advice_on_many_secrets_does_not_bury_what_was_found() {
    let mut sandbox = Sandbox::new();
    let names: Vec<_> = (10..25).map(|n| format!("SECRET_{n}")).collect();
    for name in &names {
        sandbox.add(name, &value_of(name));
    }
    let text: Vec<_> = names.iter().map(|name| value_of(name)).collect();
    sandbox.write("a", text.join("\n"));
    let found = sandbox.run(&["scan", "a"]).exits(FOUND);
    assert_eq!(found.text().lines().count(), 16);
    assert_eq!(found.stderr.matches("take it out").count(), 10);
    found.says("what to do about 5 more stands in `--json`, with each of them");
}

#[test]
fn values_of_any_bytes_are_found() {
    let sandbox = Sandbox::new();
    let all: Vec<u8> = (0..=255).collect();
    let path = sandbox.root().join("all");
    fs::write(&path, &all).expect("written");
    sandbox
        .run(&["add", "ALL", "--from-file", path.to_str().expect("a text")])
        .succeeds();
    put(&sandbox, "a", [b"x\n ", &all[..]].concat());
    assert_eq!(places(&sandbox, &["a"]).len(), 1);
    put(
        &sandbox,
        "a",
        format!("x\n {}", BASE64_STANDARD.encode(&all)),
    );
    assert_eq!(places(&sandbox, &["a"]).len(), 1);
}

// What is allowed, and what is added

#[test]
fn what_is_allowed_is_counted_and_no_more() {
    let sandbox = Sandbox::empty();
    put(&sandbox, "a/b.txt", format!("x {}\n", key()));
    let found = sandbox.run(&["scan", "--json"]).exits(FOUND).json();
    let id = found["findings"][0]["id"]
        .as_str()
        .expect("a text")
        .to_owned();

    sandbox.run(&["scan", "allow", &id]).succeeds();
    sandbox
        .run(&["scan"])
        .succeeds()
        .says("nothing found, 1 allowed");
    fs::remove_file(sandbox.project().join(CONFIG)).expect("removed");

    put(&sandbox, "c.txt", format!("x {} # keyvault:allow\n", key()));
    sandbox
        .run(&["scan", "c.txt"])
        .succeeds()
        .says("nothing found, 1 allowed");
    put(
        &sandbox,
        "c.txt",
        format!("# keyvault:allow\nx {}\n", key()),
    );
    sandbox.run(&["scan", "c.txt"]).exits(FOUND);

    put(&sandbox, CONFIG, "[[allow]]\npath = \"a/b.txt\"\n");
    assert_eq!(places(&sandbox, &[]), ["c.txt:2:3"]);
    // However it is named.
    let whole = sandbox.project().join("a/b.txt");
    for name in [
        "a/b.txt",
        "./a",
        "a/../a/b.txt",
        whole.to_str().expect("a text"),
    ] {
        assert_eq!(places(&sandbox, &[name]), [""; 0], "{name}");
    }
    let below = sandbox.project().join("a");
    let mut scan = sandbox.command(&["scan", "../a/b.txt"]);
    sandbox.finish(scan.current_dir(below)).succeeds();
}

#[test]
fn a_project_has_rules_of_its_own() {
    let sandbox = Sandbox::empty();
    let rule = r#"[[rule]]
id = "acme-token"
provider = "Acme"
name = "token"
source = "https://acme.example.org"
prefix = ["acme_"]
pattern = '''acme_[a-z0-9]{12}'''
examples = ['''ac•me_k3j9x2m7q1z8''']
counter_examples = ['''acme_short''']
"#;
    put(&sandbox, CONFIG, rule);
    put(&sandbox, "a", ["token=acme", "_p4t8w1n6r2v9"].concat());
    assert_snapshot!(sandbox.run(&["scan", "a"]), @"
    --- stdout ---
    PLACE  SEVERITY  WHAT        SHOWN                   ID
    a:1:7  error     Acme token  acme_… (17 characters)  362ed4bf9c36b7a7
    --- stderr ---
    keyvault: note: take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Acme
    keyvault: note: if it is no secret, run `keyvault scan allow 362ed4bf9c36b7a7 --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 23 bytes)
    [exit 8]
    ");
    for (from, to) in [
        ("k3j9x2m7q1z8", "K"),
        ("{12}", "{12"),
        ("{12}", "{1,900}{1,900}"),
        ("acme_short", "acme_k3j9x2m7q1z8"),
    ] {
        put(&sandbox, CONFIG, rule.replacen(from, to, 1));
        let refused = sandbox.refused(&["scan", "a"]).exits(1);
        assert!(refused.stderr.contains("line 1"), "{refused}");
    }
    // What is read before each commit is no place to make a machine busy.
    let many: String = (0..300)
        .map(|n| rule.replace("acme-token", &format!("acme-{n}")))
        .collect();
    put(&sandbox, CONFIG, many);
    assert_snapshot!(sandbox.refused(&["scan", "a"]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault-scan.toml` line 2251: there are more than 250 rules
    keyvault: hint: nothing was changed; correct it: it may have `salt`, `[[rule]]` and `[[allow]]`, as README shows
    [exit 1]
    ");
}

// How it is said

#[test]
fn findings_are_written_for_others_too() {
    let sandbox = Sandbox::empty();
    put(&sandbox, "a b.txt", format!("x {}\n", key()));
    let sarif = sandbox
        .run(&["scan", "-f", "sarif"])
        .exits(FOUND)
        .says_nothing();
    let log: serde_json::Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "groq-api-key");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b.txt");
    assert_snapshot!(sandbox.run(&["scan", "-f", "github"]), @"
    --- stdout ---
    ::error file=a b.txt,line=1,col=3,title=Groq API key::Groq API key, gsk_… (56 characters): take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Groq; or allow it: `keyvault scan allow 1273363e90b276be --reason WHY`
    [exit 8]
    ");
    assert_snapshot!(sandbox.refused(&["scan", "-f", "sarif", "--json"]), @r#"
    --- stderr ---
    {"error":{"code":2,"hint":"leave one of them away","message":"`--json` does not go with another format"},"schema":1}
    [exit 2]
    "#);
    assert_snapshot!(sandbox.refused(&["scan", "-f", "xml"]), @"
    --- stderr ---
    keyvault: error: `--format` has a value that does not fit
    keyvault: hint: run `keyvault scan --help`
    [exit 2]
    ");
}

#[test]
fn a_file_of_findings_is_for_its_owner_alone() {
    let sandbox = Sandbox::empty();
    put(&sandbox, "a", key());
    let report = sandbox.root().join("report.json");
    let path = report.to_str().expect("a text");
    let run = sandbox.run(&["scan", "--json", "-o", path]).exits(FOUND);
    assert_eq!(run.text(), "");
    let mode = fs::metadata(&report).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read(&report).expect("read");
    let report: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(report["findings"][0]["path"], "a");
    sandbox.refused(&["scan", "-o", "/dev/full"]).exits(7);
    sandbox.refused(&["scan", "-o", "no/such/folder"]);
}

#[test]
fn who_reads_no_further_is_not_told_that_all_is_well() {
    let sandbox = Sandbox::empty();
    let line = format!("x {}\n", key());
    put(&sandbox, "a", line.repeat(5000));
    for format in ["human", "json", "sarif", "github"] {
        let mut scan = sandbox.command(&["scan", "a", "-f", format]);
        scan.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = scan.spawn().expect("started");
        let mut first = [0; 1];
        let mut out = child.stdout.take().expect("piped");
        out.read_exact(&mut first).expect("read");
        drop(out);
        assert_eq!(child.wait().expect("ended").code(), Some(FOUND), "{format}");
    }
    let full = fs::File::options().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let mut scan = sandbox.command(&["scan", "a"]);
    let output = sandbox.finish(scan.stdout(full));
    output.exits(1).says("no space left on device");
}

#[test]
fn a_long_scan_is_interrupted_and_leaves_the_terminal_clean() {
    let sandbox = Sandbox::empty();
    let endless = sandbox.root().join("endless");
    rustix::fs::mkfifoat(rustix::fs::CWD, &endless, rustix::fs::Mode::from(0o600)).expect("made");
    // Both ends are here, so that it waits for more.
    let _writer = fs::File::options()
        .read(true)
        .write(true)
        .open(&endless)
        .expect("opened");
    let mut terminal = Terminal::program(
        &sandbox,
        &[KEYVAULT, "scan", endless.to_str().expect("a text")],
    );
    terminal.expect("keyvault: scanned 0 MiB so far");
    terminal.control('c');
    let ending = terminal.end();
    assert_eq!((ending.code, ending.signal), (None, Some(2)), "{ending}");
}
