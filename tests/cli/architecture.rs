//! The house, as `src/lib.rs` draws it: floors, owners, and the places where a
//! value is exposed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of `src/lib.rs`, lowest first. A module imports from lower floors only; neighbours
/// do not know each other.
const FLOORS: [&[&str]; 11] = [
    &["text"],
    &["name", "secret_value", "timestamp", "quote", "forms"],
    &["error"],
    &["seal"],
    &["vault", "dotenv", "migration", "shell_code", "template"],
    &["store", "child", "hardening", "interchange", "scan"],
    &["ui"],
    &["context"],
    &["commands"],
    &["cli"],
    &["lib", "main"],
];

/// What only one place may touch, and where.
const OWNERS: [(&str, &[&str]); 15] = [
    ("age::", &["seal/"]),
    ("ssh_key::", &["seal/"]),
    ("ed25519_dalek::", &["seal/signature.rs"]),
    ("rpassword::", &["ui/prompt.rs"]),
    (
        "nix::",
        &[
            "ui/prompt.rs",
            "child/hook.rs",
            "child/monitor.rs",
            "child/relay.rs",
            "child/signals.rs",
            "child/spawn.rs",
            "child/supervise.rs",
            "child/terminal.rs",
            "child/witness.rs",
        ],
    ),
    ("posix_spawn", &["child/spawn.rs"]),
    ("signal_hook::", &["child/signals.rs", "child/supervise.rs"]),
    ("ignore::", &["scan/walk.rs"]),
    ("keyutils::", &["store/session.rs"]),
    ("saphyr_parser::", &["interchange/read/yaml.rs"]),
    ("toml_parser::", &["interchange/read/toml.rs"]),
    ("std::env", &["context.rs"]),
    (
        "Command::new",
        &[
            "child/mod.rs",
            "child/clipboard.rs",
            "child/git.rs",
            "child/monitor.rs",
            "cli.rs",
        ],
    ),
    ("directories::", &["context/folders.rs"]),
    ("SystemTime::now", &["context.rs"]),
];

/// Where a value is exposed, and how often. Each is a place to review: a change
/// here is a change of who sees plaintext.
const EXPOSURES: [(&str, usize); 21] = [
    // To the clipboard's tool, by stdin.
    ("child/clipboard.rs", 1),
    // What is handed over, and the search for NUL, which must not be.
    ("child/environment.rs", 2),
    // Into the forms that `exec --mask` looks for.
    ("child/mask/mod.rs", 1),
    // Into the file of `exec --file`.
    ("child/secret_file.rs", 1),
    // To find the references in a setting.
    ("commands/exec/env_file.rs", 1),
    // Into the file that `-o` names.
    ("commands/options/output.rs", 1),
    // An identity's file and its text for the session's cache.
    ("context/identity.rs", 3),
    // Into another value that refers to it, and into a file that is exported.
    ("dotenv/scope.rs", 1),
    ("dotenv/write.rs", 1),
    ("seal/digest.rs", 2),
    // Into the formats of others, what they cannot carry, and JSON and manifests apart.
    ("interchange/write.rs", 4),
    // Into the forms that a scan looks for.
    ("scan/values.rs", 1),
    ("seal/identity.rs", 3),
    // Into code for a shell, quoted.
    ("shell_code.rs", 1),
    ("store/session.rs", 1),
    // To the clipboard's terminal.
    ("ui/clipboard.rs", 1),
    // Into a text, in the place of a reference.
    ("template.rs", 1),
    // Out.
    ("ui/mod.rs", 2),
    // Whether it looks like one that was filled in with care.
    ("vault/attention/mod.rs", 1),
    // Into the envelope, and out in JSON.
    ("vault/document.rs", 1),
    // Whether a rotation changes anything.
    ("vault/secret.rs", 2),
];

/// The sources of the program, each with its path below `src` and its text
/// without tests and comments.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed").flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("read");
            let code = without_tests(&text).unwrap_or_else(|| panic!("{}", path.display()));
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let name = path
                .strip_prefix(&root)
                .expect("below it")
                .to_string_lossy()
                .into_owned();
            sources.insert(name, code.collect::<Vec<_>>().join("\n"));
        }
    }
    assert!(sources.len() > 30, "the sources were not found");
    sources
}

/// Cuts a file's tests off, behind which nothing may stand.
fn without_tests(text: &str) -> Option<&str> {
    let Some((code, tests)) = text.split_once("#[cfg(test)]\nmod tests") else {
        return Some(text);
    };
    let end = tests.find("\n}\n").map(|at| at + "\n}\n".len());
    (end == Some(tests.len())).then_some(code)
}

/// The module of the house that a file belongs to.
fn module(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or_default()
}

fn floor(module: &str) -> usize {
    let floor = FLOORS.iter().position(|modules| modules.contains(&module));
    floor.unwrap_or_else(|| panic!("`{module}` has no floor"))
}

/// Where a word stands in a text, as a word of its own: `storage` is not `age`.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        alone.then_some((before, after))
    })
}

