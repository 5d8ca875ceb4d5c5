//! The lines of a project's files that start its programs, and how they read once the
//! programs get their secrets from keyvault.
//!
//! They are shown and never written: each file has rules of its own for what may
//! stand in it, and its owner knows which programs need secrets.

use serde_json::Value;

use crate::migration::files::{Role, role};

/// A line that starts a program, or hands it a `.env` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub what: String,
    /// What should stand there; `None` where it would be a guess, or could show a
    /// secret that stands in the line itself.
    pub then: Option<String>,
}

/// A reader of one kind of file.
type Reader = fn(&str) -> Vec<Launcher>;

/// The files that are looked into, by their names in the project's folder.
pub const FILES: [(&str, Reader); 9] = [
    ("package.json", package_json),
    ("Procfile", procfile),
    ("Procfile.dev", procfile),
    ("Makefile", makefile),
    ("makefile", makefile),
    ("compose.yaml", compose),
    ("compose.yml", compose),
    ("docker-compose.yaml", compose),
    ("docker-compose.yml", compose),
];

/// Scripts and targets by whose names a program is started, before a `:` if there is one.
const STARTING: [&str; 14] = [
    "console", "dev", "develop", "e2e", "migrate", "preview", "run", "seed", "serve", "server",
    "start", "test", "watch", "worker",
];

fn starts_a_program(name: &str) -> bool {
    let stem = name.split([':', '-', '.']).next().unwrap_or_default();
    STARTING.contains(&stem)
}

/// The scripts of npm, <https://docs.npmjs.com/cli/using-npm/scripts>.
fn package_json(text: &str) -> Vec<Launcher> {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let scripts = parsed
        .as_ref()
        .and_then(|package| package.get("scripts")?.as_object());
    let Some(scripts) = scripts else {
        return Vec::new();
    };
    let begin = text.find("\"scripts\"").unwrap_or(0);
    let line_of = |name: &str| {
        let quoted = Value::from(name).to_string();
        let is_name = |at: &usize| {
            let rest = &text[begin + at + quoted.len()..];
            rest.trim_start().starts_with(':')
        };
        let found = text[begin..].match_indices(&quoted).map(|(at, _)| at);
        let at = found.into_iter().find(is_name).unwrap_or(0);
        text[..begin + at].matches('\n').count() + 1
    };
    let mut launchers: Vec<Launcher> = scripts
        .iter()
        .filter_map(|(name, command)| {
            let command = command.as_str()?;
            if !starts_a_program(name) && !has_loader(command) {
                return None;
            }
            let quoted = |text: &str| Value::from(text).to_string();
            Some(Launcher {
                line: line_of(name),
                what: format!("script `{}`", name.escape_debug()),
                then: through_keyvault(command)?
                    .map(|command| format!("{}: {}", quoted(name), quoted(&command))),
            })
        })
        .collect();
    launchers.sort_by_key(|launcher| launcher.line);
    launchers
}

/// `TYPE: COMMAND` in each line, <https://devcenter.heroku.com/articles/procfile>.
fn procfile(text: &str) -> Vec<Launcher> {
    let lines = text.lines().zip(1..).filter_map(|(text, line)| {
        let (name, command) = text.split_once(':')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        Some(Launcher {
            line,
            what: format!("process `{name}`"),
            then: through_keyvault(command.trim())?.map(|command| format!("{name}: {command}")),
        })
    });
    lines.collect()
}

/// Recipes of targets that start something, and lines that take a `.env` file in.
fn makefile(text: &str) -> Vec<Launcher> {
    let mut target = String::new();
    let mut launchers = Vec::new();
    for (text, line) in text.lines().zip(1..) {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let ["include" | "-include" | "sinclude", files @ ..] = words.as_slice() {
            if files.iter().any(|file| role(file).is_some()) {
                launchers.push(Launcher {
                    line,
                    what: "takes a `.env` file in".to_owned(),
                    then: Some("nothing; run `keyvault exec -- make`".to_owned()),
                });
            }
            continue;
        }
        let Some(recipe) = text.strip_prefix('\t') else {
            // `a := b` is a variable.
            if let Some((name, rest)) = text.split_once(':')
                && !rest.starts_with('=')
            {
                name.trim().clone_into(&mut target);
            }
            continue;
        };
        let command = recipe.trim_start_matches(['@', '-', '+', ' ']);
        let prefix = &recipe[..recipe.len() - command.len()];
        if command.is_empty() || !(starts_a_program(&target) || has_loader(command)) {
            continue;
        }
        // make(1) writes a `$` of the shell twice, and ends a line with `\` to go on.
        if let Some(then) = through_keyvault(command) {
            launchers.push(Launcher {
                line,
                what: format!("target `{}`", target.escape_debug()),
                then: then
                    .filter(|_| !command.ends_with('\\'))
                    .map(|then| format!("{prefix}{then}")),
            });
        }
    }
    launchers
}

