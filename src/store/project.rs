//! The `.env` files of a project.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::migration::files::role;

/// How deep below a project others are looked for: `packages/app/config` and no further.
const DEPTH_MAX: usize = 3;

/// How many folders are looked into at most, so that a home folder ends, too.
const FOLDERS_MAX: usize = 2000;

/// Folders of tools, in which other people's files are.
const PASSED_OVER: [&str; 6] = [
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "target",
    "vendor",
];

/// Returns the names of the `.env` files in a folder, in order, whatever they are for.
/// Names that are not text are none.
///
/// # Errors
///
/// [`Error::Io`].
pub fn dotenv_files(folder: &Path) -> Result<Vec<String>> {
    let failed = Error::io("list", folder);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let files = entries.flatten().filter(|entry| !entry.path().is_dir());
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| role(name).is_some()).collect();
    names.sort();
    Ok(names)
}

/// Returns the folders below a project that have `.env` files of their own. What cannot
/// be looked into is passed over, and so are hidden folders and those of tools.
pub fn folders_below(project: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![(project.to_owned(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = left.pop() {
        seen += 1;
        if depth > 0 && dotenv_files(&folder).is_ok_and(|files| !files.is_empty()) {
            found.push(folder.clone());
        }
        if depth == DEPTH_MAX || seen > FOLDERS_MAX {
            continue;
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let folders = folders.filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && !PASSED_OVER.contains(&name.as_ref())
        });
        left.extend(folders.map(|entry| (entry.path(), depth + 1)));
    }
    found.sort();
    found
}
