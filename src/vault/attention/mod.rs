//! What needs somebody's attention in a vault. Values are looked at here and nowhere
//! above: what is found says where and since when, and never what.

mod distinct;
mod exposed;
mod placeholder;
mod stray_space;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::name::{EnvironmentName, MemberName, SecretName, closest};
use crate::seal::digest::Fingerprint;
use crate::timestamp::{Period, Timestamp};
use crate::vault::Environment;
use crate::vault::policy::{EXPIRES_SOON, Policy};
use crate::vault::rotation::{Stage, Step};
use crate::vault::secret::{Secret, SecretVersion, VersionState};

use exposed::RevokedValues;

pub use distinct::is_distinct;
pub use exposed::RevokedAs;
pub use placeholder::is_placeholder;
pub use stray_space::StraySpace;
pub use uses::{Silence, Uses};

/// How long a rotation may be under way before it counts as interrupted: before, the
/// process that began it is likely at work still, waiting for a provider or a person.
const INTERRUPTED_AFTER: Period = Period::from_seconds(60 * 60);

/// How long nobody may use a secret before it is asked whether anybody needs it: a
/// quarter, so that what runs once a month is not told.
pub const UNUSED_AFTER: Period = Period::from_seconds(90 * 24 * 60 * 60);

/// What can need attention, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Past its date: `get` and `exec` refuse it.
    Expired,
    /// Its value was found where it should not be.
    Leaked,
    /// Its value was revoked somewhere else.
    Exposed,
    /// A rotation began and went no further.
    Interrupted,
    /// The project's manifest lists it, and it is not there or not served.
    Missing,
    /// Its value looks as if it was to be replaced by the real one.
    Placeholder,
    /// Near its date.
    Expiring,
    /// Its value is older than its period.
    Due,
    /// The value that was replaced is to be given back and destroyed by now.
    Lingering,
    /// Another secret, or the same one of another environment, has the same value.
    Reused,
    /// Its value has a blank or a line end too many.
    Whitespace,
    /// It was not used for long.
    Unused,
    /// Whoever reads the identity's file opens the vault.
    WeakIdentity,
}

impl Kind {
    /// All of them, the worst first.
    pub const ALL: [Self; 13] = [
        Self::Expired,
        Self::Leaked,
        Self::Exposed,
        Self::Interrupted,
        Self::Missing,
        Self::Placeholder,
        Self::Expiring,
        Self::Due,
        Self::Lingering,
        Self::Reused,
        Self::Whitespace,
        Self::Unused,
        Self::WeakIdentity,
    ];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Leaked => "leaked",
            Self::Exposed => "exposed",
            Self::Interrupted => "interrupted",
            Self::Missing => "missing",
            Self::Placeholder => "placeholder",
            Self::Expiring => "expiring",
            Self::Due => "due",
            Self::Lingering => "lingering",
            Self::Reused => "reused",
            Self::Whitespace => "whitespace",
            Self::Unused => "unused",
            Self::WeakIdentity => "weak-identity",
        }
    }

    /// Tells whether it is told of a secret that is snoozed, too: programs stand still,
    /// others may know its value, or a provider has a key that nobody keeps.
    pub fn cannot_wait(self) -> bool {
        matches!(
            self,
            Self::Expired | Self::Leaked | Self::Exposed | Self::Interrupted
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for Kind {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for Kind {
    type Err = BadKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| BadKind {
            closest: closest(text, &Self::ALL).copied(),
        })
    }
}

/// A text that is no [`Kind`].
#[derive(Debug, PartialEq, Eq)]
pub struct BadKind {
    /// The one that was most likely meant.
    closest: Option<Kind>,
}

impl fmt::Display for BadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(closest) = self.closest {
            return write!(f, "there is no such kind; did you mean `{closest}`?");
        }
        let all: Vec<String> = Kind::ALL.iter().map(|kind| format!("`{kind}`")).collect();
        write!(f, "a kind is one of {}", all.join(", "))
    }
}

