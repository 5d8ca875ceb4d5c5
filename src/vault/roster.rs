//! Who may open an environment, and who may write it.
//!
//! A roster is a chain of links. Each link is the whole list of members from
//! then on, signed by a writer of the link before; the first is signed by the
//! creator, who is a member of it. So a machine that knows one link can tell
//! whether a later roster comes from it.
//!
//! What a link's signature covers, under the domain `keyvault/roster/v1`, is
//! the compact JSON of the link without its signature, with three fields put
//! before it:
//!
//! ```json
//! {"vault":"<hex>","environment":"dev","previous":"<link digest or null>",
//!  "members":[{"name":"alice","recipient":"age1…","signer":"…","added_at":"…"}],"by":"alice","at":"…"}
//! ```
//!
//! The SHA-256 of that JSON is the link's digest. Vault and environment are in
//! it so that the roster of one environment, in which somebody is a writer,
//! cannot be put into another, in which they are not.
//!
//! A link has at most 250 members. A roster has at most 4096 links, and they list
//! at most 65,536 members together.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Fault;
use crate::name::{EnvironmentName, MemberName};
use crate::seal::digest::Digest;
use crate::seal::recipient::Recipient;
use crate::seal::signature::{Domain, Signature, Signer, SignerKey};
use crate::timestamp::Timestamp;
use crate::vault::VaultId;
use crate::vault::strict::{self, Strict, ours};

/// Most members of a roster: an age header holds 256 stanzas, and the age crate
/// adds one of its own.
const MEMBERS_MAX: usize = 250;

/// Most links of a roster: a change on every working day of 16 years. A machine
/// remembers 67 bytes of each, and takes 45 µs to verify it.
const LINKS_MAX: usize = 4096;

/// Most members that the links list together: 256 changes among as many people. To
/// check one takes up to 6 µs, and whoever can seal a file can fill it with them.
const LISTED_MAX: usize = 1 << 16;

/// A named recipient. With a signer it is a writer, without one a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// What colleagues call it.
    pub name: MemberName,
    /// What files are sealed to.
    pub recipient: Recipient,
    /// What its signatures are checked with.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub signer: Option<SignerKey>,
    /// When it joined.
    pub added_at: Timestamp,
}

/// One signed list of members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    #[serde(deserialize_with = "strict::at_most::<MEMBERS_MAX, _, _>")]
    members: Vec<Member>,
    by: MemberName,
    at: Timestamp,
    signature: Signature,
}

/// The chain of links, oldest first. What was read from a file counts only
/// after [`Roster::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster {
    #[serde(deserialize_with = "read_links")]
    links: Vec<Link>,
}

/// What a roster belongs to.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The vault.
    pub vault: VaultId,
    /// The environment.
    pub environment: &'a EnvironmentName,
}

/// The signed form of a link. The order of the fields is part of the format.
#[derive(Serialize)]
struct SignedLink<'a> {
    vault: VaultId,
    environment: &'a EnvironmentName,
    previous: Option<Digest>,
    members: &'a [Member],
    by: &'a MemberName,
    at: Timestamp,
}

impl SignedLink<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and texts have a JSON form")
    }
}

impl Roster {
    /// Begins a roster with its creator as the only member.
    pub fn found(scope: Scope<'_>, founder: Member, signer: &Signer) -> Self {
        let (by, at) = (founder.name.clone(), founder.added_at);
        let mut roster = Self { links: Vec::new() };
        roster.append(scope, vec![founder], by, at, signer);
        roster
    }

    /// Adds a link. The caller has made sure that `by` may do so.
    fn append(
        &mut self,
        scope: Scope<'_>,
        members: Vec<Member>,
        by: MemberName,
        at: Timestamp,
        signer: &Signer,
    ) {
        let previous = self.digests(scope).last().copied();
        let signed = SignedLink {
            vault: scope.vault,
            environment: scope.environment,
            previous,
            members: &members,
            by: &by,
            at,
        };
        let signature = signer.sign(Domain::Roster, &signed.to_bytes());
        self.links.push(Link {
            members,
            by,
            at,
            signature,
        });
    }

