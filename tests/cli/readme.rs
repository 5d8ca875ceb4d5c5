//! README says what the program does: its lines run, and its tables are those of
//! `--help` and `Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::sandbox::{KEYVAULT, Sandbox};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("read")
}

/// The text of a section, without its heading.
fn section<'a>(readme: &'a str, heading: &str) -> &'a str {
    let rest = readme.split(&format!("\n## {heading}\n")).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no section `{heading}`"));
    rest.split("\n## ").next().expect("a part")
}

/// The first block of shell commands in a section.
fn commands<'a>(readme: &'a str, heading: &str) -> &'a str {
    let block = section(readme, heading)
        .split("```sh\n")
        .nth(1)
        .expect("a block");
    block.split("\n```").next().expect("an end")
}

/// The first cells of a section's tables, without their back quotes.
fn first_cells(section: &str) -> Vec<String> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows
        .filter_map(|row| row.split(" | ").next())
        .filter(|cell| !cell.starts_with("---"));
    cells.map(|cell| cell.replace('`', "")).collect()
}

/// The variables of keyvault that a text names.
fn variables(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    words.filter(|word| word.starts_with("KEYVAULT_")).collect()
}

#[test]
fn try_it_does_what_it_says() {
    let readme = readme();
    let line = commands(&readme, "Try it");
    let (install, rest) = line.split_once(" && ").expect("it installs first");
    assert_eq!(install, "cargo install --locked --path .");
    let sandbox = Sandbox::empty();
    // Where the line will look for what it installed.
    let bin = sandbox.home().join(".cargo/bin");
    fs::create_dir_all(&bin).expect("made");
    std::os::unix::fs::symlink(KEYVAULT, bin.join("keyvault")).expect("linked");

    let run = sandbox
        .finish(sandbox.other("sh").args(["-c", rest]))
        .succeeds();

    assert_eq!(run.text(), "the program sees an API_KEY of 32 characters\n");
    assert!(
        !sandbox.home().join(".config").exists(),
        "it leaves the user's home alone"
    );
}

#[test]
fn test_it_is_what_runs_here() {
    assert_eq!(commands(&readme(), "Test it"), "cargo test --locked");
}

#[test]
fn the_tools_are_those_that_ci_installs() {
    let readme = readme();
    let list = section(&readme, "Test it").split("another tool (").nth(1);
    let list = list.and_then(|list| list.split(')').next());
    let words = list.expect("a list").split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = words.collect();
    let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run");
    let ci = fs::read_to_string(ci).expect("read");
    let table = ci.split("\ntools=\"").nth(1).expect("a table");
    let table = table.split('"').next().expect("an end");
    let installed = table.split_whitespace();
    let installed = installed.filter_map(|tool| tool.split('=').next());
    // What only installs others, and what is no package everywhere.
    let installed = installed.filter(|tool| *tool != "pip3").chain(["aws"]);

    assert_eq!(named, installed.collect());
    assert!(ci.contains("awscli=="), "it is pinned");
}

#[test]
fn each_command_stands_in_both() {
    let readme = readme();
    let help = Sandbox::empty().run(&["--help"]);
    let help = help
        .text()
        .split("Commands:\n")
        .nth(1)
        .expect("a list")
        .split("\n\n")
        .next()
        .expect("an end");
    let in_help: Vec<&str> = help
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let cells = first_cells(section(&readme, "Commands")).join(", ");

    for name in &in_help {
        assert!(
            cells.split([' ', ',', '(', ')']).any(|word| word == *name),
            "`{name}` is not in README"
        );
    }
    for cell in first_cells(section(&readme, "Commands")).iter().skip(1) {
        let commands = cell.split('(').next().unwrap_or_default().split(", ");
        for command in commands.filter(|command| !command.contains('[')) {
            let name = command.split_whitespace().next().unwrap_or_default();
            assert!(in_help.contains(&name), "`{name}` is no command");
        }
    }
}

#[test]
fn the_exit_codes_are_those_of_help() {
    let readme = readme();
    let help = Sandbox::empty().run(&["--help"]).text().to_owned();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");

    let rows = section(&readme, "Exit codes")
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .skip(1);
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), 11);
    for row in rows {
        let (code, meaning) = row
            .trim_end_matches(" |")
            .split_once(" | ")
            .expect("two cells");
        let separator = if code == "`exec`" { ": " } else { " " };
        let entry = format!("{code}{separator}{meaning}").replace('`', "");
        assert!(help.contains(&entry), "`{entry}` is not in --help:\n{help}");
    }
}