impl std::error::Error for BadKind {}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that needs attention. What a kind has nothing to say to is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// What it is.
    pub kind: Kind,
    /// The secret, unless it is about none.
    pub name: Option<SecretName>,
    /// The environment that it is in, or should be.
    pub environment: Option<EnvironmentName>,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// The version that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// When that version was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it expires, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the secret is due for a new value, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// How often it should get one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate_every: Option<Period>,
    /// Who began the rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<MemberName>,
    /// The others that have the value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<Place>,
    /// As what its value was revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revoked_as: Vec<RevokedAs>,
    /// Where the blank is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stray_space: Option<StraySpace>,
    /// When it was used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Until when it is not to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// Whether that version is not in use yet.
    #[serde(skip)]
    pub is_pending: bool,
    /// Whether the rotation that is under way would bring an exposed value into use.
    #[serde(skip)]
    pub is_to_abort: bool,
    /// Whether a rotation is under way, so that no other can begin.
    #[serde(skip)]
    pub is_rotating: bool,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Its name.
    pub name: SecretName,
    /// Its environment.
    pub environment: EnvironmentName,
}

/// A rotation that began not long ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rotating {
    /// Of which secret.
    #[serde(flatten)]
    pub place: Place,
    /// When it began.
    pub since: Timestamp,
}

/// What is known beside the environments.
#[derive(Default)]
pub struct Surroundings<'a> {
    /// The names that a project needs and an environment lacks.
    pub lacking: Vec<(SecretName, EnvironmentName)>,
    /// When secrets were used, where that is known.
    pub uses: Option<&'a Uses>,
    /// Whether the identity's file opens by itself.
    pub is_identity_weak: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Outlook {
    /// What needs attention, the worst first, what is snoozed included.
    pub attention: Vec<Attention>,
    /// The rotations that are likely at work still.
    pub rotating: Vec<Rotating>,
}

/// Looks through environments for what needs attention of some kinds.
pub fn of(
    environments: &[Environment],
    surroundings: &Surroundings<'_>,
    kinds: &BTreeSet<Kind>,
    now: Timestamp,
) -> Outlook {
    let mut outlook = Outlook::default();
    let mut values = Values::default();
    let revoked = kinds
        .contains(&Kind::Exposed)
        .then(|| RevokedValues::of(environments))
        .filter(|revoked| !revoked.is_empty());
    for environment in environments {
        let needed = needed_by_hooks(environment);
        for (name, secret) in &environment.secrets {
            let found = Found {
                environment,
                name,
                secret,
                is_needed: needed.contains(name),
                now,
            };
            let attention = found.by_dates().chain(found.by_leak());
            let attention = attention.chain(found.by_use(surroundings.uses));
            outlook.attention.extend(attention);
            if let Some(revoked) = &revoked {
                outlook.attention.extend(found.by_revocation(revoked));
            }
            found.by_rotation(&mut outlook);
            found.by_value(kinds, &mut values, &mut outlook.attention);
        }
    }
    outlook.attention.extend(values.reused());
    outlook
        .attention
        .extend(lacking(environments, surroundings));
    if surroundings.is_identity_weak {
        outlook
            .attention
            .push(Attention::without_secret(Kind::WeakIdentity));
    }
    outlook
        .attention
        .retain(|attention| kinds.contains(&attention.kind));
    outlook
        .attention
        .sort_by(|one, other| one.rank().cmp(&other.rank()));
    if !kinds.contains(&Kind::Interrupted) {
        outlook.rotating.clear();
    }
    outlook
}

fn lacking<'a>(
    environments: &'a [Environment],
    surroundings: &'a Surroundings<'_>,
) -> impl Iterator<Item = Attention> + 'a {
    surroundings.lacking.iter().map(|(name, wanted)| {
        let environment = environments
            .iter()
            .find(|environment| environment.name == *wanted);
        let secret = environment.and_then(|environment| environment.secrets.get(name));
        Attention {
            name: Some(name.clone()),
            environment: Some(wanted.clone()),
            version: secret.map(|secret| secret.representative().number),
            is_rotating: secret.is_some_and(is_rotating),
            ..Attention::without_secret(Kind::Missing)
        }
    })
}

/// Returns the secrets that hooks get beside their own: whoever removed one would find
/// out when a rotation is due.
fn needed_by_hooks(environment: &Environment) -> BTreeSet<&SecretName> {
    let secrets = environment.secrets.values();
    let hooks = secrets.flat_map(|secret| {
        Step::ALL
            .into_iter()
            .filter_map(|step| secret.hooks.of(step))
    });
    hooks.flat_map(|hook| &hook.with).collect()
}

fn is_rotating(secret: &Secret) -> bool {
    secret.stage() != Stage::Idle
}

