//! `.env.example`, which many projects have already: the names that their programs
//! need, without values, in git. It says what is lacking, and decides nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dotenv::{self, Dialect};
use crate::error::{Error, Result};
use crate::name::SecretName;
use crate::store::PROJECT_FOLDER;
use crate::store::folder::{self, Unread};

/// Its name, beside the folder of the vault.
pub const MANIFEST: &str = ".env.example";

/// Most bytes of a manifest: ten thousand names with a comment each.
const MANIFEST_MAX: u64 = 1 << 20;

/// The names that a project's programs need.
pub struct Manifest {
    names: BTreeSet<SecretName>,
}

impl Manifest {
    /// Reads the manifest beside a project's vault; `None` where there is none. A vault
    /// in a folder of another name, as the personal one, has no project.
    ///
    /// # Errors
    ///
    /// [`Error::BadManifest`], [`Error::Io`].
    pub fn beside(vault: &Path) -> Result<Option<Self>> {
        if !vault.ends_with(PROJECT_FOLDER) {
            return Ok(None);
        }
        let path = vault.with_file_name(MANIFEST);
        let bad = |what: String| Error::BadManifest {
            path: path.clone(),
            what,
        };
        let bytes = match folder::read(&path, MANIFEST_MAX) {
            Ok(bytes) => bytes,
            Err(Unread::Missing) => return Ok(None),
            Err(Unread::Symlink) => {
                return Err(bad("is a symbolic link, and is not followed".to_owned()));
            }
            Err(Unread::NotAFile) => return Err(bad("is not a regular file".to_owned())),
            Err(Unread::TooLarge) => return Err(bad("is larger than 1 MiB".to_owned())),
            Err(Unread::Io(error)) => return Err(Error::io("read", &path)(error)),
        };
        Self::of(&bytes).map(Some).map_err(|failure| {
            bad(format!(
                "is no list of names: line {} holds {}",
                failure.line, failure.what
            ))
        })
    }

    /// Takes the names from a file in Node's grammar, with sample values or without. Names
    /// that no variable of a program has are passed over.
    fn of(bytes: &[u8]) -> Result<Self, dotenv::Failure> {
        let entries = dotenv::parse(bytes, Dialect::Node, None)?;
        let names = entries.iter().filter_map(|entry| entry.name.parse().ok());
        Ok(Self {
            names: names.collect(),
        })
    }

    /// Returns the names that something does not have, in order.
    pub fn lacking(&self, has: impl Fn(&SecretName) -> bool) -> Vec<SecretName> {
        let names = self.names.iter().filter(|name| !has(name));
        names.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_with_a_sample_value_and_without() {
        let text = b"# needed\nDATABASE_URL=\nexport PORT=3000\nNODE-ENV=x\n# OPTIONAL=\nTOKEN\n";
        let manifest = Manifest::of(text).expect("a manifest");
        let names: Vec<String> = manifest
            .lacking(|name| name.as_str() == "PORT")
            .iter()
            .map(SecretName::to_string)
            .collect();
        assert_eq!(names, ["DATABASE_URL", "TOKEN"]);
    }

    #[test]
    fn what_is_no_manifest_is_said_by_its_line() {
        let failure = Manifest::of(b"A=1\nB=\"open\n")
            .map(|_| ())
            .expect_err("bad");
        assert_eq!(failure.line, 2);
    }
}
