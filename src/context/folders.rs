//! The user's folders.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use rustix::process::geteuid;

use crate::context::variable;

/// The user's folders, as the platform has them.
pub struct Folders {
    pub home: PathBuf,
    pub config: PathBuf,
    pub data: PathBuf,
    pub state: PathBuf,
}

impl Folders {
    /// Finds them; `None` where there is no home.
    pub fn find() -> Option<Self> {
        let Some(home) = variable("HOME").map(PathBuf::from) else {
            return Self::of_login();
        };
        let folders = ProjectDirs::from("", "", "keyvault")?;
        // Only Linux has a folder for state; elsewhere it goes beside the data.
        let state = folders.state_dir().map(Path::to_owned);
        Some(Self {
            home,
            config: folders.config_dir().to_owned(),
            data: folders.data_dir().to_owned(),
            state: state.unwrap_or_else(|| folders.data_local_dir().join("state")),
        })
    }

    /// Without `HOME`, finds the home in passwd(5). The system's library is not
    /// asked, as `directories` would: it loads modules (nsswitch.conf(5)), and
    /// where the user is in none of its files, that crashes a static program.
    fn of_login() -> Option<Self> {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let uid = geteuid().as_raw().to_string();
        let home = users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&uid.as_str())).then(|| fields.get(5).map(PathBuf::from))
        });
        let home = home.flatten()?;
        let place = |name: &str, default: &str| {
            let named = variable(name).map(PathBuf::from);
            let named = named.filter(|path| path.is_absolute());
            named.unwrap_or_else(|| home.join(default)).join("keyvault")
        };
        Some(Self {
            config: place("XDG_CONFIG_HOME", ".config"),
            data: place("XDG_DATA_HOME", ".local/share"),
            state: place("XDG_STATE_HOME", ".local/state"),
            home,
        })
    }
}
