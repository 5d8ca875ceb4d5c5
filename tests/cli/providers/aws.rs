//! The part of AWS IAM and STS that is about access keys, after the references of their query
//! APIs (2010-05-08 and 2011-06-15), with signatures (version 4) that are checked.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::providers::{Answer, Api, Request};
use crate::sandbox::CANARY;

/// The user whose keys these are.
pub const USER: &str = "deployer";

/// The key of the one who manages them.
const ADMIN: usize = 9000;

/// Most keys of a user.
const KEYS_MAX: usize = 2;

struct Key {
    number: usize,
    user: String,
    is_live: bool,
    was_used: bool,
    /// How many requests are still refused, because not all of AWS knows it.
    refusals: usize,
}

/// The id of a key: 20 characters, as they are.
fn id(number: usize) -> String {
    format!("AKIAMADEUP00000{number:05}")
}

fn secret(number: usize) -> String {
    format!("{number:05}/{CANARY}+=")
}

/// The JSON that `credential_process` takes.
fn credentials(number: usize) -> String {
    format!(
        r#"{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}"}}"#,
        id(number),
        secret(number)
    )
}

/// Two users, one of whom manages the keys of the other.
pub struct Aws {
    keys: Vec<Key>,
    tags: BTreeMap<String, String>,
    /// How many requests with a new key are refused.
    pub refusals: usize,
}

impl Aws {
    /// One with a key that somebody made by hand.
    pub fn new() -> Self {
        let mut aws = Self {
            keys: Vec::new(),
            tags: BTreeMap::new(),
            refusals: 0,
        };
        aws.keys.push(Key {
            number: ADMIN,
            user: "admin".to_owned(),
            is_live: true,
            was_used: true,
            refusals: 0,
        });
        aws.make(USER);
        aws
    }

    /// The key of the one who manages.
    pub fn admin() -> String {
        credentials(ADMIN)
    }

    /// Makes a key, and returns it.
    pub fn make(&mut self, user: &str) -> String {
        let number = self.keys.len();
        self.keys.push(Key {
            number,
            user: user.to_owned(),
            is_live: true,
            was_used: false,
            refusals: self.refusals,
        });
        credentials(number)
    }

    /// Has all keys been used.
    pub fn use_all(&mut self) {
        for key in &mut self.keys {
            key.was_used = true;
        }
    }

    fn of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a Key> {
        self.keys
            .iter()
            .filter(move |key| key.is_live && key.user == user)
    }

    /// Finds the key that signed a request, if its signature is right.
    fn signer(&mut self, request: &Request) -> Result<&mut Key, Answer> {
        let header = request.header("authorization");
        let part = |name: &str| {
            let rest = header.split(name).nth(1).unwrap_or_default();
            rest.split(',').next().unwrap_or_default().trim()
        };
        let (signed, signature) = (part("SignedHeaders="), part("Signature="));
        let credential: Vec<&str> = part("Credential=").split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = credential[..] else {
            return Err(problem(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ));
        };
        let invalid = problem(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        );
        let mut keys = self.keys.iter_mut();
        let Some(key) = keys.find(|key| key.is_live && id(key.number) == access_key) else {
            return Err(invalid);
        };
        if key.refusals > 0 {
            key.refusals -= 1;
            return Err(invalid);
        }
        let headers: String = signed
            .split(';')
            .map(|name| format!("{name}:{}\n", request.header(name)))
            .collect();
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{signed}\n{}",
            request.method,
            request.path,
            request.query,
            hex(&Sha256::digest(&request.body))
        );
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            request.header("x-amz-date"),
            hex(&Sha256::digest(canonical))
        );
        let first = format!("AWS4{}", secret(key.number)).into_bytes();
        let steps = [date, region, service, "aws4_request"];
        let signing = steps.iter().fold(first, |key, step| mac(&key, step));
        if hex(&mac(&signing, &to_sign)) != signature {
            return Err(problem(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            ));
        }
        Ok(key)
    }

    fn last_used(&self, wanted: &str) -> Answer {
        let Some(key) = self.keys.iter().find(|key| id(key.number) == wanted) else {
            return problem(404, "NoSuchEntity", "The Access Key cannot be found.");
        };
        let used = if key.was_used {
            "<Region>us-east-1</Region><ServiceName>sts</ServiceName><LastUsedDate>2026-11-22T12:00:00Z</LastUsedDate>"
        } else {
            "<Region>N/A</Region><ServiceName>N/A</ServiceName>"
        };
        let result = format!(
            "<UserName>{}</UserName><AccessKeyLastUsed>{used}</AccessKeyLastUsed>",
            key.user
        );
        xml("GetAccessKeyLastUsed", &result)
    }

    fn create(&mut self, user: &str, by: &str, log: &mut Vec<String>) -> Answer {
        if self.of(user).count() >= KEYS_MAX {
            return problem(
                409,
                "LimitExceeded",
                "Cannot exceed quota for AccessKeysPerUser: 2",
            );
        }
        self.make(user);
        let number = self.keys.len() - 1;
        log.push(format!("minted key {number} of {user} by {by}"));
        let result = format!(
            "<AccessKey><UserName>{user}</UserName><AccessKeyId>{}</AccessKeyId><Status>Active</Status>\
             <SecretAccessKey>{}</SecretAccessKey><CreateDate>2026-11-22T12:00:00Z</CreateDate></AccessKey>",
            id(number),
            secret(number)
        );
        xml("CreateAccessKey", &result)
    }

    fn delete(&mut self, user: &str, wanted: &str, by: &str, log: &mut Vec<String>) -> Answer {
        let mut keys = self.keys.iter_mut();
        let key = keys.find(|key| key.is_live && key.user == user && id(key.number) == wanted);
        let Some(key) = key else {
            let message = format!("The Access Key with id {wanted} cannot be found.");
            return problem(404, "NoSuchEntity", &message);
        };
        key.is_live = false;
        log.push(format!("revoked key {} of {user} by {by}", key.number));
        xml("DeleteAccessKey", "")
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn xml(action: &str, result: &str) -> Answer {
    let body = format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>made-up</RequestId></ResponseMetadata></{action}Response>"
    );
    Answer(200, body)
}

