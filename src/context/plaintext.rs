//! What becomes of a plaintext file whose values are in the vault: git is told to
//! ignore it, a person what git has of it already, and on demand it is removed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result, shell_word, shown};
use crate::interchange::read::FILE_MAX;
use crate::store::ignore_file::{self, IGNORE_FILE};
use crate::store::plaintext::Plaintext;

/// What git has of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitHas {
    /// Nothing.
    Nothing,
    /// It did not say: the history is too long to be searched here, or not all of it
    /// is there.
    Unknown,
    /// It is no more tracked, and in a commit of some branch.
    InHistory,
    /// It is tracked.
    Tracked,
}

/// A file in a git work tree.
pub struct InWorkTree {
    /// The work tree.
    pub tree: PathBuf,
    /// The file's path in it.
    pub path: PathBuf,
    /// Whether git ignores it, or would if it did not track it.
    pub is_ignored: bool,
    /// What git has of it.
    pub git_has: GitHas,
}

impl Context {
    /// Reads what is to be imported: a file, a pipe, or stdin where it is `-`.
    ///
    /// # Errors
    ///
    /// As [`Plaintext::read`], and [`Error::Usage`] for what looks like a value.
    pub fn read_plaintext(&self, path: &Path) -> Result<Plaintext> {
        // Where a value was typed it is not repeated, with its name or without.
        let name = path.as_os_str().as_bytes();
        let looks_like_value =
            name.contains(&b'=') || !name.iter().any(|byte| b"./".contains(byte));
        if looks_like_value && path != "-" && !path.exists() {
            return Err(Error::Usage {
                message: "no file has this name; if it is a value, it is never taken from the command line".to_owned(),
                hint: "name a file, or run `keyvault add NAME` and type the value".to_owned(),
            });
        }
        self.read_text(path, FILE_MAX)
    }

    /// Reads what a person names: a file, a pipe, or stdin where it is `-`.
    ///
    /// # Errors
    ///
    /// As [`Plaintext::read`].
    pub fn read_text(&self, path: &Path, limit: u64) -> Result<Plaintext> {
        if path == "-" {
            return Plaintext::read_stdin(limit);
        }
        let note = || {
            let text = format!("waiting for somebody to write into `{}`", shown(path));
            self.ui.note(&text);
        };
        Plaintext::read(path, limit, &mut { note })
    }

    /// Asks git about a file; `None` where there is no git, or no work tree of this
    /// user. What is unlocked in this session is out of reach from here on.
    pub fn find_in_work_tree(&self, file: &Path) -> Option<InWorkTree> {
        let (folder, name) = (file.parent()?, file.file_name()?);
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let folder = folder.canonicalize().ok()?;
        let ask = |question: &[&str], name: Option<&OsStr>| {
            let question = question.iter().map(OsString::from);
            self.ask_git(&folder, question.chain(name.map(OsStr::to_owned)))
        };
        let tree = ask(&["rev-parse", "--show-toplevel"], None)?;
        if tree.code != 0 {
            return None;
        }
        let tree = PathBuf::from(OsString::from_vec(tree.text));
        let tree = tree.canonicalize().ok()?;
        let path = folder.strip_prefix(&tree).ok()?.join(name);
        // The configuration can name any other folder, which is not this project's.
        if !tree.join(".git").exists() {
            return None;
        }
        let ignored = ask(&["check-ignore", "--quiet", "--no-index", "--"], Some(name));
        let tracked = ask(
            &["--literal-pathspecs", "ls-files", "--error-unmatch", "--"],
            Some(name),
        );
        // Not `log`: what that shows, and runs for it, is up to the configuration.
        let commits = || {
            let question = [
                "--literal-pathspecs",
                "rev-list",
                "--all",
                "--max-count=1",
                "--",
            ];
            ask(&question, Some(name)).filter(|commits| commits.code == 0)
        };
        // Who did not answer once is not asked again.
        let git_has = match (tracked.map(|tracked| tracked.code), &ignored) {
            (Some(0), _) => GitHas::Tracked,
            (None, _) | (_, None) => GitHas::Unknown,
            _ => match commits() {
                None => GitHas::Unknown,
                Some(commits) if commits.text.is_empty() => GitHas::Nothing,
                Some(_) => GitHas::InHistory,
            },
        };
        Some(InWorkTree {
            tree,
            path,
            // Where git does not know, nothing is to be done about it.
            is_ignored: ignored.is_none_or(|ignored| ignored.code != 1),
            git_has,
        })
    }

    /// Has git ignore a file, and tells what git has of it already.
    pub fn keep_from_git(&self, file: &Path) {
        let Some(found) = self.find_in_work_tree(file) else {
            return;
        };
        let shown_file = shown(file);
        if !found.is_ignored {
            let here = self.working_folder().ok();
            let ignore_file = if here.is_some_and(|here| here == found.tree) {
                IGNORE_FILE.to_owned()
            } else {
                self.brief(&found.tree.join(IGNORE_FILE))
            };
            let added = ignore_file::pattern(&found.path).map_or_else(
                || Err("its name cannot stand in a line".to_owned()),
                |pattern| {
                    let added = ignore_file::add(&found.tree, &pattern);
                    added.map_err(|error| error.to_string())
                },
            );
            match added {
                Ok(()) => self
                    .ui
                    .note(&format!("added `{shown_file}` to `{ignore_file}`")),
                Err(why) => self.ui.warn(&format!(
                    "`{shown_file}` could not be added to `{ignore_file}`: {why}"
                )),
            }
        }
        match found.git_has {
            GitHas::Nothing => {}
            GitHas::Unknown => self.ui.warn(&format!(
                "git did not say whether it ignores `{shown_file}` and has it in its history: look with `git log --all -- {}`",
                shell_word(file)
            )),
            GitHas::InHistory => self.ui.warn(&format!(
                "git does not track `{shown_file}` any more, but has its old values in its history: rotate those that were ever in it"
            )),
            GitHas::Tracked => self.ui.warn(&format!(
                "git tracks `{shown_file}`, and has its values in its history: rotate them, and run `git rm --cached {}`",
                shell_word(file)
            )),
        }
    }

    /// Overwrites a file and removes it, if a person agrees or has agreed
    /// beforehand. Tells whether it is gone.
    ///
    /// # Errors
    ///
    /// As [`Plaintext::shred`], and [`Error::Unasked`].
    pub fn shred(&self, plaintext: &Plaintext, agreed: bool) -> Result<bool> {
        let file = shown(plaintext.path());
        if !agreed {
            let question = format!("Overwrite and remove {file}?");
            match self.ui.confirm(&question, "--yes") {
                Err(Error::Declined) => return Ok(false),
                answer => answer?,
            }
        }
        plaintext.shred()?;
        self.ui.note(&format!(
            "overwrote and removed `{file}`; an SSD, a snapshot or a backup may still have it"
        ));
        Ok(true)
    }
}
