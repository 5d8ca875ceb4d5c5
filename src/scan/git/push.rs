//! What git tells its `pre-push` hook (githooks(5)).

use std::io::{BufRead, Read};

use super::oid::Oid;
use crate::error::{Error, Result};

/// The longest line that is taken: the names of two branches and of two commits.
const LINE_MAX: u64 = 64 << 10;

/// A branch or a tag that is about to be pushed.
#[derive(Debug, PartialEq, Eq)]
pub struct Update {
    /// What it will be there; none where it is deleted.
    pub new: Option<Oid>,
    /// What it is there; none where there is no such branch.
    pub old: Option<Oid>,
}

/// Reads what a `pre-push` hook is told by its stdin, to the end.
///
/// # Errors
///
/// [`Error::NotAPush`] for a line that git would not write, [`Error::Io`].
pub fn read_updates(mut from: impl BufRead) -> Result<Vec<Update>> {
    let mut updates = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut rest = (&mut from).take(LINE_MAX);
        let read = rest.read_until(b'\n', &mut line);
        if read.map_err(Error::io("read", "-".as_ref()))? == 0 {
            return Ok(updates);
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let update = Update::parse(text).ok_or(Error::NotAPush {
            line: updates.len() + 1,
        })?;
        updates.push(update);
    }
}

impl Update {
    fn parse(line: &[u8]) -> Option<Self> {
        // From the end: what is pushed may be named as in `HEAD@{2 days ago}:refs/heads/a`.
        let mut fields = line.rsplitn(4, |byte| *byte == b' ');
        let old = Oid::parse(fields.next()?)?;
        let (_there, new) = (fields.next()?, Oid::parse(fields.next()?)?);
        let _here = fields.next()?;
        let object = |oid: Oid| (!oid.is_null()).then_some(oid);
        Some(Self {
            new: object(new),
            old: object(old),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const NONE: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn updates_are_read() {
        let text = format!(
            "refs/heads/a {ONE} refs/heads/a {TWO}\n\
             refs/heads/b {ONE} refs/heads/c {NONE}\n\
             (delete) {NONE} refs/heads/d {TWO}\n\
             HEAD@{{2 days ago}} {TWO} refs/heads/e {NONE}"
        );
        let oid = |text: &str| Oid::parse(text.as_bytes());
        let update = |new, old| Update { new, old };
        assert_eq!(
            read_updates(text.as_bytes()).expect("read"),
            [
                update(oid(ONE), oid(TWO)),
                update(oid(ONE), None),
                update(None, oid(TWO)),
                update(oid(TWO), None),
            ]
        );
        assert_eq!(read_updates(&b""[..]).expect("read"), []);
    }

    #[test]
    fn what_git_would_not_write_is_refused() {
        for bad in [
            "\n".to_owned(),
            "refs/heads/a\n".to_owned(),
            format!("a {ONE} a --all\n"),
            format!("a {ONE} a {TWO} b\n"),
            format!("{}\n", "a".repeat(1 << 20)),
        ] {
            let text = format!("a {ONE} a {TWO}\n{bad}");
            let error = read_updates(text.as_bytes()).expect_err("no update");
            assert!(matches!(error, Error::NotAPush { line: 2 }), "{error:?}");
        }
    }
}
