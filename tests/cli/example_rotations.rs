//! Rotations with the example hooks from end to end: `hook set`, `rotate`, `--resume`,
//! `--due` and `revoke` against servers that follow the providers' APIs, whose logs are the
//! witnesses of what became of each key.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::example_hooks::{recorded, script, seen};
use crate::providers::aws::{self, Aws};
use crate::providers::gitlab::{self, Gitlab};
use crate::providers::openai::{self, Openai};
use crate::providers::{Api, Server};
use crate::sandbox::{CANARY, KEYVAULT, Sandbox, text, tool};

/// How long a grace period of a second may take to be over.
const PATIENCE: Duration = Duration::from_secs(30);

/// A vault whose secret `API_KEY` is a provider's, with its three hooks.
struct Story<A: Api> {
    sandbox: Sandbox,
    server: Server<A>,
}

impl<A: Api + 'static> Story<A> {
    /// Sets the hooks, each with the words that it needs; who manages is in `ADMIN`.
    fn new(
        name: &str,
        tools: &[&str],
        api: A,
        admin: &str,
        words: impl Fn(&str, &str) -> Vec<String>,
    ) -> Option<Self> {
        let server = Server::start(api);
        let sandbox = recorded(Sandbox::new(), tools)?.variable("AWS_ENDPOINT_URL", &server.url);
        sandbox.add("API_KEY", &server.live()[0]);
        sandbox.add("ADMIN", admin);
        let script = script(name);
        for step in ["create", "verify", "revoke"] {
            let words = words(step, &server.url);
            let mut line = vec!["hook", "set", "API_KEY", step];
            if words.iter().any(|word| word == "admin=ADMIN") {
                line.extend(["--with", "ADMIN"]);
            }
            line.extend(["--", text(&script), "API_KEY"]);
            line.extend(words.iter().map(String::as_str));
            sandbox.run(&line).succeeds();
        }
        Some(Self { sandbox, server })
    }

    /// The current value.
    fn current(&self) -> String {
        let got = self.sandbox.run(&["get", "API_KEY"]).succeeds();
        got.text().to_owned()
    }

    /// The log, with words in the place of rotations' ids.
    fn log(&self) -> String {
        let mut log = self.server.log().join("\n");
        let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        while let Some(id) = log.split(|c| !is_hex(c)).find(|word| word.len() == 32) {
            let id = id.to_owned();
            log = log.replace(&id, "[rotation]");
        }
        assert!(!seen(&self.sandbox).is_empty(), "the tools are recorded");
        assert!(!seen(&self.sandbox).contains(CANARY), "a value was seen");
        log
    }
}

fn gitlab() -> Option<Story<Gitlab>> {
    let (api, tools) = (Gitlab::new(), ["curl", "jq"]);
    Story::new("gitlab-token", &tools, api, gitlab::ADMIN, |step, url| {
        let url = format!("url={url}");
        match step {
            "create" => vec![
                "admin=ADMIN".to_owned(),
                "project=group/name".to_owned(),
                url,
            ],
            _ => vec![url],
        }
    })
}

fn openai() -> Option<Story<Openai>> {
    let (name, api, tools) = ("openai-service-account", Openai::new(), ["curl", "jq"]);
    Story::new(name, &tools, api, openai::ADMIN, |step, url| {
        let url = format!("url={url}/v1");
        match step {
            "verify" => vec![url],
            _ => vec!["admin=ADMIN".to_owned(), "project=proj_abc".to_owned(), url],
        }
    })
}

fn aws() -> Option<Story<Aws>> {
    let (name, api, tools) = ("aws-iam-access-key", Aws::new(), ["aws", "jq"]);
    Story::new(name, &tools, api, &Aws::admin(), |_, _| {
        vec![format!("user={}", aws::USER)]
    })
}