/// The modules of the house that a file names, as `crate::x`. Every other way is
/// refused: `super` where it leads out of a module of the house, and code from
/// elsewhere. `use x::` is no such way: it names a module of the house in `lib.rs`
/// alone, which stands above them all.
///
/// # Errors
///
/// What is not understood.
fn imports<'a>(path: &str, code: &'a str) -> Result<Vec<&'a str>, String> {
    let line = |before: &str| {
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        code[start..].lines().next().unwrap_or_default().to_owned()
    };
    let is_visibility =
        |before: &str, after: &str| before.ends_with("pub(") && after.starts_with(')');
    let mut modules = Vec::new();
    for (before, after) in places(code, "crate") {
        let rest = after.strip_prefix("::").unwrap_or_default();
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        match &rest[..end.unwrap_or(rest.len())] {
            "" if is_visibility(before, after) => {}
            "" => return Err(line(before)),
            module => modules.push(module),
        }
    }
    let is_root_above = !path.contains('/') || path.ends_with("/mod.rs");
    for (before, after) in places(code, "super") {
        let is_twice = before.trim_end_matches([':', '{', ' ']).ends_with("super");
        let is_path = after.starts_with("::") && !is_root_above && !is_twice;
        if !is_path && !is_visibility(before, after) {
            return Err(line(before));
        }
    }
    for trick in ["#[path", "include!"] {
        if let Some(at) = code.find(trick) {
            return Err(line(&code[..at]));
        }
    }
    Ok(modules)
}

/// How often a file uses what has an owner: by its name, or hidden in a group or
/// behind another name.
fn uses(code: &str, thing: &str) -> usize {
    let (thing, is_root) = match thing.strip_suffix("::") {
        Some(root) => (root, true),
        None => (thing, false),
    };
    let by_name = places(code, thing).filter(|(_, after)| !is_root || after.starts_with("::"));
    let hides = |(before, after): &(&str, &str)| {
        let is_imported = before.ends_with("use ") && after.starts_with(';');
        is_imported || after.starts_with(" as ") || after.starts_with("::{")
    };
    let hidden = thing
        .split("::")
        .map(|part| places(code, part).filter(hides).count());
    by_name.count() + hidden.sum::<usize>()
}

#[test]
fn modules_import_from_lower_floors_only() {
    for (path, code) in sources() {
        let (from, own) = (floor(module(&path)), module(&path));
        let imports = imports(&path, &code);
        for imported in imports.unwrap_or_else(|line| panic!("{path}: what is `{line}`?")) {
            let allowed = imported == own || floor(imported) < from;
            assert!(
                allowed,
                "{path} imports `{imported}`, which is not on a lower floor"
            );
        }
    }
}

#[test]
fn no_import_is_passed_over() {
    for (path, code, modules) in [
        ("seal/mod.rs", "use crate::error::Fault;", "error"),
        ("name.rs", "$crate::text::x(crate::seal::y)", "text seal"),
        ("name.rs", "pub(crate) use x; crates()", ""),
        ("ui/prompt.rs", "use super::Ui; pub(super) fn x()", ""),
    ] {
        let found = imports(path, code).map(|modules| modules.join(" "));
        assert_eq!(found.as_deref(), Ok(modules), "{path}: {code}");
    }
    for (path, code) in [
        ("seal/mod.rs", "use crate::{cli, ui};"),
        ("seal/mod.rs", "use crate::*;"),
        ("seal/mod.rs", "use crate as house;"),
        ("seal/mod.rs", "extern crate self as house;"),
        ("seal/mod.rs", "use super::cli;"),
        ("error.rs", "super::cli::Cli::read()"),
        ("seal/digest.rs", "use super::super::cli;"),
        ("seal/digest.rs", "use super::{super::cli};"),
        ("error.rs", "use super as house;"),
        ("seal/mod.rs", "#[path = \"../cli.rs\"]"),
        ("seal/mod.rs", "include!(\"../cli.rs\");"),
    ] {
        assert!(imports(path, code).is_err(), "{path}: {code}");
    }
}

#[test]
fn no_use_is_passed_over() {
    for (thing, code) in [
        ("age::", "use age::Encryptor;"),
        ("age::", "fn open() -> age::Error"),
        ("age::", "use age::{Encryptor, Decryptor};"),
        ("age::", "use age as a;"),
        ("age::", "use age;"),
        ("std::env", "use std::env;"),
        ("std::env", "std::env::var(name)"),
        ("std::env", "use std::{env, fs};"),
        ("std::env", "use std as s;"),
        ("Command::new", "process::Command::new(path)"),
        ("Command::new", "use std::process::Command as C;"),
    ] {
        assert!(uses(code, thing) > 0, "{code}");
    }
    for (thing, code) in [
        ("age::", "storage::x(age, page::y)"),
        ("std::env", "std::environment"),
        ("Command::new", "Command::news(); &Command"),
    ] {
        assert_eq!(uses(code, thing), 0, "{code}");
    }
}

#[test]
fn nothing_stands_behind_the_tests() {
    let tests = "code\n#[cfg(test)]\nmod tests {\n    x\n}\n";
    assert_eq!(without_tests(tests), Some("code\n"));
    assert_eq!(without_tests(&format!("{tests}fn more() {{}}\n")), None);
}

#[test]
fn each_thing_is_touched_by_its_owner_alone() {
    for (thing, owners) in OWNERS {
        let mut found = false;
        for (path, code) in sources() {
            let uses = uses(&code, thing);
            let owned = owners.iter().any(|owner| path.starts_with(owner));
            assert!(
                uses == 0 || owned,
                "{path} uses `{thing}`, which belongs to {owners:?}"
            );
            found |= uses > 0;
        }
        assert!(
            found,
            "nothing uses `{thing}`: the rule has lost its object"
        );
    }
}

#[test]
fn values_are_exposed_where_it_was_reviewed() {
    let mut found = BTreeMap::new();
    for (path, code) in sources() {
        // Also where the function is named without being called.
        let exposures = places(&code, "expose").filter(|(before, _)| !before.ends_with("fn "));
        let exposures = exposures.count();
        if exposures > 0 {
            found.insert(path, exposures);
        }
    }
    let reviewed = EXPOSURES
        .iter()
        .map(|(path, count)| ((*path).to_owned(), *count))
        .collect();
    assert_eq!(found, reviewed);
}
