//! A scan: what is looked through, and what was found where.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::child::{environment, git};
use crate::context::Context;
use crate::context::scan_config::ProjectScanConfig;
use crate::error::{Error, Result, reason};
use crate::scan::findings::{Finding, Found, Origin, Scanned, Unread, What};
use crate::scan::git::objects::{Kind, Object, Tally};
use crate::scan::git::oid::Oid;
use crate::scan::git::push::read_updates;
use crate::scan::git::{Place, Reach, Repository};
use crate::scan::piece::{Piece, Window};
use crate::scan::plaintext_name::plaintext_name;
use crate::scan::search::{Search, Spotted};
use crate::scan::walk::walk;

/// What is looked through.
pub enum Target<'a> {
    /// Files and folders; without one, this folder.
    Tree(&'a [PathBuf]),
    /// What is piped in.
    Stdin,
    /// What the next commit would have.
    Staged,
    /// What a history has: all of it, or a range.
    History(Option<&'a str>),
    /// What a push brings, as its hook is told by stdin and by the remote's name.
    Push(Option<&'a str>),
}

/// What was found so far, by several threads.
#[derive(Default)]
struct Heap {
    findings: Mutex<Vec<Finding>>,
    allowed: AtomicU64,
    bytes: AtomicU64,
    /// Files whose paths are allowed, and what they have.
    passed_over: (AtomicU64, AtomicU64),
}

impl Heap {
    fn add(&self, findings: impl IntoIterator<Item = Finding>) {
        let mut all = self.findings.lock().expect("no thread panics");
        all.extend(findings);
    }

    fn found(self, mut scanned: Scanned) -> Found {
        let (files, bytes) = self.passed_over;
        scanned.allowed_files = files.into_inner();
        scanned.files = scanned.files.saturating_sub(scanned.allowed_files);
        scanned.bytes = scanned.bytes.saturating_sub(bytes.into_inner());
        Found {
            findings: self.findings.into_inner().expect("no thread panics"),
            allowed: self.allowed.into_inner(),
            scanned,
        }
    }

    /// Leaves out a piece of a file that the project allows, so that nobody is told that
    /// it was looked through.
    fn pass_over(&self, piece: &Piece<'_>) {
        let (files, bytes) = &self.passed_over;
        if piece.offset == 0 {
            files.fetch_add(1, Ordering::Relaxed);
        }
        bytes.fetch_add(piece.starts.len() as u64, Ordering::Relaxed);
    }

    /// Looks through a piece. Returns what it has.
    fn look(&self, search: &Search<'_>, piece: &Piece<'_>) -> Vec<Spotted> {
        let looked = search.look(piece);
        self.allowed.fetch_add(looked.allowed, Ordering::Relaxed);
        let new = piece.starts.len() as u64;
        self.bytes.fetch_add(new, Ordering::Relaxed);
        looked.spotted
    }
}

impl Context {
    /// Looks through what is meant. Values are had before: what is unlocked in this session
    /// is out of reach from here on.
    ///
    /// # Errors
    ///
    /// What keeps it from being looked through at all. What else could not be read is in
    /// [`Scanned::unread`].
    pub fn scan(
        &self,
        target: &Target<'_>,
        search: &Search<'_>,
        project: &ProjectScanConfig,
    ) -> Result<Found> {
        let heap = Heap::default();
        let mebibytes = || heap.bytes.load(Ordering::Relaxed) >> 20;
        let words = || format!("keyvault: scanned {} MiB so far", mebibytes());
        let scanned = self.ui.with_progress(words, || match target {
            Target::Tree(paths) => self.scan_tree(paths, search, project, &heap),
            Target::Stdin => scan_stdin(search, &heap),
            Target::Staged => self.scan_staged(search, project, &heap),
            Target::History(None) => self.scan_history(Reach::All, search, project, &heap),
            Target::History(Some(range)) => {
                let range: Vec<String> = range.split_whitespace().map(str::to_owned).collect();
                self.scan_history(Reach::Range(&range), search, project, &heap)
            }
            Target::Push(remote) => {
                let updates = read_updates(io::stdin().lock())?;
                let reach = Reach::Push {
                    updates: &updates,
                    remote: *remote,
                };
                self.scan_history(reach, search, project, &heap)
            }
        })?;
        Ok(heap.found(scanned).sorted())
    }

    fn scan_tree(
        &self,
        paths: &[PathBuf],
        search: &Search<'_>,
        project: &ProjectScanConfig,
        heap: &Heap,
    ) -> Result<Scanned> {
        let here = self.working_folder()?;
        let mut roots = paths.to_vec();
        if paths.is_empty() {
            roots.push(PathBuf::from("."));
        }
        // What was committed once and is ignored since is still committed.
        let kept: Vec<PathBuf> = roots
            .iter()
            .flat_map(|root| self.kept_below(root))
            .collect();
        roots.extend(kept);
        let seen = walk(&roots, &|path, piece| {
            let path = path.strip_prefix(".").unwrap_or(path);
            if allows(project, &here.join(path)) {
                heap.pass_over(piece);
                return;
            }
            let spotted = heap.look(search, piece).into_iter();
            heap.add(spotted.map(|one| one.found_in(Origin::File(path.to_owned()))));
        })?;
        let unread = seen.unread.into_iter().map(|unread| Unread {
            path: match unread.path.strip_prefix(".") {
                Ok(path) if path != Path::new("") => path.to_owned(),
                _ => unread.path,
            },
            why: reason(&unread.why),
        });
        Ok(Scanned {
            files: seen.files,
            bytes: seen.bytes,
            unread: unread.collect(),
            ..Scanned::default()
        })
    }

    /// Returns the files below a folder that git ignores and keeps; none where there is
    /// no git.
    fn kept_below(&self, folder: &Path) -> Vec<PathBuf> {
        if !folder.is_dir() {
            return Vec::new();
        }
        let kept = self.read_repository(folder, |repository| repository.ignored_and_kept());
        let kept = kept.unwrap_or_default().into_iter();
        let kept = kept.map(|path| folder.join(path));
        // A link leads to what is not kept there.
        kept.filter(|path| path.symlink_metadata().is_ok_and(|file| file.is_file()))
            .collect()
    }

    fn scan_staged(
        &self,
        search: &Search<'_>,
        project: &ProjectScanConfig,
        heap: &Heap,
    ) -> Result<Scanned> {
        let staged = self.read_repository(Path::new("."), |repository| {
            repository.staged(&|object, piece| {
                let path = object.path.clone().unwrap_or_default();
                if project.config.allows_path(&path) {
                    heap.pass_over(piece);
                    return;
                }
                if piece.offset == 0
                    && let Some(why) = plaintext_name(&path, piece.bytes)
                {
                    heap.add([Finding {
                        what: What::File(why),
                        origin: Origin::File(path.clone()),
                        position: None,
                        masked: None,
                        id: None,
                    }]);
                }
                let spotted = heap.look(search, piece).into_iter();
                heap.add(spotted.map(|one| one.found_in(Origin::File(path.clone()))));
            })
        })?;
        if staged.submodules > 0 {
            let what = "submodules are repositories of their own, and were not scanned";
            self.ui.note(what);
        }
        let mut scanned = of_tally(&staged.tally, None);
        scanned
            .unread
            .extend(staged.conflicts.into_iter().map(|path| Unread {
                path,
                why: "it is in conflict".to_owned(),
            }));
        Ok(scanned)
    }

    fn scan_history(
        &self,
        reach: Reach<'_>,
        search: &Search<'_>,
        project: &ProjectScanConfig,
        heap: &Heap,
    ) -> Result<Scanned> {
        let in_objects: Mutex<Vec<(Oid, Kind, Spotted)>> = Mutex::default();
        self.read_repository(Path::new("."), |repository| {
            let past = repository.history(reach, &|object: &Object, piece| {
                let mut spotted = heap.look(search, piece);
                let head = match object.kind {
                    Kind::Blob => 0,
                    Kind::Commit | Kind::Tag => head_lines(piece),
                };
                for one in &mut spotted {
                    one.position.line = one.position.line.saturating_sub(head).max(1);
                }
                let spotted = spotted.into_iter();
                let mut all = in_objects.lock().expect("no thread panics");
                all.extend(spotted.map(|one| (object.oid, object.kind, one)));
            })?;
            let in_objects = in_objects.into_inner().expect("no thread panics");
            let wanted: BTreeSet<Oid> = in_objects.iter().map(|(oid, ..)| *oid).collect();
            let wanted: Vec<Oid> = wanted.into_iter().collect();
            let places = repository.attribute(reach, &wanted)?;
            let findings = told_once(in_objects, &places);
            let is_allowed = |finding: &Finding| {
                let path = finding.origin.path();
                path.is_some_and(|path| project.config.allows_path(path))
            };
            let (allowed, findings): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_allowed);
            heap.allowed
                .fetch_add(allowed.len() as u64, Ordering::Relaxed);
            heap.add(findings);
            if past.is_shallow {
                let what = "the repository is a shallow clone: older commits were not scanned";
                self.ui.warn(what);
            }
            if past.tally.missing > 0 {
                let why = match past.is_partial {
                    true => "the repository is a partial clone",
                    false => "the repository is damaged",
                };
                let missing = past.tally.missing;
                self.ui.warn(&format!(
                    "{missing} objects are not here, and were not scanned: {why}"
                ));
            }
            Ok(of_tally(&past.tally, Some(past.tally.commits)))
        })
    }

    /// Reads from a folder's repository, or the one that git names to its hooks. What is
    /// unlocked in this session is out of reach from here on: values are to be had before.
    ///
    /// # Errors
    ///
    /// As `read`.
    fn read_repository<T>(
        &self,
        folder: &Path,
        read: impl FnOnce(Repository<'_>) -> Result<T>,
    ) -> Result<T> {
        let variables = environment::inherited(self.inherited(), false);
        let start = |arguments: &[&str]| git::start(folder, arguments, variables.clone());
        self.start_program(|| read(Repository::new(&start)))
    }
}

fn scan_stdin(search: &Search<'_>, heap: &Heap) -> Result<Scanned> {
    let read = Window::new().read(io::stdin().lock(), 0, |piece| {
        let spotted = heap.look(search, piece).into_iter();
        heap.add(spotted.map(|one| one.found_in(Origin::Stdin)));
    });
    let bytes = read.map_err(Error::io("read", "-".as_ref()))?;
    Ok(Scanned {
        files: 1,
        bytes,
        ..Scanned::default()
    })
}

fn of_tally(tally: &Tally, commits: Option<u64>) -> Scanned {
    Scanned {
        files: tally.blobs,
        bytes: tally.bytes,
        commits,
        ..Scanned::default()
    }
}

/// Returns how many lines stand before the words of a commit or a tag.
fn head_lines(piece: &Piece<'_>) -> u64 {
    let head = memchr::memmem::find(piece.bytes, b"\n\n").filter(|_| piece.offset == 0);
    head.map_or(0, |end| {
        memchr::memchr_iter(b'\n', &piece.bytes[..end]).count() as u64 + 2
    })
}

/// Tells whether the project allows whatever a file has.
fn allows(project: &ProjectScanConfig, path: &Path) -> bool {
    let root = project.path.parent().unwrap_or(Path::new("."));
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
        .strip_prefix(root)
        .is_ok_and(|path| project.config.allows_path(path))
}

/// Puts together what was found in objects with where these are: each secret once for each
/// file, where it came in. What nothing leads to any more is left out: git gets rid of it.
fn told_once(in_objects: Vec<(Oid, Kind, Spotted)>, places: &[Place]) -> Vec<Finding> {
    let mut first: HashMap<Oid, (usize, &Place)> = HashMap::new();
    for (order, place) in places.iter().enumerate() {
        first.entry(place.oid).or_insert((order, place));
    }
    let mut found: Vec<(usize, Finding)> = Vec::new();
    for (oid, kind, spotted) in in_objects {
        let Some((order, place)) = first.get(&oid) else {
            continue;
        };
        let commit = place.commit.map(|commit| commit.to_string());
        let origin = match (kind, &place.path) {
            (Kind::Commit, _) => Origin::CommitMessage(oid.to_string()),
            (Kind::Tag, _) => Origin::Tag(oid.to_string()),
            (Kind::Blob, path) => Origin::Commit {
                path: path.clone().unwrap_or_default(),
                commit: commit.unwrap_or_else(|| oid.to_string()),
            },
        };
        found.push((*order, spotted.found_in(origin)));
    }
    found.sort_by_key(|(order, _)| *order);
    let mut told = BTreeSet::new();
    let findings = found.into_iter().map(|(_, finding)| finding);
    let is_new = |finding: &Finding| {
        let path = finding.origin.path().map(Path::to_owned);
        told.insert((finding.id, finding.what.rule().to_owned(), path))
    };
    findings.filter(is_new).collect()
}
