//! Measures whole processes, side by side in one run: keyvault and what a user
//! would pick instead, each as a ratio of `env X=1 true`.
//!
//! `cargo bench` prints the table. Machines are noisy: the commands take turns in
//! random order, and of each the median counts. Only ratios of one run say
//! anything; nothing here passes or fails.

#[path = "../tests/cli/forge.rs"]
mod forge;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The program as cargo builds it.
const BUILT: &str = env!("CARGO_BIN_EXE_keyvault");

/// How many secrets a vault has.
const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

/// How often each command is run: enough for a median that stays within 2 %.
const ROUNDS: usize = 200;

/// How much a program prints whose output is measured, and how often it is.
const OUTPUT: usize = 256 << 20;
const OUTPUT_ROUNDS: usize = 5;

/// The same for what takes longer than this, or the whole would take minutes.
const SLOW: Duration = Duration::from_millis(20);
const SLOW_ROUNDS: usize = 20;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    // As `cargo install` does: what a linker has just written lies about in memory,
    // and takes a tenth longer to start than a copy.
    let keyvault = place.path().join("keyvault");
    fs::copy(BUILT, &keyvault).expect("copied");
    let mut rows: BTreeMap<usize, (String, Vec<String>)> = BTreeMap::new();
    for size in SIZES {
        let vault = Vault::new(&keyvault, &place.path().join(size.to_string()), size);
        let medians = measure(&vault);
        let (_, base) = medians[0];
        for (row, (name, median)) in medians.into_iter().enumerate() {
            let cell = match median {
                Some(median) => format!("{:.2}", ratio(median, base)),
                None => "-".to_owned(),
            };
            rows.entry(row)
                .or_insert_with(|| (name, Vec::new()))
                .1
                .push(cell);
        }
        let base = base.expect("it runs").as_secs_f64() * 1e3;
        say(&format!("{size} secrets: `env X=1 true` took {base:.2} ms"));
    }
    say(&format!(
        "\n{:<34} {:>9}",
        "output of a program", "MB a second"
    ));
    let vault = Vault::new(&keyvault, &place.path().join("masking"), 100);
    for (name, speed) in vault.throughput() {
        say(&format!("{name:<34} {speed:>9.0}"));
    }
    let sizes: String = SIZES.iter().map(|size| format!("{size:>9}")).collect();
    say(&format!("\n{:<34} {sizes}", "ratio of medians, by secrets"));
    for (name, cells) in rows.into_values() {
        let cells: String = cells.iter().map(|cell| format!("{cell:>9}")).collect();
        say(&format!("{name:<34} {cells}"));
    }
}

/// Prints a line. The lint against printing is for the program.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn ratio(median: Duration, base: Option<Duration>) -> f64 {
    median.as_secs_f64() / base.expect("it runs").as_secs_f64()
}

/// A home and a project with a vault of so many secrets, and with the same in the
/// form of each other tool that is installed.
struct Vault {
    keyvault: String,
    home: PathBuf,
    project: PathBuf,
}

/// A command line and what it is called in the table.
struct Contestant {
    name: String,
    line: Option<Vec<String>>,
}

impl Vault {
    fn new(keyvault: &Path, root: &Path, size: usize) -> Self {
        let (home, project) = (root.join("home"), root.join("project"));
        for folder in [&home, &project] {
            fs::create_dir_all(folder).expect("made");
        }
        let keyvault = keyvault.to_str().expect("text").to_owned();
        let vault = Self {
            keyvault,
            home,
            project,
        };
        vault.run(&[&vault.keyvault, "init", "--no-passphrase", "--quiet"]);
        vault.fill(size);
        vault.fill_dotenv(size);
        vault.fill_pass();
        vault
    }

