//! A project that lived on `.env` files, before and after.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::sandbox::{CANARY, Sandbox, Transcript, contains, read_to_string, tool, value_of};
use crate::terminal::Terminal;

/// Answers one request with the environment that it has.
const SERVER: &str = "const server = require('http').createServer((request, response) => {
  response.end(JSON.stringify(process.env), () => process.exit(0));
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
";

const PACKAGE: &str = r#"{
  "name": "shop",
  "scripts": {
    "lint": "eslint .",
    "start": "node --env-file=.env server.js"
  }
}
"#;

/// Values that need every quote.
fn dotenv() -> String {
    format!(
        "# of the shop\nexport API={CANARY}#1 # a comment\nDB='postgres://u:{CANARY}@h/d?a=b&c=$d'\nPEM=\"-----BEGIN-----\n{CANARY}\n-----END-----\"\nEMPTY=\nQUOTED=\"it's\"\n"
    )
}

/// A project in git that was never committed with its `.env`, and no identity.
fn project() -> Option<Sandbox> {
    tool("git")?;
    let mut sandbox = Sandbox::empty();
    sandbox.write(".env", dotenv());
    for (name, text) in [
        ("server.js", SERVER),
        ("package.json", PACKAGE),
        (".gitignore", "node_modules\n.env\n"),
    ] {
        fs::write(sandbox.project().join(name), text).expect("written");
    }
    for arguments in [
        &["init", "--quiet", "--template="][..],
        &["add", "."],
        &["commit", "--quiet", "--message=shop"],
    ] {
        git(&sandbox, arguments);
    }
    Some(sandbox)
}