impl Attention {
    fn without_secret(kind: Kind) -> Self {
        Self {
            kind,
            name: None,
            environment: None,
            since: None,
            version: None,
            created_at: None,
            expires_at: None,
            due_at: None,
            rotate_every: None,
            started_by: None,
            shared_with: Vec::new(),
            revoked_as: Vec::new(),
            stray_space: None,
            last_used: None,
            snoozed_until: None,
            is_pending: false,
            is_to_abort: false,
            is_rotating: false,
        }
    }

    /// What the list is sorted by: the worst kind, the longest since.
    fn rank(&self) -> impl Ord + '_ {
        let since = self.since.or(self.expires_at);
        (
            self.kind,
            since.is_none(),
            since,
            &self.name,
            &self.environment,
        )
    }
}

/// A secret that is looked at.
struct Found<'a> {
    environment: &'a Environment,
    name: &'a SecretName,
    secret: &'a Secret,
    /// Whether a hook gets it.
    is_needed: bool,
    now: Timestamp,
}

impl Found<'_> {
    fn policy(&self) -> Policy {
        self.secret.policy.or(self.environment.policy)
    }

    fn place(&self) -> Place {
        Place {
            name: self.name.clone(),
            environment: self.environment.name.clone(),
        }
    }

    fn snoozed_until(&self) -> Option<Timestamp> {
        self.secret.snoozed_until.filter(|until| *until > self.now)
    }

    fn attention(
        &self,
        kind: Kind,
        version: &SecretVersion,
        since: Option<Timestamp>,
    ) -> Attention {
        let is_current = version.state == VersionState::Current;
        let due_at = self.environment.due_at(self.secret).filter(|_| is_current);
        Attention {
            name: Some(self.name.clone()),
            environment: Some(self.environment.name.clone()),
            since,
            version: Some(version.number),
            created_at: Some(version.created_at),
            expires_at: version.expires_at,
            due_at,
            rotate_every: due_at.and(self.policy().rotate_every),
            snoozed_until: self.snoozed_until().filter(|_| !kind.cannot_wait()),
            is_pending: version.state == VersionState::Pending,
            is_rotating: is_rotating(self.secret),
            ..Attention::without_secret(kind)
        }
    }

    /// Expired, expiring, due and lingering.
    fn by_dates(&self) -> impl Iterator<Item = Attention> {
        let now = self.now;
        let current = self.secret.current();
        let dated = current.and_then(|version| Some((version, version.expires_at?)));
        let dated = dated.and_then(|(version, at)| {
            if at <= now {
                Some(self.attention(Kind::Expired, version, Some(at)))
            } else if at <= now.after(EXPIRES_SOON) {
                Some(self.attention(Kind::Expiring, version, None))
            } else {
                None
            }
        });
        let due = self.environment.due_at(self.secret);
        let due = current.zip(due.filter(|at| *at <= now));
        let due = due.map(|(version, at)| self.attention(Kind::Due, version, Some(at)));
        let owed = self.secret.versions.iter().filter_map(|version| {
            let at = version.retirement.as_ref()?.at;
            (version.state == VersionState::Previous && at <= now).then_some((at, version))
        });
        let lingering = owed.min_by_key(|(at, version)| (*at, version.number));
        let lingering =
            lingering.map(|(at, version)| self.attention(Kind::Lingering, version, Some(at)));
        dated.into_iter().chain(due).chain(lingering)
    }

    /// Leaked: what is in use, or is to be.
    fn by_leak(&self) -> impl Iterator<Item = Attention> {
        self.in_use().filter_map(|version| {
            let since = self.secret.leaked_at(version)?;
            Some(self.attention(Kind::Leaked, version, Some(since)))
        })
    }

    /// The versions that are in use, or are to be.
    fn in_use(&self) -> impl Iterator<Item = &SecretVersion> {
        let in_use = [VersionState::Current, VersionState::Pending];
        let versions = self.secret.versions.iter();
        versions.filter(move |version| in_use.contains(&version.state))
    }

    /// Exposed: what is in use, or is to be. An empty value is none that others could use.
    fn by_revocation(&self, revoked: &RevokedValues) -> Vec<Attention> {
        let exposed = self.in_use().filter_map(|version| {
            version.value.as_ref().filter(|value| !value.is_empty())?;
            let print = version.fingerprint(self.environment.vault.as_ref())?;
            let revoked_as = revoked.find(&print)?;
            let first = revoked_as.iter().map(|one| one.revoked_at).min()?;
            let since = first.max(version.created_at);
            Some(Attention {
                revoked_as: revoked_as.to_vec(),
                ..self.attention(Kind::Exposed, version, Some(since))
            })
        });
        let mut exposed: Vec<Attention> = exposed.collect();
        let is_to_abort = exposed.iter().any(|attention| attention.is_pending);
        for attention in &mut exposed {
            attention.is_to_abort = is_to_abort;
        }
        exposed
    }

    /// Interrupted, or under way. A pending version without a rotation is what one left
    /// behind that could not be saved otherwise.
    fn by_rotation(&self, outlook: &mut Outlook) {
        let pending = self
            .secret
            .versions
            .iter()
            .find(|version| version.state == VersionState::Pending);
        let rotation = self.secret.rotation.as_ref();
        let begun = rotation.map(|rotation| (rotation.started_at, &rotation.started_by));
        let begun =
            begun.or_else(|| pending.map(|version| (version.created_at, &version.created_by)));
        let Some((since, by)) = begun else {
            return;
        };
        if since.age(self.now) <= INTERRUPTED_AFTER {
            let place = self.place();
            outlook.rotating.push(Rotating { place, since });
            return;
        }
        let version = pending.unwrap_or_else(|| self.secret.representative());
        outlook.attention.push(Attention {
            started_by: Some(by.clone()),
            ..self.attention(Kind::Interrupted, version, Some(since))
        });
    }

    /// Placeholders and stray blanks; and the value is kept in mind by its fingerprint.
    fn by_value(
        &self,
        kinds: &BTreeSet<Kind>,
        values: &mut Values,
        attention: &mut Vec<Attention>,
    ) {
        let Some((version, value)) = self
            .secret
            .current()
            .and_then(|version| Some((version, version.value.as_ref()?)))
        else {
            return;
        };
        let bytes = value.expose();
        let since = Some(version.created_at);
        if placeholder::is_placeholder(self.name, bytes) {
            // Whether a placeholder is somewhere else, too, is no matter.
            attention.push(self.attention(Kind::Placeholder, version, since));
            return;
        }
        if let Some(stray_space) = stray_space::stray_space(bytes) {
            attention.push(Attention {
                stray_space: Some(stray_space),
                ..self.attention(Kind::Whitespace, version, since)
            });
        }
        if kinds.contains(&Kind::Reused) && distinct::may_be_told(self.name, bytes) {
            values.add(
                Fingerprint::of(value, self.environment.vault.as_ref()),
                distinct::is_distinct(self.name, bytes),
                self.place(),
                self.attention(Kind::Reused, version, since),
            );
        }
    }

    /// Not used for long. What is not known for so long may have been used before.
    fn by_use(&self, uses: Option<&Uses>) -> Option<Attention> {
        let (uses, version) = (uses.filter(|_| !self.is_needed)?, self.secret.current()?);
        let last_used = uses.last(&self.environment.name, self.name);
        let oldest = self.secret.versions.first()?.created_at;
        let since = last_used.unwrap_or_else(|| oldest.max(uses.since));
        let is_known = oldest.max(uses.since).age(self.now) > UNUSED_AFTER;
        (is_known && since.age(self.now) > UNUSED_AFTER).then(|| Attention {
            last_used,
            ..self.attention(Kind::Unused, version, Some(since))
        })
    }
}

