//! Scripts that git runs: read whole and replaced whole.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FileType, Mode};
use rustix::process::geteuid;

use crate::error::{Error, Result};
use crate::store::folder::{Folder, Unread, is_regular_file};

/// Most bytes of such a script.
const SCRIPT_MAX: u64 = 1 << 20;

/// Who may read and run a new one. Others of the machine may share the repository.
const SCRIPT_MODE: u32 = 0o755;

/// The same for one that is not run but read by a shell, as husky's are.
const PART_MODE: u32 = 0o644;

/// The folder of hooks, where git made none.
const FOLDER_MODE: u32 = 0o755;

/// What is at a path.
#[derive(Debug)]
pub enum Script {
    /// Nothing.
    Missing,
    /// A file of ours.
    There {
        /// All of it.
        text: Vec<u8>,
        /// Whether it can be run.
        is_executable: bool,
    },
    /// What is not replaced, and why.
    Odd(&'static str),
}

/// Reads a script.
///
/// # Errors
///
/// [`Error::Io`].
pub fn read(path: &Path) -> Result<Script> {
    let Some((folder, name)) = open(path)? else {
        return Ok(Script::Missing);
    };
    let Some(status) = folder.file_status(name)? else {
        return Ok(Script::Missing);
    };
    let mode = Mode::from_raw_mode(status.st_mode);
    let odd = match FileType::from_raw_mode(status.st_mode) {
        FileType::Symlink => Some("it is a symbolic link"),
        FileType::Directory => Some("it is a folder"),
        _ if !is_regular_file(&status) => Some("it is not a regular file"),
        _ if status.st_uid != geteuid().as_raw() => Some("it belongs to another user"),
        _ if status.st_nlink > 1 => Some("it has other names as well (hard links)"),
        _ => None,
    };
    if let Some(why) = odd {
        return Ok(Script::Odd(why));
    }
    match folder.read(name, SCRIPT_MAX) {
        Ok(text) => Ok(Script::There {
            text,
            is_executable: mode.contains(Mode::XUSR),
        }),
        Err(Unread::Missing) => Ok(Script::Missing),
        Err(Unread::TooLarge) => Ok(Script::Odd("it is larger than 1 MiB")),
        Err(Unread::Symlink | Unread::NotAFile) => Ok(Script::Odd("it is not a regular file")),
        Err(Unread::Io(error)) => Err(Error::io("read", path)(error)),
    }
}

/// Puts a script where none was, or in the place of the one that was read there, with
/// its rights. At any point a crash leaves the old one or the new one.
///
/// # Errors
///
/// [`Error::Io`].
pub fn write(path: &Path, text: &[u8], is_run: bool) -> Result<()> {
    if let Some(parent) = path.parent() {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(parent);
        made.map_err(Error::io("make the folder", parent))?;
    }
    let missing = || Error::io("write", path)(std::io::ErrorKind::NotFound.into());
    let (folder, name) = open(path)?.ok_or_else(missing)?;
    let lock = folder.lock(&mut || {})?;
    let new = if is_run { SCRIPT_MODE } else { PART_MODE };
    let mode = match folder.file_status(name)? {
        Some(status) => Mode::from_raw_mode(status.st_mode),
        None => Mode::from_raw_mode(new),
    };
    lock.replace_with_mode(name, text, mode)
}

/// Removes a script.
///
/// # Errors
///
/// [`Error::Io`].
pub fn remove(path: &Path) -> Result<()> {
    match open(path)? {
        Some((folder, name)) => folder.lock(&mut || {})?.remove(name),
        None => Ok(()),
    }
}

/// Opens the folder that a path is in; `None` where there is none.
fn open(path: &Path) -> Result<Option<(Folder, &str)>> {
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(folder), Some(name)) = (path.parent(), name) else {
        return Ok(None);
    };
    Ok(Folder::open(folder, true)?.map(|folder| (folder, name)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_new_script_can_be_run_and_an_old_one_keeps_its_rights() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("hooks/pre-commit");
        let mode = || {
            let metadata = fs::metadata(&path).expect("there");
            metadata.permissions().mode() & 0o7777
        };
        write(&path, b"one", true).expect("written");
        assert_eq!(mode(), 0o755);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("changed");
        write(&path, b"two", true).expect("written");
        assert_eq!(mode(), 0o700);
        assert!(matches!(
            read(&path),
            Ok(Script::There { text, is_executable: true }) if text == b"two"
        ));
        remove(&path).expect("removed");
        assert!(matches!(read(&path), Ok(Script::Missing)));
        write(&path, b"part", false).expect("written");
        assert_eq!(mode(), 0o644);
        let left = fs::read_dir(place.path().join("hooks")).expect("listed");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn what_is_odd_is_told() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "x").expect("written");
        symlink("file", at("link")).expect("linked");
        symlink("nowhere", at("dangling")).expect("linked");
        fs::create_dir(at("folder")).expect("made");
        fs::write(at("one"), "x").expect("written");
        fs::hard_link(at("one"), at("other")).expect("linked");
        fs::write(at("large"), vec![b'x'; (1 << 20) + 1]).expect("written");
        for (name, why) in [
            ("link", "it is a symbolic link"),
            ("dangling", "it is a symbolic link"),
            ("folder", "it is a folder"),
            ("one", "it has other names as well (hard links)"),
            ("large", "it is larger than 1 MiB"),
        ] {
            match read(&at(name)) {
                Ok(Script::Odd(found)) => assert_eq!(found, why, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(matches!(read(&at("none/x")), Ok(Script::Missing)));
    }
}
