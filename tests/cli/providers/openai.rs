//! OpenAI's admin API, after its reference of organization/projects/…/service_accounts and
//! …/api_keys, and the one call that every key may make.

use serde_json::{Value, json};

use crate::providers::{Answer, Api, Request};
use crate::sandbox::CANARY;

/// The admin key of the organization.
pub const ADMIN: &str = "sk-admin-canary-of-the-tests-not-a-key";

/// Where the project's things are.
const PROJECT: &str = "/v1/organization/projects/proj_abc/";

/// Most things on a page.
const PAGE_MAX: usize = 100;

/// A key and the account that owns it.
struct Key {
    id: usize,
    account: String,
    is_account_live: bool,
    is_live: bool,
    /// How many requests are still refused, because not all of the provider knows it.
    refusals: usize,
}

impl Key {
    fn value(&self) -> String {
        format!("sk-svcacct-{}-{CANARY}-{:04}", self.id, self.id)
    }

    fn account_id(&self) -> String {
        format!("svc_acct_{}", self.id)
    }

    fn account_json(&self) -> Value {
        json!({"object": "organization.project.service_account", "id": self.account_id(),
            "name": self.account, "role": "member", "created_at": 1_711_471_533})
    }

    fn json(&self) -> Value {
        json!({"object": "organization.project.api_key", "id": format!("key_{}", self.id),
            "redacted_value": redacted(&self.value()), "name": "Secret Key", "created_at": 1_711_471_533,
            "owner": {"type": "service_account", "service_account": self.account_json()}})
    }
}

fn redacted(value: &str) -> String {
    format!("{}...{}", &value[..6], &value[value.len() - 4..])
}

/// A project with its service accounts, each with one key.
pub struct Openai {
    keys: Vec<Key>,
    /// How many requests with a new key are refused.
    pub refusals: usize,
}

impl Openai {
    /// One with a key that somebody made by hand.
    pub fn new() -> Self {
        let mut openai = Self {
            keys: Vec::new(),
            refusals: 0,
        };
        openai.make("by hand");
        openai
    }

    /// Makes an account with a key, and returns the key.
    pub fn make(&mut self, account: &str) -> String {
        self.keys.push(Key {
            id: self.keys.len() + 1,
            account: account.to_owned(),
            is_account_live: true,
            is_live: true,
            refusals: self.refusals,
        });
        self.keys[self.keys.len() - 1].value()
    }

    /// Makes a key that shows as much as another does.
    pub fn make_alike(&mut self, account: &str) {
        let id = self.keys[self.keys.len() - 1].id;
        self.make(account);
        let last = self.keys.len() - 1;
        self.keys[last].id = id + 10_000 * 10_000;
    }

    /// All keys are known everywhere by now.
    pub fn let_in(&mut self) {
        self.refusals = 0;
        for key in &mut self.keys {
            key.refusals = 0;
        }
    }

    fn mint(&mut self, body: &str, log: &mut Vec<String>) -> Answer {
        let wanted: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(name) = wanted["name"].as_str() else {
            return problem(
                400,
                "Missing required parameter: 'name'.",
                "missing_required_parameter",
            );
        };
        let value = self.make(name);
        let key = self.keys.last().expect("made");
        log.push(format!("minted key {} of account `{name}`", key.id));
        let mut json = key.account_json();
        json["api_key"] = json!({"object": "organization.project.service_account.api_key",
            "value": value, "name": "Secret Key", "created_at": 1_711_471_533, "id": format!("key_{}", key.id)});
        Answer(200, json.to_string())
    }

    fn delete_account(&mut self, id: &str, log: &mut Vec<String>) -> Answer {
        let key = self.keys.iter_mut().find(|key| key.account_id() == id);
        let Some(key) = key.filter(|key| key.is_account_live) else {
            return problem(
                404,
                &format!("No service account found with id '{id}'."),
                "",
            );
        };
        (key.is_live, key.is_account_live) = (false, false);
        log.push(format!(
            "revoked key {} with account `{}`",
            key.id, key.account
        ));
        let deleted = json!({"object": "organization.project.service_account.deleted", "id": id, "deleted": true});
        Answer(200, deleted.to_string())
    }

