//! What git keeps: the staged files, the whole history, or what is about to be pushed.
//!
//! git itself is asked, by its plumbing, which runs nothing that a repository configures.
//! How it is started is an argument ([`Start`]). Objects are read by their names alone
//! and each once, in the order in which they are kept; in which commit one is, and where,
//! is asked ([`Repository::attribute`]) for those in which something was found.

pub mod changes;
pub mod objects;
pub mod oid;
pub mod push;
pub mod running;

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::thread;

use crate::error::{Error, Result};
use changes::Item;
use objects::{Each, Kind, Requests, Tally};
use oid::Oid;
use push::Update;
use running::{Running, Start};

/// The most processes that read objects. Beyond that they wait for the disk.
const PROCESSES_MAX: usize = 16;

/// A repository of git.
#[derive(Clone, Copy)]
pub struct Repository<'a> {
    start: Start<'a>,
}

/// Which part of a history is meant.
#[derive(Clone, Copy)]
pub enum Reach<'a> {
    /// All that a branch, a tag or any other reference leads to.
    All,
    /// What leads to these and not to those, as git-rev-list(1) takes it: `main..topic`.
    Range(&'a [String]),
    /// What a push brings to a remote that does not have it yet.
    Push {
        /// What is pushed.
        updates: &'a [Update],
        /// The remote's name, as a `pre-push` hook is told it. Where none is known, what
        /// any remote has counts.
        remote: Option<&'a str>,
    },
}

/// What was read of the index.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Staged {
    /// How much was read.
    pub tally: Tally,
    /// How many submodules are staged, which were not read: they are repositories of
    /// their own.
    pub submodules: u64,
    /// Files that are in conflict, which were not read: they cannot be committed.
    pub conflicts: Vec<PathBuf>,
}

/// What was read of a history.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How much was read.
    pub tally: Tally,
    /// Whether older commits are elsewhere: the repository is a shallow clone.
    pub is_shallow: bool,
    /// Whether some files may be elsewhere: the repository is a partial clone.
    pub is_partial: bool,
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which object.
    pub oid: Oid,
    /// The first commit that has it; of a commit, itself. A tag may be of something else.
    pub commit: Option<Oid>,
    /// Where it is in that commit.
    pub path: Option<PathBuf>,
}

impl<'a> Repository<'a> {
    /// Takes the repository in which `start` starts git.
    pub fn new(start: Start<'a>) -> Self {
        Self { start }
    }

    /// Reads the files that the next commit adds or changes, as they are in the index.
    ///
    /// # Errors
    ///
    /// [`Error::NoGit`], [`Error::NotARepository`], [`Error::GitFailed`].
    pub fn staged(self, each: Each<'_>) -> Result<Staged> {
        // Each start takes longer than to read some files.
        let (mut staged, tally) = objects::read(self.start, 1, each, |mut requests| {
            match self.find_staged(&CHANGED, &mut requests) {
                // Before the first commit there is nothing to compare with.
                Err(Error::GitFailed { .. } | Error::BadRange) if !self.has_commit()? => {
                    self.find_staged(&INDEX, &mut requests)
                }
                found => found,
            }
        })?;
        staged.tally = tally;
        Ok(staged)
    }

    fn find_staged(self, listing: &Listing, requests: &mut Requests) -> Result<Staged> {
        let mut git = Running::start(self.start, listing.arguments)?;
        let (mut output, mut line) = (git.output(), Vec::new());
        let mut staged = Staged::default();
        loop {
            match (listing.next)(&mut output, &mut line).map_err(objects::unheard)? {
                Some(Item::File(oid, path)) => {
                    requests.push(oid, Some(path));
                }
                Some(Item::Submodule(_)) => staged.submodules += 1,
                // Its three sides are entries of one path.
                Some(Item::Conflict(path)) if staged.conflicts.last() != Some(&path) => {
                    staged.conflicts.push(path);
                }
                Some(_) => {}
                None => break,
            }
        }
        git.end().map(|()| staged)
    }

    /// Returns the files below this folder that git ignores and keeps all the same, since
    /// they were there before they were ignored, or were added by force: whoever walks the
    /// tree as git does passes over them. Paths are from the folder on.
    ///
    /// # Errors
    ///
    /// [`Error::NoGit`], [`Error::NotARepository`], [`Error::GitFailed`].
    pub fn ignored_and_kept(self) -> Result<Vec<PathBuf>> {
        let question = [
            "ls-files",
            "-z",
            "--cached",
            "--ignored",
            "--exclude-standard",
        ];
        let mut git = Running::start(self.start, &question)?;
        let (mut output, mut name) = (git.output(), Vec::new());
        let mut paths = Vec::new();
        while changes::field(&mut output, &mut name).map_err(objects::unheard)? {
            paths.push(changes::path(&name));
        }
        git.end().map(|()| paths)
    }

    fn has_commit(self) -> Result<bool> {
        let question = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"];
        let mut git = Running::start(self.start, &question)?;
        Ok(git.code()? == Some(0))
    }

