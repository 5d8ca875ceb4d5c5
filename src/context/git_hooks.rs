//! The hooks of git that run the check: where they are, whose, and what becomes of them.
//!
//! git looks for hooks in one folder, which all work trees of a clone share unless
//! `core.hooksPath` says otherwise. What several tools make of that:
//!
//! - husky has git look in `.husky/_`, which it writes anew at each `npm install`, and
//!   runs the project's own `.husky/pre-commit` from there: our lines go into that.
//! - pre-commit and prek write `hooks/pre-commit` anew, and run `hooks/pre-commit.legacy`
//!   before all else: our hook goes there, and so it does when they come after us.
//! - lefthook moves other hooks away and does not run them: it has to be told.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::child;
use crate::child::git::{self, Answer};
use crate::context::Context;
use crate::error::{Error, Result, shell_word, shown};
use crate::hardening::harden;
use crate::scan::hook_file::{
    Generator, Hook, Reach, Rest, Unfit, added, generator, made, removed, runs_check,
};
use crate::store::folder;
use crate::store::hook_script::{self, Script};

/// Files that tell lefthook what to run.
const LEFTHOOK_NAMES: [&str; 6] = [
    "lefthook",
    ".lefthook",
    ".config/lefthook",
    "lefthook-local",
    ".lefthook-local",
    ".config/lefthook-local",
];
const LEFTHOOK_ENDINGS: [&str; 5] = ["yml", "yaml", "json", "jsonc", "toml"];

/// Where pre-commit is told what to run.
const PRE_COMMIT_CONFIG: &str = ".pre-commit-config.yaml";

/// Most bytes of a configuration that are looked at.
const CONFIG_MAX: u64 = 1 << 20;

/// What pre-commit and lefthook append to a hook that they move away.
const MOVED: [&str; 3] = ["", ".legacy", ".old"];

/// What became of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It runs the check from now on.
    Added,
    /// It did, and does so as this version does.
    Renewed,
    /// It does already.
    Unchanged,
    /// It does no more.
    Removed,
}

/// A hook that was looked at.
pub struct HookChange {
    /// Which.
    pub hook: Hook,
    /// The file that runs the check, as a person would write it from the work tree.
    pub path: String,
    /// What became of it.
    pub change: Change,
}

/// What became of the hooks of a repository.
#[derive(Default)]
pub struct HookChanges {
    /// Each that was looked at, or found to be ours.
    pub changes: Vec<HookChange>,
    /// What to know about it.
    pub notes: Vec<String>,
    /// What to know about it, which somebody may not have meant.
    pub warnings: Vec<String>,
}

/// Where a clone has its hooks.
struct Layout {
    /// The work tree.
    tree: PathBuf,
    /// git's own folder, which its work trees share.
    git: PathBuf,
    /// Where git looks for hooks.
    hooks: PathBuf,
    /// Where husky has what it runs from there.
    husky: Option<PathBuf>,
}

/// What a file is to become.
struct Plan {
    path: PathBuf,
    /// None where it stays as it is.
    text: Option<Vec<u8>>,
    is_run: bool,
    change: Change,
}

impl Context {
    /// Adds the check to hooks of the repository that the working folder is in.
    ///
    /// # Errors
    ///
    /// [`Error::NoWorkTree`], [`Error::SilentGit`]; [`Error::HookInTheWay`], for what nothing
    /// can be added to: then no hook was changed; [`Error::Io`].
    pub fn install_hooks(&self, hooks: &[Hook]) -> Result<HookChanges> {
        let layout = self.git_layout()?;
        let plans = hooks.iter().map(|hook| Ok((*hook, layout.plan(*hook)?)));
        let plans: Vec<(Hook, Plan)> = plans.collect::<Result<_>>()?;
        let mut done = HookChanges::default();
        for (hook, plan) in plans {
            if let Some(text) = &plan.text {
                hook_script::write(&plan.path, text, plan.is_run)?;
            }
            done.changes.push(HookChange {
                hook,
                path: self.brief_in(&layout, &plan.path),
                change: plan.change,
            });
        }
        self.note_reach(&layout, &mut done);
        Ok(done)
    }

