//! `keyvault export`: what the readers of each format read from it is what was put
//! in, byte by byte; what a format cannot carry is refused by name.
//!
//! The values are many and random, so each reader is started once for all of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::forge;
use crate::sandbox::{CANARY, Sandbox, Transcript, read_to_string, skip, tool, value_of};
use crate::terminal::Terminal;

type Values = BTreeMap<String, Vec<u8>>;

/// How many random values each reader gets.
const MANY: usize = 250;

/// What is special to one reader or another.
const SPECIAL: [&str; 48] = [
    "'",
    "\"",
    "`",
    "\\",
    "$",
    "$HOME",
    "${HOME}",
    "$(id)",
    "%",
    "%s",
    "!",
    "!!",
    "#",
    " #",
    "=",
    ":",
    ": ",
    "- ",
    "---",
    "...",
    "{",
    "}",
    "{{ A }}",
    "[",
    "]",
    "&",
    "*",
    "|",
    ">",
    ",",
    "~",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\\n",
    "\\\n",
    "null",
    "KEYVAULT_END",
    "KEYVAULT_END_",
    "EOF",
    "é",
    "🔑",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
];

/// What only some can carry.
const STRANGE: [&str; 6] = [
    "\0",
    "\u{feff}",
    "\u{fffe}",
    "\u{fdd0}",
    "\u{1ffff}",
    "\u{f600}",
];

fn texts() -> impl Strategy<Value = String> {
    let special = prop::sample::select(SPECIAL.to_vec()).prop_map(str::to_owned);
    let strange = prop::sample::select(STRANGE.to_vec()).prop_map(str::to_owned);
    let piece = prop_oneof![
        8 => special,
        1 => strange,
        2 => "[a-zA-Z0-9]{1,6}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// Random values, and some that are there each time.
fn values() -> Values {
    let mut runner = TestRunner::default();
    let mut texts = (0..MANY).map(|_| texts().new_tree(&mut runner).expect("made").current());
    let fixed = [
        String::new(),
        "\n".to_owned(),
        " ".to_owned(),
        "a\n".to_owned(),
        "\r".to_owned(),
        "-----BEGIN-----\nAAAA\n-----END-----\n".to_owned(),
        "x".repeat(100_000),
        "'\"`$\\".repeat(1000),
        SPECIAL.concat(),
    ];
    let all = fixed.into_iter().chain(&mut texts).map(String::into_bytes);
    let bytes = [
        vec![0xff, 0xfe],
        vec![b'a', 0xc3],
        (1..=255).collect(),
        (0..=255).collect(),
    ];
    // Names that are not text to some readers stand among the others.
    let names = ["NO", "Y", "null", "_", "x", "True", "NaN"].map(str::to_owned);
    let names = names.into_iter().chain((0..).map(|n| format!("V{n:03}")));
    names.zip(all.chain(bytes)).collect()
}

/// A vault that holds these values.
fn vault_of(values: &Values) -> Sandbox {
    let sandbox = Sandbox::new();
    let secrets = values.iter().map(|(name, value)| {
        let value = match std::str::from_utf8(value) {
            Ok(text) if !value.contains(&0) => serde_json::json!(text),
            _ => serde_json::json!({ "base64": BASE64_STANDARD.encode(value) }),
        };
        format!(
            r#""{name}":{{"versions":[{{"version":1,"state":"current","created_at":"2026-11-22T12:00:00Z","created_by":"alice","value":{value}}}]}}"#
        )
    });
    let secrets: Vec<String> = secrets.collect();
    let secrets = format!(r#""secrets":{{{}}}"#, secrets.join(","));
    let identity = read_to_string(&sandbox.identity());
    let file = fs::read(sandbox.dev()).expect("read");
    let file = forge::resigned(&identity, &file, |document| {
        document.replace(r#""secrets":{}"#, &secrets)
    });
    fs::write(sandbox.dev(), file).expect("written");
    sandbox.run(&["trust", "--yes"]).succeeds();
    sandbox
}

/// Random values that a format carries, and the file that it makes of them.
fn exported(format: &[&str], carries: impl Fn(&[u8]) -> bool) -> (Sandbox, Values, PathBuf) {
    let mut values = values();
    // Shells have this one for themselves.
    let is_shell = ["shell", "fish"].contains(&format[0]);
    values.retain(|name, value| carries(value) && !(is_shell && name == "_"));
    assert!(values.len() > MANY / 2, "hardly any is left");
    let sandbox = vault_of(&values);
    let line = [&["export", "-q", "-f"], format, &["-o", "exported"]].concat();
    sandbox.run(&line).succeeds().says_nothing();
    let file = sandbox.project().join("exported");
    (sandbox, values, file)
}

#[track_caller]
fn assert_same(found: &Values, expected: &Values) {
    for (name, value) in expected {
        let found = found.get(name);
        assert!(
            found == Some(value),
            "{name}: {:?} became {:?}",
            String::from_utf8_lossy(value),
            found.map(|found| String::from_utf8_lossy(found))
        );
    }
}

/// Reads what `env -0` prints.
fn variables(printed: &Transcript) -> Values {
    let pairs = printed.stdout.split(|byte| *byte == 0);
    let pairs = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let name = String::from_utf8(pair[..at].to_vec()).ok()?;
        Some((name, pair[at + 1..].to_vec()))
    });
    pairs.collect()
}

/// Reads a JSON object of names and values in hexadecimal.
fn in_hex(printed: &Transcript) -> Values {
    let object: BTreeMap<String, String> =
        serde_json::from_slice(&printed.stdout).unwrap_or_else(|_| panic!("{printed}"));
    let bytes = |hex: &str| {
        let pairs = hex.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("a byte")
        });
        bytes.collect()
    };
    object
        .into_iter()
        .map(|(name, hex)| (name, bytes(&hex)))
        .collect()
}

