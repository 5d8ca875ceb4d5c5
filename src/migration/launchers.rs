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
                then: through_keyvault(command, is_compound)?
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
            then: through_keyvault(command.trim(), is_compound)?
                .map(|command| format!("{name}: {command}")),
        })
    });
    lines.collect()
}

/// Recipes of targets that start something; or, where a `.env` file is taken in and all
/// recipes have what it holds, that line alone.
fn makefile(text: &str) -> Vec<Launcher> {
    let mut target = String::new();
    let mut launchers = Vec::new();
    let mut includes = Vec::new();
    let mut goes_on = false;
    for (text, line) in text.lines().zip(1..) {
        let is_rest = std::mem::replace(&mut goes_on, text.ends_with('\\'));
        if is_rest {
            continue;
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if let ["include" | "-include" | "sinclude", files @ ..] = words.as_slice() {
            if files.iter().any(|file| role(file).is_some()) {
                includes.push(Launcher {
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
        if let Some(then) = through_keyvault(command, is_compound_in_make) {
            launchers.push(Launcher {
                line,
                what: format!("target `{}`", target.escape_debug()),
                // What goes on in the next line is not one command.
                then: then
                    .filter(|_| !goes_on)
                    .map(|then| format!("{prefix}{then}")),
            });
        }
    }
    if includes.is_empty() {
        launchers
    } else {
        includes
    }
}

/// Tells whether a recipe takes a shell. make(1) puts its own variables in before, and
/// writes a `$` of the shell twice.
fn is_compound_in_make(recipe: &str) -> bool {
    let mut seen_by_shell = String::with_capacity(recipe.len());
    let mut rest = recipe;
    while let Some((before, behind)) = rest.split_once('$') {
        seen_by_shell.push_str(before);
        let closing = match behind.chars().next() {
            Some('(') => behind.find(')'),
            Some('{') => behind.find('}'),
            Some('$') => {
                seen_by_shell.push('$');
                Some(0)
            }
            _ => Some(0),
        };
        let end = closing.map_or(behind.len(), |at| at + 1);
        rest = behind.get(end..).unwrap_or_default();
    }
    seen_by_shell.push_str(rest);
    is_compound(&seen_by_shell)
}

/// `env_file` of a service, and the first line with a variable, which compose takes from
/// `.env`, <https://docs.docker.com/reference/compose-file/services/> and
/// <https://docs.docker.com/reference/compose-file/interpolation/>.
fn compose(text: &str) -> Vec<Launcher> {
    let mut has_variable = false;
    let lines = text.lines().zip(1..).filter_map(|(text, line)| {
        let text = text.trim_start_matches([' ', '-']);
        let (what, then) = if text.starts_with("env_file:") {
            (
                "`env_file` of a service",
                "its names under `environment:`, without values; run `keyvault exec -- docker compose up`",
            )
        } else if !has_variable && !text.starts_with('#') && text.replace("$$", "").contains('$') {
            has_variable = true;
            (
                "variables, which are taken from `.env`",
                "as it is; run `keyvault exec -- docker compose up`",
            )
        } else {
            return None;
        };
        Some(Launcher {
            line,
            what: what.to_owned(),
            then: Some(then.to_owned()),
        })
    });
    lines.collect()
}

/// Programs that read a `.env` file and start another.
const LOADERS: [&str; 5] = ["dotenv", "dotenv-cli", "dotenv-flow", "dotenvx", "env-cmd"];

/// What a loader is started with where it is not on the `PATH`.
const RUNNERS: [&[&str]; 12] = [
    &["bunx"],
    &["bundle", "exec"],
    &["npm", "exec"],
    &["npx", "-y"],
    &["npx", "--yes"],
    &["npx"],
    &["pipenv", "run"],
    &["pnpm", "exec"],
    &["pnpm"],
    &["poetry", "run"],
    &["uv", "run"],
    &["yarn"],
];

/// Options by which a program is made to read a `.env` file, without what is behind `=`.
const LOADING: [&str; 2] = ["--env-file", "--env-file-if-exists"];

/// A module of Node that does it, and the options that stand before it.
const LOADING_MODULE: &str = "dotenv/config";
const REQUIRING: [&str; 3] = ["--import", "--require", "-r"];

/// What names that module's file, before or behind the program.
const MODULE_SETTINGS: [&str; 2] = ["DOTENV_CONFIG_PATH", "dotenv_config_path"];

fn has_loader(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    loader(&words).is_some()
        || sources(&words)
        || words.iter().any(|word| {
            let (option, value) = option(word);
            LOADING.contains(&option) || is_module(option, value) || *word == LOADING_MODULE
        })
}

/// Tells where a loader stands, if the command is one.
fn loader(words: &[&str]) -> Option<usize> {
    let before = RUNNERS.iter().find(|runner| words.starts_with(runner));
    let at = before.map_or(0, |runner| runner.len());
    let is_loader = LOADERS.contains(words.get(at)?);
    is_loader.then_some(at)
}

/// Tells whether a shell reads a `.env` file by itself: `. ./.env`, `source .env`,
/// `$(cat .env | xargs)`.
fn sources(words: &[&str]) -> bool {
    words.windows(2).any(|pair| {
        let file = pair[1].trim_end_matches([';', ')', '`', '"']);
        let reader = pair[0].trim_start_matches(['$', '(', '`', '"']);
        let is_read = matches!(reader, "." | "source" | "cat" | "xargs" | "<");
        is_read && stage(file).is_some_and(|role| role != Role::Sample)
    })
}

/// Tells what a `.env` file is for, by its path.
fn stage(path: &str) -> Option<Role> {
    Some(role(path.rsplit('/').next()?)?.0)
}

fn option(word: &str) -> (&str, Option<&str>) {
    let parts = word.split_once('=');
    parts.map_or((word, None), |(option, value)| (option, Some(value)))
}

fn is_module(option: &str, value: Option<&str>) -> bool {
    REQUIRING.contains(&option) && value == Some(LOADING_MODULE)
}

/// Writes a command so that its program gets its secrets from keyvault, and no `.env`
/// file; `None` if it does already. The new command is `None` where it would be a guess,
/// or could show a secret.
fn through_keyvault(command: &str, is_compound: fn(&str) -> bool) -> Option<Option<String>> {
    if command.is_empty() || command.split_whitespace().any(|word| word == "keyvault") {
        return None;
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    if may_hold_a_secret(command) || sources(&words) {
        return Some(None);
    }
    let (command, file) = without_loader(command);
    let environment = file.and_then(|file| match stage(&file)? {
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
    if !has_loader(command) {
        return (command.to_owned(), None);
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    if let Some(loader) = loader(&words) {
        let (options, program) = words[loader + 1..].split_at(program_at(&words[loader + 1..]));
        let mut files = options.iter().map(|word| option(word).1.unwrap_or(word));
        let file = files.find(|word| stage(word).is_some());
        return (program.join(" "), file.map(str::to_owned));
    }
    let is_container = is_container(&words);
    let mut file = None;
    let mut left: Vec<&str> = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        let (option, value) = option(word);
        if LOADING.contains(&option) {
            let named = value.or_else(|| rest.next());
            file = file.or(named);
            // A container has none of the variables around it, but those that are named.
            if is_container && !left.ends_with(&EACH_VARIABLE) {
                left.extend(EACH_VARIABLE);
            }
        } else if REQUIRING.contains(&word) && rest.peek() == Some(&LOADING_MODULE) {
            rest.next();
        } else if MODULE_SETTINGS.contains(&option) {
            file = file.or(value);
        } else if !is_module(option, value) {
            left.push(word);
        }
    }
    (left.join(" "), file.map(str::to_owned))
}

/// What stands for `--env-file` where a container is started.
const EACH_VARIABLE: [&str; 2] = ["-e", "EACH_NAME"];

/// Tells whether a command starts a container, which compose does by a file.
fn is_container(words: &[&str]) -> bool {
    let words = words.strip_prefix(&["sudo"]).unwrap_or(words);
    matches!(words, ["docker" | "podman" | "nerdctl", next, ..] if *next != "compose")
}

/// Tells where the program stands among the words behind a loader: behind `--`, or else
/// behind options and `run`.
fn program_at(words: &[&str]) -> usize {
    if let Some(at) = words.iter().position(|word| *word == "--") {
        return at + 1;
    }
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += match *word {
            "-e" | "-f" | "--file" | "--env-file" => 2,
            "run" => 1,
            word if word.starts_with('-') => 1,
            _ => break,
        };
    }
    at.min(words.len())
}

/// Tells whether it takes a shell to run a command: it has an operator outside quotes,
/// or a variable, which may be one of those that it is to get.
fn is_compound(command: &str) -> bool {
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ';' | '|' | '&' | '(' | '\n') => return true,
            (None | Some('"'), '$' | '`') => return true,
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
        let is_telling = |name: &str| TELLING.iter().any(|telling| name.contains(telling));
        let (name, value) = option(&word);
        let is_told = match value {
            Some(value) => !value.is_empty() && is_telling(name),
            // `--token abc` and `'Authorization: Bearer abc'`.
            None => (name.starts_with('-') || name.ends_with(':')) && is_telling(name),
        };
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
        through_keyvault(command, is_compound)
            .flatten()
            .unwrap_or_default()
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
            (
                "next start -p ${PORT:-3000}",
                "keyvault exec -- sh -c 'next start -p ${PORT:-3000}'",
            ),
            ("echo '$5'", "keyvault exec -- echo '$5'"),
        ] {
            assert_eq!(then(now), wanted, "{now}");
        }
    }

    #[test]
    fn what_reads_the_file_is_taken_out_however_it_is_started() {
        for (now, wanted) in [
            (
                "npx dotenv -e .env.local -- tsx x",
                "keyvault exec -- tsx x",
            ),
            (
                "yarn dotenv -e .env.test jest",
                "keyvault exec -e test -- jest",
            ),
            ("bundle exec dotenv rails s", "keyvault exec -- rails s"),
            (
                "uv run dotenv -f .env.production run -- python x",
                "keyvault exec -e prod -- python x",
            ),
            ("dotenv run python x", "keyvault exec -- python x"),
            (
                "dotenvx run --env-file=.env.production -- node x",
                "keyvault exec -e prod -- node x",
            ),
            (
                "node --require=dotenv/config --import dotenv/config x",
                "keyvault exec -- node x",
            ),
            (
                "node -r dotenv/config x dotenv_config_path=.env.production",
                "keyvault exec -e prod -- node x",
            ),
            (
                "docker run --env-file .env --env-file=.env.local -p 80:80 x",
                "keyvault exec -- docker run -e EACH_NAME -p 80:80 x",
            ),
            (
                "docker compose --env-file .env up",
                "keyvault exec -- docker compose up",
            ),
        ] {
            assert_eq!(then(now), wanted, "{now}");
            assert!(has_loader(now), "{now}");
        }
        for command in [
            "source .env && node x",
            "set -a; . ./.env; set +a; node x",
            "export $(cat .env | xargs) && node x",
            "env $(cat .env) node x",
        ] {
            assert!(has_loader(command), "{command}");
            assert_eq!(
                through_keyvault(command, is_compound),
                Some(None),
                "{command}"
            );
        }
        assert!(!has_loader("cp .env.example .env"));
        assert!(!has_loader("npm install dotenv"));
    }

    #[test]
    fn what_goes_through_keyvault_stays() {
        assert_eq!(
            through_keyvault("keyvault exec -- node x", is_compound),
            None
        );
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        for command in [
            "API_KEY=abc node x",
            "curl -H --token=abc",
            "curl --api-key abc",
            "curl -H 'Authorization: Bearer abc'",
            "psql postgres://u:p@h/db",
        ] {
            assert_eq!(
                through_keyvault(command, is_compound),
                Some(None),
                "{command}"
            );
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
        let text = "X := 1\nrun: build\n\t@./$(X) ${Y}\nbuild:\n\tgo build\ntest:\n\tgo test \\\n\t  -v\nserve:\n\tgo run $$X\n";
        assert_eq!(
            lines(makefile(text)),
            [
                (3, "@keyvault exec -- ./$(X) ${Y}".to_owned()),
                (7, String::new()),
                (10, "keyvault exec -- sh -c 'go run $$X'".to_owned()),
            ]
        );
        // Whoever takes the file in hands it to all recipes.
        let found = lines(makefile("run:\n\tgo run .\n-include .env\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 3);
        let text = "services:\n  web:\n    env_file: .env\n    # env_file: $A\n    command: $$A\n    image: $A\n    user: $B\n";
        let found: Vec<_> = compose(text).iter().map(|found| found.line).collect();
        assert_eq!(found, [3, 6]);
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(STARTING.is_sorted());
        assert!(LOADERS.is_sorted());
    }
}
