use insta::assert_snapshot;

use crate::sandbox::{Sandbox, value_of};