    /// Reads part of the history: files as they were in any commit, each once, and what
    /// commits and tags say.
    ///
    /// Of [`Reach::All`] it also reads what nothing leads to any more; where something
    /// was found, [`attribute`](Self::attribute) tells it apart.
    ///
    /// # Errors
    ///
    /// [`Error::NoGit`], [`Error::NotARepository`], [`Error::BadRange`],
    /// [`Error::GitFailed`].
    pub fn history(self, reach: Reach<'_>, each: Each<'_>) -> Result<Past> {
        let known = self.known_of(reach)?;
        let is_shallow = ["rev-parse", "--is-shallow-repository"];
        let mut is_shallow = Running::start(self.start, &is_shallow)?;
        let is_partial = r"^(remote\..*\.promisor|extensions\.partialclone)$";
        let is_partial = ["config", "--get-regexp", is_partial];
        let mut is_partial = Running::start(self.start, &is_partial)?;
        let processes = thread::available_parallelism().map_or(1, usize::from);
        let processes = processes.min(PROCESSES_MAX);
        let (missing, mut tally) =
            objects::read(self.start, processes, each, |requests| match reach {
                Reach::All => self.find_all(requests),
                Reach::Range(_) | Reach::Push { .. } => self.find_in(reach, &known, requests),
            })?;
        tally.missing += missing;
        let mut answer = String::new();
        let read = is_shallow.output().read_line(&mut answer);
        read.map_err(objects::unheard)?;
        Ok(Past {
            tally,
            is_shallow: answer.trim_end() == "true",
            is_partial: is_partial.code()? == Some(0),
        })
    }

    /// Asks for all objects that there are, as they stand in the packs: to follow history
    /// from commit to commit takes longer than all else. Returns how many cannot be read.
    fn find_all(self, mut requests: Requests) -> Result<u64> {
        let question = [
            "cat-file",
            "--batch-all-objects",
            "--unordered",
            "--buffer",
            CHECK,
        ];
        let mut git = Running::start(self.start, &question)?;
        drop(git.input());
        let missing = ask_for_checked(git.output(), &mut requests);
        let missing = missing.map_err(objects::unheard)?;
        git.end().map(|()| missing)
    }

    /// Asks for the objects in part of the history; returns how many are not here.
    fn find_in(self, reach: Reach<'_>, known: &Known, mut requests: Requests) -> Result<u64> {
        // A missing object is told, and no reason to stop.
        let objects = ["--objects", "--missing=print"];
        let mut list = self.list(reach, known, &objects)?;
        let mut check = Running::start(self.start, &["cat-file", "--buffer", CHECK])?;
        let (listed, mut input, checked) = (list.output(), check.input(), check.output());
        let missing = thread::scope(|scope| {
            let missing = scope.spawn(move || {
                let mut missing = 0;
                for_each_line(listed, |line| {
                    if line.starts_with(b"?") {
                        missing += 1;
                        return Ok(());
                    }
                    let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
                    input.write_all(name)?;
                    input.write_all(b"\n")
                })
                .map(|()| missing)
            });
            let asked = ask_for_checked(checked, &mut requests);
            objects::join(missing).and_then(|missing| Ok(missing + asked?))
        });
        list.end()?;
        check.end()?;
        missing.map_err(objects::unheard)
    }

    /// Starts a listing of part of the history.
    fn list(self, reach: Reach<'_>, known: &Known, options: &[&str]) -> Result<Running> {
        let mut arguments = vec!["rev-list"];
        arguments.extend(options);
        let remote;
        match reach {
            Reach::All => arguments.push("--all"),
            Reach::Range(range) => {
                arguments.push("--end-of-options");
                arguments.extend(range.iter().map(String::as_str));
                arguments.push("--");
            }
            Reach::Push { remote: name, .. } => {
                remote = name.map_or("--remotes".to_owned(), |name| format!("--remotes={name}"));
                arguments.extend(["--stdin", "--not", &remote]);
            }
        }
        let mut git = Running::start(self.start, &arguments)?;
        let mut input = git.input();
        // If it ended already, it tells why.
        let _ = input.write_all(known.0.as_bytes());
        Ok(git)
    }

    /// Returns what a listing is to be told by its stdin.
    fn known_of(self, reach: Reach<'_>) -> Result<Known> {
        let mut text = String::new();
        if let Reach::Push { updates, .. } = reach {
            // What others pushed in the meantime is not here, and no help to know.
            let olds = self.those_here(updates.iter().filter_map(|update| update.old))?;
            let news = updates.iter().filter_map(|update| update.new);
            news.for_each(|new| text.push_str(&format!("{new}\n")));
            olds.for_each(|old| text.push_str(&format!("^{old}\n")));
        }
        Ok(Known(text))
    }

