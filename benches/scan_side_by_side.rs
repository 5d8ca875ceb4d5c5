//! Measures `keyvault scan` and what a user would pick instead, side by side in one run.
//!
//! `cargo bench --bench scan_side_by_side -- [FOLDER] [REPOSITORY]` prints a table for each of:
//! a tree of files, by default the sources of all packages that cargo has on this machine; ten
//! files that are staged; and the whole history of a repository. Tools that are not on the path
//! are left out. Machines are noisy: the commands take turns, and of each the median counts.
//! Only ratios of one run say anything; nothing here passes or fails.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The program as cargo builds it.
const BUILT: &str = env!("CARGO_BIN_EXE_keyvault");

/// How often each command is run: those that take seconds, and those that do not.
const ROUNDS: usize = 5;
const SHORT_ROUNDS: usize = 50;

/// How many secrets a vault has whose values are looked for.
const SECRETS: usize = 100;

/// How many files are staged.
const STAGED: usize = 10;

/// What Linux counts a process's time in, by the second.
const TICKS: f64 = 100.0;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` only wants to know that it builds.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let mut places = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"));
    let tree = places
        .next()
        .map_or_else(sources_of_packages, PathBuf::from);
    let repository = places.next().map(PathBuf::from);
    let place = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(place.path());
    bench.tree(&tree);
    bench.staged();
    match repository {
        Some(repository) => bench.history(&repository),
        None => say("\nhistory: name a repository after the folder"),
    }
}

/// Prints a line. The lint against printing is for the program.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn sources_of_packages() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").expect("a home")).join(".cargo");
    let cargo = env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from);
    cargo.join("registry/src")
}

/// Homes and folders for the tools to be run in.
struct Bench {
    keyvault: String,
    home: PathBuf,
    /// Without a vault, and with one.
    bare: PathBuf,
    vault: PathBuf,
}

/// A command and what it is called in the table.
struct Contestant<'a> {
    name: &'a str,
    line: Vec<String>,
    folder: &'a Path,
}

/// What a command took, in seconds.
#[derive(Clone, Copy)]
struct Taken {
    time: f64,
    processor: f64,
}

impl Bench {
    fn new(root: &Path) -> Self {
        // What a linker has just written takes longer to start than a copy.
        let keyvault = root.join("keyvault");
        fs::copy(BUILT, &keyvault).expect("copied");
        let bench = Self {
            keyvault: keyvault.to_str().expect("text").to_owned(),
            home: root.join("home"),
            bare: root.join("bare"),
            vault: root.join("vault"),
        };
        for folder in [&bench.home, &bench.bare, &bench.vault] {
            fs::create_dir_all(folder).expect("made");
        }
        let secrets =
            (0..SECRETS).map(|n| format!("SECRET_{n:03}=made-up-value-{n:09x}-of-a-vault\n"));
        fs::write(bench.vault.join("secrets.env"), secrets.collect::<String>()).expect("written");
        let keyvault = bench.keyvault.as_str();
        for line in [
            &[keyvault, "init", "--no-passphrase", "--quiet"][..],
            &[keyvault, "import", "secrets.env", "--quiet"],
        ] {
            let line = line.iter().map(|word| (*word).to_owned()).collect();
            bench.run("keyvault", line, &bench.vault);
        }
        fs::remove_file(bench.vault.join("secrets.env")).expect("removed");
        bench
    }

    /// The tools, without those that are not there.
    fn contestants<'a>(&self, lines: &[(&'a str, &[&str], &'a Path)]) -> Vec<Contestant<'a>> {
        let all = lines.iter().map(|(name, line, folder)| Contestant {
            name,
            line: line.iter().map(|word| (*word).to_owned()).collect(),
            folder,
        });
        all.filter(|one| find(&one.line[0]).is_some()).collect()
    }

    fn tree(&self, tree: &Path) {
        let megabytes = size(tree) as f64 / 1e6;
        let path = fs::canonicalize(tree).expect("it is there");
        let path = path.to_str().expect("text");
        let contestants = self.contestants(&[
            ("keyvault", &[&self.keyvault, "scan", path], &self.bare),
            (
                "keyvault, 100 secrets",
                &[&self.keyvault, "scan", path],
                &self.vault,
            ),
            (
                "kingfisher",
                &[
                    "kingfisher",
                    "scan",
                    path,
                    "--no-validate",
                    "--no-update-check",
                ],
                &self.bare,
            ),
            ("betterleaks", &["betterleaks", path], &self.bare),
            ("gitleaks", &["gitleaks", "dir", path], &self.bare),
            ("ripsecrets", &["ripsecrets", path], &self.bare),
        ]);
        say(&format!(
            "{:<24} {:>14} {:>14}",
            "a tree", "MB a second", "of processor"
        ));
        for (name, taken) in self.measure(&contestants, ROUNDS) {
            let (time, processor) = (megabytes / taken.time, megabytes / taken.processor);
            say(&format!("{name:<24} {time:>14.0} {processor:>14.0}"));
        }
    }

    fn staged(&self) {
        let text = include_bytes!("../README.md");
        for folder in [&self.bare, &self.vault] {
            for n in 0..STAGED {
                let text = [text, format!("{n}\n").as_bytes()].concat();
                fs::write(folder.join(format!("{n}.md")), text).expect("written");
            }
            for line in [&["git", "init", "-q"][..], &["git", "add", "*.md"]] {
                let line = line.iter().map(|word| (*word).to_owned()).collect();
                self.run("git", line, folder);
            }
        }
        let contestants = self.contestants(&[
            (
                "git diff --cached",
                &["git", "diff", "--cached"],
                &self.bare,
            ),
            (
                "keyvault",
                &[&self.keyvault, "scan", "--staged"],
                &self.bare,
            ),
            (
                "keyvault, 100 secrets",
                &[&self.keyvault, "scan", "--staged"],
                &self.vault,
            ),
            (
                "betterleaks",
                &["betterleaks", "git", "--staged"],
                &self.bare,
            ),
            ("gitleaks", &["gitleaks", "git", "--staged"], &self.bare),
        ]);
        say(&format!(
            "\n{:<24} {:>14}",
            "ten files, staged", "milliseconds"
        ));
        for (name, taken) in self.measure(&contestants, SHORT_ROUNDS) {
            say(&format!("{name:<24} {:>14.1}", 1e3 * taken.time));
        }
    }

    fn history(&self, repository: &Path) {
        let path = fs::canonicalize(repository).expect("it is there");
        let text = path.to_str().expect("text");
        let contestants = self.contestants(&[
            ("keyvault", &[&self.keyvault, "scan", "--history"], &path),
            ("gitleaks", &["gitleaks", "git", text], &path),
            ("betterleaks", &["betterleaks", "git", text], &path),
        ]);
        say(&format!(
            "\n{:<24} {:>14} {:>14}",
            "a history", "seconds", "of processor"
        ));
        for (name, taken) in self.measure(&contestants, ROUNDS) {
            let Taken { time, processor } = taken;
            say(&format!("{name:<24} {time:>14.2} {processor:>14.2}"));
        }
    }

    /// Returns the median of what each command took, in turns.
    fn measure<'a>(&self, contestants: &[Contestant<'a>], rounds: usize) -> Vec<(&'a str, Taken)> {
        let mut taken = vec![Vec::new(); contestants.len()];
        for round in 0..rounds {
            for n in 0..contestants.len() {
                // Not always behind the same other one.
                let n = match round % 2 {
                    0 => (n + round) % contestants.len(),
                    _ => contestants.len() - 1 - n,
                };
                let one = &contestants[n];
                taken[n].push(self.run(one.name, one.line.clone(), one.folder));
            }
        }
        let median = |of: fn(&Taken) -> f64, all: &[Taken]| {
            let mut all: Vec<f64> = all.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let medians = taken.iter().map(|all| Taken {
            time: median(|taken| taken.time, all),
            processor: median(|taken| taken.processor, all),
        });
        contestants
            .iter()
            .map(|one| one.name)
            .zip(medians)
            .collect()
    }

    /// Runs a command. What it finds it tells by its exit code, so any code will do.
    fn run(&self, name: &str, line: Vec<String>, folder: &Path) -> Taken {
        let mut command = Command::new(find(&line[0]).expect("it is there"));
        command.args(&line[1..]).current_dir(folder).env_clear();
        command.env("HOME", &self.home);
        command.env("PATH", env::var_os("PATH").unwrap_or_default());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let (before, start) = (processor_time(), Instant::now());
        let status = command.status();
        let time = start.elapsed().as_secs_f64();
        assert!(status.is_ok_and(|status| status.code().is_some()), "{name}");
        Taken {
            time,
            processor: processor_time() - before,
        }
    }
}

/// Returns how long the processor was used by all programs that this one ran, with theirs.
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may have spaces: proc_pid_stat(5), fields 16 and 17.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(13)
        .take(2)
        .map(|field| field.parse().unwrap_or(f64::NAN));
    ticks.sum::<f64>() / TICKS
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    sizes.sum()
}

/// Finds a program along the path.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut all = env::split_paths(&path).map(|folder| folder.join(name));
    all.find(|path| path.is_file())
}