/// `env_file` of a service, <https://docs.docker.com/reference/compose-file/services/>.
fn compose(text: &str) -> Vec<Launcher> {
    let lines = text.lines().zip(1..).filter(|(text, _)| {
        let text = text.trim_start_matches([' ', '-']);
        text.starts_with("env_file:")
    });
    lines
        .map(|(_, line)| Launcher {
            line,
            what: "`env_file` of a service".to_owned(),
            then: Some(
                "its names under `environment:`, without values; run `keyvault exec -- docker compose up`"
                    .to_owned(),
            ),
        })
        .collect()
}

/// Programs that read a `.env` file and start another, with the word behind which it
/// stands.
const LOADERS: [(&str, Option<&str>); 5] = [
    ("dotenv", Some("--")),
    ("dotenvx", Some("--")),
    ("dotenv-flow", Some("--")),
    ("dotenv-cli", Some("--")),
    ("env-cmd", None),
];

/// Options by which a program is made to read a `.env` file, without what is behind `=`.
const LOADING: [&str; 2] = ["--env-file", "--env-file-if-exists"];

/// A module of Node that does it, behind `-r` or `--require`.
const LOADING_MODULE: &str = "dotenv/config";

fn has_loader(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.any(|word| {
        let option = word.split('=').next().unwrap_or_default();
        LOADERS.iter().any(|(loader, _)| *loader == word)
            || LOADING.contains(&option)
            || word == LOADING_MODULE
    })
}

/// Writes a command so that its program gets its secrets from keyvault, and no `.env`
/// file; `None` if it does already. The new command is `None` where it could show a
/// secret.
fn through_keyvault(command: &str) -> Option<Option<String>> {
    if command.is_empty() || command.split_whitespace().any(|word| word == "keyvault") {
        return None;
    }
    if may_hold_a_secret(command) {
        return Some(None);
    }
    let (command, file) = without_loader(command);
    let environment = file.and_then(|file| match role(file.rsplit('/').next()?)?.0 {
        Role::Of(environment) if environment.as_str() != "dev" => Some(environment),
        _ => None,
    });
    let exec = match environment {
        Some(environment) => format!("keyvault exec -e {environment} --"),
        None => "keyvault exec --".to_owned(),
    };
    if is_compound(&command) {
        let quoted = command.replace('\'', r"'\''");
        return Some(Some(format!("{exec} sh -c '{quoted}'")));
    }
    // `A=b program` is the shell's, and stays before it.
    let mut program = command.as_str();
    while let Some(word) = program.split_whitespace().next()
        && is_assignment(word)
    {
        program = program[word.len()..].trim_start();
    }
    let assignments = &command[..command.len() - program.len()];
    Some(Some(format!("{assignments}{exec} {program}")))
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !name.is_empty() && name.chars().all(is_part)
    })
}

/// Takes out what reads a `.env` file, and returns the file that it named.
fn without_loader(command: &str) -> (String, Option<String>) {
    let mut words: Vec<&str> = command.split_whitespace().collect();
    let mut file = None;
    if let Some((_, end)) = LOADERS
        .iter()
        .find(|(loader, _)| words.first() == Some(loader))
    {
        let at = words
            .iter()
            .position(|word| Some(*word) == *end)
            .map(|at| at + 1);
        // Without `--`, options begin with `-`, and the file's name follows `-f` or `-e`.
        let at = at.unwrap_or_else(|| {
            let mut at = 1;
            while words.get(at).is_some_and(|word| word.starts_with('-')) {
                at += if matches!(words[at], "-f" | "--file" | "-e") {
                    2
                } else {
                    1
                };
            }
            at.min(words.len())
        });
        let options = words.drain(..at);
        file = options
            .map(|word| word.rsplit('=').next().unwrap_or_default())
            .find(|word| word.contains(".env"))
            .map(str::to_owned);
        return (words.join(" "), file);
    }
    if !has_loader(command) {
        return (command.to_owned(), None);
    }
    let mut left: Vec<&str> = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        let (option, value) = word
            .split_once('=')
            .map_or((word, None), |(a, b)| (a, Some(b)));
        if LOADING.contains(&option) {
            let named = value.or_else(|| rest.next());
            file = file.or_else(|| named.map(str::to_owned));
        } else if matches!(word, "-r" | "--require") && rest.peek() == Some(&LOADING_MODULE) {
            rest.next();
        } else {
            left.push(word);
        }
    }
    (left.join(" "), file)
}