    /// Returns those of some objects that are in the repository.
    fn those_here(self, oids: impl Iterator<Item = Oid>) -> Result<impl Iterator<Item = Oid>> {
        let mut here = Vec::new();
        let mut oids = oids.peekable();
        if oids.peek().is_some() {
            let mut git = Running::start(self.start, &["cat-file", CHECK])?;
            let (mut input, mut output) = (git.input(), git.output());
            let mut line = Vec::new();
            for oid in oids {
                // Without `--buffer` each is answered before the next one is read.
                let asked = writeln!(input, "{oid}");
                line.clear();
                let answered = asked.and_then(|()| output.read_until(b'\n', &mut line));
                if answered.is_err() || line.is_empty() {
                    break;
                }
                if !line.trim_ascii_end().ends_with(b" missing") {
                    here.push(oid);
                }
            }
            drop(input);
            git.end()?;
        }
        Ok(here.into_iter())
    }

    /// Finds where objects are, each at the first commit that has it, and those of older
    /// commits before those of newer ones. What nothing in that part of the history leads
    /// to is not in the answer.
    ///
    /// # Errors
    ///
    /// As [`history`](Self::history).
    pub fn attribute(self, reach: Reach<'_>, wanted: &[Oid]) -> Result<Vec<Place>> {
        let mut search = Search {
            left: wanted.iter().copied().collect(),
            found: Vec::new(),
        };
        if search.left.is_empty() {
            return Ok(search.found);
        }
        let known = self.known_of(reach)?;
        let in_commits = self.search_commits(reach, &known, &mut search);
        if !search.left.is_empty() {
            // A tag, what a tag is of that is no commit, and in a partial clone what is in
            // folders that are not here.
            self.search_objects(reach, &known, &mut search)?;
        }
        if !search.left.is_empty() {
            in_commits?;
        }
        Ok(search.found)
    }

    fn search_commits(self, reach: Reach<'_>, known: &Known, search: &mut Search) -> Result<()> {
        let mut list = self.list(reach, known, &["--reverse", "--topo-order"])?;
        let compare = [
            "diff-tree",
            "--stdin",
            "--always",
            "-r",
            "-m",
            "--root",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            "--no-ext-diff",
            "--no-textconv",
        ];
        let mut compare = Running::start(self.start, &compare)?;
        let (mut listed, mut input) = (list.output(), compare.input());
        let output = compare.output();
        let compared = thread::scope(|scope| {
            scope.spawn(move || {
                // Where one of them ended early, it tells why.
                let _ = io::copy(&mut listed, &mut input);
            });
            let (mut line, mut commit) = (Vec::new(), None);
            // What is moved in here is dropped when all is found, and so both end, too.
            let mut output = { output };
            while !search.left.is_empty() {
                match changes::next(&mut output, &mut line)? {
                    Some(Item::Commit(oid)) => {
                        commit = Some(oid);
                        search.note(oid, commit, None);
                    }
                    Some(Item::File(oid, path)) => search.note(oid, commit, Some(path)),
                    Some(_) => {}
                    None => break,
                }
            }
            Ok(())
        });
        compared.map_err(objects::unheard)?;
        if !search.left.is_empty() {
            list.end()?;
            compare.end()?;
        }
        Ok(())
    }

    fn search_objects(self, reach: Reach<'_>, known: &Known, search: &mut Search) -> Result<()> {
        let mut list = self.list(reach, known, &["--objects", "--missing=print"])?;
        for_each_line(list.output(), |line| {
            let name = line.split(|byte| *byte == b' ').next();
            if let Some(oid) = name.and_then(Oid::parse) {
                search.note(oid, None, None);
            }
            Ok(())
        })
        .map_err(objects::unheard)?;
        list.end()
    }
}

/// What a listing is told by its stdin.
struct Known(String);

/// Objects whose place is looked for.
struct Search {
    left: HashSet<Oid>,
    found: Vec<Place>,
}

impl Search {
    fn note(&mut self, oid: Oid, commit: Option<Oid>, path: Option<PathBuf>) {
        if self.left.remove(&oid) {
            self.found.push(Place { oid, commit, path });
        }
    }
}

/// How git lists what is staged.
struct Listing {
    arguments: &'static [&'static str],
    next: fn(&mut BufReader<ChildStdout>, &mut Vec<u8>) -> io::Result<Option<Item>>,
}

/// What differs from the last commit.
const CHANGED: Listing = Listing {
    arguments: &[
        "diff-index",
        "--cached",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
        "--no-ext-diff",
        "--no-textconv",
        "HEAD",
        "--",
    ],
    next: changes::next,
};

/// All that is in the index.
const INDEX: Listing = Listing {
    arguments: &["ls-files", "--stage", "-z"],
    next: changes::next_of_index,
};

/// Has git print what an object is, and nothing of it.
const CHECK: &str = "--batch-check=%(objecttype) %(objectname)";