/// Where CI keeps the packages that read `.env` files.
fn originals() -> Option<PathBuf> {
    std::env::var_os("KEYVAULT_TESTS_DOTENV").map(PathBuf::from)
}

/// Lets Python find those of them that are its own.
fn python_path() -> Option<(&'static str, PathBuf)> {
    Some(("PYTHONPATH", originals()?.join("python")))
}

/// Python with these modules. Where they are missing the test is skipped, and fails
/// in CI, as without a tool.
fn python_with(modules: &str) -> Option<PathBuf> {
    let python = tool("python3")?;
    let import = format!("import {modules}");
    let found = std::process::Command::new(&python)
        .args(["-c", &import])
        .envs(python_path())
        .output()
        .is_ok_and(|output| output.status.success());
    if found {
        return Some(python);
    }
    tool(&format!("python3 with {modules}"))
}

fn python(sandbox: &Sandbox, python: &Path, script: &str) -> Values {
    let script = format!(
        "import sys, json\n{script}\n\
         hexed = lambda v: (v if isinstance(v, bytes) else v.encode('utf-8')).hex()\n\
         json.dump({{k: hexed(v) for k, v in values.items()}}, sys.stdout)"
    );
    let mut reader = sandbox.other(python);
    reader.args(["-c", &script]).envs(python_path());
    in_hex(&sandbox.finish(&mut reader).succeeds())
}

fn is_text(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok()
}

fn has_nul(value: &[u8]) -> bool {
    value.contains(&0)
}

#[test]
fn shells_read_the_same_bytes() {
    let (sandbox, values, _) = exported(&["shell"], |value| !has_nul(value));
    for name in ["sh", "bash", "zsh", "ksh"] {
        // The others than sh are a bonus where they are installed.
        let Some(shell) = tool_or(name, name == "sh") else {
            continue;
        };
        for locale in ["C", "C.UTF-8"] {
            let mut reader = sandbox.other(&shell);
            reader
                .env("LC_ALL", locale)
                .args(["-c", ". ./exported; exec env -0"]);
            assert_same(&variables(&sandbox.finish(&mut reader).succeeds()), &values);
            let mut reader = sandbox.other(&shell);
            let script = r#"eval "$(cat exported)"; exec env -0"#;
            reader.env("LC_ALL", locale).args(["-c", script]);
            assert_same(&variables(&sandbox.finish(&mut reader).succeeds()), &values);
        }
    }
}

