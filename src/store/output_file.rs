//! Files that a person names to have something written to: by `export` and
//! `render`, in plaintext.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, Stat};

use crate::error::{Error, Result};
use crate::store::folder::{Folder, is_regular_file};

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone.
    Private,
    /// Whoever could read the one before, or everybody: for what is no secret.
    Ordinary,
}

/// What a file that is no secret gets where there was none.
const ORDINARY_MODE: Mode = Mode::from_raw_mode(0o644);

/// A place for a file: nothing is there yet, or a regular file.
pub struct OutputFile {
    folder: Folder,
    name: String,
    path: PathBuf,
    there: Option<Stat>,
}

impl OutputFile {
    /// Looks at the place.
    ///
    /// # Errors
    ///
    /// [`Error::InTheWay`] where something is that a file does not replace: a link
    /// among them, which would lead elsewhere. [`Error::Io`], where there is no folder.
    pub fn at(path: &Path) -> Result<Self> {
        let in_the_way = |what| Error::InTheWay {
            path: path.to_owned(),
            what,
        };
        let name = path.file_name().ok_or(in_the_way("it is a folder"))?;
        let name = name.to_str().ok_or(in_the_way("its name is not text"))?;
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let missing = || Error::io("write", path)(rustix::io::Errno::NOENT.into());
        let folder = Folder::open(parent, true)?.ok_or_else(missing)?;
        let there = folder.file_status(name)?;
        match there {
            Some(status) if !is_regular_file(&status) => Err(in_the_way(kind(&status))),
            _ => Ok(Self {
                name: name.to_owned(),
                path: path.to_owned(),
                folder,
                there,
            }),
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether there is a file.
    pub fn is_there(&self) -> bool {
        self.there.is_some()
    }

    /// Tells whether the file that is there is this one.
    pub fn is(&self, path: &Path) -> bool {
        let status = rustix::fs::stat(path);
        match (self.there, status) {
            (Some(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        }
    }

    /// Writes it whole, in the place of what was there. At any point a crash leaves
    /// the old file or the new one; what was being written is cleared by the next
    /// that writes here.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::InTheWay`]; [`Error::LockHeld`].
    pub fn write(&self, access: Access, bytes: &[u8]) -> Result<()> {
        let lock = self.folder.lock(&mut || {})?;
        // While a person was asked, anything can have come here.
        let there = Self::at(&self.path)?.there;
        match access {
            Access::Private => lock.replace(&self.name, bytes),
            Access::Ordinary => {
                let mode =
                    there.map_or(ORDINARY_MODE, |status| Mode::from_raw_mode(status.st_mode));
                lock.replace_with_mode(&self.name, bytes, mode)
            }
        }
    }

    /// The same for what is too large to be held in memory, for its owner alone.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::write`], and those of `write`.
    pub fn write_by(&self, write: &mut dyn FnMut(&mut File) -> Result<()>) -> Result<()> {
        let lock = self.folder.lock(&mut || {})?;
        Self::at(&self.path)?;
        lock.replace_by(&self.name, write)
    }
}

fn kind(status: &Stat) -> &'static str {
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Symlink => "it is a symbolic link",
        FileType::Directory => "it is a folder",
        _ => "it is not a regular file",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn write(path: &Path, access: Access) -> Result<()> {
        OutputFile::at(path)?.write(access, b"new")
    }

    #[test]
    fn a_file_is_made_or_replaced_for_its_owner_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("file");
        for _ in 0..2 {
            write(&path, Access::Private).expect("written");
            let mode = fs::metadata(&path).expect("there").mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(fs::read(&path).expect("read"), b"new");
            fs::write(&path, "old").expect("written");
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            fs::set_permissions(&path, open).expect("changed");
        }
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 1);
    }

    #[test]
    fn what_is_no_secret_may_be_read_as_before() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("file");
        for mode in [0o644, 0o664] {
            write(&path, Access::Ordinary).expect("written");
            let found = fs::metadata(&path).expect("there").mode();
            assert_eq!(found & 0o777, mode);
            let next = std::os::unix::fs::PermissionsExt::from_mode(0o664);
            fs::set_permissions(&path, next).expect("changed");
        }
    }

    #[test]
    fn nothing_but_a_regular_file_is_replaced() {
        let place = tempfile::tempdir().expect("a folder");
        let (target, link) = (place.path().join("target"), place.path().join("link"));
        fs::write(&target, "old").expect("written");
        symlink(&target, &link).expect("linked");
        symlink("nowhere", place.path().join("dangling")).expect("linked");
        for (name, reason) in [
            ("link", "it is a symbolic link"),
            ("dangling", "it is a symbolic link"),
            ("", "it is a folder"),
            ("..", "it is a folder"),
        ] {
            match write(&place.path().join(name), Access::Private) {
                Err(Error::InTheWay { what, .. }) => assert_eq!(what, reason, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        match write(Path::new("/dev/null"), Access::Private) {
            Err(Error::InTheWay { what, .. }) => assert_eq!(what, "it is not a regular file"),
            other => panic!("{other:?}"),
        }
        let nowhere = place.path().join("nowhere/file");
        assert!(matches!(
            write(&nowhere, Access::Private),
            Err(Error::Io { .. })
        ));
        assert_eq!(fs::read(&target).expect("read"), b"old");
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 3);
    }

    #[test]
    fn what_comes_while_somebody_is_asked_is_not_replaced_either() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("file");
        let output = OutputFile::at(&path).expect("nothing is there");
        symlink("elsewhere", &path).expect("linked");
        assert!(matches!(
            output.write(Access::Private, b"new"),
            Err(Error::InTheWay { .. })
        ));
    }
}