    /// Takes the check out of all hooks of the repository that the working folder is in,
    /// also of those that other tools have moved.
    ///
    /// # Errors
    ///
    /// As [`Context::install_hooks`].
    pub fn uninstall_hooks(&self) -> Result<HookChanges> {
        let layout = self.git_layout()?;
        let mut done = HookChanges::default();
        for hook in Hook::ALL {
            let mut others = layout.configurations();
            for path in layout.candidates(hook) {
                let Script::There { text, .. } = hook_script::read(&path)? else {
                    continue;
                };
                let Some(rest) = removed(&text).map_err(|why| unfit(&path, hook, &why))? else {
                    others.push((path, text));
                    continue;
                };
                match rest {
                    Rest::Nothing => hook_script::remove(&path)?,
                    Rest::Text(text) => {
                        hook_script::write(&path, &text, true)?;
                        others.push((path.clone(), text));
                    }
                }
                done.changes.push(HookChange {
                    hook,
                    path: self.brief_in(&layout, &path),
                    change: Change::Removed,
                });
            }
            let told = others.iter().filter(|(_, text)| runs_check(text, hook));
            done.notes.extend(told.map(|(path, _)| {
                let (path, command) = (self.brief_in(&layout, path), hook.command());
                format!(
                    "`{path}` runs `{command}` as somebody wrote it there, and was left as it is"
                )
            }));
        }
        Ok(done)
    }

    /// Asks git where it has what.
    fn git_layout(&self) -> Result<Layout> {
        let from = self.working_folder()?;
        let line = |folder: &Path, question: &[&str]| -> Result<Option<PathBuf>> {
            let question = [&["rev-parse"], question].concat();
            let answer = self
                .ask_git_as_it_is(folder, &question)
                .ok_or(Error::SilentGit)?;
            let is_answer = answer.code == 0 && !answer.text.is_empty();
            Ok(is_answer.then(|| PathBuf::from(OsString::from_vec(answer.text))))
        };
        let none = || Error::NoWorkTree { from: from.clone() };
        let tree = line(&from, &["--show-toplevel"])?.ok_or_else(none)?;
        // What git says of these is as seen from where it was asked.
        let git = line(&tree, &["--git-common-dir"])?.ok_or_else(none)?;
        let hooks = line(&tree, &["--git-path", "hooks"])?.ok_or_else(none)?;
        let whole = |path: PathBuf| {
            let path = tree.join(path);
            path.canonicalize().unwrap_or(path)
        };
        let (git, hooks) = (whole(git), whole(hooks));
        Ok(Layout {
            husky: husky(&hooks),
            tree,
            git,
            hooks,
        })
    }

    /// Asks git with the repository's configuration as it is, which says where hooks are.
    /// For questions that run none.
    fn ask_git_as_it_is(&self, folder: &Path, question: &[&str]) -> Option<Answer> {
        self.let_go();
        let variables = child::environment::inherited(self.inherited(), false);
        let answer = git::ask_as_it_is(folder, question, variables);
        harden();
        answer
    }

    /// Writes a path as seen from the work tree, or as a person would.
    fn brief_in(&self, layout: &Layout, path: &Path) -> String {
        match path.strip_prefix(&layout.tree) {
            Ok(inside) => shown(inside),
            Err(_) => self.brief(path),
        }
    }