/// Finds a tool: one that the test needs, or one that it takes where it is.
fn tool_or(name: &str, is_needed: bool) -> Option<PathBuf> {
    if is_needed {
        return tool(name);
    }
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
    found.find(|path| path.is_file())
}

#[test]
fn fish_reads_the_same_bytes() {
    let Some(fish) = tool("fish") else { return };
    let (sandbox, values, _) = exported(&["fish"], |value| is_text(value) && !has_nul(value));
    for script in [
        "source exported; exec env -0",
        "cat exported | source; exec env -0",
    ] {
        let mut reader = sandbox.other(&fish);
        reader
            .env("LC_ALL", "C.UTF-8")
            .args(["--no-config", "-c", script]);
        assert_same(&variables(&sandbox.finish(&mut reader).succeeds()), &values);
    }
}

#[test]
fn json_is_read_as_the_same_text() {
    let (sandbox, values, file) = exported(&["json"], is_text);
    let read: BTreeMap<String, String> =
        serde_json::from_slice(&fs::read(file).expect("read")).expect("flat");
    let read = read
        .into_iter()
        .map(|(name, text)| (name, text.into_bytes()));
    assert_same(&read.collect(), &values);
    if let Some(node) = tool("node") {
        let script = "const o = JSON.parse(require('fs').readFileSync('exported', 'utf8')); \
            for (const k in o) o[k] = Buffer.from(o[k]).toString('hex'); \
            console.log(JSON.stringify(o))";
        let mut reader = sandbox.other(node);
        let printed = sandbox.finish(reader.args(["-e", script])).succeeds();
        assert_same(&in_hex(&printed), &values);
    }
    if let Some(interpreter) = tool("python3") {
        let script = "values = json.load(open('exported', encoding='utf-8'))";
        assert_same(&python(&sandbox, &interpreter, script), &values);
    }
}

#[test]
fn yaml_is_read_as_the_same_text() {
    let (sandbox, values, _) = exported(&["yaml"], is_text);
    if let Some(interpreter) = python_with("yaml") {
        let script = "import yaml\nvalues = yaml.safe_load(open('exported', 'rb'))";
        assert_same(&python(&sandbox, &interpreter, script), &values);
    }
    if let Some(ruby) = tool_or("ruby", false) {
        let script = "require 'yaml'; require 'json'; \
            puts JSON.dump(YAML.load_file('exported').transform_values { |v| v.unpack1('H*') })";
        let mut reader = sandbox.other(ruby);
        let printed = sandbox.finish(reader.env("LC_ALL", "C.UTF-8").args(["-e", script]));
        assert_same(&in_hex(&printed.succeeds()), &values);
    }
}

#[test]
fn toml_is_read_as_the_same_text() {
    let Some(interpreter) = python_with("tomllib") else {
        return;
    };
    let (sandbox, values, _) = exported(&["toml"], is_text);
    let script = "import tomllib\nvalues = tomllib.load(open('exported', 'rb'))";
    assert_same(&python(&sandbox, &interpreter, script), &values);
}

#[test]
fn a_manifest_holds_any_bytes() {
    let (sandbox, values, _) = exported(&["k8s", "--name", "app.env-1"], |_| true);
    if let Some(interpreter) = python_with("yaml") {
        let script = "import yaml, base64\nm = yaml.safe_load(open('exported', 'rb'))\n\
            assert (m['apiVersion'], m['kind'], m['type']) == ('v1', 'Secret', 'Opaque')\n\
            assert m['metadata'] == {'name': 'app.env-1'}\n\
            values = {k: base64.b64decode(v, validate=True) for k, v in m['data'].items()}";
        assert_same(&python(&sandbox, &interpreter, script), &values);
    }
}

