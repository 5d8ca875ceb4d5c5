//! What a tree of JSON or YAML holds: names and values as they are, or what another
//! tool prints around them, which is known by its shape.
//!
//! | tool | its JSON |
//! |---|---|
//! | `doppler secrets download --format json` | an object of texts |
//! | `infisical export --format=json` | a list of objects with `key` and `value` |
//! | `vault kv get -format=json` | the names in `data.data` beside `data.metadata` (version 2 of the engine), or in `data` beside `request_id` (version 1) |
//! | `aws secretsmanager get-secret-value` | `ARN`, and JSON as a text in `SecretString` |
//! | `op item get --format json` | `fields`, a list of objects with `label`, `type` and `value` |
//!
//! The last are from <https://developer.hashicorp.com/vault/docs/commands/kv/get>,
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
//! and <https://developer.1password.com/docs/cli/item-template-json>.

use zeroize::Zeroizing;

use super::{Found, Kind, Malformed, Node, Place, json, value_of};

type Members = Vec<(Place, Zeroizing<String>, Node)>;

/// The types of 1Password's fields that are a text which somebody typed.
const FIELD_TYPES: [&str; 4] = ["CONCEALED", "EMAIL", "STRING", "URL"];

/// Finds names and values.
///
/// # Errors
///
/// [`Malformed`], where there is more than that and it has no shape that is known.
pub(super) fn find(root: Node) -> Result<Vec<Found>, Malformed> {
    let place = root.place;
    match root.kind {
        Kind::List(elements) => of_list(elements),
        Kind::Map(map) if is_aws(&map) => of_aws(map),
        Kind::Map(mut map) => {
            if let Some(Node {
                kind: Kind::List(_),
                ..
            }) = one(&map, "fields")
                && let Kind::List(fields) = take(&mut map, "fields")
            {
                return of_list(fields);
            }
            if one(&map, "request_id").is_some()
                && let Kind::Map(data) = take(&mut map, "data")
            {
                return of_vault(data);
            }
            flat(map)
        }
        Kind::Null => Ok(Vec::new()),
        Kind::Scalar(_) => Err(Malformed::at(
            place,
            "there are no names here, only a value",
        )),
    }
}

/// Takes an object or a mapping whose names are those of secrets.
fn flat(map: Members) -> Result<Vec<Found>, Malformed> {
    let found = map.into_iter().map(|(place, name, node)| {
        let value = match node.kind {
            Kind::Null => None,
            Kind::Scalar(text) => Some(value_of(text)),
            Kind::List(_) | Kind::Map(_) => {
                let what = "an object or a list is no value; only names with texts, numbers and truth values are read";
                return Err(Malformed::at(node.place, what));
            }
        };
        Ok(Found {
            place,
            name,
            value,
            refers: false,
            is_other: false,
        })
    });
    found.collect()
}

/// Takes a list of objects that have a name and a value each.
fn of_list(elements: Vec<Node>) -> Result<Vec<Found>, Malformed> {
    let mut found = Vec::with_capacity(elements.len());
    for Node { place, kind } in elements {
        let strange = || {
            let what = "a list is read where each object in it has a `key` and a `value`, or a `label` and a `value`, and this one has not";
            Malformed::at(place, what)
        };
        let Kind::Map(mut map) = kind else {
            return Err(strange());
        };
        let name = ["key", "label"].iter().find_map(|part| {
            let is_text = matches!(one(&map, part)?.kind, Kind::Scalar(_));
            is_text.then_some(*part)
        });
        let name = match name.map(|name| take(&mut map, name)) {
            Some(Kind::Scalar(name)) => name,
            _ => return Err(strange()),
        };
        let is_other = match one(&map, "type").map(|node| &node.kind) {
            // Infisical's types say whose it is: `shared` or `personal`.
            Some(Kind::Scalar(word)) if word.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                !FIELD_TYPES.contains(&word.as_str())
            }
            _ => false,
        };
        let value = match take(&mut map, "value") {
            Kind::Scalar(text) => Some(value_of(text)),
            Kind::Null => None,
            Kind::List(_) | Kind::Map(_) => return Err(strange()),
        };
        found.push(Found {
            place,
            name,
            value,
            refers: false,
            is_other,
        });
    }
    Ok(found)
}

/// Takes the data of HashiCorp Vault.
fn of_vault(mut data: Members) -> Result<Vec<Found>, Malformed> {
    let is_map = |part: &str| {
        matches!(
            one(&data, part),
            Some(Node {
                kind: Kind::Map(_),
                ..
            })
        )
    };
    if is_map("data")
        && is_map("metadata")
        && let Kind::Map(data) = take(&mut data, "data")
    {
        return flat(data);
    }
    flat(data)
}

fn is_aws(map: &Members) -> bool {
    let has = |part: &&str| one(map, part).is_some();
    has(&"ARN") && ["SecretString", "SecretBinary"].iter().any(has)
}

/// Takes a secret of AWS, which is one text, of JSON where there are names in it.
fn of_aws(mut map: Members) -> Result<Vec<Found>, Malformed> {
    let place = one(&map, "SecretString").map(|node| node.place);
    let text = take(&mut map, "SecretString");
    if let (Some(place), Kind::Scalar(text)) = (place, text)
        && let Ok(Node {
            kind: Kind::Map(map),
            ..
        }) = json::parse(&text)
    {
        // Places in a text that is quoted in another are of use to nobody.
        let map = map.into_iter().map(|(_, name, node)| {
            let kind = node.kind;
            (place, name, Node { place, kind })
        });
        return flat(map.collect());
    }
    Err(Malformed {
        place,
        what: "this secret of AWS is one value, and has no names in it".to_owned(),
        hint: Some(
            "run `aws secretsmanager get-secret-value --secret-id ID --query SecretString --output text | keyvault add NAME`",
        ),
    })
}

/// Returns the member of a name, if there is one and only one.
fn one<'a>(map: &'a Members, name: &str) -> Option<&'a Node> {
    let mut members = map.iter().filter(|(_, other, _)| other.as_str() == name);
    let (_, _, node) = members.next()?;
    members.next().is_none().then_some(node)
}

/// Takes the member of a name out, or nothing.
fn take(map: &mut Members, name: &str) -> Kind {
    let at = map.iter().position(|(_, other, _)| other.as_str() == name);
    at.map_or(Kind::Null, |at| map.swap_remove(at).2.kind)
}