    /// Notes whom a hook is for, where that is not only this clone.
    fn note_reach(&self, layout: &Layout, done: &mut HookChanges) {
        let husky = layout.tree.join(".husky");
        if husky.is_dir() && !layout.hooks.starts_with(&husky) {
            done.warnings.push(
                "husky is not set up in this clone; once it is, as by `npm install`, git looks for hooks elsewhere: run `keyvault scan install` again then".to_owned(),
            );
        }
        let mut changes = done.changes.iter();
        if changes.all(|change| change.change == Change::Unchanged) {
            return;
        }
        let folder = self.brief_in(layout, layout.folder());
        if layout.reach() == Reach::Project {
            done.notes.push(format!(
                "commit what changed in `{folder}`, and it is checked for everybody; who has no keyvault is told, and can commit"
            ));
        } else if !layout.folder().starts_with(&layout.git) {
            done.warnings.push(format!(
                "git takes hooks from `{folder}` (`core.hooksPath`), which may serve other repositories: they are scanned, too, from here on"
            ));
        }
    }
}

impl Layout {
    /// Returns the folder that hooks of this project are kept in.
    fn folder(&self) -> &Path {
        self.husky.as_ref().unwrap_or(&self.hooks)
    }

    /// Returns whom they are for.
    fn reach(&self) -> Reach {
        let folder = self.folder();
        let is_shared = folder.starts_with(&self.tree) && !folder.starts_with(&self.git);
        if is_shared {
            Reach::Project
        } else {
            Reach::Person
        }
    }

    /// Decides what becomes of a hook.
    fn plan(&self, hook: Hook) -> Result<Plan> {
        // Such as `/dev/null`, by which people have git run none.
        if self.hooks.exists() && !self.hooks.is_dir() {
            return Err(Error::HookInTheWay {
                path: self.hooks.clone(),
                what: "git is told to look for hooks there, and it is no folder".to_owned(),
                way: "run `git config --unset core.hooksPath`, with `--global` if it is for all repositories".to_owned(),
            });
        }
        let is_run = self.husky.is_none();
        let unchanged = |path| Plan {
            path,
            text: None,
            is_run,
            change: Change::Unchanged,
        };
        if is_run {
            let lefthook = self.lefthook_files();
            let mut told = lefthook.iter();
            if let Some((path, _)) = told.find(|(_, text)| runs_check(text, hook)) {
                return Ok(unchanged(path.clone()));
            }
            if let Some((path, _)) = lefthook.into_iter().next() {
                return Err(for_lefthook(&path, hook));
            }
        }
        let mut path = self.folder().join(hook.as_str());
        let mut there = read(&path, hook)?;
        match there.as_ref().and_then(|(text, _)| generator(text)) {
            Some(Generator::PreCommit) => {
                path = with_ending(&path, ".legacy");
                there = read(&path, hook)?;
            }
            Some(Generator::Lefthook) => return Err(for_lefthook(&path, hook)),
            Some(Generator::SimpleGitHooks) => {
                let is_told = there.is_some_and(|(text, _)| runs_check(&text, hook));
                return match is_told {
                    true => Ok(unchanged(path)),
                    false => Err(for_simple_git_hooks(&path, hook)),
                };
            }
            None => {}
        }
        let Some((text, is_executable)) = there else {
            let text = made(hook, self.reach(), is_run);
            return Ok(Plan {
                path,
                text: Some(text),
                is_run,
                change: Change::Added,
            });
        };
        if is_run && !is_executable {
            return Err(Error::HookInTheWay {
                what: "it cannot be executed, and git does not run it".to_owned(),
                way: format!(
                    "run `chmod +x {}` if it is to run, or remove it",
                    shell_word(&path)
                ),
                path,
            });
        }
        let had = removed(&text)
            .map_err(|why| unfit(&path, hook, &why))?
            .is_some();
        if !had && runs_check(&text, hook) {
            return Ok(unchanged(path));
        }
        let new = added(&text, hook, self.reach()).map_err(|why| unfit(&path, hook, &why))?;
        if new == text {
            return Ok(unchanged(path));
        }
        let change = if had { Change::Renewed } else { Change::Added };
        Ok(Plan {
            path,
            text: Some(new),
            is_run,
            change,
        })
    }