/// Random values that a dialect carries, and the file that it makes of them. What it
/// does not carry is left out as the refusal says.
fn exported_in(dialect: &str) -> (Sandbox, Values) {
    let (mut values, mut refused) = (values(), Vec::new());
    values.retain(|name, value| is_text(value) && !has_nul(value) && name != "_");
    let sandbox = vault_of(&values);
    loop {
        let except = refused.join(",");
        let mut line = vec!["export", "-q", "--dialect", dialect, "-o", "exported"];
        if !refused.is_empty() {
            line.extend(["--except", &except]);
        }
        let exported = sandbox.run(&line);
        if exported.code == Some(0) {
            break;
        }
        let exported = exported.exits(1).says("cannot be written as `dotenv`: ");
        let name = exported.stderr.split('`').nth(1).expect("a name");
        values.remove(name).expect("it was there");
        refused.push(name.to_owned());
    }
    assert!(values.len() > MANY / 3, "hardly any is left");
    (sandbox, values)
}

#[test]
fn a_dotenv_file_is_read_by_its_dialect_s_own_reader() {
    if let Some(interpreter) = python_with("dotenv") {
        let (sandbox, values) = exported_in("python");
        let script = "import dotenv\nvalues = dotenv.dotenv_values('exported')";
        assert_same(&python(&sandbox, &interpreter, script), &values);
    }
    if let (Some(node), Some(originals)) = (tool("node"), originals()) {
        let (sandbox, values) = exported_in("node");
        let script = "const o = require(process.argv[1]).parse(require('fs').readFileSync('exported')); \
            for (const k in o) o[k] = Buffer.from(o[k]).toString('hex'); \
            console.log(JSON.stringify(o))";
        let package = originals.join("node_modules/dotenv");
        let mut reader = sandbox.other(node);
        reader.args(["-e", script]).arg(package);
        assert_same(&in_hex(&sandbox.finish(&mut reader).succeeds()), &values);
    }
    let Some(shell) = tool("sh") else { return };
    let (sandbox, values) = exported_in("shell");
    let mut reader = sandbox.other(shell);
    reader.args(["-c", "set -a; . ./exported; exec env -0"]);
    assert_same(&variables(&sandbox.finish(&mut reader).succeeds()), &values);
}

/// As `docker run --env-file` reads it: lines of less than 64 KiB, less a carriage
/// return at their end; what is behind the first `=` counts as it is.
#[test]
fn a_file_for_docker_is_read_as_docker_does() {
    let is_carried = |value: &[u8]| {
        is_text(value)
            && !has_nul(value)
            && !value.contains(&b'\n')
            && !value.ends_with(b"\r")
            && value.len() < 60_000
    };
    let (sandbox, values, file) = exported(&["docker"], is_carried);
    docker_reads(&sandbox, &values);
    let file = fs::read(file).expect("read");
    let lines = file
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let at = line.iter().position(|byte| *byte == b'=').expect("a pair");
        (
            String::from_utf8_lossy(&line[..at]).into_owned(),
            line[at + 1..].to_vec(),
        )
    });
    assert_same(&pairs.collect(), &values);
}

/// Docker's own client, where there is one: it reads the file and sends what it read to
/// a daemon, in whose place a script writes it down and says no.
fn docker_reads(sandbox: &Sandbox, values: &Values) {
    const DAEMON: &str = r#"
import socket, subprocess, sys, threading
server = socket.socket(socket.AF_UNIX)
server.bind('docker.sock')
server.listen()
def serve():
    while True:
        stream = server.accept()[0].makefile('rwb')
        while request := stream.readline():
            length = 0
            while (line := stream.readline().strip().lower()):
                if line.startswith(b'content-length:'):
                    length = int(line.split(b':')[1])
            body = stream.read(length)
            created = b'/containers/create' in request
            if created:
                sys.stdout.buffer.write(body)
                sys.stdout.flush()
            answer = b'{"message": "no"}' if created else b''
            stream.write(b'HTTP/1.1 %s\r\nApi-Version: 1.40\r\nContent-Type: application/json\r\n'
                         b'Content-Length: %d\r\n\r\n' % (b'500 No' if created else b'200 OK', len(answer)) + answer)
            stream.flush()
threading.Thread(target=serve, daemon=True).start()
subprocess.run([sys.argv[1], '-H', 'unix://docker.sock', 'run', '--env-file', 'exported', 'x'],
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
"#;
    let (Some(docker), Some(interpreter)) = (tool_or("docker", false), tool("python3")) else {
        return;
    };
    let mut client = sandbox.other(interpreter);
    let sent = sandbox.finish(client.args(["-c", DAEMON]).arg(docker));
    let sent: serde_json::Value = serde_json::from_slice(&sent.stdout).expect("a request");
    let pairs = sent["Env"].as_array().expect("a list").iter().map(|pair| {
        let (name, value) = pair
            .as_str()
            .expect("text")
            .split_once('=')
            .expect("a pair");
        (name.to_owned(), value.as_bytes().to_vec())
    });
    assert_same(&pairs.collect(), values);
}

/// What systemd.exec(5) says that the file may hold.
fn systemd_carries(value: &[u8]) -> bool {
    let is_strange = |c: char| {
        let code = c as u32;
        code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code) || c == '\u{feff}'
    };
    std::str::from_utf8(value).is_ok_and(|text| !text.contains(is_strange)) && !has_nul(value)
}