    /// Returns the members from the last link on.
    pub fn members(&self) -> &[Member] {
        self.links.last().map_or(&[], |link| &link.members)
    }

    /// Returns the writer of this name, as the last link has it.
    pub fn writer(&self, name: &MemberName) -> Option<&SignerKey> {
        writer(self.members(), name)
    }

    /// Returns who signed the first link.
    pub fn founder(&self) -> Option<&Member> {
        let first = self.links.first()?;
        first.members.iter().find(|member| member.name == first.by)
    }

    /// Returns the digests of the links, oldest first.
    pub fn digests(&self, scope: Scope<'_>) -> Vec<Digest> {
        let mut digests: Vec<Digest> = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let previous = digests.last().copied();
            digests.push(Digest::of(&link.signed(scope, previous).to_bytes()));
        }
        digests
    }

    /// Checks the whole chain and returns the digests of its links.
    ///
    /// # Errors
    ///
    /// [`Fault::Roster`], saying what does not hold.
    pub fn verify(&self, scope: Scope<'_>) -> Result<Vec<Digest>, Fault> {
        let fault = |what| Err(Fault::Roster { what });
        if self.links.is_empty() {
            return fault("there is no member");
        }
        let mut digests: Vec<Digest> = Vec::with_capacity(self.links.len());
        let mut authority = None;
        for link in &self.links {
            check_members(&link.members)?;
            let bytes = link.signed(scope, digests.last().copied()).to_bytes();
            let Some(signer) = writer(authority.unwrap_or(&link.members), &link.by) else {
                return fault("a change was made by someone who may not");
            };
            if !signer.verifies(Domain::Roster, &bytes, &link.signature) {
                return fault("a signature does not match");
            }
            digests.push(Digest::of(&bytes));
            authority = Some(&link.members);
        }
        Ok(digests)
    }
}

impl Link {
    fn signed<'a>(&'a self, scope: Scope<'a>, previous: Option<Digest>) -> SignedLink<'a> {
        SignedLink {
            vault: scope.vault,
            environment: scope.environment,
            previous,
            members: &self.members,
            by: &self.by,
            at: self.at,
        }
    }
}

/// Reads links, and stops where they are more than can be checked in a moment.
fn read_links<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Link>, D::Error> {
    struct Bounded;

    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<Link>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the links of a roster")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Link>, A::Error> {
            let (mut links, mut listed) = (Vec::new(), 0);
            while let Some(Strict(link)) = elements.next_element()? {
                let link: Link = link;
                listed += link.members.len();
                if links.len() == LINKS_MAX || listed > LISTED_MAX {
                    return Err(ours("a roster of too many changes"));
                }
                links.push(link);
            }
            Ok(links)
        }
    }

    deserializer.deserialize_seq(Bounded)
}

fn writer<'a>(members: &'a [Member], name: &MemberName) -> Option<&'a SignerKey> {
    members
        .iter()
        .find(|member| member.name == *name)?
        .signer
        .as_ref()
}

/// Checks what holds for every list of members: nobody is in it twice under any
/// name or key, and somebody can write.
fn check_members(members: &[Member]) -> Result<(), Fault> {
    let fault = |what| Err(Fault::Roster { what });
    if !members.iter().any(|member| member.signer.is_some()) {
        return fault("nobody may write");
    }
    let names = members.iter().map(|member| &member.name);
    let recipients = members.iter().map(|member| &member.recipient);
    let signers = members.iter().filter_map(|member| member.signer.as_ref());
    if has_twins(names) || has_twins(recipients) || has_twins(signers) {
        return fault("a member is listed twice");
    }
    Ok(())
}

