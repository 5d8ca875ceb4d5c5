//! The configuration of scans: `.keyvault-scan.toml` of the project.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result, reason};
use crate::name::Remark;
use crate::scan::config::{CONFIG_FILE, CONFIG_MAX, FindingId, Misread, ScanConfig, with_allowed};
use crate::scan::rules::Rules;
use crate::store::folder::{self, Unread};
use crate::store::output_file::{Access, OutputFile};

/// What a project says about its scans, and where.
pub struct ProjectScanConfig {
    /// The file, which need not be there.
    pub path: PathBuf,
    /// All of it, for the rules in it; empty where there is none.
    pub text: String,
    /// What is allowed, and by which salt. Its paths are from the folder of the file.
    pub config: ScanConfig,
}

impl Context {
    /// Reads the configuration of the project that the working folder is in: the nearest
    /// file upwards, no further than the folder that has `.git`, where it belongs.
    ///
    /// # Errors
    ///
    /// [`Error::BadScanConfig`], [`Error::Io`].
    pub fn scan_config(&self) -> Result<ProjectScanConfig> {
        let from = self.working_folder()?;
        let mut folders = from.ancestors();
        let place = folders.find(|folder| {
            let is_there = folder.join(CONFIG_FILE).symlink_metadata().is_ok();
            is_there || folder.join(".git").exists()
        });
        let path = place.unwrap_or(&from).join(CONFIG_FILE);
        let bad = |what: &str| Error::BadScanConfig {
            path: path.clone(),
            line: None,
            what: what.to_owned(),
        };
        let text = match folder::read(&path, CONFIG_MAX) {
            Ok(text) => String::from_utf8(text).map_err(|_| bad("it is no text"))?,
            Err(Unread::Missing) => String::new(),
            Err(Unread::Symlink) => return Err(bad("it is a symbolic link")),
            Err(Unread::NotAFile) => return Err(bad("it is not a regular file")),
            Err(Unread::TooLarge) => return Err(bad("it is larger than 1 MiB")),
            Err(Unread::Io(error)) => return Err(bad(&reason(&error))),
        };
        let config = ScanConfig::parse(&text).map_err(|misread| misread_as(&path, misread))?;
        Ok(ProjectScanConfig { path, text, config })
    }

    /// Returns the formats to look for: those that keyvault knows, and the project's.
    ///
    /// # Errors
    ///
    /// [`Error::BadScanConfig`].
    pub fn scan_rules(&self, project: &ProjectScanConfig) -> Result<Rules> {
        let rules = Rules::with(&project.text);
        rules.map_err(|flaw| Error::BadScanConfig {
            path: project.path.clone(),
            line: Some(flaw.line),
            what: flaw.what,
        })
    }

    /// Allows a secret by its id, in the configuration of the project. Returns where that
    /// stands, and whether it is new.
    ///
    /// # Errors
    ///
    /// [`Error::BadScanConfig`], [`Error::Io`]; then nothing was changed.
    pub fn allow_finding(&self, id: FindingId, reason: Option<&Remark>) -> Result<(PathBuf, bool)> {
        let project = self.scan_config()?;
        if project.config.allows(id) {
            return Ok((project.path, false));
        }
        let reason = reason.map(ToString::to_string);
        let text = with_allowed(&project.text, id, reason.as_deref());
        let text = text.map_err(|misread| misread_as(&project.path, misread))?;
        OutputFile::at(&project.path)?.write(Access::Ordinary, text.as_bytes())?;
        Ok((project.path, true))
    }
}

fn misread_as(path: &std::path::Path, misread: Misread) -> Error {
    Error::BadScanConfig {
        path: path.to_owned(),
        line: misread.line,
        what: misread.what,
    }
}