/// With the function that reads `EnvironmentFile=`, out of systemd's own library.
#[test]
fn systemd_reads_the_same_text() {
    // What comes with the library.
    let (Some(interpreter), Some(_)) = (tool("python3"), tool("systemd-escape")) else {
        return;
    };
    let folders = [
        "/usr/lib/x86_64-linux-gnu/systemd",
        "/usr/lib/aarch64-linux-gnu/systemd",
        "/usr/lib/systemd",
        "/usr/lib64/systemd",
    ];
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let mut files = entries.flatten().flatten().map(|entry| entry.path());
    let library = files.find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libsystemd-shared-") && name.ends_with(".so")
    });
    let Some(library) = library else {
        return skip("it needs systemd's library");
    };
    let (sandbox, values, _) = exported(&["systemd"], systemd_carries);
    let script = format!(
        "from ctypes import *\n\
         lib = CDLL('{}')\n\
         pairs = POINTER(c_char_p)()\n\
         assert lib.load_env_file(None, b'exported', byref(pairs)) == 0\n\
         lib.env_value_is_valid.restype = c_bool\n\
         values, n = {{}}, 0\n\
         while pairs[n] is not None:\n\
         \x20   k, v = pairs[n].split(b'=', 1); n += 1\n\
         \x20   assert lib.env_value_is_valid(v), k\n\
         \x20   values[k.decode()] = v",
        library.display()
    );
    assert_same(&python(&sandbox, &interpreter, &script), &values);
}

/// As the runner's `SetEnvFileCommand` reads it on Linux.
fn read_github(text: &str) -> Values {
    let mut values = Values::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (name, end) = line.split_once("<<").expect("a heredoc");
        assert!(!name.contains('='), "{line}");
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        values.insert(name.to_owned(), value.join("\n").into_bytes());
    }
    values
}

#[test]
fn a_job_s_later_steps_read_the_same_text() {
    let (_sandbox, values, file) = exported(&["github"], |value| is_text(value) && !has_nul(value));
    assert_same(&read_github(&read_to_string(&file)), &values);
}

#[test]
fn each_line_of_a_value_can_be_masked() {
    let (_sandbox, values, file) = exported(&["github-mask"], is_text);
    let file = read_to_string(&file);
    let masked = file.split_terminator('\n').map(|line| {
        let text = line.strip_prefix("::add-mask::").expect("a command");
        let text = text.replace("%0A", "\n").replace("%0D", "\r");
        text.replace("%25", "%").into_bytes()
    });
    let expected: Vec<_> = values
        .into_values()
        .filter(|value| !value.is_empty())
        .collect();
    assert_eq!(masked.collect::<Vec<_>>(), expected);
}

