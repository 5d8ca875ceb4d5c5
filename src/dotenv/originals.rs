//! Side by side with the originals, where they are installed: Node's own reader, the npm
//! packages `dotenv` and `dotenv-expand`, python-dotenv and the shell. They get the
//! same files, most of them made by chance, and have to read the same; and they have to
//! read what [`write`](super::write()) wrote. `.ci/run` installs them.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::env;
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::thread;

    use crate::dotenv::{Dialect, Entry, Failure, What, parse, write};
    use crate::name::SecretName;
    use crate::secret_value::SecretValue;

    /// Names a folder with `node_modules`, in which `dotenv` and `dotenv-expand` are, and `python`, in
    /// which python-dotenv's `dotenv` is.
    const FOLDER: &str = "KEYVAULT_TESTS_DOTENV";

    /// Set in CI, where a missing tool is a failure instead of a skipped test.
    const ALL_TOOLS: &str = "KEYVAULT_TESTS_NEED_ALL_TOOLS";

    /// What is outside of the files, for references. No file sets any of them.
    const OUTSIDE: [(&str, &str); 3] = [("OUT", "o'u \"t"), ("HOME", "/home/x"), ("NIL", "")];

    /// Variables, without those that have no value.
    type Variables = BTreeMap<String, String>;

    fn missing(what: &str) {
        assert!(env::var_os(ALL_TOOLS).is_none(), "{what} is missing");
        skip(&format!("it needs {what}"));
    }

    fn skip(why: &str) {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        // Not eprintln!, which the test harness swallows.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    }

    fn program(name: &str) -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        let found = env::split_paths(&path).map(|folder| folder.join(name));
        let found = found.into_iter().find(|path| path.is_file());
        if found.is_none() {
            missing(&format!("`{name}`"));
        }
        found
    }

    fn folder() -> Option<PathBuf> {
        let folder = env::var_os(FOLDER).map(PathBuf::from);
        if folder.is_none() {
            missing(&format!("the folder that `{FOLDER}` names"));
        }
        folder
    }

    /// Starts a program once, which gets the files as a list in JSON, and prints a list of what
    /// it read from each.
    fn read_by(command: &mut Command, files: &[String]) -> Vec<Variables> {
        let command = command.env_clear().envs(OUTSIDE);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        let list = serde_json::to_vec(files).expect("JSON");
        let writer = thread::spawn(move || stdin.write_all(&list));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("it ends").expect("it is read");
        assert!(output.status.success(), "{}", output.status);
        let read: Vec<Variables> = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(read.len(), files.len());
        read
    }

    fn node(folder: Option<&Path>, read: &str) -> Option<Command> {
        let mut command = Command::new(program("node")?);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        let script = format!(
            "const files = JSON.parse(require('fs').readFileSync(0, 'utf8'));
             {read}
             process.stdout.write(JSON.stringify(files.map(read)));"
        );
        command.arg("-e").arg(script);
        Some(command)
    }

    fn npm_dotenv() -> Option<Command> {
        node(
            Some(&folder()?),
            "const read = text => require('dotenv').parse(Buffer.from(text));",
        )
    }

    fn node_itself() -> Option<Command> {
        let check = "process.exit(require('util').parseEnv ? 0 : 1)";
        let check = Command::new(program("node")?).arg("-e").arg(check).status();
        if !check.expect("it starts").success() {
            skip("Node has a reader of its own since 20.12");
            return None;
        }
        node(None, "const read = require('util').parseEnv;")
    }

    fn npm_dotenv_expand() -> Option<Command> {
        node(
            Some(&folder()?),
            "const read = text => {
                const parsed = require('dotenv').parse(Buffer.from(text));
                return require('dotenv-expand').expand({ parsed, processEnv: { ...process.env } }).parsed;
             };",
        )
    }

    fn python(expands: bool) -> Option<Command> {
        let library = folder()?.join("python");
        let library = library.to_str().expect("a path of text");
        let expands = if expands { "True" } else { "False" };
        let mut command = Command::new(program("python3")?);
        command.arg("-c").arg(format!(
            "import io, json, logging, sys
sys.path.insert(0, {library:?})
from dotenv.main import DotEnv
logging.disable()
def read(text):
    file = io.TextIOWrapper(io.BytesIO(text.encode()), encoding='utf-8')
    read = DotEnv(None, stream=file, interpolate={expands}, override=False).dict()
    return {{name: value for name, value in read.items() if value is not None}}
print(json.dumps([read(text) for text in json.load(sys.stdin.buffer)]))"
        ));
        Some(command)
    }

    fn variables(entries: &[Entry], dialect: Dialect) -> Variables {
        let mut variables = Variables::new();
        for entry in entries {
            match &entry.value {
                Some(value) => {
                    let value = String::from_utf8_lossy(value.expose()).into_owned();
                    variables.insert(entry.name.clone(), value);
                }
                // python-dotenv takes the value above it back.
                None if dialect == Dialect::Python => {
                    variables.remove(&entry.name);
                }
                None => {}
            }
        }
        variables
    }

    fn ours(file: &str, dialect: Dialect, expands: bool) -> Result<Variables, Failure> {
        let outside = |name: &str| {
            let found = OUTSIDE.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| SecretValue::from_text((*value).to_owned()))
        };
        let read = parse(file.as_bytes(), dialect, expands.then_some(&outside));
        read.map(|entries| variables(&entries, dialect))
    }

    /// Chance that is the same each time: xorshift.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 16).expect("64 bits") % limit
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }
    }

    /// Makes files of a few lines. Most lines are assignments, in which everything
    /// stands that means something to someone.
    fn files(count: usize, words: &[&str]) -> Vec<String> {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut file = || {
            let mut file = String::new();
            for _ in 0..=chance.below(4) {
                let starts = ["", "", "", " ", "export ", "export", "#", "\t", "\u{a0}"];
                file += chance.pick(&starts);
                file += chance.pick(&["A", "A", "B", "C_1", "A.b", "a-b", "", "1", "é"]);
                let separators = ["=", "=", "=", "=", " = ", ":", ": ", " =", "= ", "", "\n="];
                file += chance.pick(&separators);
                let quote = chance.pick(&["", "", "'", "\"", "'", "\"", "`"]);
                file += quote;
                for _ in 0..chance.below(6) {
                    file += chance.pick(words);
                }
                file += quote;
                file += chance.pick(&["", "", "", " ", " # x", "#x", "'", "\\", ";"]);
                file += chance.pick(&["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n \n"]);
            }
            file
        };
        (0..count).map(|_| file()).collect()
    }

    const WORDS: [&str; 44] = [
        "a", "b", "x y", "'", "\"", "`", "\\'", "\\\"", "\\`", "\\", "\\\\", "\\n", "\\r", "\\t",
        "#", " #", "# ", "=", ":", " ", "  ", "\t", "\n", "\r\n", "\r", "$A", "${A}", "${B:-x}",
        "$OUT", "${OUT}", "\\$A", "$$", "$", "~", "é", "\u{85}", "\u{a0}", "\u{2028}", "\u{feff}",
        "\u{1c}", "\u{b}", ";", "A=", "\\\n",
    ];

    fn is_ambiguous(file: &str) -> bool {
        let entries = parse(file.as_bytes(), Dialect::Node, None).expect("it is taken");
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        names.len() < entries.len() || names.contains("1")
    }

    /// Returns the files that we take, with what we read from them.
    fn taken(files: Vec<String>, dialect: Dialect, expands: bool) -> Vec<(String, Variables)> {
        let read = files.into_iter().filter_map(|file| {
            match ours(&file, dialect, expands) {
                // To `dotenv-expand`, of two entries with one name there is but the later, and
                // what is named by a number comes first.
                Ok(_) if expands && dialect == Dialect::Node && is_ambiguous(&file) => None,
                Ok(ours) => Some((file, ours)),
                // As the docs of the module say, and where `dotenv-expand` does not end.
                Err(Failure { what, .. }) => {
                    let is_known = match what {
                        What::NotAnAssignment | What::Unclosed => true,
                        What::BehindQuote => dialect == Dialect::Python,
                        What::ExpandsTooFar => expands && dialect == Dialect::Node,
                        _ => dialect == Dialect::Shell,
                    };
                    assert!(is_known, "{dialect}: {what} in {file:?}");
                    None
                }
            }
        });
        read.collect()
    }

    /// Makes sure that an original reads made-up files as we do.
    fn compare(command: &mut Command, dialect: Dialect, expands: bool) {
        let (files, ours): (Vec<_>, Vec<_>) = taken(files(4000, &WORDS), dialect, expands)
            .into_iter()
            .unzip();
        assert!(files.len() > 500, "{}", files.len());
        for ((file, ours), theirs) in files.iter().zip(ours).zip(read_by(command, &files)) {
            assert_eq!(ours, theirs, "{dialect}: {file:?}");
        }
    }

    #[test]
    fn npm_s_dotenv_reads_the_same() {
        let Some(mut command) = npm_dotenv() else {
            return;
        };
        compare(&mut command, Dialect::Node, false);
    }

    /// In the corners they differ, as the docs of the reader say: there `dotenv` is followed.
    #[test]
    fn node_itself_reads_ordinary_files_the_same() {
        let Some(mut command) = node_itself() else {
            return;
        };
        let words = [
            "a", "b", "x y", "=", ":", " ", "é", "$A", "${B}", "{", "\\", "\\n",
        ];
        let mut chance = Chance(0x1234_5678_9abc_def1);
        let mut line = || {
            let mut line = chance.pick(&["", "", "export ", "  "]).to_owned();
            line += chance.pick(&["A", "B", "C_1"]);
            line += chance.pick(&["=", "=", " = ", "= "]);
            let quote = chance.pick(&["", "'", "\"", "`"]);
            line += quote;
            for _ in 0..chance.below(5) {
                line += chance.pick(&words);
                line += if quote.is_empty() {
                    ""
                } else {
                    chance.pick(&["", "#", "\n"])
                };
            }
            // A backslash before the closing quote is a corner.
            line += if line.ends_with('\\') { "." } else { "" };
            line + quote + chance.pick(&["\n", "\r\n", " # x\n", "\n\n", "\n# 'x\n"])
        };
        let files: Vec<String> = (0..2000).map(|_| line() + &line() + &line()).collect();
        for (file, theirs) in files.iter().zip(read_by(&mut command, &files)) {
            assert_eq!(ours(file, Dialect::Node, false), Ok(theirs), "{file:?}");
        }
    }

    #[test]
    fn npm_s_dotenv_expand_expands_the_same() {
        let Some(mut command) = npm_dotenv_expand() else {
            return;
        };
        compare(&mut command, Dialect::Node, true);
    }

    #[test]
    fn python_dotenv_reads_the_same() {
        for expands in [false, true] {
            let Some(mut command) = python(expands) else {
                return;
            };
            compare(&mut command, Dialect::Python, expands);
        }
    }

    /// Lets one shell take all files, each in a process of its own, and tell what is exported.
    fn read_by_shell(shell: &Path, files: &[String]) -> Vec<Variables> {
        let folder = tempfile::tempdir().expect("a folder");
        for (n, file) in files.iter().enumerate() {
            fs::write(folder.path().join(n.to_string()), file).expect("written");
        }
        let script = "n=0
            while [ -e ./$n ]; do
                (set -a; . ./$n; unset n; exec \"$env\" -0 >out)
                mv out $n.out
                n=$((n + 1))
            done";
        let mut command = Command::new(shell);
        command.arg("-c").arg(script).current_dir(folder.path());
        command.env_clear().envs(OUTSIDE);
        command.env("env", program("env").expect("it is everywhere"));
        command.env("PATH", env::var_os("PATH").expect("set"));
        let output = command.output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let own = |name: &str| {
            let others = ["PATH", "PWD", "OLDPWD", "SHLVL", "_", "env", "n"];
            !others.contains(&name) && !OUTSIDE.iter().any(|(known, _)| *known == name)
        };
        let read = (0..files.len()).map(|n| {
            let path = folder.path().join(format!("{n}.out"));
            let printed = fs::read_to_string(path).expect("it is text");
            let pairs = printed.split('\0').filter_map(|pair| pair.split_once('='));
            let pairs = pairs.filter(|(name, _)| own(name));
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        });
        read.collect()
    }

    #[test]
    fn shells_read_the_same() {
        let mut words = WORDS.to_vec();
        words.extend([
            "${A-x}",
            "${B+'y z'}",
            "${B:+\"$A\"}",
            "${NIL:-${A:-\\}}}",
            "${NIL-x}",
            "${C:=v}",
            "*",
            "{a,b}",
            "[a]",
            "!",
        ]);
        let mut files = taken(files(8000, &words), Dialect::Shell, true);
        assert!(files.len() > 300, "{}", files.len());
        files.truncate(300);
        let (files, ours): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        for shell in ["/bin/sh", "bash"] {
            let Some(shell) = program(shell) else { return };
            let read = read_by_shell(&shell, &files);
            for ((file, ours), theirs) in files.iter().zip(&ours).zip(&read) {
                assert_eq!(ours, theirs, "{}: {file:?}", shell.display());
            }
        }
    }

    /// Writes files of values made by chance, and returns each with the values in it.
    fn written(dialect: Dialect, count: usize) -> (Vec<String>, Vec<Variables>) {
        let mut chance = Chance(0x2545_f491_4f6c_dd1d);
        let mut files = Vec::new();
        let mut values = Vec::new();
        for _ in 0..count {
            let mut pairs: Vec<(SecretName, SecretValue)> = Vec::new();
            let mut all = Variables::new();
            for name in ["A", "B", "C_1"] {
                let length = chance.below(5);
                let value: String = (0..length).map(|_| chance.pick(&WORDS)).collect();
                let pair = || {
                    let value = SecretValue::from_text(value.clone());
                    (name.parse::<SecretName>().expect("a name"), value)
                };
                let one = [pair()];
                let alone = write(dialect, one.iter().map(|(name, value)| (name, value)));
                if alone.is_ok() {
                    pairs.push(pair());
                    all.insert(name.to_owned(), value);
                }
            }
            let file = write(dialect, pairs.iter().map(|(name, value)| (name, value)));
            let file = file.expect("each can be written").to_vec();
            files.push(String::from_utf8(file).expect("text"));
            values.push(all);
        }
        (files, values)
    }

    #[test]
    fn originals_read_what_is_written() {
        let check = |dialect: Dialect, command: Option<Command>, skips: &dyn Fn(&str) -> bool| {
            let Some(mut command) = command else { return };
            let (files, values) = written(dialect, 2000);
            let both = files.into_iter().zip(values);
            let both = both.filter(|(_, values)| !values.values().any(|value| skips(value)));
            let (files, values): (Vec<_>, Vec<_>) = both.unzip();
            assert!(files.len() > 500, "{}", files.len());
            let read = read_by(&mut command, &files);
            for ((file, values), read) in files.iter().zip(values).zip(read) {
                assert_eq!(read, values, "{dialect}: {file:?}");
            }
        };
        let none = |_: &str| false;
        check(Dialect::Node, npm_dotenv(), &none);
        check(Dialect::Python, python(false), &none);
        check(Dialect::Python, python(true), &none);
        // Node's own reader leaves `\r` as it is, and ends a value at its second quote, so that
        // with all three kinds, where no quotes stand around it, none may be the first.
        let skips = |value: &str| value.contains('\r') || value.starts_with(['\'', '"', '`']);
        check(Dialect::Node, node_itself(), &skips);
        let Some(shell) = program("sh") else { return };
        let (files, values) = written(Dialect::Shell, 200);
        let read = read_by_shell(&shell, &files);
        for ((file, values), read) in files.iter().zip(values).zip(read) {
            assert_eq!(read, values, "shell: {file:?}");
        }
    }
}