fn problem(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>made-up</RequestId></ErrorResponse>"
    );
    Answer(status, body)
}

/// Reads what a form sends.
fn form(body: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut parts = text.split('%');
        let mut decoded = parts.next().unwrap_or_default().replace('+', " ");
        for part in parts {
            let code = u8::from_str_radix(&part[..2], 16).expect("hexadecimal");
            decoded.push(char::from(code));
            decoded.push_str(&part[2..].replace('+', " "));
        }
        decoded
    };
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

impl Api for Aws {
    fn answer(&mut self, request: &Request, log: &mut Vec<String>) -> Answer {
        let asked = form(&request.body);
        let of = |name: &str| asked.get(name).map_or("", String::as_str);
        let (by, number) = match self.signer(request) {
            Ok(key) => (key.user.clone(), key.number),
            Err(answer) => return answer,
        };
        let action = of("Action");
        let user = match of("UserName") {
            "" => by.as_str(),
            user => user,
        };
        if action == "GetCallerIdentity" {
            log.push(format!("authenticated key {number} of {by}"));
            let result = format!(
                "<Arn>arn:aws:iam::123456789012:user/team/{by}</Arn><UserId>AIDAMADEUP</UserId>\
                 <Account>123456789012</Account>"
            );
            return xml(action, &result);
        }
        if by != user && by != "admin" {
            let message = format!(
                "User: arn:aws:iam::123456789012:user/team/{by} is not authorized to perform: iam:{action}"
            );
            return problem(403, "AccessDenied", &message);
        }
        if user != USER && action != "GetAccessKeyLastUsed" {
            let message = format!("The user with name {user} cannot be found.");
            return problem(404, "NoSuchEntity", &message);
        }
        match action {
            "ListAccessKeys" => {
                let members: String = self
                    .of(user)
                    .map(|key| {
                        format!(
                            "<member><UserName>{user}</UserName><AccessKeyId>{}</AccessKeyId><Status>Active</Status>\
                             <CreateDate>2026-11-22T12:00:00Z</CreateDate></member>",
                            id(key.number)
                        )
                    })
                    .collect();
                xml(
                    action,
                    &format!(
                        "<AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"
                    ),
                )
            }
            "ListUserTags" => {
                let tags = self.tags.iter();
                let members: String = tags
                    .map(|(key, value)| {
                        format!("<member><Key>{key}</Key><Value>{value}</Value></member>")
                    })
                    .collect();
                xml(
                    action,
                    &format!("<Tags>{members}</Tags><IsTruncated>false</IsTruncated>"),
                )
            }
            "TagUser" => {
                let (key, value) = (of("Tags.member.1.Key"), of("Tags.member.1.Value"));
                self.tags.insert(key.to_owned(), value.to_owned());
                xml(action, "")
            }
            "GetAccessKeyLastUsed" => self.last_used(of("AccessKeyId")),
            "CreateAccessKey" => self.create(user, &by, log),
            "DeleteAccessKey" => self.delete(user, of("AccessKeyId"), &by, log),
            _ => problem(
                400,
                "InvalidAction",
                "Could not find operation for version 2010-05-08",
            ),
        }
    }

    fn live(&self) -> Vec<String> {
        let live = self
            .keys
            .iter()
            .filter(|key| key.is_live && key.number != ADMIN);
        live.map(|key| credentials(key.number)).collect()
    }
}
