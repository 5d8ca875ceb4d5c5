//! The `.gitignore` of a work tree (gitignore(5)).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Mode};
use rustix::process::geteuid;

use crate::error::{Error, Result};
use crate::store::folder::Folder;

/// The file's name.
pub const IGNORE_FILE: &str = ".gitignore";

/// Most bytes of such a file.
const IGNORE_MAX: u64 = 1 << 20;

/// Who may read a new one: git itself keeps it so.
const IGNORE_MODE: Mode = Mode::from_raw_mode(0o644);

/// Returns the pattern that means one path of a work tree and no other; `None` where
/// there is none, since a line cannot hold a line's end.
pub fn pattern(in_tree: &Path) -> Option<Vec<u8>> {
    let bytes = in_tree.as_os_str().as_bytes();
    if bytes.iter().any(|byte| b"\n\r\0".contains(byte)) {
        return None;
    }
    let mut pattern = vec![b'/'];
    for byte in bytes {
        if b"\\*?[ ".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    Some(pattern)
}

/// Adds a pattern to the `.gitignore` of a work tree, or makes one with it. The old
/// file or the new one is there whatever happens, with the same rights and line ends.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Usage`], where it is a link, or not ours.
pub fn add(tree: &Path, pattern: &[u8]) -> Result<()> {
    let path = tree.join(IGNORE_FILE);
    let missing = || Error::io("find", tree)(std::io::ErrorKind::NotFound.into());
    let folder = Folder::open(tree, true)?.ok_or_else(missing)?;
    let lock = folder.lock(&mut || {})?;
    let Some(status) = folder.file_status(IGNORE_FILE)? else {
        let line = [pattern, b"\n"].concat();
        return lock.replace_with_mode(IGNORE_FILE, &line, IGNORE_MODE);
    };
    let refused = |why: &'static str| Error::io("add to", &path)(std::io::Error::other(why));
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(refused("it is no regular file"));
    }
    if status.st_uid != geteuid().as_raw() {
        return Err(refused("it belongs to another user"));
    }
    let read = folder.read(IGNORE_FILE, IGNORE_MAX);
    let old = read.map_err(|_| refused("it cannot be read"))?;
    let mode = Mode::from_raw_mode(status.st_mode);
    lock.replace_with_mode(IGNORE_FILE, &with_line(old, pattern), mode)
}

/// Puts a line behind a text, with line ends as it has them.
fn with_line(mut text: Vec<u8>, line: &[u8]) -> Vec<u8> {
    let end: &[u8] = if text.windows(2).any(|pair| pair == b"\r\n") {
        b"\r\n"
    } else {
        b"\n"
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.extend_from_slice(end);
    }
    text.extend_from_slice(line);
    text.extend_from_slice(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_one_path() {
        for (path, expected) in [
            (".env", "/.env"),
            ("a/.env.local", "/a/.env.local"),
            ("#a", "/#a"),
            ("!a", "/!a"),
            ("a*b?[c]\\", "/a\\*b\\?\\[c]\\\\"),
            ("a b ", "/a\\ b\\ "),
        ] {
            let pattern = pattern(Path::new(path));
            assert_eq!(pattern.as_deref(), Some(expected.as_bytes()), "{path}");
        }
        assert_eq!(pattern(Path::new("a\nb")), None);
    }

    #[test]
    fn a_line_ends_as_the_others_do() {
        for (old, new) in [
            ("", "/x\n"),
            ("a\n", "a\n/x\n"),
            ("a", "a\n/x\n"),
            ("a\r\n", "a\r\n/x\r\n"),
            ("a\r\nb", "a\r\nb\r\n/x\r\n"),
        ] {
            let text = with_line(old.into(), b"/x");
            assert_eq!(text, new.as_bytes(), "{old:?}");
        }
    }
}