/// Tells whether it takes a shell to run a command: it has an operator outside quotes.
fn is_compound(command: &str) -> bool {
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ';' | '|' | '&' | '(' | '\n') => return true,
            _ => {}
        }
    }
    false
}

/// Tells whether a line may have a secret in itself: then it is not shown.
fn may_hold_a_secret(command: &str) -> bool {
    const TELLING: [&str; 8] = [
        "auth", "cred", "key", "pass", "pwd", "secret", "token", "dsn",
    ];
    let mut words = command.split_whitespace();
    words.any(|word| {
        let word = word.to_ascii_lowercase();
        let is_told = word.split_once('=').is_some_and(|(name, value)| {
            !value.is_empty() && TELLING.iter().any(|telling| name.contains(telling))
        });
        let has_login = word
            .split_once("://")
            .is_some_and(|(_, rest)| rest.contains('@'));
        is_told || has_login
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn then(command: &str) -> String {
        through_keyvault(command).flatten().unwrap_or_default()
    }

    #[test]
    fn a_command_is_started_through_keyvault() {
        for (now, wanted) in [
            ("node server.js", "keyvault exec -- node server.js"),
            (
                "NODE_ENV=production node x",
                "NODE_ENV=production keyvault exec -- node x",
            ),
            (
                "node -r dotenv/config server.js",
                "keyvault exec -- node server.js",
            ),
            (
                "node --env-file=.env.production server.js",
                "keyvault exec -e prod -- node server.js",
            ),
            (
                "node --env-file .env --watch server.js",
                "keyvault exec -- node --watch server.js",
            ),
            (
                "dotenv -e .env.staging -- next dev",
                "keyvault exec -e staging -- next dev",
            ),
            ("dotenvx run -- vite", "keyvault exec -- vite"),
            ("env-cmd -f .env.test jest", "keyvault exec -e test -- jest"),
            (
                "tsc && node 'a b.js'",
                r"keyvault exec -- sh -c 'tsc && node '\''a b.js'\'''",
            ),
            ("node -e \"a && b\"", "keyvault exec -- node -e \"a && b\""),
        ] {
            assert_eq!(then(now), wanted, "{now}");
        }
    }

    #[test]
    fn what_goes_through_keyvault_stays() {
        assert_eq!(through_keyvault("keyvault exec -- node x"), None);
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        for command in [
            "API_KEY=abc node x",
            "curl -H --token=abc",
            "psql postgres://u:p@h/db",
        ] {
            assert_eq!(through_keyvault(command), Some(None), "{command}");
        }
    }

    #[test]
    fn scripts_are_found_by_their_line() {
        let text = r#"{
  "name": "start",
  "scripts": {
    "lint": "eslint .",
    "start": "node server.js",
    "build": "dotenv -- next build",
    "dev:api": "tsx watch api.ts"
  }
}"#;
        let found = package_json(text);
        let lines: Vec<_> = found
            .iter()
            .map(|found| (found.line, found.then.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            lines,
            [
                (5, r#""start": "keyvault exec -- node server.js""#),
                (6, r#""build": "keyvault exec -- next build""#),
                (7, r#""dev:api": "keyvault exec -- tsx watch api.ts""#),
            ]
        );
        assert!(package_json("no JSON").is_empty());
        assert!(package_json(r#"{"scripts": 1}"#).is_empty());
    }

    #[test]
    fn processes_recipes_and_services_are_found() {
        let lines = |launchers: Vec<Launcher>| {
            let lines = launchers.into_iter();
            lines
                .map(|launcher| (launcher.line, launcher.then.unwrap_or_default()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lines(procfile(
                "# x\nweb: bundle exec puma\n\nworker: rake jobs\n"
            )),
            [
                (2, "web: keyvault exec -- bundle exec puma".to_owned()),
                (4, "worker: keyvault exec -- rake jobs".to_owned()),
            ]
        );
        let text = "-include .env\nX := 1\nrun: build\n\t@go run .\nbuild:\n\tgo build\ntest:\n\tgo test \\\n";
        let found = lines(makefile(text));
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[1], (4, "@keyvault exec -- go run .".to_owned()));
        assert_eq!(found[2], (8, String::new()));
        let found = compose("services:\n  web:\n    env_file: .env\n    # env_file:\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(STARTING.is_sorted());
    }
}