/// Who has which value, by fingerprint.
#[derive(Default)]
struct Values(BTreeMap<Fingerprint, Vec<Holder>>);

struct Holder {
    place: Place,
    is_distinct: bool,
    attention: Attention,
}

impl Values {
    fn add(&mut self, print: Fingerprint, is_distinct: bool, place: Place, attention: Attention) {
        self.0.entry(print).or_default().push(Holder {
            place,
            is_distinct,
            attention,
        });
    }

    /// Tells each value once that several have: at the first of those that are not
    /// snoozed. Where there are not two of them, the whole is snoozed.
    fn reused(self) -> impl Iterator<Item = Attention> {
        let groups = self
            .0
            .into_values()
            .filter(|group| group.len() > 1 && group.iter().any(|holder| holder.is_distinct));
        groups.map(|mut group| {
            group.sort_by(|one, other| one.place.cmp(&other.place));
            let awake = |holder: &Holder| holder.attention.snoozed_until.is_none();
            let are_two_awake = group.iter().filter(|holder| awake(holder)).count() > 1;
            let mut times: Vec<Timestamp> = group
                .iter()
                .filter_map(|holder| holder.attention.created_at)
                .collect();
            times.sort();
            let head = group
                .iter()
                .position(|holder| awake(holder) == are_two_awake);
            let head = group.remove(head.expect("one is awake, or one is not"));
            Attention {
                // When the second one got it.
                since: times.get(1).copied(),
                shared_with: group.into_iter().map(|holder| holder.place).collect(),
                ..head.attention
            }
        })
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_value::SecretValue;
    use crate::vault::rotation::{Hook, Retirement, Rotation, RotationId};
    use crate::vault::sample::{alice, founded};
    use crate::vault::{Author, NewSecret};

    /// When the tests' secrets are made, unless they say otherwise.
    const MADE: &str = "2026-06-01T00:00:00Z";

    /// When the tests look at them.
    const NOW: &str = "2026-11-22T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn environment(name: &str, secrets: &[(&str, &str)]) -> Environment {
        let mut made = founded(name);
        for (name, value) in secrets {
            let new = NewSecret {
                name: name.parse().expect("a name"),
                value: SecretValue::from_text((*value).to_owned()),
                description: None,
                tags: Vec::new(),
            };
            let author = Author {
                name: &alice(),
                now: at(MADE),
            };
            made.add(new, author).expect("added");
        }
        made
    }

