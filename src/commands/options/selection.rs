//! Which secrets are meant, for the commands that take many.

use crate::name::Tag;
use crate::vault::selection::{NamePattern, Selection};

/// Which secrets are meant: all, unless something is said.
#[derive(Default, clap::Args)]
pub struct SelectionArgs {
    /// Only these secrets: names, or patterns with `*` and `?`
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<NamePattern>,

    /// Leave these secrets out: names, or patterns with `*` and `?`
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    except: Vec<NamePattern>,

    /// Only secrets with this tag (may be repeated; any of them counts)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,
}

impl SelectionArgs {
    /// Tells whether anything was said.
    pub fn narrows(&self) -> bool {
        !(self.only.is_empty() && self.except.is_empty() && self.tags.is_empty())
    }

    /// Returns what was asked for, under the secrets' own names.
    pub fn selection(&self) -> Selection<'_> {
        Selection {
            only: &self.only,
            except: &self.except,
            tags: &self.tags,
            ..Selection::default()
        }
    }
}