fn git(sandbox: &Sandbox, arguments: &[&str]) -> Transcript {
    let mut git = sandbox.other("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
    sandbox.finish(git.args(arguments)).succeeds()
}

/// Starts the server and returns the environment that it has.
fn served(mut server: Command) -> Value {
    server.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = server.spawn().expect("started");
    let mut port = String::new();
    let mut printed = BufReader::new(running.stdout.take().expect("piped"));
    printed.read_line(&mut port).expect("read");
    let port: u16 = port.trim().parse().expect("a port");
    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    connection
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    // The server ends at once, and its last packet may say so.
    let _ = connection.read_to_string(&mut answer);
    running.wait().expect("it ends");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_server_sees_what_it_saw_and_nothing_is_left_in_plaintext() {
    let (Some(sandbox), Some(_)) = (project(), tool("node")) else {
        return;
    };
    let mut node = sandbox.other("node");
    node.args(["--env-file=.env", "server.js"]);
    let before = served(node);
    assert_eq!(before["QUOTED"], "it's");

    let migrated = sandbox.run(&["migrate", "--yes", "--shred", "--no-passphrase"]);
    assert_snapshot!(migrated, @r#"
    --- stdout ---
    start your programs through keyvault:
    package.json:5 script `start`
        "start": "keyvault exec -- node server.js"
    --- stderr ---
    keyvault: note: `.env` is read as `node` does, and otherwise by `python` (line 2), `docker` (lines 2, 3, 4, 8), `compose` (line 2), `shell` (line 2); name yours with `--dialect`
    FILE  WHAT IS DONE
    .env  into environment `dev`
    keyvault: note: made your identity `~/.config/keyvault/identity`, WITHOUT a passphrase: whoever reads this file opens your vaults
    keyvault: note: made vault `[sandbox]/project/.keyvault` with environment `dev`, member `alice`
    keyvault: note: it may be committed: its files are encrypted
    keyvault: note: `dev`: 5 added; a program was started and saw 5 as their files have them
    keyvault: note: overwrote and removed `.env`; an SSD, a snapshot or a backup may still have it
    [exit 0]
    "#);

    let after = served(sandbox.command(&["exec", "--", "node", "server.js"]));
    assert_eq!(before, after);
    // Nothing but the vault is new.
    assert_eq!(
        git(&sandbox, &["status", "--short"]).text(),
        "?? .keyvault/\n"
    );
    assert!(!sandbox.project().join(".env").exists());
}

#[test]
fn each_file_goes_to_its_environment_and_a_later_one_wins() {
    let mut sandbox = Sandbox::new();
    for (file, text) in [
        (".env", "A=1\nB=1\n"),
        (".env.local", "B=2\n"),
        (".env.production", "A=3\n"),
        (".env.live", "A=4\n"),
        (".env.example", "A=\n"),
        (".env.bak", "A=5\n"),
    ] {
        sandbox.write(file, text);
    }
    fs::create_dir_all(sandbox.project().join("packages/api")).expect("made");
    fs::create_dir_all(sandbox.project().join("node_modules/x")).expect("made");
    sandbox.write("packages/api/.env", "A=6\n");
    sandbox.write("node_modules/x/.env", "A=7\n");

    let before = sandbox.snapshot();
    assert_snapshot!(sandbox.run(&["migrate", "--dry-run"]), @"
    --- stdout ---
    FILE             WHAT IS DONE
    .env.bak         left alone: look whether it holds secrets
    .env.example     stays: it is a sample
    .env             into environment `dev`
    .env.local       into environment `dev`
    .env.live        into environment `live`
    .env.production  into environment `prod`
    `[sandbox]/project/packages/api` has files of its own: run `keyvault init` and `keyvault migrate` there, too
    --- stderr ---
    keyvault: note: `.env.local` wins over the files before it for `B`
    [exit 0]
    ");
    assert!(sandbox.snapshot() == before);
    assert_snapshot!(sandbox.run(&["migrate", "--dry-run", "--json", "--map", ".env.live=blue", "--except", ".env.local"]), @r#"
    --- stdout ---
    {"schema":1,"files":[{"file":".env.bak","fate":"unknown","environment":null},{"file":".env.example","fate":"sample","environment":null},{"file":".env.local","fate":"left","environment":null},{"file":".env.live","fate":"import","environment":"blue"},{"file":".env","fate":"import","environment":"dev"},{"file":".env.production","fate":"import","environment":"prod"}],"below":["[sandbox]/project/packages/api"],"above":null}
    [exit 0]
    "#);

    let migrated = sandbox.run(&["migrate", "--yes", "--map", ".env.bak=old"]);
    assert_snapshot!(migrated, @"
    --- stdout ---
    start your program with `keyvault exec -- PROGRAM`
    --- stderr ---
    keyvault: note: `.env.local` wins over the files before it for `B`
    FILE             WHAT IS DONE
    .env.example     stays: it is a sample
    .env             into environment `dev`
    .env.local       into environment `dev`
    .env.live        into environment `live`
    .env.bak         into environment `old`
    .env.production  into environment `prod`
    `[sandbox]/project/packages/api` has files of its own: run `keyvault init` and `keyvault migrate` there, too
    keyvault: note: `dev`: 2 added; a program was started and saw 2 as their files have them
    keyvault: note: `live`: 1 added; a program was started and saw 1 as their files have them
    keyvault: note: `old`: 1 added; a program was started and saw 1 as their files have them
    keyvault: note: `prod`: 1 added; a program was started and saw 1 as their files have them
    keyvault: note: each environment has what its own files have; where your framework reads `.env` for all of them, lay them over each other, as in `keyvault exec -e dev,live,old,prod -- PROGRAM`
    keyvault: note: the plaintext is still in `.env`, whose value of `B` is in no vault
    keyvault: note: the plaintext is still in `.env.local`; to overwrite and remove it, run `keyvault import .env.local --env dev --dialect node --shred`
    keyvault: note: the plaintext is still in `.env.live`; to overwrite and remove it, run `keyvault import .env.live --env live --dialect node --shred`
    keyvault: note: the plaintext is still in `.env.bak`; to overwrite and remove it, run `keyvault import .env.bak --env old --dialect node --shred`
    keyvault: note: the plaintext is still in `.env.production`; to overwrite and remove it, run `keyvault import .env.production --env prod --dialect node --shred`
    [exit 0]
    ");
    for (environment, name, value) in [
        ("dev", "A", "1"),
        ("dev", "B", "2"),
        ("prod", "A", "3"),
        ("live", "A", "4"),
        ("old", "A", "5"),
    ] {
        let got = sandbox.run(&["get", name, "-e", environment]).succeeds();
        assert_eq!(got.text(), value, "{environment} {name}");
    }
    // Without `--shred` nothing was removed, and again nothing changes.
    let again = sandbox
        .run(&["migrate", "--yes", "--json"])
        .succeeds()
        .json();
    assert_eq!(
        again["environments"][0]["unchanged"],
        serde_json::json!(["A", "B"])
    );
}

#[test]
fn what_cannot_be_taken_whole_is_not_taken_at_all() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=1\n");
    sandbox.write(".env.production", "B=\"open\n");
    assert_snapshot!(sandbox.refused(&["migrate", "--yes"]), @"
    --- stderr ---
    keyvault: error: `.env.production` line 1: a quote or brace that is opened and not closed
    keyvault: hint: nothing was imported; mend the file and run it again
    [exit 1]
    ");

    sandbox.write(".env.production", "B=1\n");
    let prod = sandbox.write(".env.prod", "B=2\n");
    assert_snapshot!(sandbox.refused(&["migrate", "--yes"]), @"
    --- stderr ---
    keyvault: error: `.env.prod` and `.env.production` are both for `prod`, and both have `B`
    keyvault: hint: say which is for another environment, as in `--map .env.production=NAME`, or leave one out with `--except .env.production`
    [exit 2]
    ");
    fs::remove_file(prod).expect("removed");
    assert_snapshot!(sandbox.refused(&["migrate"]), @"
    --- stderr ---
    FILE             WHAT IS DONE
    .env             into environment `dev`
    .env.production  into environment `prod`
    keyvault: error: `Import them?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    sandbox.add("A", "another");
    assert_snapshot!(sandbox.refused(&["migrate", "--yes"]), @"
    --- stderr ---
    FILE             WHAT IS DONE
    .env             into environment `dev`
    .env.production  into environment `prod`
    keyvault: error: `A` is in environment `dev` already, with another value
    keyvault: hint: nothing was changed; pass `--on-conflict rotate` for the new values, or `--on-conflict skip` for the old ones
    [exit 7]
    ");
    sandbox
        .run(&["migrate", "--yes", "--on-conflict", "rotate"])
        .succeeds();

    assert_snapshot!(sandbox.refused(&["migrate", "--map", ".env.x=dev"]), @"
    --- stderr ---
    keyvault: error: `--map` and `--except` take `.env` files of this folder, and one that they name is none
    keyvault: hint: run `keyvault migrate --dry-run` to see them
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["migrate", "--map", "x"]), @"
    --- stderr ---
    keyvault: error: `--map` has a value that does not fit: a mapping is a file of this folder and an environment, as in `.env.live=prod`
    keyvault: hint: run `keyvault migrate --help`
    [exit 2]
    ");
}

#[test]
fn names_that_take_a_program_over_are_imported_and_passed_to_none() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", format!("PATH=/nowhere\nNODE_OPTIONS=--{CANARY}\n"));
    let migrated = sandbox.run(&["migrate", "--yes"]);
    assert_snapshot!(migrated, @"
    --- stdout ---
    start your program with `keyvault exec -- PROGRAM`
    --- stderr ---
    FILE  WHAT IS DONE
    .env  into environment `dev`
    keyvault: note: `dev`: 2 added
    keyvault: warning: names that take programs over are passed on only with `--allow-dangerous NODE_OPTIONS,PATH`
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --dialect node --shred`
    [exit 0]
    ");
}

#[test]
fn where_there_is_nothing_nothing_is_made() {
    let sandbox = Sandbox::empty();
    assert_snapshot!(sandbox.run(&["migrate", "--yes"]), @"
    --- stderr ---
    keyvault: note: there is no `.env` file with values in this folder
    [exit 0]
    ");
    assert!(!sandbox.project().join(".keyvault").exists());
}

#[test]
fn a_person_is_asked_before_anything_is_made_and_before_files_go() {
    let mut sandbox = Sandbox::new();
    let file = sandbox.write(".env", format!("A={}\n", value_of("A")));

    let mut terminal = Terminal::start(&sandbox, &["migrate"]);
    terminal.expect("Import them? [y/N] ");
    terminal.enter("n");
    assert_eq!(terminal.end().code, Some(1));
    assert!(file.exists());
    sandbox.run(&["get", "A"]).exits(3);

    let mut terminal = Terminal::start(&sandbox, &["migrate"]);
    terminal.expect("Import them? [y/N] ");
    terminal.enter("y");
    terminal.expect("Overwrite and remove .env? [y/N] ");
    terminal.enter("y");
    let ending = terminal.end();
    assert_eq!(ending.code, Some(0), "{}", ending.text);
    assert!(!contains(ending.text.as_bytes(), CANARY.as_bytes()));
    assert!(!file.exists());
    assert_eq!(sandbox.run(&["get", "A"]).succeeds().text(), value_of("A"));
}

#[test]
fn the_personal_vault_is_not_a_project_s() {
    let mut sandbox = Sandbox::empty();
    sandbox
        .run(&["init", "--personal", "--no-passphrase"])
        .succeeds();
    sandbox.write(".env", "A=1\n");
    sandbox.run(&["migrate", "--yes"]).succeeds();
    assert!(sandbox.dev().exists());
    assert!(read_to_string(&sandbox.project().join(".env")).contains("A=1"));
}

#[test]
fn a_value_that_another_file_hides_is_not_destroyed() {
    let mut sandbox = Sandbox::new();
    let hidden = sandbox.write(".env", "A=1\nB=1\n");
    let same = sandbox.write(".env.development", "A=1\n");
    let last = sandbox.write(".env.local", "B=2\n");
    let migrated = sandbox.run(&["migrate", "--yes", "--shred"]).succeeds();
    assert!(hidden.exists() && !same.exists() && !last.exists());
    migrated.says("the plaintext is still in `.env`, whose value of `B` is in no vault\n");
}

#[test]
fn what_is_no_file_is_left_alone() {
    let mut sandbox = Sandbox::new();
    let pipe = sandbox.project().join(".env.local");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("made");
    symlink("/dev/zero", sandbox.project().join(".env.test")).expect("linked");
    symlink("nowhere", sandbox.project().join(".env.production")).expect("linked");
    sandbox.write(".env", "A=1\n");
    assert_snapshot!(sandbox.run(&["migrate", "--yes"]), @"
    --- stdout ---
    start your program with `keyvault exec -- PROGRAM`
    --- stderr ---
    FILE             WHAT IS DONE
    .env.production  left alone: it is no file
    .env.test        left alone: it is no file
    .env.local       left alone: it is no file
    .env             into environment `dev`
    keyvault: note: `dev`: 1 added; a program was started and saw 1 as their files have them
    keyvault: note: the plaintext is still in `.env`; to overwrite and remove it, run `keyvault import .env --env dev --dialect node --shred`
    [exit 0]
    ");
}

#[test]
fn nothing_of_somebody_else_s_project_speaks_to_the_terminal() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=1\n");
    sandbox.write(".env.\x1b[31m\u{202e}\nx", "A=1\n");
    sandbox.write("Procfile", "web: node \x1b]0;x\x07 \u{9b}31m\n");
    sandbox.write("Makefile", "run\x1b[31m:\n\tnode \u{202e} x\n");
    sandbox.write(
        "package.json",
        "{\"scripts\": {\"start\": \"node \\u001b[31m \u{9b}31m \u{202e}\"}}",
    );
    let migrated = sandbox.run(&["migrate", "--yes"]).succeeds();
    let all = format!("{}{}", migrated.text(), migrated.stderr);
    assert!(all.contains("Procfile:1") && all.contains("package.json:1"));
    let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!all.contains(obeyed), "{all:?}");
}

#[test]
fn a_vault_of_a_folder_above_is_named_before_it_is_written_to() {
    let mut sandbox = Sandbox::new();
    fs::create_dir(sandbox.project().join("api")).expect("made");
    sandbox.write("api/.env", "A=1\n");
    let migrate = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        sandbox.finish(command.current_dir(sandbox.project().join("api")))
    };
    assert_snapshot!(migrate(&["migrate", "--dry-run"]), @"
    --- stdout ---
    FILE  WHAT IS DONE
    .env  into environment `dev`
    they go into `[sandbox]/project/.keyvault`, the vault of a folder above; for one here, run `keyvault init` before
    [exit 0]
    ");
    migrate(&["init"]).succeeds();
    let own = migrate(&["migrate", "--dry-run"]).succeeds();
    assert!(!own.text().contains("above"), "{own}");
}

#[test]
fn what_no_program_can_be_handed_stays_in_its_file() {
    let mut sandbox = Sandbox::new();
    // Longer than Linux takes a variable.
    let file = sandbox.write(".env", format!("A={}\n", "x".repeat(200_000)));
    let migrated = sandbox.run(&["migrate", "--yes", "--shred"]);
    migrated
        .exits(126)
        .says("imported into `dev`, and no program was shown to see it: the files are kept\n");
    assert!(file.exists());
}