/// Two rotations, the first without grace, and a revocation.
fn live<A: Api + 'static>(story: &Story<A>) -> String {
    let Story { sandbox, server } = story;
    let first = story.current();
    sandbox
        .run(&["rotate", "API_KEY", "--grace", "0s"])
        .succeeds();
    let second = story.current();
    assert_ne!(first, second);
    assert_eq!(server.live(), std::slice::from_ref(&second));
    sandbox.run(&["get", "API_KEY@1"]).exits(5);

    sandbox
        .run(&["rotate", "API_KEY", "--grace", "1s"])
        .succeeds();
    let third = story.current();
    assert_eq!(server.live().last(), Some(&third));
    let begin = Instant::now();
    while server.live().len() > 1 {
        assert!(begin.elapsed() < PATIENCE, "{}", story.log());
        thread::sleep(Duration::from_millis(500));
        sandbox.run(&["rotate", "--due"]).succeeds();
    }
    assert_eq!(server.live(), std::slice::from_ref(&third));

    sandbox.run(&["revoke", "API_KEY"]).succeeds();
    assert_eq!(server.live(), [""; 0]);
    sandbox.run(&["get", "API_KEY"]).exits(5);
    story.log()
}

#[test]
fn keys_of_gitlab_live_and_die() {
    let Some(story) = gitlab() else { return };

    assert_snapshot!(live(&story), @"
    minted token 2 `keyvault-[rotation]` (read_api as 20)
    authenticated token 2
    revoked token 1 by itself
    minted token 3 `keyvault-[rotation]` (read_api as 20)
    authenticated token 3
    revoked token 2 by itself
    revoked token 3 by itself
    ");
}

#[test]
fn keys_of_openai_live_and_die() {
    let Some(story) = openai() else { return };

    assert_snapshot!(live(&story), @"
    minted key 2 of account `keyvault-[rotation]`
    authenticated key 2
    authenticated key 1
    revoked key 1 and left account `by hand`
    minted key 3 of account `keyvault-[rotation]`
    authenticated key 3
    authenticated key 2
    revoked key 2 with account `keyvault-[rotation]`
    authenticated key 3
    revoked key 3 with account `keyvault-[rotation]`
    ");
}

#[test]
fn keys_of_aws_live_and_die() {
    let Some(story) = aws() else { return };

    assert_snapshot!(live(&story), @"
    minted key 2 of deployer by deployer
    authenticated key 2 of deployer
    revoked key 1 of deployer by deployer
    minted key 3 of deployer by deployer
    authenticated key 3 of deployer
    revoked key 2 of deployer by deployer
    revoked key 3 of deployer by deployer
    ");
}

/// keyvault is killed while the provider has made a key and not answered yet; then the
/// provider is ill, and then all is well.
fn is_resumed<A: Api + 'static>(story: &Story<A>) -> String {
    let Story { sandbox, server } = story;
    let first = story.current();
    server.lose_answers(true);
    let mut command = sandbox.command(&["rotate", "API_KEY", "--grace", "0s"]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().expect("it starts");
    server.wait_for_minted(1);
    child.kill().expect("killed");
    child.wait().expect("gone");
    server.lose_answers(false);
    assert_eq!(story.current(), first);
    sandbox.refused(&["rotate", "API_KEY"]).exits(7);

    server.fall_ill(true);
    // What the stand-ins write down is all that is new.
    let vault = fs::read(sandbox.dev()).expect("read");
    sandbox.run(&["rotate", "API_KEY", "--resume"]).exits(1);
    assert!(fs::read(sandbox.dev()).expect("read") == vault);
    assert_eq!(story.current(), first);
    server.fall_ill(false);

    sandbox.run(&["rotate", "API_KEY", "--resume"]).succeeds();
    assert_eq!(server.live(), [story.current()]);
    sandbox.run(&["rotate", "--due"]).succeeds();
    assert_eq!(server.live(), [story.current()]);
    story.log()
}

#[test]
fn a_rotation_at_gitlab_goes_on() {
    let Some(story) = gitlab() else { return };

    assert_snapshot!(is_resumed(&story), @"
    minted token 2 `keyvault-[rotation]` (read_api as 20)
    revoked token 2 by the admin
    minted token 3 `keyvault-[rotation]` (read_api as 20)
    authenticated token 3
    revoked token 1 by itself
    ");
}

#[test]
fn a_rotation_at_openai_goes_on() {
    let Some(story) = openai() else { return };

    assert_snapshot!(is_resumed(&story), @"
    minted key 2 of account `keyvault-[rotation]`
    revoked key 2 with account `keyvault-[rotation]`
    minted key 3 of account `keyvault-[rotation]`
    authenticated key 3
    authenticated key 1
    revoked key 1 and left account `by hand`
    ");
}

#[test]
fn a_rotation_at_aws_goes_on() {
    let Some(story) = aws() else { return };

    assert_snapshot!(is_resumed(&story), @"
    minted key 2 of deployer by deployer
    revoked key 2 of deployer by deployer
    minted key 3 of deployer by deployer
    authenticated key 3 of deployer
    revoked key 1 of deployer by deployer
    ");
}

/// A policy and a timer are all it takes, and a provider that is down is another time's.
#[test]
fn a_token_past_its_period_is_replaced() {
    let Some(story) = gitlab() else { return };
    let Story { sandbox, server } = &story;
    let first = story.current();
    let policy = ["policy", "API_KEY", "--rotate-every"];
    // It has been there for a second once that has passed.
    sandbox.run(&[&policy[..], &["1s"]].concat()).succeeds();
    let begin = Instant::now();
    server.fall_ill(true);
    while sandbox.run(&["rotate", "--due"]).code == Some(0) {
        assert!(begin.elapsed() < PATIENCE, "nothing is due");
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!((story.current(), server.log()), (first.clone(), vec![]));

    // It has begun. On a slow machine the next second is over before it ends.
    sandbox.run(&[&policy[..], &["none"]].concat()).succeeds();
    server.fall_ill(false);
    sandbox.run(&["rotate", "--due"]).succeeds();

    assert_ne!(story.current(), first);
    // In its grace period.
    assert_eq!(server.live(), [first, story.current()]);
    sandbox.run(&["rotate", "--due"]).succeeds();
    assert_snapshot!(story.log(), @"
    minted token 2 `keyvault-[rotation]` (read_api as 20)
    authenticated token 2
    ");
}

/// What the head of the script promises of the value.
#[test]
fn aws_takes_its_credentials_from_get() {
    let (Some(story), Some(tool)) = (aws(), tool("aws")) else {
        return;
    };
    let Story { sandbox, server } = &story;
    let folder = sandbox.home().join(".aws");
    fs::create_dir(&folder).expect("made");
    let profile = format!(
        "[profile deployer]\nregion = us-east-1\ncredential_process = {KEYVAULT} get API_KEY\n"
    );
    fs::write(folder.join("config"), profile).expect("written");
    let mut command = sandbox.other(tool);
    command.args(["--profile", "deployer", "sts", "get-caller-identity"]);

    sandbox.finish(&mut command).succeeds();

    assert_eq!(server.log(), ["authenticated key 1 of deployer"]);
}

/// A key that is not accepted by those who verify it never becomes current, and is given back.
#[test]
fn a_key_that_does_not_work_is_given_back() {
    let Some(story) = openai() else { return };
    let Story { sandbox, server } = &story;
    let first = story.current();
    // More than the hook has patience for.
    server.api().refusals = 1000;
    sandbox.run(&["rotate", "API_KEY"]).exits(1);
    assert_eq!((story.current(), server.live().len()), (first.clone(), 2));

    server.api().let_in();
    sandbox.run(&["rotate", "API_KEY", "--abort"]).succeeds();

    assert_eq!(server.live(), [first]);
}
