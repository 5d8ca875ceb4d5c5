//! The files of a tree, read on all cores.

use std::ffi::OsStr;
use std::fs::{self, File, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ignore::{DirEntry, WalkBuilder, WalkState};
use rustix::fs::{FileType as Kind, Mode, OFlags};

use crate::error::{Error, Result};
use crate::scan::piece::{Piece, Window};

/// What is done with each piece of a file. It is called from several threads, with the
/// pieces of one file in order and on one thread.
pub type Each<'a> = &'a (dyn Fn(&Path, &Piece<'_>) + Sync);

/// The longest `.gitignore` that is believed to be one. It is read as a whole.
const IGNORES_MAX: u64 = 4 << 20;

/// What was read.
#[derive(Default)]
pub struct Seen {
    /// How many files, whole.
    pub files: u64,
    /// How many bytes, also of files that could not be read to their end.
    pub bytes: u64,
    /// What could not be read, by path.
    pub unread: Vec<Unread>,
}

/// A file or folder that could not be read, or not to its end.
pub struct Unread {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub why: io::Error,
}

/// Reads what is below some folders, and files that are named.
///
/// What git ignores is left out, and so is what git keeps for itself, in `.git`. Where git
/// does not look, which is outside of its work trees, a `.gitignore` says nothing. Files
/// that are hidden or binary are read as all others. Links are not followed, so no file
/// is read twice and there are no loops; what is no file (a pipe, a device, a socket) is
/// left out. But what is named is read in any case: ignored, through a link, a pipe.
///
/// Where a `.gitignore` is no file that anybody wrote, all below its folder is read: a link
/// to a device in its place, which a repository can have, would be read without an end.
///
/// # Errors
///
/// [`Error::Io`] for what is named and is not there, before anything is read. All else
/// that cannot be read is in [`Seen::unread`].
pub fn walk(named: &[PathBuf], each: Each<'_>) -> Result<Seen> {
    let mut folders = Vec::new();
    let mut files = Vec::new();
    for path in named {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        let of_this_kind = if metadata.is_dir() {
            &mut folders
        } else {
            &mut files
        };
        of_this_kind.push(path);
    }
    let all = Mutex::default();
    let mut reader = Reader::new(each, &all);
    for path in files {
        reader.read_named(path);
    }
    drop(reader);
    let (unruly, folders): (Vec<_>, Vec<_>) = folders.into_iter().partition(|folder| {
        let whole = fs::canonicalize(folder).unwrap_or_default();
        whole.ancestors().any(is_unruly)
    });
    let unruly: Mutex<Vec<PathBuf>> = Mutex::new(unruly.into_iter().cloned().collect());
    if let Some(mut builder) = builder(&folders) {
        let met = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&met);
        builder.filter_entry(move |entry| {
            if is_left_out(entry.path(), entry.file_name()) {
                return false;
            }
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let is_unruly = is_folder && is_unruly(entry.path());
            if is_unruly {
                found.lock().expect("whole").push(entry.path().to_owned());
            }
            !is_unruly
        });
        read_all(&builder, each, &all);
        unruly
            .lock()
            .expect("whole")
            .append(&mut met.lock().expect("whole"));
    }
    if let Some(mut builder) = builder(&unruly.into_inner().expect("whole")) {
        builder
            .standard_filters(false)
            .filter_entry(|entry| !is_left_out(entry.path(), entry.file_name()));
        read_all(&builder, each, &all);
    }
    let mut seen: Seen = all.into_inner().unwrap_or_default();
    seen.unread.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(seen)
}

/// Makes ready to walk some folders, if there are any.
fn builder(folders: &[impl AsRef<Path>]) -> Option<WalkBuilder> {
    let (first, others) = folders.split_first()?;
    let mut builder = WalkBuilder::new(unmistakable(first.as_ref()));
    for folder in others {
        builder.add(unmistakable(folder.as_ref()));
    }
    builder.hidden(false).ignore(false).follow_links(false);
    Some(builder)
}

fn read_all(builder: &WalkBuilder, each: Each<'_>, all: &Mutex<Seen>) {
    builder.build_parallel().run(|| {
        let mut reader = Reader::new(each, all);
        Box::new(move |entry| {
            reader.take(entry);
            WalkState::Continue
        })
    });
}

/// Tells whether what a folder says of ignored files cannot be read as a file of text. git
/// follows no link in its place, either.
fn is_unruly(folder: &Path) -> bool {
    let is_odd = |metadata: fs::Metadata| !metadata.is_file() || metadata.len() > IGNORES_MAX;
    fs::symlink_metadata(folder.join(".gitignore")).is_ok_and(is_odd)
        || fs::metadata(folder.join(".git/info/exclude")).is_ok_and(is_odd)
}

/// What holds no files of anybody's: git's own folder, and what the system makes up as it
/// is read, where a file can be without an end.
fn is_left_out(path: &Path, name: &OsStr) -> bool {
    const MADE_UP: [&str; 3] = ["/dev", "/proc", "/sys"];
    name == ".git" || MADE_UP.iter().any(|folder| path == *folder)
}

/// A folder by a name that the walk cannot take for the standard input.
fn unmistakable(folder: &Path) -> PathBuf {
    match folder == "-" {
        true => "./-".into(),
        false => folder.to_owned(),
    }
}

/// Reads files on one thread. What it saw it adds to what others saw when it is dropped.
struct Reader<'a> {
    window: Window,
    each: Each<'a>,
    seen: Seen,
    all: &'a Mutex<Seen>,
}

impl<'a> Reader<'a> {
    fn new(each: Each<'a>, all: &'a Mutex<Seen>) -> Self {
        Self {
            window: Window::new(),
            each,
            seen: Seen::default(),
            all,
        }
    }

    fn take(&mut self, entry: Result<DirEntry, ignore::Error>) {
        match entry {
            Ok(entry)
                if entry
                    .file_type()
                    .is_some_and(|kind| FileType::is_file(&kind)) =>
            {
                self.read_found(entry.path());
            }
            Ok(_) => {}
            Err(error) => self.seen.unread.extend(unread(error, None)),
        }
    }

    /// Reads a file that was found in a folder as a regular one.
    fn read_found(&mut self, path: &Path) {
        // Something else may stand there by now: a link that leads elsewhere, or a pipe,
        // whose opening would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
        let opened = opened.and_then(|file| Ok((rustix::fs::fstat(&file)?, file)));
        match opened {
            Ok((stat, file)) if Kind::from_raw_mode(stat.st_mode).is_file() => {
                let length = u64::try_from(stat.st_size).unwrap_or_default();
                self.read(path, &File::from(file), length);
            }
            Ok(_) => {}
            Err(why) => self.note_unread(path, why.into()),
        }
    }

    /// Reads whatever was named: a pipe to its end, too, as a shell's `<(…)` is one.
    fn read_named(&mut self, path: &Path) {
        match File::open(path) {
            Ok(file) => {
                let length = file.metadata().map_or(0, |metadata| metadata.len());
                self.read(path, &file, length);
            }
            Err(why) => self.note_unread(path, why),
        }
    }

    fn read(&mut self, path: &Path, file: &File, length: u64) {
        let mut bytes = 0;
        let read = self.window.read(file, length, |piece| {
            bytes = piece.offset + piece.bytes.len() as u64;
            (self.each)(path, piece);
        });
        self.seen.bytes += bytes;
        match read {
            Ok(_) => self.seen.files += 1,
            Err(why) => self.note_unread(path, why),
        }
    }

    fn note_unread(&mut self, path: &Path, why: io::Error) {
        let path = path.to_owned();
        self.seen.unread.push(Unread { path, why });
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Ok(mut all) = self.all.lock() {
            all.files += self.seen.files;
            all.bytes += self.seen.bytes;
            all.unread.append(&mut self.seen.unread);
        }
    }
}

/// Says what a walk stumbled over; nothing where it was a line of a `.gitignore` that is
/// no pattern, by which git leaves nothing out either.
fn unread(error: ignore::Error, path: Option<PathBuf>) -> Option<Unread> {
    match error {
        ignore::Error::WithPath { path, err } => unread(*err, Some(path)),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            unread(*err, path)
        }
        ignore::Error::Io(why) => path.map(|path| Unread { path, why }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use rustix::fs::CWD;
    use tempfile::TempDir;

    use super::*;
    use crate::scan::piece::WINDOW;

    struct Tree(TempDir);

    impl Tree {
        /// Makes a tree, which is a work tree of git if there is a `.git` in it.
        fn of(files: &[(&str, &str)]) -> Self {
            let tree = Self(TempDir::new().expect("a folder"));
            for (path, text) in files {
                tree.write(path, text);
            }
            tree
        }

        fn write(&self, path: impl AsRef<Path>, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        /// Reads what is named and returns the texts by their paths.
        fn read(&self, named: &[&str]) -> (BTreeMap<PathBuf, String>, Seen) {
            let named: Vec<_> = named.iter().map(|path| self.0.path().join(path)).collect();
            let texts: Mutex<BTreeMap<PathBuf, String>> = Mutex::default();
            let each = |path: &Path, piece: &Piece<'_>| {
                let path = path
                    .strip_prefix(self.0.path())
                    .expect("below it")
                    .to_owned();
                let mut texts = texts.lock().expect("whole");
                let text = String::from_utf8_lossy(piece.bytes);
                texts.entry(path).or_default().push_str(&text);
            };
            let seen = walk(&named, &each).expect("read");
            (texts.into_inner().expect("whole"), seen)
        }

        fn paths(&self, named: &[&str]) -> Vec<String> {
            let paths = self.read(named).0.into_keys();
            paths
                .map(|path| path.to_string_lossy().into_owned())
                .collect()
        }
    }

    #[test]
    fn what_git_ignores_is_left_out() {
        let tree = Tree::of(&[
            (".git/info/exclude", "excluded\n"),
            (".git/config", "[remote]\n"),
            (".gitignore", "*.log\n/target/\n[bad\n!kept.log\n"),
            (".ignore", "plain\n"),
            (".rgignore", "plain\n"),
            (".hidden/.env", "hidden"),
            ("plain", "plain"),
            ("a.log", "ignored"),
            ("kept.log", "kept"),
            ("excluded", "ignored"),
            ("target/a", "ignored"),
            ("sub/target/a", "read"),
            ("sub/.gitignore", "b\n"),
            ("sub/b", "ignored"),
            ("sub/c", "\0\x01binary"),
        ]);
        let expected = [
            ".gitignore",
            ".hidden/.env",
            ".ignore",
            ".rgignore",
            "kept.log",
            "plain",
            "sub/.gitignore",
            "sub/c",
            "sub/target/a",
        ];
        assert_eq!(tree.paths(&[""]), expected);
        // What stands above a folder counts in it.
        assert_eq!(
            tree.paths(&["sub"]),
            ["sub/.gitignore", "sub/c", "sub/target/a"]
        );
        // What is named is read.
        assert_eq!(
            tree.paths(&["a.log", "target", "sub/b"]),
            ["a.log", "sub/b", "target/a"]
        );
        let (_, seen) = tree.read(&["plain", "kept.log"]);
        assert_eq!((seen.files, seen.bytes, seen.unread.len()), (2, 9, 0));
    }

    #[test]
    fn what_the_system_makes_up_is_left_out() {
        let is_left_out = |path: &str| {
            let path = Path::new(path);
            super::is_left_out(path, path.file_name().expect("named"))
        };
        assert!(is_left_out("/proc") && is_left_out("a/.git"));
        assert!(!is_left_out("a/proc") && !is_left_out("/etc") && !is_left_out(".github"));
    }

    #[test]
    fn outside_of_git_nothing_is_ignored() {
        let tree = Tree::of(&[(".gitignore", "a\n"), ("a", "a")]);
        assert_eq!(tree.paths(&[""]), [".gitignore", "a"]);
    }

    #[test]
    fn links_are_not_followed_unless_they_are_named() {
        let tree = Tree::of(&[("dir/a", "a"), ("b", "b")]);
        symlink("..", tree.path("dir/loop")).expect("made");
        symlink("itself", tree.path("itself")).expect("made");
        symlink("../b", tree.path("dir/to-b")).expect("made");
        symlink("dir", tree.path("to-dir")).expect("made");
        symlink("nowhere", tree.path("dangling")).expect("made");
        assert_eq!(tree.paths(&[""]), ["b", "dir/a"]);
        assert_eq!(tree.read(&[""]).1.unread.len(), 0);
        assert_eq!(
            tree.paths(&["to-dir", "dir/to-b"]),
            ["dir/to-b", "to-dir/a"]
        );
    }

    #[test]
    fn what_is_no_file_is_left_out_and_keeps_nobody_waiting() {
        let tree = Tree::of(&[("a", "a")]);
        let pipe = tree.path("pipe");
        rustix::fs::mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("made");
        let _socket = UnixListener::bind(tree.path("socket")).expect("made");
        assert_eq!(tree.paths(&[""]), ["a"]);
        // A pipe that is named is read to its end.
        thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, "through a pipe").expect("written"));
            assert_eq!(tree.paths(&["pipe"]), ["pipe"]);
        });
    }

    #[test]
    fn names_are_whole_whatever_their_bytes() {
        let tree = Tree::of(&[]);
        let name = PathBuf::from(OsString::from_vec(b"a\xff\n-".to_vec()));
        tree.write(&name, "a");
        tree.write("-", "b");
        assert_eq!(
            tree.read(&[""]).0.into_keys().collect::<Vec<_>>(),
            [PathBuf::from("-"), name]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let tree = Tree::of(&[("a", "a")]);
        // Whoever may read everything can still not read this.
        let unreadable = Path::new("/proc/self/mem");
        let each = |_: &Path, _: &Piece<'_>| {};
        let seen = walk(&[unreadable.into(), tree.path("a")], &each).expect("read");
        assert_eq!((seen.files, seen.bytes), (1, 1));
        let unread: Vec<_> = seen.unread.iter().map(|unread| &unread.path).collect();
        assert_eq!(unread, [unreadable]);

        if !rustix::process::geteuid().is_root() {
            tree.write("closed/b", "b");
            for path in ["a", "closed"] {
                fs::set_permissions(tree.path(path), PermissionsExt::from_mode(0o000))
                    .expect("set");
            }
            let (_, seen) = tree.read(&[""]);
            assert_eq!((seen.files, seen.unread.len()), (0, 2));
            fs::set_permissions(tree.path("closed"), PermissionsExt::from_mode(0o700))
                .expect("set");
        }

        let error = walk(&[tree.path("a"), tree.path("nowhere")], &|_, _| {
            panic!("read")
        });
        assert!(matches!(error, Err(Error::Io { path, .. }) if path == tree.path("nowhere")));
    }

    #[test]
    fn a_large_file_is_read_in_pieces() {
        let tree = Tree::of(&[]);
        let file = File::create(tree.path("large")).expect("made");
        let length = 3 * WINDOW as u64;
        file.set_len(length).expect("set");
        let next = Mutex::new(0);
        let each = |_: &Path, piece: &Piece<'_>| {
            let mut next = next.lock().expect("whole");
            assert!(piece.bytes.len() <= WINDOW);
            assert_eq!(piece.offset + piece.starts.start as u64, *next);
            *next = piece.offset + piece.starts.end as u64;
        };
        let seen = walk(&[tree.path("")], &each).expect("read");
        assert_eq!((seen.files, seen.bytes), (1, length));
        assert_eq!(*next.lock().expect("whole"), length);
    }
}