#[test]
fn the_variables_are_those_of_help() {
    let readme = readme();
    let help = Sandbox::empty().run(&["--help"]).text().to_owned();

    let cells = first_cells(section(&readme, "Files and variables")).join(" ");

    assert_eq!(variables(&cells), variables(&help));
}

#[test]
fn the_variables_of_a_hook_are_those_of_its_help() {
    let help = Sandbox::empty().run(&["hook", "--help"]).text().to_owned();
    let readme = readme();
    let section = readme.split("\n### Rotation by hooks\n").nth(1);
    let section = section.and_then(|rest| rest.split("\n### ").next());
    let given = section.expect("a section").lines();
    let given = given.skip_while(|line| !line.starts_with("- It gets its secret"));
    let given: Vec<&str> = given.take(2).collect();

    assert_eq!(variables(&given.join(" ")), variables(&help));
}

#[test]
fn each_place_on_the_disk_is_named() {
    let sandbox = Sandbox::empty();
    for line in [
        &["init", "--no-passphrase"][..],
        &["init", "--personal"],
        &["add", "KEY", "--generate", "32", "--expires", "1d"],
        &["exec", "--", "true"],
        &[
            "hook",
            "set",
            "KEY",
            "create",
            "--",
            "od",
            "-An",
            "-N8",
            "-tx8",
            "/dev/urandom",
        ],
        &["rotate", "KEY"],
        &["rotate", "--due"],
        &["shell", "allow"],
    ] {
        sandbox.run(line).succeeds();
    }
    let readme = readme();
    let table = section(&readme, "Files and variables");
    let places = table.split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = places.filter(|place| place.starts_with("~/.")).collect();

    let mut found = BTreeSet::new();
    for folder in [
        ".config/keyvault",
        ".local/share/keyvault",
        ".local/state/keyvault",
    ] {
        for entry in fs::read_dir(sandbox.home().join(folder)).expect("listed") {
            let entry = entry.expect("read");
            let is_folder = entry.file_type().expect("known").is_dir();
            let name = entry.file_name().into_string().expect("a text");
            let end = if is_folder { "/" } else { "" };
            found.insert(format!("~/{folder}/{name}{end}"));
        }
    }

    let named: BTreeSet<String> = named.into_iter().map(str::to_owned).collect();
    assert_eq!(found, named);
}

#[test]
fn each_link_leads_somewhere() {
    let readme = readme();
    let headings = readme.lines().filter_map(|line| line.strip_prefix('#'));
    let anchors: BTreeSet<String> = headings
        .map(|heading| {
            let heading = heading.trim_start_matches(['#', ' ']).to_lowercase();
            let kept = heading.chars();
            let kept = kept.filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    let links = readme.split("](").skip(1);
    let links: Vec<&str> = links.filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 20, "they were not found");
    for link in links.iter().filter(|link| !link.starts_with("https://")) {
        let leads = match link.strip_prefix('#') {
            Some(anchor) => anchors.contains(anchor),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists(),
        };
        assert!(leads, "`{link}` leads nowhere");
    }
}

#[test]
fn what_a_clean_environment_keeps_is_what_help_says() {
    let help = Sandbox::empty().run(&["exec", "--help"]).text().to_owned();
    let words = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace(['`', '.'], "")
    };
    let list = words(&help)
        .split("Inherit nothing but ")
        .nth(1)
        .expect("the list")
        .to_owned();
    let list = list.split(" --").next().expect("an end").to_owned();

    assert!(
        words(&readme()).contains(&format!("inherits nothing but {list}")),
        "{list}"
    );
}

#[test]
fn each_dependency_is_named_with_its_reason() {
    let readme = readme();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("read");
    let in_manifest = |heading: &str| {
        let part = manifest
            .split(heading)
            .nth(1)
            .unwrap_or_else(|| panic!("no {heading}"));
        let part = part.split("\n[").next().expect("a part");
        let names = part
            .lines()
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_owned()));
        names.collect::<Vec<_>>()
    };
    let mut expected = in_manifest("\n[dependencies]\n");
    expected.extend(in_manifest("linux\")'.dependencies]\n"));
    expected.sort();

    let cells = first_cells(section(&readme, "Dependencies"));
    let mut named: Vec<String> = cells
        .iter()
        .skip(1)
        .flat_map(|cell| cell.split(", ").map(str::to_owned))
        .collect();
    named.sort();

    assert_eq!(named, expected);
    for name in in_manifest("\n[dev-dependencies]\n") {
        assert!(
            section(&readme, "Dependencies").contains(&format!("`{name}`")),
            "{name}"
        );
    }
}
