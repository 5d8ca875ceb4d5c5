//! What real programs see of a value: exactly what was put in.

use std::fs;

use crate::sandbox::{CANARY, Sandbox, tool};

/// Values of every kind that a variable can carry, by name.
fn values() -> Vec<(&'static str, String)> {
    let pem = format!(
        "-----BEGIN MADE-UP KEY-----\n{}\n{CANARY}\n-----END MADE-UP KEY-----\n",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2".repeat(20)
    );
    let every_sign: String = (1..=0x7f_u8).map(char::from).collect();
    vec![
        ("PEM", pem),
        ("UTF8", format!("Zürich 東京 🔑 {CANARY} e\u{301}")),
        ("QUOTES", format!(r#"'single' "double" `back` {CANARY}"#)),
        (
            "DOLLAR",
            format!("$HOME ${{PATH}} $(id) %PATH% \\$ \\n {CANARY}"),
        ),
        ("NEWLINE", format!("{CANARY}\n")),
        ("NEWLINES", format!("\n\n{CANARY}\r\n\n")),
        ("SPACES", format!("  {CANARY}\t ")),
        ("EQUALS", format!("a=b=c {CANARY}")),
        ("SIGNS", format!("{every_sign}{CANARY}")),
        ("LONG", format!("{CANARY}{}", "0123456789".repeat(10_000))),
        ("EMPTY", String::new()),
    ]
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    for (name, value) in values() {
        let file = sandbox.write("value", &value);
        sandbox
            .run(&["add", name, "--from-file", "value"])
            .succeeds();
        fs::remove_file(file).expect("removed");
    }
    sandbox
}

/// Runs a program that prints the variables of these names as hexadecimal, one a
/// line, and compares.
fn prints_exact_values(program: &[&str]) {
    let sandbox = sandbox();
    let names: Vec<&str> = values().iter().map(|(name, _)| *name).collect();
    let line = [&["exec", "--"], program, &names].concat();

    let printed = sandbox.run(&line).succeeds().says_nothing();

    for ((name, value), printed) in values().iter().zip(printed.text().lines()) {
        let expected: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(printed == expected, "{name}: {printed:.200}");
    }
    assert_eq!(printed.text().lines().count(), names.len());
}

#[test]
fn node_sees_exact_values() {
    let Some(node) = tool("node") else { return };
    let script = "for (const name of process.argv.slice(1)) \
                  console.log(Buffer.from(process.env[name]).toString('hex'))";

    prints_exact_values(&[node.to_str().expect("text"), "-e", script]);
}

#[test]
fn python_sees_exact_values() {
    let Some(python) = tool("python3") else {
        return;
    };
    let script =
        "import os, sys\nfor name in sys.argv[1:]: print(os.environb[name.encode()].hex())";

    prints_exact_values(&[python.to_str().expect("text"), "-c", script]);
}

#[test]
fn a_shell_sees_exact_values() {
    let script =
        r#"for name; do eval "printf %s \"\$$name\"" | od -An -v -tx1 | tr -d ' \n'; echo; done"#;

    prints_exact_values(&["sh", "-c", script, "sh"]);
}

#[test]
fn get_gives_a_script_exact_values() {
    let sandbox = sandbox();

    for (name, value) in values() {
        assert!(
            sandbox.run(&["get", name]).succeeds().says_nothing().text() == value,
            "{name}"
        );
    }
}

/// The main job: a Node server that used to read a `.env` file.
#[test]
fn a_node_program_with_a_manifest_runs_with_its_keys() {
    let (Some(_), Some(npm)) = (tool("node"), tool("npm")) else {
        return;
    };
    let mut sandbox = Sandbox::with_secrets(&["API_KEY"]);
    let server = "const http = require('http');
        const server = http.createServer((_, response) => response.end(process.env.API_KEY));
        server.listen(0, '127.0.0.1', () => {
            http.get({ port: server.address().port, host: '127.0.0.1' }, (response) => {
                response.setEncoding('utf8');
                response.on('data', (text) => process.stdout.write(text));
                response.on('end', () => server.close());
            });
        });";
    sandbox.write("server.js", server);
    sandbox.write(
        "package.json",
        r#"{"name": "made-up", "scripts": {"start": "node server.js"}}"#,
    );

    let started = sandbox.run(&[
        "exec",
        "--",
        npm.to_str().expect("text"),
        "start",
        "--silent",
    ]);

    assert_eq!(
        started.succeeds().text(),
        crate::sandbox::value_of("API_KEY")
    );
}