fn has_twins<T: Eq + Hash>(things: impl IntoIterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    !things.into_iter().all(|thing| seen.insert(thing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::identity::Identity;

    struct Person {
        member: Member,
        signer: Signer,
    }

    fn person(name: &str) -> Person {
        let identity = Identity::generate();
        let [recipient] = &identity.recipients()[..] else {
            panic!("one key")
        };
        let signer = identity.signer(recipient).expect("its own");
        let member = Member {
            name: name.parse().expect("a name"),
            recipient: recipient.clone(),
            signer: Some(signer.public()),
            added_at: now(),
        };
        Person { member, signer }
    }

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().expect("a time")
    }

    fn environment() -> EnvironmentName {
        "dev".parse().expect("a name")
    }

    fn vault() -> VaultId {
        VaultId::from([7; 16])
    }

    /// A chain of three: alice founds it, adds bob, and bob adds carol, who may
    /// only read.
    struct Three {
        alice: Person,
        bob: Person,
        carol: Person,
        roster: Roster,
    }

    fn extend(roster: &mut Roster, members: &[&Member], by: &Person) {
        let name = environment();
        let scope = Scope {
            vault: vault(),
            environment: &name,
        };
        let members = members.iter().map(|member| (*member).clone()).collect();
        roster.append(scope, members, by.member.name.clone(), now(), &by.signer);
    }

    fn three() -> Three {
        let (alice, bob, mut carol) = (person("alice"), person("bob"), person("carol"));
        carol.member.signer = None;
        let name = environment();
        let scope = Scope {
            vault: vault(),
            environment: &name,
        };
        let mut roster = Roster::found(scope, alice.member.clone(), &alice.signer);
        extend(&mut roster, &[&alice.member, &bob.member], &alice);
        extend(
            &mut roster,
            &[&alice.member, &bob.member, &carol.member],
            &bob,
        );
        Three {
            alice,
            bob,
            carol,
            roster,
        }
    }

    fn verify(roster: &Roster) -> Result<Vec<Digest>, Fault> {
        let name = environment();
        roster.verify(Scope {
            vault: vault(),
            environment: &name,
        })
    }

    fn what(roster: &Roster) -> &'static str {
        match verify(roster) {
            Err(Fault::Roster { what }) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_chain_of_three_holds_and_each_link_is_found_again() {
        let Three {
            roster,
            alice,
            carol,
            ..
        } = three();
        let digests = verify(&roster).expect("it holds");
        assert_eq!(digests.len(), 3);
        let mut shorter = roster.clone();
        shorter.links.truncate(2);
        assert_eq!(verify(&shorter).expect("it holds"), digests[..2]);
        assert_eq!(roster.founder(), Some(&alice.member));
        assert!(roster.writer(&alice.member.name).is_some());
        assert!(
            roster.writer(&carol.member.name).is_none(),
            "carol reads only"
        );
    }

    #[test]
    fn it_survives_json_unchanged() {
        let roster = three().roster;
        let text = serde_json::to_string(&roster).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Roster>(&text).expect("a roster"),
            roster
        );
    }

    /// Reads a roster of so many links, each with so many members.
    fn read(links: usize, members: usize) -> Result<Roster, String> {
        let alice = person("alice");
        let text = |thing: &Member| serde_json::to_string(thing).expect("JSON");
        let members = vec![text(&alice.member); members].join(",");
        let signature = alice.signer.sign(Domain::Roster, b"");
        let at = now();
        let link = format!(
            r#"{{"members":[{members}],"by":"alice","at":"{at}","signature":"{signature}"}}"#
        );
        let links = vec![link; links].join(",");
        serde_json::from_str(&format!("[{links}]")).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_read_up_to_its_bounds() {
        assert!(read(1, MEMBERS_MAX).is_ok());
        let members = read(1, MEMBERS_MAX + 1).expect_err("too many members");
        assert!(members.contains("a list of more than 250"), "{members}");
        assert!(read(LINKS_MAX, 1).is_ok());
        assert!(read(LISTED_MAX / MEMBERS_MAX, MEMBERS_MAX).is_ok());
        for (links, members) in [
            (LINKS_MAX + 1, 1),
            (LISTED_MAX / MEMBERS_MAX + 1, MEMBERS_MAX),
        ] {
            let error = read(links, members).expect_err("too many changes");
            assert!(error.contains("a roster of too many changes"), "{error}");
        }
    }

    #[test]
    fn a_reader_a_stranger_and_one_who_left_change_nothing() {
        let Three {
            alice,
            bob,
            carol,
            roster,
        } = three();
        let mallory = person("mallory");
        let everyone = [&alice.member, &bob.member, &carol.member, &mallory.member];

        let mut by_stranger = roster.clone();
        extend(&mut by_stranger, &everyone, &mallory);
        assert_eq!(
            what(&by_stranger),
            "a change was made by someone who may not"
        );

        let mut by_reader = roster.clone();
        extend(&mut by_reader, &everyone, &carol);
        assert_eq!(what(&by_reader), "a change was made by someone who may not");

        let mut without_alice = roster.clone();
        extend(&mut without_alice, &[&bob.member], &bob);
        assert!(verify(&without_alice).is_ok());
        extend(&mut without_alice, &[&bob.member, &alice.member], &alice);
        assert_eq!(
            what(&without_alice),
            "a change was made by someone who may not"
        );

        let mut under_a_name = roster;
        let mut thief = person("mallory");
        thief.member.name = alice.member.name.clone();
        extend(&mut under_a_name, &[&thief.member], &thief);
        assert_eq!(what(&under_a_name), "a signature does not match");
    }

    #[test]
    fn a_planted_or_dropped_or_reordered_link_is_noticed() {
        let Three { bob, roster, .. } = three();
        let mut planted = roster.clone();
        planted.links[1].members.push(person("mallory").member);
        assert_eq!(what(&planted), "a signature does not match");

        let mut dropped = roster.clone();
        dropped.links.remove(1);
        assert!(verify(&dropped).is_err());
        dropped.links.remove(0);
        // What remains signs itself, but is another chain.
        assert!(verify(&dropped).is_err());

        let mut reordered = roster.clone();
        reordered.links.swap(1, 2);
        assert!(verify(&reordered).is_err());

        let mut replaced = roster;
        replaced.links[2].by = bob.member.name;
        replaced.links[2].at = "2020-01-01T00:00:00Z".parse().expect("a time");
        assert_eq!(what(&replaced), "a signature does not match");
    }

    #[test]
    fn a_roster_counts_in_its_own_environment_and_vault_alone() {
        let roster = three().roster;
        let (dev, prod) = (environment(), "prod".parse().expect("a name"));
        assert!(
            roster
                .verify(Scope {
                    vault: vault(),
                    environment: &dev
                })
                .is_ok()
        );
        assert!(
            roster
                .verify(Scope {
                    vault: vault(),
                    environment: &prod
                })
                .is_err()
        );
        let other = VaultId::from([8; 16]);
        assert!(
            roster
                .verify(Scope {
                    vault: other,
                    environment: &dev
                })
                .is_err()
        );
    }

    #[test]
    fn nobody_is_in_it_twice_and_somebody_writes() {
        let (alice, bob) = (person("alice"), person("bob"));
        let checked = |members: &[Member]| check_members(members);
        assert!(checked(&[alice.member.clone(), bob.member.clone()]).is_ok());
        let mut namesake = bob.member.clone();
        namesake.name = alice.member.name.clone();
        let mut twin = bob.member.clone();
        twin.recipient = alice.member.recipient.clone();
        let mut signs_alike = bob.member.clone();
        signs_alike.signer = alice.member.signer;
        for twice in [namesake, twin, signs_alike] {
            assert!(checked(&[alice.member.clone(), twice]).is_err());
        }
        // Two who only read have no signer in common.
        let (mut dave, mut erin) = (person("dave").member, person("erin").member);
        (dave.signer, erin.signer) = (None, None);
        assert!(checked(&[alice.member.clone(), dave, erin]).is_ok());
        let mut reader = alice.member;
        reader.signer = None;
        assert!(checked(&[reader]).is_err());
        assert!(checked(&[]).is_err());
        assert!(verify(&Roster { links: Vec::new() }).is_err());
    }
}