#[test]
fn each_format_looks_as_its_readers_know_it() {
    let sandbox = Sandbox::new();
    for (name, value) in [("A", "it's"), ("B", "two\nlines"), ("C", "")] {
        let empty = if value.is_empty() { "" } else { "\n" };
        sandbox
            .run_with_stdin(&["add", name, "--stdin"], format!("{value}{empty}"))
            .succeeds();
    }
    let looks = |format: &str| {
        let exported = sandbox.run(&["export", "-f", format]).succeeds();
        format!("{}{}", exported.text(), exported.stderr)
    };
    let all = [
        "dotenv",
        "shell",
        "fish",
        "json",
        "yaml",
        "toml",
        "systemd",
        "github",
        "github-mask",
        "k8s",
    ];
    assert_snapshot!(all.map(looks).join("\n"), @r#"
    A="it's"
    B='two
    lines'
    C=

    export A='it'\''s'
    export B='two
    lines'
    export C=''

    set -gx A 'it\'s'
    set -gx B 'two
    lines'
    set -gx C ''

    {
      "A": "it's",
      "B": "two\nlines",
      "C": ""
    }

    "A": "it's"
    "B": "two\nlines"
    "C": ""

    A = "it's"
    B = "two\nlines"
    C = ""

    A="it's"
    B="two
    lines"
    C=""

    A<<KEYVAULT_END
    it's
    KEYVAULT_END
    B<<KEYVAULT_END
    two
    lines
    KEYVAULT_END
    C<<KEYVAULT_END

    KEYVAULT_END
    keyvault: note: a job's log shows these unless they are masked first: run `keyvault export -f github-mask` before

    ::add-mask::it's
    ::add-mask::two%0Alines

    apiVersion: v1
    kind: Secret
    metadata:
      name: "keyvault"
    type: Opaque
    data:
      "A": "aXQncw=="
      "B": "dHdvCmxpbmVz"
      "C": ""
    "#);
}

#[test]
fn nothing_to_write_is_a_whole_file_all_the_same() {
    let sandbox = Sandbox::new();
    for (format, expected) in [
        ("shell", ""),
        ("json", "{}\n"),
        ("yaml", "{}\n"),
        ("toml", ""),
    ] {
        let exported = sandbox.run(&["export", "-f", format]).succeeds();
        assert_eq!(exported.text(), expected, "{format}");
        assert!(exported.stderr.contains("there is no secret to write"));
    }
    let manifest = sandbox.run(&["export", "-f", "k8s"]).succeeds();
    assert!(manifest.text().ends_with("data: {}\n"), "{manifest}");
}

#[test]
fn what_a_format_cannot_carry_is_refused_by_name() {
    let value = |value: &[u8]| {
        Values::from([
            ("A".to_owned(), b"x".to_vec()),
            ("BAD".to_owned(), value.to_vec()),
        ])
    };
    let named = |name: &str| Values::from([(name.to_owned(), b"x".to_vec())]);
    for (values, cases) in [
        (
            value(b"\xff"),
            &[
                ("fish", "it is not text in UTF-8"),
                ("json", "it is not text in UTF-8"),
                ("yaml", "it is not text in UTF-8"),
                ("toml", "it is not text in UTF-8"),
                ("systemd", "it is not text in UTF-8"),
                ("github", "it is not text in UTF-8"),
                ("github-mask", "it is not text in UTF-8"),
                ("dotenv", "it is not UTF-8"),
            ][..],
        ),
        (
            value(b"a\0b"),
            &[
                ("shell", "it holds a NUL byte"),
                ("fish", "it holds a NUL byte"),
                ("systemd", "it holds a NUL byte"),
                ("github", "it holds a NUL byte"),
            ],
        ),
        (
            value("\u{feff}".as_bytes()),
            &[("systemd", "it holds U+FEFF")],
        ),
        (
            value(&vec![b'x'; 1 << 20]),
            &[("k8s", "it is the largest, with 1048576 bytes")],
        ),
        (
            named("UID"),
            &[("shell", "the shell has a variable of this name")],
        ),
        (
            named("umask"),
            &[("fish", "fish has a variable of this name")],
        ),
    ] {
        let sandbox = vault_of(&values);
        for (format, reason) in cases {
            for to in [&[][..], &["-o", "file"]] {
                let line = [&["export", "-f", format], to].concat();
                let refused = sandbox.refused(&line).exits(1);
                assert_eq!(refused.stdout, b"", "{format}");
                let refused = refused.says(" cannot be written as `").says(reason);
                assert!(refused.stderr.contains("--except"), "{refused}");
            }
            let left_out = ["export", "-f", format, "--except", "BAD"];
            if values.contains_key("BAD") {
                sandbox.run(&left_out).succeeds();
            }
        }
    }
}

/// Names that a shell refuses, or has its own mind about: if one were carried after
/// all, it need not be refused.
#[test]
fn the_names_that_are_refused_are_the_shell_s_own() {
    for (program, format, names) in [
        (
            "bash",
            "shell",
            "BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_COMMAND \
            BASH_LINENO BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID \
            FUNCNAME GROUPS HISTCMD LINENO OPTIND PPID RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID _",
        ),
        (
            "fish",
            "fish",
            "FISH_VERSION PWD SHLVL _ fish_kill_signal fish_killring fish_pid history \
            hostname pipestatus status status_generation umask version",
        ),
    ] {
        let Some(program) = tool(program) else {
            continue;
        };
        for name in names.split_whitespace() {
            let sandbox = vault_of(&Values::from([(name.to_owned(), b"va:lue".to_vec())]));
            let line = ["export", "-f", format, "--allow-dangerous", name];
            sandbox.refused(&line).exits(1);
            let set = if format == "fish" {
                format!("set -gx {name} 'va:lue'; exec env -0")
            } else {
                format!("export {name}='va:lue'; exec env -0")
            };
            let mut shell = sandbox.other(&program);
            let printed = sandbox.finish(shell.args(["-c", &set]));
            let seen = variables(&printed);
            assert!(
                seen.get(name).is_none_or(|value| value != b"va:lue"),
                "{name}"
            );
        }
    }
}

#[test]
fn a_name_that_takes_programs_over_is_refused_unless_it_is_allowed() {
    let sandbox = Sandbox::with_secrets(&["A", "LD_PRELOAD"]);

    assert_snapshot!(sandbox.refused(&["export"]), @"
    --- stderr ---
    keyvault: error: a secret named `LD_PRELOAD` would take the program over, and is not passed on
    keyvault: hint: leave out what you do not need with `--except LD_PRELOAD`, or pass `--allow-dangerous LD_PRELOAD` if that is what you want
    [exit 2]
    ");
    let allowed = ["export", "--allow-dangerous", "LD_PRELOAD", "-f", "json"];
    assert_eq!(sandbox.run(&allowed).succeeds().text().lines().count(), 4);
    sandbox.run(&["export", "--except", "LD_*"]).succeeds();
}

#[test]
fn secrets_are_chosen_as_for_exec() {
    let sandbox = Sandbox::with_secrets(&["A", "B1", "B2", "GONE"]);
    sandbox.run(&["revoke", "GONE"]).succeeds();
    let names = |arguments: &[&str]| {
        let line = [&["export", "-f", "shell"], arguments].concat();
        let exported = sandbox.run(&line).succeeds();
        let lines = exported.text().lines();
        let names = lines.filter_map(|line| line.strip_prefix("export ")?.split('=').next());
        names.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };

    assert_eq!(names(&[]), "A B1 B2");
    assert_eq!(names(&["--only", "A,B2"]), "A B2");
    assert_eq!(names(&["--only", "B*", "--except", "B1"]), "B2");
    sandbox
        .run(&["export"])
        .succeeds()
        .says("warning: `GONE` is revoked and was left out");
    sandbox.refused(&["export", "--only", "GONE"]).exits(5);
    sandbox.refused(&["export", "--only", "C"]).exits(3);
    sandbox.refused(&["export", "--tag", "none"]).exits(3);
}

#[test]
fn a_file_is_asked_about_before_it_is_replaced() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let file = sandbox.write("exported.json", "by hand");
    let line = ["export", "-f", "json", "-o", "exported.json"];

    assert_snapshot!(sandbox.refused(&line), @"
    --- stderr ---
    keyvault: error: `Replace exported.json?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    let mut terminal = Terminal::start(&sandbox, &line);
    terminal.expect("Replace exported.json? [y/N] ");
    terminal.enter("n");
    assert_eq!(terminal.end().code, Some(1));
    assert_eq!(read_to_string(&file), "by hand");

    assert_snapshot!(sandbox.run(&[&line[..], &["-y"]].concat()), @"
    --- stderr ---
    keyvault: warning: `exported.json` holds one value in plaintext, which you alone may read; remove it once it has served
    [exit 0]
    ");
    let expected = format!("{{\n  \"A\": \"{}\"\n}}\n", value_of("A"));
    assert_eq!(read_to_string(&file), expected);
    let mode = fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    symlink("exported.json", sandbox.project().join("link")).expect("linked");
    sandbox
        .refused(&["export", "-o", "link", "-y"])
        .exits(7)
        .says("it is a symbolic link");
}

#[test]
fn asks_before_values_are_shown_on_a_terminal() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    for (arguments, answer, code) in [
        (&["export", "-f", "json"][..], "y", 0),
        (&["export", "-f", "json"], "n", 1),
        (&["export", "--json"], "n", 1),
        (&["export", "-f", "json", "--yes"], "", 0),
        (&["export", "--no-input"], "", 2),
    ] {
        let mut terminal = Terminal::start(&sandbox, arguments);
        if !answer.is_empty() {
            terminal.expect("Show 2 values on this terminal? [y/N] ");
            terminal.enter(answer);
        }
        let ending = terminal.end();
        assert_eq!(ending.code, Some(code), "{arguments:?}");
        assert_eq!(ending.text.contains(CANARY), code == 0, "{arguments:?}");
    }
}

#[test]
fn json_tells_where_each_value_is_from() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let json = sandbox.run(&["export", "--json"]).succeeds().json();

    let expected = serde_json::json!({
        "environment": "dev", "version": 1, "expires_at": null, "value": value_of("A")
    });
    assert_eq!(json["secrets"], serde_json::json!({ "A": expected }));
    sandbox
        .refused(&["export", "--json", "-f", "yaml"])
        .exits(2);
}

#[test]
fn an_option_of_one_format_goes_with_no_other() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for arguments in [
        &["export", "-f", "json", "--dialect", "node"][..],
        &["export", "--name", "x"],
        &["export", "--example", "-f", "json"],
        &["export", "-f", "k8s", "--name", "No_DNS"],
        &["export", "-f", "env"],
        &["export", "--dialect", "perl"],
    ] {
        sandbox.refused(arguments).exits(2);
    }
    assert_snapshot!(sandbox.refused(&["export", "-f", "env"]), @"
    --- stderr ---
    keyvault: error: `--format` has a value that does not fit: a format is one of `dotenv`, `shell`, `fish`, `json`, `yaml`, `toml`, `docker`, `systemd`, `github`, `github-mask`, `k8s`
    keyvault: hint: run `keyvault export --help`
    [exit 2]
    ");
}

#[test]
fn an_example_has_names_and_descriptions_and_no_value() {
    let mut sandbox = Sandbox::with_secrets(&["A", "GONE"]);
    let line = ["add", "B", "--description", "What B is for"];
    sandbox.run_with_stdin(&line, CANARY).succeeds();
    sandbox.run(&["revoke", "GONE"]).succeeds();

    let example = "A=\n# What B is for\nB=\nGONE=\n";
    assert_eq!(
        sandbox.run(&["export", "--example"]).succeeds().text(),
        example
    );
    let line = ["export", "--example", "-o", ".env.example"];
    assert_snapshot!(sandbox.run(&line), @"
    --- stderr ---
    wrote `.env.example`
    [exit 0]
    ");
    let file = sandbox.project().join(".env.example");
    assert_eq!(read_to_string(&file), example);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
    assert_eq!(
        mode(&file),
        mode(&sandbox.write("other", "")),
        "it is no secret"
    );
    assert_snapshot!(sandbox.run(&line), @"
    --- stderr ---
    keyvault: note: `.env.example` is up to date
    [exit 0]
    ");

    fs::write(&file, "# by hand\nB=1\nOLD=\n").expect("written");
    assert_snapshot!(sandbox.refused(&line), @"
    --- stderr ---
    keyvault: note: it would gain `A`, `GONE`
    keyvault: note: it would lose `OLD`
    keyvault: error: `Replace .env.example?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    sandbox
        .run(&[&line[..], &["--yes", "--except", "GONE"]].concat())
        .succeeds();
    assert_eq!(read_to_string(&file), "A=\n# What B is for\nB=\n");
}