    /// Returns every place where a hook of ours may be: also one that was added before
    /// another tool came.
    fn candidates(&self, hook: Hook) -> Vec<PathBuf> {
        let own = self.git.join("hooks");
        let mut folders = vec![self.hooks.clone()];
        folders.extend(self.husky.clone());
        if own != self.hooks {
            folders.push(own);
        }
        folders.retain(|folder| folder.is_dir());
        let paths = folders.iter().flat_map(|folder| {
            let path = folder.join(hook.as_str());
            MOVED.map(|ending| with_ending(&path, ending))
        });
        paths.collect()
    }

    /// Returns the files that tell lefthook what to run.
    fn lefthook_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let names = LEFTHOOK_NAMES.iter().flat_map(|name| {
            LEFTHOOK_ENDINGS.map(|ending| self.tree.join(format!("{name}.{ending}")))
        });
        names.filter_map(with_text).collect()
    }

    /// Returns all files that tell other tools what to run.
    fn configurations(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = self.lefthook_files();
        files.extend(with_text(self.tree.join(PRE_COMMIT_CONFIG)));
        files
    }
}

/// Returns the folder that husky runs hooks from, if git looks for hooks where husky has
/// it look: beside what it writes there itself.
fn husky(hooks: &Path) -> Option<PathBuf> {
    let parent = hooks.parent()?;
    let is_named = hooks.file_name() == Some(OsStr::new("_"));
    let is_default = parent.file_name() == Some(OsStr::new(".husky"));
    (is_named && (is_default || hooks.join("h").is_file())).then(|| parent.to_owned())
}

fn with_text(path: PathBuf) -> Option<(PathBuf, Vec<u8>)> {
    let text = folder::read(&path, CONFIG_MAX).ok()?;
    Some((path, text))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Reads a hook, and whether it can be executed; `None` where there is none.
fn read(path: &Path, hook: Hook) -> Result<Option<(Vec<u8>, bool)>> {
    match hook_script::read(path)? {
        Script::Missing => Ok(None),
        Script::There {
            text,
            is_executable,
        } => Ok(Some((text, is_executable))),
        Script::Odd(what) => Err(Error::HookInTheWay {
            path: path.to_owned(),
            what: what.to_owned(),
            way: by_hand(hook),
        }),
    }
}

fn unfit(path: &Path, hook: Hook, why: &Unfit) -> Error {
    let (what, way) = match why {
        Unfit::Binary => ("it is no text".to_owned(), by_hand(hook)),
        Unfit::Language(program) => (
            format!("it is no script of the shell, but of `{program}`"),
            by_hand(hook),
        ),
        Unfit::Relaunched => (
            "it begins as a script of the shell, and goes on in another language".to_owned(),
            by_hand(hook),
        ),
        Unfit::Torn => (
            "keyvault's lines begin in it at `# >>> keyvault`, and do not end".to_owned(),
            "take out by hand what is left of them".to_owned(),
        ),
    };
    Error::HookInTheWay {
        path: path.to_owned(),
        what,
        way,
    }
}

fn by_hand(hook: Hook) -> String {
    format!("have it run `{}`, and end where that fails", hook.command())
}

/// What reads stdin has to be told so in lefthook.
fn for_lefthook(path: &Path, hook: Hook) -> Error {
    let stdin = match hook {
        Hook::PreCommit => "",
        Hook::PrePush => "\n        use_stdin: true",
    };
    Error::HookInTheWay {
        path: path.to_owned(),
        what: "lefthook writes the hooks here, and moves others away".to_owned(),
        way: format!(
            "add this to `lefthook.yml`, and run `lefthook install`\n  {}:\n    commands:\n      keyvault:\n        run: {}{stdin}",
            hook.as_str(),
            hook.command()
        ),
    }
}

fn for_simple_git_hooks(path: &Path, hook: Hook) -> Error {
    Error::HookInTheWay {
        path: path.to_owned(),
        what: "simple-git-hooks writes it anew".to_owned(),
        way: format!(
            "put `{} && ` before what `simple-git-hooks` in `package.json` has for `{}`, and run `npx simple-git-hooks`",
            hook.command(),
            hook.as_str()
        ),
    }
}
