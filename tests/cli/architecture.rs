//! The house, as `src/lib.rs` draws it: floors, owners, and the places where a
//! value is exposed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of `src/lib.rs`, lowest first. A module imports from lower floors only; neighbours
/// do not know each other.
const FLOORS: [&[&str]; 11] = [
    &["text"],
    &["name", "secret_value", "timestamp"],
    &["error"],
    &["seal"],
    &["vault"],
    &["store", "child", "hardening"],
    &["ui"],
    &["context"],
    &["commands"],
    &["cli"],
    &["lib", "main"],
];

/// What only one place may touch, and where.
const OWNERS: [(&str, &[&str]); 10] = [
    ("age::", &["seal/"]),
    ("ssh_key::", &["seal/"]),
    ("ed25519_dalek::", &["seal/signature.rs"]),
    ("rpassword::", &["ui/prompt.rs"]),
    ("nix::", &["ui/prompt.rs"]),
    ("keyutils::", &["store/session.rs"]),
    ("std::env", &["context.rs"]),
    ("Command::new", &["child/mod.rs", "cli.rs"]),
    ("directories::", &["context/folders.rs"]),
    ("SystemTime::now", &["context.rs"]),
];

/// Where a value is exposed, and how often. Each is a place to review: a change
/// here is a change of who sees plaintext.
const EXPOSURES: [(&str, usize); 8] = [
    // What is handed over, and the search for NUL, which must not be.
    ("child/environment.rs", 2),
    // An identity's file and its text for the session's cache.
    ("context/identity.rs", 3),
    ("seal/digest.rs", 1),
    ("seal/identity.rs", 3),
    ("store/session.rs", 1),
    // Out.
    ("ui/mod.rs", 1),
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
            let text = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default();
            let code = text
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

/// The module of the house that a file belongs to.
fn module(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or_default()
}

fn floor(module: &str) -> usize {
    let floor = FLOORS.iter().position(|modules| modules.contains(&module));
    floor.unwrap_or_else(|| panic!("`{module}` has no floor"))
}

/// The modules of the house that a text names, as `crate::x` or `use x::`.
fn imports(code: &str) -> Vec<&str> {
    let named = code.split("crate::").skip(1);
    named
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn modules_import_from_lower_floors_only() {
    for (path, code) in sources() {
        let (from, own) = (floor(module(&path)), module(&path));
        for imported in imports(&code) {
            let allowed = imported == own || floor(imported) < from;
            assert!(
                allowed,
                "{path} imports `{imported}`, which is not on a lower floor"
            );
        }
    }
}

#[test]
fn each_thing_is_touched_by_its_owner_alone() {
    for (thing, owners) in OWNERS {
        let mut found = false;
        for (path, code) in sources() {
            // `storage::` is not `age::`.
            let before = code
                .match_indices(thing)
                .map(|(at, _)| code[..at].chars().next_back());
            let uses = before
                .filter(|c| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_'))
                .count();
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
        let exposures = code.matches(".expose()").count();
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
