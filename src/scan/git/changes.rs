//! What changed, as git tells it to programs (git-diff-index(1), "Raw output format").

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::oid::Oid;

/// The mode of a submodule, which is the name of a commit in another repository.
const SUBMODULE: u32 = 0o160_000;

/// One part of what git prints.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// The commit that the changes behind it belong to.
    Commit(Oid),
    /// A file as it is after the change, or a link, whose object is where it leads.
    File(Oid, PathBuf),
    /// A submodule as it is after the change.
    Submodule(PathBuf),
    /// A file that two sides changed, and nobody has decided yet.
    Conflict(PathBuf),
    /// What brings no bytes: a file that was removed, or another mode.
    Nothing,
}

/// Reads the next part; none at the end. `rest` is what was not read yet, and `line` a
/// buffer.
///
/// # Errors
///
/// The reader's, and [`io::ErrorKind::InvalidData`] for what git does not print.
pub fn next(rest: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<Item>> {
    if !field(rest, line)? {
        return Ok(None);
    }
    let Some(change) = line.strip_prefix(b":") else {
        let commit = Oid::parse(line).ok_or_else(strange)?;
        return Ok(Some(Item::Commit(commit)));
    };
    let change = Change::parse(change).ok_or_else(strange)?;
    if !field(rest, line)? {
        return Err(strange());
    }
    let path = path(line);
    Ok(Some(change.of(path)))
}

/// What a line says before it says the path.
struct Change {
    mode: u32,
    before: Oid,
    after: Oid,
    status: u8,
}

impl Change {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut fields = text.split(|byte| *byte == b' ').skip(1);
        let mode = std::str::from_utf8(fields.next()?).ok()?;
        let change = Self {
            mode: u32::from_str_radix(mode, 8).ok()?,
            before: Oid::parse(fields.next()?)?,
            after: Oid::parse(fields.next()?)?,
            status: *fields.next()?.first()?,
        };
        fields.next().is_none().then_some(change)
    }

    fn of(&self, path: PathBuf) -> Item {
        match self.status {
            b'U' => Item::Conflict(path),
            _ if self.after.is_null() || self.after == self.before => Item::Nothing,
            _ if self.mode == SUBMODULE => Item::Submodule(path),
            _ => Item::File(self.after, path),
        }
    }
}

/// Reads the next entry of the index, as `ls-files --stage -z` prints it.
///
/// # Errors
///
/// As [`next`].
pub fn next_of_index(rest: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<Item>> {
    if !field(rest, line)? {
        return Ok(None);
    }
    let tab = memchr::memchr(b'\t', line).ok_or_else(strange)?;
    let mut fields = line[..tab].split(|byte| *byte == b' ');
    let mode = fields
        .next()
        .and_then(|mode| std::str::from_utf8(mode).ok());
    let mode = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let oid = fields.next().and_then(Oid::parse);
    let (Some(mode), Some(oid), Some(stage)) = (mode, oid, fields.next()) else {
        return Err(strange());
    };
    let path = path(&line[tab + 1..]);
    Ok(Some(match mode {
        _ if stage != b"0" => Item::Conflict(path),
        SUBMODULE => Item::Submodule(path),
        _ => Item::File(oid, path),
    }))
}

/// Returns a path by its bytes, whatever they are.
pub fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// Reads up to the next NUL; tells whether there was anything.
///
/// # Errors
///
/// As [`next`].
pub fn field(rest: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    rest.read_until(0, line)?;
    match line.pop() {
        None => Ok(false),
        Some(0) => Ok(true),
        Some(_) => Err(strange()),
    }
}

/// The error of what git does not print.
pub fn strange() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "git printed something else than it should",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const NONE: &str = "0000000000000000000000000000000000000000";

    fn oid(text: &str) -> Oid {
        Oid::parse(text.as_bytes()).expect("one")
    }

    fn all(mut text: &[u8]) -> io::Result<Vec<Item>> {
        let mut line = Vec::new();
        let mut items = Vec::new();
        while let Some(item) = next(&mut text, &mut line)? {
            items.push(item);
        }
        Ok(items)
    }

    #[test]
    fn changes_are_read() {
        let text = format!(
            ":000000 100644 {NONE} {ONE} A\0new\0\
             :100644 100755 {ONE} {TWO} M\0a\tb\nc \"d\"\0\
             :100644 120000 {ONE} {TWO} T\0link\0\
             :100644 100755 {ONE} {ONE} M\0mode\0\
             :100644 000000 {ONE} {NONE} D\0old\0\
             :000000 160000 {NONE} {ONE} A\0sub\0\
             :000000 100644 {NONE} {NONE} U\0both\0\
             {TWO}\0"
        );
        let path = |path: &str| PathBuf::from(path);
        assert_eq!(
            all(text.as_bytes()).expect("read"),
            [
                Item::File(oid(ONE), path("new")),
                Item::File(oid(TWO), path("a\tb\nc \"d\"")),
                Item::File(oid(TWO), path("link")),
                Item::Nothing,
                Item::Nothing,
                Item::Submodule(path("sub")),
                Item::Conflict(path("both")),
                Item::Commit(oid(TWO)),
            ]
        );
    }

    #[test]
    fn names_are_whole_whatever_their_bytes() {
        let text = [
            format!(":0 100644 {NONE} {ONE} A\0").as_bytes(),
            b"\xff\xfe\0",
        ]
        .concat();
        match all(&text).expect("read").as_slice() {
            [Item::File(_, path)] => assert_eq!(path.as_os_str().as_bytes(), b"\xff\xfe"),
            items => panic!("{items:?}"),
        }
    }

    #[test]
    fn the_index_is_read() {
        let text = format!("100644 {ONE} 0\ta\tb\0160000 {ONE} 0\tsub\0100644 {ONE} 2\tboth\0");
        let (mut rest, mut line, mut items) = (text.as_bytes(), Vec::new(), Vec::new());
        while let Some(item) = next_of_index(&mut rest, &mut line).expect("read") {
            items.push(item);
        }
        assert_eq!(
            items,
            [
                Item::File(oid(ONE), "a\tb".into()),
                Item::Submodule("sub".into()),
                Item::Conflict("both".into()),
            ]
        );
    }

    #[test]
    fn what_git_does_not_print_is_an_error() {
        for bad in [
            "x\0".to_owned(),
            ":\0a\0".to_owned(),
            format!(":0 100644 {ONE} A\0a\0"),
            format!(":0 1006x4 {ONE} {TWO} A\0a\0"),
            format!(":0 100644 {ONE} {TWO} A\0a"),
            format!(":0 100644 {ONE} {TWO} A\0"),
            format!(":0 100644 {ONE} {TWO} A x\0a\0"),
        ] {
            assert!(all(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in ["a\0", "100644 0\ta\0", "100644\0"] {
            assert!(
                next_of_index(&mut bad.as_bytes(), &mut Vec::new()).is_err(),
                "{bad}"
            );
        }
    }
}