    fn delete_key(&mut self, id: &str, log: &mut Vec<String>) -> Answer {
        let key = self
            .keys
            .iter_mut()
            .find(|key| format!("key_{}", key.id) == id);
        let Some(key) = key.filter(|key| key.is_live) else {
            return problem(404, &format!("No API key found with id '{id}'."), "");
        };
        key.is_live = false;
        log.push(format!(
            "revoked key {} and left account `{}`",
            key.id, key.account
        ));
        let deleted =
            json!({"object": "organization.project.api_key.deleted", "id": id, "deleted": true});
        Answer(200, deleted.to_string())
    }
}

fn problem(status: u16, message: &str, code: &str) -> Answer {
    let code = if code.is_empty() {
        Value::Null
    } else {
        code.into()
    };
    let problem = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}});
    Answer(status, problem.to_string())
}

/// A page of a list, behind the thing that the query names.
fn page(things: impl Iterator<Item = Value>, request: &Request) -> Answer {
    let after = request.asked("after");
    let length = request.asked("limit").parse().unwrap_or(20).min(PAGE_MAX);
    let mut things: Vec<Value> = things.collect();
    if !after.is_empty() {
        let at = things.iter().position(|thing| thing["id"] == after);
        things.drain(..at.map_or(0, |at| at + 1));
    }
    let has_more = things.len() > length;
    things.truncate(length);
    let id = |thing: Option<&Value>| thing.map_or(Value::Null, |thing| thing["id"].clone());
    let page = json!({"object": "list", "first_id": id(things.first()), "last_id": id(things.last()),
        "has_more": has_more, "data": things});
    Answer(200, page.to_string())
}

impl Api for Openai {
    fn answer(&mut self, request: &Request, log: &mut Vec<String>) -> Answer {
        let header = request.header("authorization");
        let value = header
            .strip_prefix("Bearer ")
            .unwrap_or_default()
            .to_owned();
        let own = self
            .keys
            .iter_mut()
            .find(|key| key.is_live && key.value() == value);
        if let Some(key) = own {
            if key.refusals > 0 {
                key.refusals -= 1;
            } else if request.method == "GET" && request.path == "/v1/models" {
                log.push(format!("authenticated key {}", key.id));
                return Answer(200, json!({"object": "list", "data": []}).to_string());
            } else {
                let message = "You have insufficient permissions for this operation. Missing scopes: api.management.write.";
                return problem(403, message, "");
            }
        }
        if value != ADMIN {
            let message = format!(
                "Incorrect API key provided: {}. You can find your API key at https://platform.openai.com/account/api-keys.",
                value
                    .get(..8)
                    .map_or_else(String::new, |_| redacted(&value))
            );
            return problem(401, &message, "invalid_api_key");
        }
        let Some(rest) = request.path.strip_prefix(PROJECT) else {
            return problem(404, "No project found with that id.", "");
        };
        let accounts = || {
            self.keys
                .iter()
                .filter(|key| key.is_account_live)
                .map(Key::account_json)
        };
        let keys = || self.keys.iter().filter(|key| key.is_live).map(Key::json);
        match (
            request.method.as_str(),
            rest.split_once('/').unwrap_or((rest, "")),
        ) {
            ("GET", ("service_accounts", "")) => page(accounts(), request),
            ("GET", ("api_keys", "")) => page(keys(), request),
            ("POST", ("service_accounts", "")) => self.mint(&request.body, log),
            ("DELETE", ("service_accounts", id)) => self.delete_account(id, log),
            ("DELETE", ("api_keys", id)) => self.delete_key(id, log),
            _ => problem(404, "Invalid URL", ""),
        }
    }

    fn live(&self) -> Vec<String> {
        let live = self.keys.iter().filter(|key| key.is_live);
        live.map(Key::value).collect()
    }
}
