//! What the tests of this folder begin with.

use crate::name::MemberName;
use crate::seal::identity::Identity;
use crate::timestamp::Timestamp;
use crate::vault::roster::Member;
use crate::vault::{Environment, VaultId};

/// Who founds it.
pub fn alice() -> MemberName {
    "alice".parse().expect("a name")
}

/// When it is founded.
pub fn founded_at() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// An environment that `alice` founded just now, and that is to be saved.
pub fn founded(environment: &str) -> Environment {
    let identity = Identity::generate();
    let recipient = identity.recipients().remove(0);
    let signer = identity.signer(&recipient).expect("its own");
    let founder = Member {
        name: alice(),
        recipient,
        signer: Some(signer.public()),
        added_at: founded_at(),
    };
    let environment = environment.parse().expect("a name");
    Environment::found(VaultId::from([7; 16]), environment, founder, &signer)
}
