//! Where what is looked through for leaks comes from: git, as a hook of it would find it.

use std::path::Path;

use crate::child::{environment, git};
use crate::context::Context;
use crate::error::Result;
use crate::scan::git::Repository;

impl Context {
    /// Reads from a folder's repository, or the one that git names to its hooks. What is
    /// unlocked in this session is out of reach from here on: values are to be had before.
    ///
    /// # Errors
    ///
    /// As `read`.
    pub fn read_repository<T>(
        &self,
        folder: &Path,
        read: impl FnOnce(Repository<'_>) -> Result<T>,
    ) -> Result<T> {
        let variables = environment::inherited(self.inherited(), false);
        let start = |arguments: &[&str]| git::start(folder, arguments, variables.clone());
        self.start_program(|| read(Repository::new(&start)))
    }
}
