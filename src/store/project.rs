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

/// Something in a project that has the name of a `.env` file.
pub struct DotenvFile {
    /// Its name.
    pub name: String,
    /// Whether it is a file, or a link to one. A pipe or a device may have no end.
    pub is_file: bool,
}

/// Returns what in a folder has the name of a `.env` file and is no folder, in order,
/// whatever it is for. Names that are not text are none.
///
/// # Errors
///
/// [`Error::Io`].
pub fn dotenv_files(folder: &Path) -> Result<Vec<DotenvFile>> {
    let failed = Error::io("list", folder);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let found = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        role(&name)?;
        let path = entry.path();
        let is_file = path.is_file();
        (!path.is_dir()).then_some(DotenvFile { name, is_file })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Returns the folders below a project that have `.env` files of their own. What cannot
/// be looked into is passed over, and so are hidden folders and those of tools.
pub fn folders_below(project: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![(project.to_owned(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = left.pop()
        && seen < FOLDERS_MAX
    {
        seen += 1;
        if depth > 0 && dotenv_files(&folder).is_ok_and(|files| !files.is_empty()) {
            found.push(folder.clone());
        }
        if depth == DEPTH_MAX {
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