/// Asks for what git has found out to be no folder; returns how many it cannot read.
fn ask_for_checked(checked: impl BufRead, requests: &mut Requests) -> io::Result<u64> {
    let mut missing = 0;
    for_each_line(checked, |line| {
        let space = memchr::memchr(b' ', line).ok_or_else(changes::strange)?;
        let (kind, name) = (&line[..space], &line[space + 1..]);
        if name == b"missing" {
            missing += 1;
        }
        if Kind::parse(kind).is_none() {
            return Ok(());
        }
        let oid = Oid::parse(name).ok_or_else(changes::strange)?;
        match requests.push(oid, None) {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    })?;
    Ok(missing)
}

fn for_each_line(
    mut from: impl BufRead,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        each(line.trim_ascii_end())?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::objects::Object;
    use super::*;
    use crate::scan::piece::{LONGEST_MATCH, Piece, WINDOW};

    /// A repository, and what a hook of it would find in its environment.
    struct Scene {
        folder: TempDir,
        variables: Vec<(OsString, OsString)>,
    }

    impl Scene {
        fn new() -> Self {
            let scene = Self::empty();
            scene.git(&["init", "-q", "-b", "main"]);
            scene
        }

        fn empty() -> Self {
            let mut variables: Vec<(OsString, OsString)> = [
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_CEILING_DIRECTORIES", "/"),
            ]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
            variables.extend(std::env::var_os("PATH").map(|path| ("PATH".into(), path)));
            Self {
                folder: TempDir::new().expect("a folder"),
                variables,
            }
        }

        fn git(&self, arguments: &[&str]) -> String {
            self.git_told(arguments, "")
        }

        fn git_told(&self, arguments: &[&str], text: &str) -> String {
            let mut git = Command::new("git");
            git.current_dir(self.folder.path())
                .env_clear()
                .envs(self.variables.iter().cloned())
                .args(["-c", "protocol.file.allow=always"])
                .args([
                    "-c",
                    "user.name=alice",
                    "-c",
                    "user.email=alice@example.org",
                ])
                .args(arguments);
            git.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = git.stderr(Stdio::null()).spawn().expect("started");
            let mut input = child.stdin.take().expect("piped");
            input.write_all(text.as_bytes()).expect("told");
            drop(input);
            let output = child.wait_with_output().expect("ended");
            assert!(output.status.success(), "{arguments:?}");
            String::from_utf8(output.stdout)
                .expect("text")
                .trim_end()
                .to_owned()
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        fn write(&self, path: impl AsRef<Path>, text: &str) {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }

        /// Commits a file, and returns the commit.
        fn commit(&self, path: &str, text: &str) -> Oid {
            self.write(path, text);
            self.git(&["add", path]);
            self.git(&["commit", "-q", "-m", &format!("write {path}")]);
            self.oid("HEAD")
        }

        fn oid(&self, name: &str) -> Oid {
            let text = self.git(&["rev-parse", name]);
            Oid::parse(text.as_bytes()).expect("one")
        }

        fn with<T>(&self, read: impl FnOnce(Repository<'_>) -> T) -> T {
            let folder = self.folder.path();
            let start = |arguments: &[&str]| {
                crate::child::git::start(folder, arguments, self.variables.clone())
            };
            read(Repository::new(&start))
        }

        /// Returns the text of each staged file by its path, and what else was said.
        fn staged(&self) -> (BTreeMap<PathBuf, String>, Staged) {
            let seen = Mutex::new(BTreeMap::new());
            let each = |object: &Object, piece: &Piece<'_>| {
                assert!(piece.starts == (0..piece.bytes.len()));
                assert_eq!(
                    (object.kind, object.size),
                    (Kind::Blob, piece.bytes.len() as u64)
                );
                let text = String::from_utf8_lossy(piece.bytes).into_owned();
                let path = object.path.clone().expect("known");
                seen.lock().expect("whole").insert(path, text);
            };
            let staged = self
                .with(|repository| repository.staged(&each))
                .expect("read");
            (seen.into_inner().expect("whole"), staged)
        }

        /// Returns the texts of all that was read, and what else was said.
        fn history(&self, reach: Reach<'_>) -> (Vec<String>, Past) {
            let seen = Mutex::new(Vec::new());
            let each = |object: &Object, piece: &Piece<'_>| {
                let text = String::from_utf8_lossy(piece.bytes).into_owned();
                let text = match object.kind {
                    Kind::Blob => text,
                    Kind::Commit | Kind::Tag => {
                        let message = text.split_once("\n\n").expect("a message").1;
                        format!("{:?} {}", object.kind, message.trim_end())
                    }
                };
                seen.lock().expect("whole").push(text);
            };
            let past = self.with(|repository| repository.history(reach, &each));
            let mut seen = seen.into_inner().expect("whole");
            seen.sort();
            (seen, past.expect("read"))
        }

        fn attribute(&self, reach: Reach<'_>, wanted: &[Oid]) -> Vec<Place> {
            let places = self.with(|repository| repository.attribute(reach, wanted));
            let mut places = places.expect("found");
            places.sort_by_key(|place| wanted.iter().position(|oid| *oid == place.oid));
            places
        }
    }

    fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        texts.into_iter().map(str::to_owned).collect()
    }

    fn place(oid: Oid, commit: Oid, path: &str) -> Place {
        Place {
            oid,
            commit: Some(commit),
            path: Some(path.into()),
        }
    }

    #[test]
    fn the_index_is_read_and_not_the_work_tree() {
        let scene = Scene::new();
        // Before the first commit all is new.
        scene.write("a", "first");
        scene.git(&["add", "a"]);
        scene.write("a", "not staged");
        let (seen, staged) = scene.staged();
        assert_eq!(seen, BTreeMap::from([("a".into(), "first".to_owned())]));
        assert_eq!((staged.tally.blobs, staged.tally.bytes), (1, 5));

        scene.git(&["commit", "-q", "-m", "one"]);
        assert_eq!(scene.staged(), <_>::default());

        let odd = PathBuf::from(OsString::from_vec(b"b\xff\t\n\"".to_vec()));
        scene.write("a", "second");
        scene.write(&odd, "odd");
        scene.write("sub/empty", "");
        std::os::unix::fs::symlink("where it leads", scene.path("link")).expect("made");
        scene.git(&["add", "."]);
        scene.git(&["update-index", "--chmod=+x", "sub/empty"]);
        scene.write("only in the work tree", "unseen");
        let (seen, staged) = scene.staged();
        let expected = [
            ("a".into(), "second".to_owned()),
            (odd, "odd".to_owned()),
            ("link".into(), "where it leads".to_owned()),
        ];
        assert_eq!(seen, expected.into());
        // Of an empty file there is nothing to be seen.
        assert_eq!((staged.tally.blobs, staged.tally.bytes), (4, 23));
    }

    #[test]
    fn what_was_kept_before_it_was_ignored_is_told() {
        let scene = Scene::new();
        scene.commit("sub/.env", "A=b");
        scene.commit("sub/c", "c");
        scene.commit(".gitignore", ".env\n");
        scene.write("sub/other/.env", "not kept");
        let paths = scene.with(|repository| repository.ignored_and_kept());
        assert_eq!(paths.expect("read"), [PathBuf::from("sub/.env")]);
    }

    #[test]
    fn what_is_taken_away_or_has_another_mode_is_not_read() {
        let scene = Scene::new();
        scene.commit("a", "a");
        scene.commit("b", "b");
        scene.git(&["rm", "-q", "a"]);
        scene.git(&["update-index", "--chmod=+x", "b"]);
        assert_eq!(scene.staged(), <_>::default());
    }

    #[test]
    fn an_index_that_git_names_is_the_one_that_is_meant() {
        // As with `git commit -a`.
        let mut scene = Scene::new();
        scene.commit("a", "a");
        fs::copy(scene.path(".git/index"), scene.path(".git/other")).expect("copied");
        let index = ("GIT_INDEX_FILE".into(), ".git/other".into());
        scene.variables.push(index);
        scene.write("a", "in the other index");
        scene.git(&["add", "a"]);
        assert_eq!(scene.staged().0.len(), 1);
        scene.variables.pop();
        assert_eq!(scene.staged().0.len(), 0);
    }

    #[test]
    fn a_merge_is_read_and_its_conflicts_are_told() {
        let scene = Scene::new();
        scene.commit("a", "base");
        scene.git(&["switch", "-q", "-c", "topic"]);
        scene.commit("a", "theirs");
        scene.commit("b", "new there");
        scene.git(&["switch", "-q", "main"]);
        scene.commit("a", "ours");
        let start = |arguments: &[&str]| {
            crate::child::git::start(scene.folder.path(), arguments, scene.variables.clone())
        };
        let merge = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a",
            "merge",
            "-q",
            "topic",
        ];
        let mut merge = Running::start(&start, &merge).expect("started");
        assert_eq!(merge.code().expect("ended"), Some(1));
        let (seen, staged) = scene.staged();
        assert_eq!(seen, BTreeMap::from([("b".into(), "new there".to_owned())]));
        assert_eq!(staged.conflicts, [PathBuf::from("a")]);

        scene.write("a", "decided");
        scene.git(&["add", "a"]);
        let (seen, staged) = scene.staged();
        assert_eq!(seen.len(), 2);
        assert!(staged.conflicts.is_empty());
    }

    #[test]
    fn submodules_are_counted_and_not_read() {
        let (scene, sub) = (Scene::new(), Scene::new());
        sub.commit("inside", "inside");
        scene.commit("a", "a");
        let from = sub.folder.path().to_str().expect("text");
        scene.git(&["submodule", "--quiet", "add", from, "sub"]);
        let (seen, staged) = scene.staged();
        assert_eq!(
            seen.into_keys().collect::<Vec<_>>(),
            [PathBuf::from(".gitmodules")]
        );
        assert_eq!(staged.submodules, 1);

        scene.git(&["commit", "-q", "-m", "sub"]);
        let (_, past) = scene.history(Reach::All);
        assert_eq!((past.tally.blobs, past.tally.missing), (2, 0));
    }

    #[test]
    fn nothing_that_is_configured_is_run() {
        let scene = Scene::new();
        scene.commit("a", "a");
        let script = "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\ncat\n";
        scene.write("run", script);
        let run = scene.path("run");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&run, executable).expect("set");
        let run = run.to_str().expect("text");
        scene.write(".gitattributes", "* diff=x filter=x\n");
        scene.git(&["add", ".gitattributes"]);
        scene.write("b", "b");
        scene.git(&["add", "b"]);
        for name in [
            "core.fsmonitor",
            "diff.external",
            "diff.x.command",
            "diff.x.textconv",
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
            "core.pager",
            "gpg.program",
            "core.sshCommand",
        ] {
            scene.git(&["config", name, run]);
        }
        scene.git(&["config", "log.showSignature", "true"]);
        scene.git(&["config", "pager.cat-file", run]);
        assert_eq!(scene.staged().0.len(), 2);
        let oid = scene.oid("HEAD:a");
        assert_eq!(scene.history(Reach::All).1.tally.commits, 1);
        assert_eq!(scene.attribute(Reach::All, &[oid]).len(), 1);
        assert!(!scene.path("ran").exists());
        // It would have been seen.
        scene.git(&["-c", "diff.external=", "diff", "--cached", "--ext-diff"]);
        assert!(scene.path("ran").exists());
    }

    #[test]
    fn of_the_history_each_text_is_read_once() {
        let scene = Scene::new();
        let first = scene.commit("a", "old");
        scene.commit("copy", "old");
        scene.commit("a", "new");
        scene.git(&["tag", "-a", "-m", "said of v1", "v1"]);
        let reach = Reach::All;
        let (seen, past) = scene.history(reach);
        assert_eq!(
            seen,
            texts([
                "Commit write a",
                "Commit write a",
                "Commit write copy",
                "Tag said of v1",
                "new",
                "old"
            ])
        );
        assert!(!past.is_shallow && !past.is_partial);
        assert_eq!(
            (past.tally.blobs, past.tally.commits, past.tally.tags),
            (2, 3, 1)
        );

        // Packed it is the same, and the first place is told.
        scene.git(&["gc", "-q"]);
        assert_eq!(scene.history(reach), (seen, past));
        let (old, new, tag) = (scene.oid("HEAD:copy"), scene.oid("HEAD:a"), scene.oid("v1"));
        let nothing = Oid::parse(&[b'5'; 40]).expect("one");
        let head = scene.oid("HEAD");
        let of_itself = |oid, commit| Place {
            oid,
            commit,
            path: None,
        };
        assert_eq!(
            scene.attribute(reach, &[old, new, tag, nothing, first]),
            [
                place(old, first, "a"),
                place(new, head, "a"),
                of_itself(tag, None),
                of_itself(first, Some(first)),
            ]
        );
    }

    #[test]
    fn what_a_merge_brought_of_its_own_has_its_place() {
        let scene = Scene::new();
        scene.commit("a", "a");
        scene.git(&["switch", "-q", "-c", "topic"]);
        let topic = scene.commit("b", "b");
        scene.git(&["switch", "-q", "main"]);
        scene.commit("c", "c");
        scene.git(&["merge", "-q", "--no-commit", "topic"]);
        let merge = scene.commit("evil", "evil");
        let (evil, b) = (scene.oid("HEAD:evil"), scene.oid("HEAD:b"));
        assert_eq!(
            scene.attribute(Reach::All, &[evil, b]),
            [place(evil, merge, "evil"), place(b, topic, "b")]
        );
    }

    #[test]
    fn a_commit_that_changes_nothing_has_its_place_for_what_it_says() {
        let scene = Scene::new();
        scene.commit("a", "a");
        scene.git(&["commit", "-q", "--allow-empty", "-m", "says something"]);
        let oid = scene.oid("HEAD");
        let itself = Place {
            oid,
            commit: Some(oid),
            path: None,
        };
        assert_eq!(scene.attribute(Reach::All, &[oid]), [itself]);
    }

    #[test]
    fn what_nothing_leads_to_has_no_place() {
        let scene = Scene::new();
        scene.commit("a", "a");
        scene.commit("b", "gone");
        let gone = scene.oid("HEAD:b");
        scene.git(&["reset", "-q", "--hard", "HEAD~1"]);
        assert_eq!(scene.attribute(Reach::All, &[gone]), []);
        scene.git(&["update-ref", "refs/keep/blob", &gone.to_string()]);
        let kept = Place {
            oid: gone,
            commit: None,
            path: None,
        };
        assert_eq!(scene.attribute(Reach::All, &[gone]), [kept]);
    }

    #[test]
    fn of_a_range_only_what_it_brings_is_read() {
        let scene = Scene::new();
        scene.commit("a", "a");
        scene.git(&["switch", "-q", "-c", "topic"]);
        let topic = scene.commit("dir/b", "b");
        let range = ["main..topic".to_owned()];
        let (seen, past) = scene.history(Reach::Range(&range));
        assert_eq!(seen, texts(["Commit write dir/b", "b"]));
        assert_eq!((past.tally.blobs, past.tally.commits), (1, 1));
        let (a, b) = (scene.oid("HEAD:a"), scene.oid("HEAD:dir/b"));
        let places = scene.attribute(Reach::Range(&range), &[a, b]);
        assert_eq!(places, [place(b, topic, "dir/b")]);

        for bad in ["nowhere", "main..nowhere", "--all", "--output=x"] {
            let range = [bad.to_owned()];
            let each = |_: &Object, _: &Piece<'_>| panic!("read");
            let read = scene.with(|repository| repository.history(Reach::Range(&range), &each));
            assert!(matches!(read, Err(Error::BadRange)), "{bad}: {read:?}");
        }
        assert!(!scene.path("x").exists());
    }

    #[test]
    fn a_push_brings_what_its_remote_has_not() {
        let (origin, scene) = (Scene::new(), Scene::new());
        origin.git(&["config", "core.bare", "true"]);
        let url = origin.folder.path().to_str().expect("text");
        scene.git(&["remote", "add", "origin", url]);
        let first = scene.commit("a", "a");
        let none = "0".repeat(40);
        let push = |lines: &[String], remote, expected: &[&str]| {
            let updates = push::read_updates(lines.concat().as_bytes()).expect("read");
            let updates = &updates;
            let reach = Reach::Push { updates, remote };
            assert_eq!(
                scene.history(reach).0,
                texts(expected.iter().copied()),
                "{lines:?}"
            );
        };
        let line = |new: &dyn std::fmt::Display, old: &dyn std::fmt::Display| {
            format!("refs/heads/x {new} refs/heads/x {old}\n")
        };
        let origin = Some("origin");
        push(&[line(&first, &none)], origin, &["Commit write a", "a"]);
        scene.git(&["push", "-q", "origin", "main"]);
        push(&[line(&first, &none)], origin, &[]);
        // Another remote does not have it; where none is known, any counts.
        push(
            &[line(&first, &none)],
            Some("other"),
            &["Commit write a", "a"],
        );
        push(&[line(&first, &none)], None, &[]);

        let second = scene.commit("b", "b");
        let expected = ["Commit write b", "b"];
        push(&[line(&second, &first)], origin, &expected);
        push(&[line(&second, &first)], Some("other"), &expected);
        // Somebody else pushed what is not here.
        push(&[line(&second, &"7".repeat(40))], origin, &expected);
        push(&[line(&none, &first)], origin, &[]);
        push(
            &[line(&none, &first), line(&second, &none)],
            origin,
            &expected,
        );
        push(&[], origin, &[]);
        scene.git(&["tag", "-a", "-m", "said", "v1"]);
        let tag = scene.oid("v1");
        let expected = ["Commit write b", "Tag said", "b"];
        push(&[line(&tag, &none)], origin, &expected);
    }

    #[test]
    fn a_bare_repository_and_a_work_tree_of_another_are_read() {
        let scene = Scene::new();
        scene.commit("a", "a");
        let other = Scene::empty();
        let linked = other.folder.path().to_str().expect("text");
        scene.git(&["worktree", "add", "-q", "--detach", linked]);
        assert_eq!(other.history(Reach::All).0, texts(["Commit write a", "a"]));
        other.write("b", "b");
        other.git(&["add", "b"]);
        assert_eq!(other.staged().1.tally.blobs, 1);
        assert_eq!(scene.staged().1.tally.blobs, 0);

        let bare = Scene::empty();
        let from = scene.folder.path().to_str().expect("text");
        bare.git(&["clone", "-q", "--bare", "--no-local", from, "."]);
        assert_eq!(bare.history(Reach::All).0, texts(["Commit write a", "a"]));
        assert_eq!(bare.staged().1.tally.blobs, 0);
    }

    #[test]
    fn shallow_and_partial_clones_are_read_as_far_as_they_go() {
        let scene = Scene::new();
        scene.git(&["config", "uploadpack.allowFilter", "true"]);
        scene.commit("a", "old");
        scene.commit("a", "new");
        let from = format!("file://{}", scene.folder.path().display());

        let shallow = Scene::empty();
        shallow.git(&["clone", "-q", "--depth=1", &from, "."]);
        let (seen, past) = shallow.history(Reach::All);
        assert_eq!(seen, texts(["Commit write a", "new"]));
        assert!(past.is_shallow && !past.is_partial);
        let (new, head) = (shallow.oid("HEAD:a"), shallow.oid("HEAD"));
        assert_eq!(
            shallow.attribute(Reach::All, &[new]),
            [place(new, head, "a")]
        );

        let partial = Scene::empty();
        partial.git(&["clone", "-q", "--filter=blob:none", &from, "."]);
        let (seen, past) = partial.history(Reach::All);
        assert_eq!(seen, texts(["Commit write a", "Commit write a", "new"]));
        assert!(past.is_partial && !past.is_shallow);
        let range = ["HEAD".to_owned()];
        let (seen, past) = partial.history(Reach::Range(&range));
        assert_eq!(seen, texts(["Commit write a", "Commit write a", "new"]));
        assert_eq!(past.tally.missing, 1);

        // Without folders, too: nothing is fetched, and what is here is read and found.
        let treeless = Scene::empty();
        treeless.git(&["clone", "-q", "--filter=tree:0", &from, "."]);
        let (seen, _) = treeless.history(Reach::All);
        assert_eq!(seen, texts(["Commit write a", "Commit write a", "new"]));
        let new = treeless.oid("HEAD:a");
        assert_eq!(treeless.attribute(Reach::All, &[new]).len(), 1);
    }

    #[test]
    fn newer_hashes_are_read() {
        let scene = Scene::empty();
        scene.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
        let commit = scene.commit("a", "a");
        let a = scene.oid("HEAD:a");
        assert_eq!(scene.history(Reach::All).0, texts(["Commit write a", "a"]));
        assert_eq!(scene.attribute(Reach::All, &[a]), [place(a, commit, "a")]);
        scene.write("b", "b");
        scene.git(&["add", "b"]);
        assert_eq!(scene.staged().0.len(), 1);
    }

    #[test]
    fn a_large_object_is_read_in_pieces() {
        let scene = Scene::new();
        let text = "0123456789abcde\n".repeat(WINDOW / 16 + 10);
        scene.write("large", &text);
        scene.git(&["add", "large"]);
        let pieces = Mutex::new(Vec::new());
        let each = |_: &Object, piece: &Piece<'_>| {
            let mut pieces = pieces.lock().expect("whole");
            let is_last = piece.starts.end == piece.bytes.len();
            pieces.push((piece.offset, piece.bytes.len(), is_last));
            assert_eq!(
                piece.bytes,
                &text.as_bytes()[piece.offset as usize..][..piece.bytes.len()]
            );
        };
        scene
            .with(|repository| repository.staged(&each))
            .expect("read");
        let pieces = pieces.into_inner().expect("whole");
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0], (0, WINDOW, false));
        assert!(pieces[1].0 <= (WINDOW - LONGEST_MATCH) as u64 && pieces[1].2);
    }

    #[test]
    fn more_objects_than_are_asked_for_at_once_are_read() {
        let scene = Scene::new();
        let mut stream = String::new();
        for number in 0..3000 {
            let text = format!("text {number}");
            stream.push_str(&format!(
                "commit refs/heads/main\ncommitter a <a> {number} +0000\ndata 1\nx\n\
                 M 644 inline file{}\ndata {}\n{text}\n",
                number % 7,
                text.len()
            ));
        }
        scene.git_told(&["fast-import", "--quiet"], &stream);
        let (seen, past) = scene.history(Reach::All);
        assert_eq!(
            (seen.len(), past.tally.blobs, past.tally.commits),
            (6000, 3000, 3000)
        );
        let range = ["main".to_owned()];
        assert_eq!(scene.history(Reach::Range(&range)), (seen, past));
    }

    #[test]
    fn where_git_cannot_it_is_said_why() {
        let scene = Scene::empty();
        let each = |_: &Object, _: &Piece<'_>| panic!("read");
        let staged = scene.with(|repository| repository.staged(&each));
        assert!(matches!(staged, Err(Error::NotARepository)), "{staged:?}");
        for reach in [Reach::All, Reach::Range(&["HEAD".to_owned()])] {
            let past = scene.with(|repository| repository.history(reach, &each));
            assert!(matches!(past, Err(Error::NotARepository)), "{past:?}");
        }
        let none = |_: &[&str]| Err(io::ErrorKind::NotFound.into());
        let staged = Repository::new(&none).staged(&each);
        assert!(matches!(staged, Err(Error::NoGit(_))), "{staged:?}");

        // Nothing committed is nothing read, and no error.
        let scene = Scene::new();
        assert_eq!(scene.history(Reach::All), <_>::default());
        assert_eq!(scene.staged(), <_>::default());
    }

    #[test]
    fn a_damaged_object_is_never_passed_over() {
        let scene = Scene::new();
        scene.commit("a", &"long ".repeat(1000));
        let oid = scene.oid("HEAD:a").to_string();
        let object = scene.path(&format!(".git/objects/{}/{}", &oid[..2], &oid[2..]));
        let whole = fs::read(&object).expect("read");
        let past = |damaged: &[u8]| {
            fs::remove_file(&object).expect("removed");
            fs::write(&object, damaged).expect("written");
            let each = |_: &Object, _: &Piece<'_>| {};
            scene.with(|repository| repository.history(Reach::All, &each))
        };
        assert_eq!(past(&whole).expect("read").tally.missing, 0);
        assert_eq!(past(b"damaged").expect("read").tally.missing, 1);
        let cut = past(&whole[..whole.len() / 2]);
        assert!(matches!(cut, Err(Error::GitFailed { .. })), "{cut:?}");
    }
}