    /// Puts all secrets in at once, which no command can yet: by hand, as a member
    /// could.
    fn fill(&self, size: usize) {
        let identity = fs::read_to_string(self.identity()).expect("read");
        let path = self.project.join(".keyvault/dev.age");
        let secrets: Vec<String> = (0..size)
            .map(|n| {
                format!(
                    r#""{}":{{"versions":[{{"version":1,"state":"current","created_at":"2026-11-22T12:00:00Z","created_by":"me","value":"{}"}}]}}"#,
                    name(n),
                    value(n)
                )
            })
            .collect();
        let secrets = format!(r#""secrets":{{{}}}"#, secrets.join(","));
        let file = fs::read(&path).expect("read");
        let filled = forge::resigned(&identity, &file, |document| {
            document.replace(r#""secrets":{}"#, &secrets)
        });
        fs::write(path, filled).expect("written");
        self.run(&[&self.keyvault, "trust", "--yes", "--quiet"]);
    }

    fn fill_dotenv(&self, size: usize) {
        let lines: String = (0..size)
            .map(|n| format!("{}={}\n", name(n), value(n)))
            .collect();
        fs::write(self.project.join(".env"), lines).expect("written");
    }

    /// One key in `pass`, whose time does not depend on how many there are.
    fn fill_pass(&self) {
        if find("pass").is_none() || find("gpg").is_none() {
            return;
        }
        let folder = self.home.join(".gnupg");
        fs::create_dir_all(&folder).expect("made");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("set");
        let script = "gpg --batch --quiet --passphrase '' --quick-generate-key bench default default never \
                      && pass init bench && printf 'made up\\n' | pass insert -e KEY";
        self.run(&["sh", "-c", script]);
    }

    fn identity(&self) -> PathBuf {
        self.home.join(".config/keyvault/identity")
    }

    fn contestants(&self) -> Vec<Contestant> {
        let wanted = name(7);
        let identity = self.identity();
        let age = format!(
            "age -d -i '{}' .keyvault/dev.age | head -1 | jq -r '.secrets.{wanted}.versions[-1].value'",
            identity.display()
        );
        let line = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let when = |tools: &[&str], words: &[&str]| {
            if tools.iter().all(|tool| find(tool).is_some()) {
                line(words)
            } else {
                None
            }
        };
        let keyvault = self.keyvault.as_str();
        let contestants = [
            ("env X=1 true", line(&["env", "X=1", "true"])),
            ("true", line(&["true"])),
            ("keyvault get NAME", line(&[keyvault, "get", &wanted])),
            (
                "keyvault exec --only NAME -- true",
                line(&[keyvault, "exec", "--only", &wanted, "--", "true"]),
            ),
            (
                "keyvault exec -- true",
                line(&[keyvault, "exec", "--", "true"]),
            ),
            ("keyvault list", line(&[keyvault, "list"])),
            (
                "age -d | head -1 | jq",
                when(&["age", "jq"], &["sh", "-c", &age]),
            ),
            (
                "pass show KEY",
                when(&["pass", "gpg"], &["pass", "show", "KEY"]),
            ),
            (
                "dotenvx run -- true",
                when(&["dotenvx"], &["dotenvx", "run", "--quiet", "--", "true"]),
            ),
            (
                "secretspec run -- true",
                when(&["secretspec"], &["secretspec", "run", "--", "true"]),
            ),
        ];
        contestants
            .into_iter()
            .map(|(name, line)| Contestant {
                name: name.to_owned(),
                line,
            })
            .collect()
    }

    /// Returns how fast output without a secret goes through the masks, into nothing and
    /// into a pipe, and for comparison through a pipe alone.
    fn throughput(&self) -> Vec<(&'static str, f64)> {
        let output = self.project.join("output");
        let readme = include_bytes!("../README.md");
        let text: Vec<u8> = readme.iter().copied().cycle().take(OUTPUT).collect();
        fs::write(output, text).expect("written");
        let mask = format!("'{}' exec --mask -- cat output", self.keyvault);
        let contestants = [
            ("cat | cat", "cat output | cat".to_owned()),
            ("keyvault exec --mask -- cat", mask.clone()),
            ("keyvault exec --mask -- cat | cat", format!("{mask} | cat")),
        ];
        let measured = contestants.into_iter().map(|(name, line)| {
            let mut times: Vec<Duration> = (0..OUTPUT_ROUNDS)
                .map(|_| {
                    let start = Instant::now();
                    self.run(&["sh", "-c", &line]);
                    start.elapsed()
                })
                .collect();
            times.sort_unstable();
            let median = times[OUTPUT_ROUNDS / 2];
            (name, OUTPUT as f64 / 1e6 / median.as_secs_f64())
        });
        measured.collect()
    }

    fn command(&self, line: &[impl AsRef<str>]) -> Command {
        let program = find(line[0].as_ref()).unwrap_or_else(|| PathBuf::from(line[0].as_ref()));
        let mut command = Command::new(program);
        command
            .args(line[1..].iter().map(AsRef::as_ref))
            .current_dir(&self.project);
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn run(&self, line: &[&str]) {
        let status = self.command(line).status().expect("it starts");
        assert!(status.success(), "{line:?}");
    }
}

fn name(n: usize) -> String {
    format!("SECRET_{n:05}")
}

fn value(n: usize) -> String {
    format!("made-up-value-of-forty-letters-{n:09}")
}

/// Finds a program along the path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Returns the median time of each contestant, in turns and in random order.
fn measure(vault: &Vault) -> Vec<(String, Option<Duration>)> {
    let contestants = vault.contestants();
    let mut times: Vec<Vec<Duration>> = contestants.iter().map(|_| Vec::new()).collect();
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    for round in 0..ROUNDS {
        shuffle(&mut order);
        for &n in &order {
            let Some(line) = &contestants[n].line else {
                continue;
            };
            let slow = times[n].first().is_some_and(|first| *first > SLOW);
            if slow && round >= SLOW_ROUNDS {
                continue;
            }
            let mut command = vault.command(line);
            let start = Instant::now();
            let status = command.status().expect("it starts");
            let time = start.elapsed();
            assert!(status.success(), "{line:?}");
            times[n].push(time);
        }
    }
    let medians = times.into_iter().map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    });
    contestants
        .into_iter()
        .map(|contestant| contestant.name)
        .zip(medians)
        .collect()
}

/// Shuffles by the system's random bytes, so that no command always follows the
/// same other one.
fn shuffle(order: &mut [usize]) {
    for n in (1..order.len()).rev() {
        let mut random = [0; 8];
        getrandom::getrandom(&mut random).expect("random bytes");
        let other = usize::from_le_bytes(random) % (n + 1);
        order.swap(n, other);
    }
}