    fn secret<'a>(environment: &'a mut Environment, name: &str) -> &'a mut Secret {
        let name: SecretName = name.parse().expect("a name");
        environment.secrets.get_mut(&name).expect("it is there")
    }

    fn found(environments: &[Environment], surroundings: &Surroundings<'_>) -> Outlook {
        of(
            environments,
            surroundings,
            &Kind::ALL.into_iter().collect(),
            at(NOW),
        )
    }

    fn shown(attention: &[Attention]) -> Vec<String> {
        let shown = attention.iter().map(|attention| {
            let name = attention.name.as_ref().map_or("", SecretName::as_str);
            let environment = attention
                .environment
                .as_ref()
                .map_or("", EnvironmentName::as_str);
            let snoozed = attention.snoozed_until.map_or("", |_| " snoozed");
            format!("{} {name} {environment}{snoozed}", attention.kind)
        });
        shown.collect()
    }

    /// What needs attention in one environment.
    fn told(environment: Environment) -> Vec<String> {
        shown(&found(&[environment], &Surroundings::default()).attention)
    }

    #[test]
    fn a_kind_reads_back_as_written_and_another_is_guessed() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let words = |text: &str| text.parse::<Kind>().expect_err("none").to_string();
        assert!(words("expird").ends_with("did you mean `expired`?"));
        assert!(words("weakidentity").ends_with("did you mean `weak-identity`?"));
        assert!(words("").starts_with("a kind is one of `expired`, `leaked`"));
        // The worst come first.
        assert!(Kind::ALL.is_sorted());
    }

    #[test]
    fn nothing_is_said_of_what_is_in_order() {
        let secrets = [("A", "made-up value"), ("PORT", "3000"), ("DEBUG", "true")];
        assert_eq!(told(environment("dev", &secrets)), [""; 0]);
    }

    #[test]
    fn dates_are_told_from_their_second_on() {
        let dated = |expires_at: &str| {
            let mut dev = environment("dev", &[("A", "made-up value")]);
            secret(&mut dev, "A").versions[0].expires_at = Some(at(expires_at));
            told(dev)
        };
        assert_eq!(dated("2026-11-22T12:00:00Z"), ["expired A dev"]);
        assert_eq!(dated("2026-11-22T12:00:01Z"), ["expiring A dev"]);
        assert_eq!(dated("2026-12-06T12:00:00Z"), ["expiring A dev"]);
        assert_eq!(dated("2026-12-06T12:00:01Z"), [""; 0]);

        let aged = |own: Option<&str>, default: Option<&str>| {
            let mut dev = environment("dev", &[("A", "made-up value")]);
            let period = |text: &str| text.parse().expect("a period");
            secret(&mut dev, "A").policy.rotate_every = own.map(period);
            dev.policy.rotate_every = default.map(period);
            told(dev)
        };
        // Made 174 days and 12 hours ago.
        assert_eq!(aged(Some("174d"), None), ["due A dev"]);
        assert_eq!(aged(Some("175d"), Some("1d")), [""; 0]);
        assert_eq!(aged(None, Some("90d")), ["due A dev"]);
    }

    #[test]
    fn a_replaced_value_lingers_from_when_it_was_to_be_given_back() {
        let lingers = |when: &str, state: VersionState| {
            let mut dev = environment("dev", &[("A", "made-up value")]);
            let alice: MemberName = "alice".parse().expect("a name");
            let (value, author) = (
                SecretValue::from_text("another".to_owned()),
                Author {
                    name: &alice,
                    now: at(MADE),
                },
            );
            dev.rotate(&"A".parse().expect("a name"), value, author)
                .expect("rotated");
            let old = &mut secret(&mut dev, "A").versions[0];
            old.state = state;
            old.retirement = Some(Box::new(Retirement {
                at: at(when),
                rotation: RotationId::from([1; 16]),
            }));
            found(&[dev], &Surroundings::default()).attention
        };
        let attention = lingers(NOW, VersionState::Previous);
        assert_eq!(shown(&attention), ["lingering A dev"]);
        assert_eq!(
            (attention[0].version, attention[0].since),
            (Some(1), Some(at(NOW)))
        );
        assert_eq!(lingers("2026-11-22T12:00:01Z", VersionState::Previous), []);
        assert_eq!(lingers(MADE, VersionState::Revoked), []);
    }

    #[test]
    fn a_rotation_has_an_hour() {
        let begun = |when: &str| {
            let mut dev = environment("dev", &[("A", "made-up value")]);
            secret(&mut dev, "A").rotation = Some(Box::new(Rotation {
                id: RotationId::from([1; 16]),
                started_at: at(when),
                started_by: "bob".parse().expect("a name"),
                grace: None,
            }));
            found(&[dev], &Surroundings::default())
        };
        let interrupted = begun("2026-11-22T10:59:59Z");
        assert_eq!(shown(&interrupted.attention), ["interrupted A dev"]);
        assert_eq!(
            interrupted.attention[0]
                .started_by
                .as_ref()
                .map(MemberName::as_str),
            Some("bob")
        );
        assert_eq!(interrupted.rotating, []);
        for at_work in ["2026-11-22T11:00:00Z", NOW, "2026-11-23T00:00:00Z"] {
            let outlook = begun(at_work);
            assert_eq!(
                (outlook.attention.len(), outlook.rotating.len()),
                (0, 1),
                "{at_work}"
            );
        }

        // A value that nobody made current, and no record of why.
        let mut dev = environment("dev", &[("A", "made-up value")]);
        secret(&mut dev, "A").versions[0].state = VersionState::Pending;
        assert_eq!(told(dev), ["interrupted A dev"]);
    }

    /// Revokes a version of a secret.
    fn revoke(environment: &mut Environment, name: &str, reason: &str, when: &str) {
        let alice: MemberName = "alice".parse().expect("a name");
        let author = Author {
            name: &alice,
            now: at(when),
        };
        let name = name.parse().expect("a name");
        environment
            .revoke(&name, None, reason.parse().ok(), author)
            .expect("revoked");
    }

    #[test]
    fn a_value_that_was_revoked_elsewhere_is_told_with_where_and_why() {
        let both = [("A", "made-up one"), ("B", "made-up one"), ("C", "")];
        let mut dev = environment("dev", &both);
        let prod = environment("prod", &[("X", "made-up one"), ("C", "")]);
        revoke(&mut dev, "A", "rotated", "2026-07-01T00:00:00Z");
        // Nobody can use a value that is empty.
        revoke(&mut dev, "C", "leaked", "2026-07-01T00:00:00Z");
        // By a rotation alone it is told as well: the value is refused by its provider.
        let told = |environments: &[Environment]| {
            let outlook = found(environments, &Surroundings::default());
            let mut attention = outlook.attention;
            attention.retain(|attention| attention.kind == Kind::Exposed);
            attention
        };
        let mut environments = [dev, prod];
        let attention = told(&environments);
        assert_eq!(shown(&attention), ["exposed B dev", "exposed X prod"]);
        let as_what = |attention: &Attention| {
            let all = attention.revoked_as.iter();
            let all = all.map(|one| {
                let reason = one.reason.as_ref().map_or("", |reason| reason.as_str());
                format!(
                    "{}@{} {} {reason}",
                    one.place.name, one.version, one.place.environment
                )
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(as_what(&attention[0]), ["A@1 dev rotated"]);
        assert_eq!(attention[0].since, Some(at("2026-07-01T00:00:00Z")));

        // What a person said comes first, however late.
        revoke(&mut environments[1], "X", "leaked", "2026-08-01T00:00:00Z");
        let attention = told(&environments);
        assert_eq!(shown(&attention), ["exposed B dev"]);
        assert_eq!(
            as_what(&attention[0]),
            ["X@1 prod leaked", "A@1 dev rotated"]
        );
    }

    #[test]
    fn only_what_is_in_use_or_about_to_be_is_exposed() {
        let told = |state: VersionState, kinds: &[Kind]| {
            let mut dev = environment("dev", &[("A", "made-up one"), ("B", "made-up one")]);
            revoke(&mut dev, "A", "leaked", MADE);
            dev.snooze(
                &"B".parse().expect("a name"),
                Some(at("2027-01-01T00:00:00Z")),
            )
            .expect("snoozed");
            secret(&mut dev, "B").versions[0].state = state;
            let kinds = kinds.iter().copied().collect();
            of(&[dev], &Surroundings::default(), &kinds, at(NOW)).attention
        };
        let exposed = [Kind::Exposed];
        // Snoozing does not hide it.
        let current = told(VersionState::Current, &exposed);
        assert_eq!(shown(&current), ["exposed B dev"]);
        assert!(!current[0].is_pending);
        let pending = told(VersionState::Pending, &exposed);
        assert_eq!(shown(&pending), ["exposed B dev"]);
        assert!(pending[0].is_pending && pending[0].is_rotating);
        assert_eq!(told(VersionState::Previous, &exposed), []);
        assert_eq!(told(VersionState::Current, &[Kind::Expired]), []);
    }

    #[test]
    fn values_are_judged_by_their_look() {
        let secrets = [
            ("A", "changeme"),
            ("B", " made-up value"),
            ("C", "made-up value"),
            // Once is enough.
            ("D_KEY", "your-key-here "),
            ("E_KEY", "your-key-here "),
        ];
        let expected = [
            "placeholder A dev",
            "placeholder D_KEY dev",
            "placeholder E_KEY dev",
            "whitespace B dev",
        ];
        assert_eq!(told(environment("dev", &secrets)), expected);
    }

    #[test]
    fn a_value_that_several_have_is_told_once() {
        let dev = environment(
            "dev",
            &[
                ("A_KEY", "made-up one"),
                ("B", "made-up one"),
                ("PORT", "80808080"),
                ("X_KEY", "made-up two"),
            ],
        );
        let prod = environment("prod", &[("A_KEY", "made-up one"), ("PORT", "80808080")]);
        let outlook = found(&[dev, prod], &Surroundings::default());
        assert_eq!(shown(&outlook.attention), ["reused A_KEY dev"]);
        let with = outlook.attention[0].shared_with.iter();
        let with: Vec<String> = with
            .map(|place| format!("{} {}", place.name, place.environment))
            .collect();
        assert_eq!(with, ["A_KEY prod", "B dev"]);
    }

    #[test]
    fn what_was_replaced_is_not_reused() {
        let mut dev = environment("dev", &[("A_KEY", "made-up one"), ("B_KEY", "made-up one")]);
        secret(&mut dev, "A_KEY").versions[0].state = VersionState::Previous;
        assert_eq!(told(dev), [""; 0]);
    }

    #[test]
    fn a_secret_that_is_snoozed_can_wait_unless_it_cannot() {
        let snoozed = |name: &str, until: &str| {
            let mut dev = environment(
                "dev",
                &[("A_KEY", "made-up one "), ("B_KEY", "made-up one ")],
            );
            dev.snooze(&name.parse().expect("a name"), Some(at(until)))
                .expect("snoozed");
            secret(&mut dev, "A_KEY").versions[0].expires_at = Some(at(MADE));
            told(dev)
        };
        let expected = |a: &str, b: &str, both: &str| {
            [
                "expired A_KEY dev".to_owned(),
                format!("reused {both}"),
                format!("whitespace A_KEY dev{a}"),
                format!("whitespace B_KEY dev{b}"),
            ]
        };
        // With one of two, both sides are snoozed.
        let later = "2026-12-01T00:00:00Z";
        assert_eq!(
            snoozed("A_KEY", later),
            expected(" snoozed", "", "A_KEY dev snoozed")
        );
        assert_eq!(
            snoozed("B_KEY", later),
            expected("", " snoozed", "B_KEY dev snoozed")
        );
        assert_eq!(snoozed("A_KEY", NOW), expected("", "", "A_KEY dev"));
    }

    #[test]
    fn of_three_that_share_a_value_two_are_left() {
        let secrets = [
            ("A_KEY", "made-up one"),
            ("B_KEY", "made-up one"),
            ("C_KEY", "made-up one"),
        ];
        let mut dev = environment("dev", &secrets);
        secret(&mut dev, "A_KEY").snoozed_until = Some(at("2027-01-01T00:00:00Z"));
        assert_eq!(told(dev), ["reused B_KEY dev"]);
    }

    #[test]
    fn what_was_not_used_for_long_is_told_once_that_is_known() {
        let unused = |since: &str, used: Option<&str>| {
            let dev = environment("dev", &[("A", "made-up value")]);
            let mut uses = Uses::known_since(at(since));
            let name = "A".parse().expect("a name");
            // The last one counts, whatever the order.
            for time in used.into_iter().chain(used.map(|_| MADE)) {
                uses.note(&dev.name, &name, at(time));
            }
            let surroundings = Surroundings {
                uses: Some(&uses),
                ..Surroundings::default()
            };
            found(&[dev], &surroundings).attention
        };
        let never = unused("2026-01-01T00:00:00Z", None);
        assert_eq!(shown(&never), ["unused A dev"]);
        assert_eq!((never[0].since, never[0].last_used), (Some(at(MADE)), None));
        let long_ago = "2026-08-01T00:00:00Z";
        let before = unused("2026-01-01T00:00:00Z", Some(long_ago));
        assert_eq!(before[0].last_used, Some(at(long_ago)));
        assert_eq!(
            unused("2026-01-01T00:00:00Z", Some("2026-11-01T00:00:00Z")),
            []
        );
        // A hook gets it.
        let mut dev = environment("dev", &[("A", "made-up value"), ("B", "made-up other")]);
        secret(&mut dev, "B").hooks.revoke = Some(Hook {
            command: vec!["true".parse().expect("a word")],
            with: vec!["A".parse().expect("a name")],
            timeout: None,
        });
        let surroundings = Surroundings {
            uses: Some(&Uses::known_since(at("2026-01-01T00:00:00Z"))),
            ..Surroundings::default()
        };
        assert_eq!(
            shown(&found(&[dev], &surroundings).attention),
            ["unused B dev"]
        );
        // The log is younger than that.
        assert_eq!(unused("2026-10-01T00:00:00Z", None), []);
        // A secret that was made just now.
        let dev = environment("dev", &[("A", "made-up value")]);
        let uses = Uses::known_since(at("2020-01-01T00:00:00Z"));
        let surroundings = Surroundings {
            uses: Some(&uses),
            ..Surroundings::default()
        };
        let kinds = Kind::ALL.into_iter().collect();
        assert_eq!(
            of(&[dev], &surroundings, &kinds, at("2026-06-02T00:00:00Z")).attention,
            []
        );
    }

    #[test]
    fn the_worst_comes_first_and_what_is_longest_so() {
        let mut dev = environment(
            "dev",
            &[("A", "made-up a"), ("B", "made-up b"), ("C", "changeme")],
        );
        for (name, expires_at) in [("A", "2026-11-02T00:00:00Z"), ("B", "2026-11-01T00:00:00Z")] {
            secret(&mut dev, name).versions[0].expires_at = Some(at(expires_at));
        }
        let surroundings = Surroundings {
            lacking: vec![("Z".parse().expect("a name"), dev.name.clone())],
            uses: None,
            is_identity_weak: true,
        };
        let environments = [dev];
        let outlook = found(&environments, &surroundings);
        let expected = [
            "expired B dev",
            "expired A dev",
            "missing Z dev",
            "placeholder C dev",
            "weak-identity  ",
        ];
        assert_eq!(shown(&outlook.attention), expected);
        let kinds = [Kind::Missing, Kind::Due].into();
        let outlook = of(&environments, &surroundings, &kinds, at(NOW));
        assert_eq!(shown(&outlook.attention), ["missing Z dev"]);
    }

    #[test]
    fn a_secret_without_a_value_is_not_judged() {
        let mut dev = environment("dev", &[("A_KEY", "changeme")]);
        let alice: MemberName = "alice".parse().expect("a name");
        let author = Author {
            name: &alice,
            now: at(MADE),
        };
        dev.policy.rotate_every = "1d".parse().ok();
        dev.revoke(&"A_KEY".parse().expect("a name"), None, None, author)
            .expect("revoked");
        assert_eq!(told(dev), [""; 0]);
    }
}
