//! GitLab's project access tokens, after docs.gitlab.com/api/project_access_tokens and
//! …/api/personal_access_tokens.

use serde_json::{Value, json};

use crate::providers::{Answer, Api, Request};
use crate::sandbox::CANARY;

/// The personal access token of somebody who may manage the project's tokens.
pub const ADMIN: &str = "glpat-admin-canary-of-the-tests-not-a-key";

/// The project, as it stands in an address.
const PROJECT: &str = "/api/v4/projects/group%2Fname/access_tokens";

/// The token that authenticated a request.
const SELF: &str = "/api/v4/personal_access_tokens/self";

/// Most tokens on a page.
const PAGE_MAX: usize = 100;

/// What a project token may be allowed, as far as it is of use here.
const SCOPES: [&str; 4] = ["api", "read_api", "read_repository", "write_repository"];

struct Token {
    id: usize,
    name: String,
    scopes: Vec<String>,
    level: u64,
    expires_at: String,
    is_revoked: bool,
}

impl Token {
    fn value(&self) -> String {
        format!("glpat-{}-{CANARY}", self.id)
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "scopes": self.scopes, "access_level": self.level,
            "expires_at": self.expires_at, "revoked": self.is_revoked, "active": !self.is_revoked,
            "created_at": "2026-11-22T12:00:00.000Z", "user_id": 166,
        })
    }
}

/// A project with its tokens, by their ids from 1.
pub struct Gitlab {
    tokens: Vec<Token>,
}

impl Gitlab {
    /// One with a token that somebody made by hand.
    pub fn new() -> Self {
        let mut gitlab = Self { tokens: Vec::new() };
        gitlab.make("by hand");
        gitlab
    }

    /// Makes a token, and returns its value.
    pub fn make(&mut self, name: &str) -> String {
        self.tokens.push(Token {
            id: self.tokens.len() + 1,
            name: name.to_owned(),
            scopes: vec!["read_api".to_owned()],
            level: 20,
            expires_at: "2027-02-20".to_owned(),
            is_revoked: false,
        });
        self.tokens[self.tokens.len() - 1].value()
    }

    fn mint(&mut self, body: &str, log: &mut Vec<String>) -> Answer {
        let Ok(wanted) = serde_json::from_str::<Value>(body) else {
            return Answer(400, json!({"message": "400 Bad Request"}).to_string());
        };
        for field in ["name", "scopes", "expires_at"] {
            if wanted[field].is_null() {
                return Answer(
                    400,
                    json!({"error": format!("{field} is missing")}).to_string(),
                );
            }
        }
        let scopes: Vec<String> =
            serde_json::from_value(wanted["scopes"].clone()).unwrap_or_default();
        if scopes.is_empty() || scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
            let problem = json!({"message": {"scopes": ["can only contain available scopes"]}});
            return Answer(400, problem.to_string());
        }
        let level = wanted["access_level"].as_u64().unwrap_or(40);
        if ![10, 15, 20, 30, 40, 50].contains(&level) {
            let problem = json!({"error": "access_level does not have a valid value"});
            return Answer(400, problem.to_string());
        }
        let expires_at = wanted["expires_at"].as_str().unwrap_or_default().to_owned();
        if expires_at.len() != 10 || expires_at.split('-').count() != 3 {
            return Answer(400, json!({"error": "expires_at is invalid"}).to_string());
        }
        let value = self.make(wanted["name"].as_str().unwrap_or_default());
        let token = self.tokens.last_mut().expect("made");
        (token.scopes, token.level, token.expires_at) = (scopes, level, expires_at);
        log.push(format!(
            "minted token {} `{}` ({} as {})",
            token.id,
            token.name,
            token.scopes.join(" "),
            token.level
        ));
        let mut json = token.json();
        json["token"] = value.into();
        Answer(201, json.to_string())
    }

    fn list(&self, request: &Request) -> Answer {
        let number = |name, default| request.asked(name).parse().unwrap_or(default);
        let length = number("per_page", 20).min(PAGE_MAX);
        let wanted = self
            .tokens
            .iter()
            .filter(|token| request.asked("state") != "active" || !token.is_revoked);
        let page = wanted.skip((number("page", 1) - 1) * length).take(length);
        Answer(200, Value::from_iter(page.map(Token::json)).to_string())
    }
}

impl Api for Gitlab {
    fn answer(&mut self, request: &Request, log: &mut Vec<String>) -> Answer {
        let value = request.header("private-token");
        let own = self.tokens.iter_mut().find(|token| token.value() == value);
        if own.as_ref().is_some_and(|token| token.is_revoked) {
            let problem = json!({"error": "invalid_token", "error_description":
                "Token was revoked. You have to re-authorize from the user."});
            return Answer(401, problem.to_string());
        }
        match (request.method.as_str(), request.path.as_str(), own) {
            ("GET", SELF, Some(token)) => {
                log.push(format!("authenticated token {}", token.id));
                return Answer(200, token.json().to_string());
            }
            ("DELETE", SELF, Some(token)) => {
                token.is_revoked = true;
                log.push(format!("revoked token {} by itself", token.id));
                return Answer(204, String::new());
            }
            _ => {}
        }
        // A project token manages none.
        if value != ADMIN {
            return Answer(401, json!({"message": "401 Unauthorized"}).to_string());
        }
        let Some(rest) = request.path.strip_prefix(PROJECT) else {
            return Answer(404, json!({"message": "404 Project Not Found"}).to_string());
        };
        match (request.method.as_str(), rest.strip_prefix('/')) {
            ("GET", None) => self.list(request),
            ("POST", None) => self.mint(&request.body, log),
            ("DELETE", Some(id)) => {
                let token = self
                    .tokens
                    .iter_mut()
                    .find(|token| token.id.to_string() == id);
                let Some(token) = token.filter(|token| !token.is_revoked) else {
                    let problem =
                        format!("404 Could not find project access token with token_id: {id}");
                    return Answer(404, json!({"message": problem}).to_string());
                };
                token.is_revoked = true;
                log.push(format!("revoked token {} by the admin", token.id));
                Answer(204, String::new())
            }
            _ => Answer(405, json!({"error": "405 Not Allowed"}).to_string()),
        }
    }

    fn live(&self) -> Vec<String> {
        let live = self.tokens.iter().filter(|token| !token.is_revoked);
        live.map(Token::value).collect()
    }
}
