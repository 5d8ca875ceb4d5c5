//! The example hooks, each run by itself against a server that follows its provider's API:
//! every step may be repeated, no key is lost, and none is seen by others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::providers::aws::{self, Aws};
use crate::providers::gitlab::{self, Gitlab};
use crate::providers::openai::{self, Openai};
use crate::providers::{Api, Server};
use crate::sandbox::{CANARY, Sandbox, Transcript, text, tool};

/// A rotation, and another.
const ROTATION: &str = "0123456789abcdef0123456789abcdef";
const ANOTHER: &str = "fedcba9876543210fedcba9876543210";

/// The script of an example.
pub fn script(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples/hooks").join(name)
}

/// Puts stand-ins for these tools before the others in `PATH`, which write down their
/// arguments, and their environment where no value belongs there, and then are the tools.
/// `None` if a tool is missing. What a script waits for here is counted in requests, so
/// its seconds are hundredths.
pub fn recorded(sandbox: Sandbox, tools: &[&str]) -> Option<Sandbox> {
    let folder = sandbox.root().join("recorders");
    fs::create_dir(&folder).expect("made");
    let stand_in = |name: &str, script: &str| {
        let path = folder.join(name);
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    };
    let sleep = format!("#!/bin/sh\nexec '{}' 0.0\"$1\"\n", text(&tool("sleep")?));
    stand_in("sleep", &sleep);
    for name in tools {
        let real = tool(name)?;
        // By its variables is how aws takes a key.
        let environment = if *name == "aws" { "" } else { "env" };
        let recorder = format!(
            "#!/bin/sh\n{{ printf '%s\\n' {name} \"$@\"; {environment}\n}} >>'{}'\nexec '{}' \"$@\"\n",
            text(&folder.join("seen")),
            text(&real)
        );
        stand_in(name, &recorder);
    }
    let path = std::env::var("PATH").expect("set");
    let path = format!("{}:{path}", text(&folder));
    Some(sandbox.variable("PATH", path))
}

/// What the stand-ins have seen.
pub fn seen(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.root().join("recorders/seen")).unwrap_or_default()
}

/// A script and its provider.
struct Play<A: Api> {
    sandbox: Sandbox,
    server: Server<A>,
    /// The shell that is named to run it, where it is not the one that it names.
    shell: Option<PathBuf>,
    script: PathBuf,
    /// The words behind the name of the secret.
    options: Vec<String>,
    /// What is in `ADMIN`.
    admin: String,
    /// The key that there was at the beginning.
    first: String,
}

impl<A: Api + 'static> Play<A> {
    fn new(script: &str, tools: &[&str], api: A, admin: &str) -> Option<Self> {
        let sandbox = recorded(Sandbox::empty(), tools)?;
        let server = Server::start(api);
        let first = server.live().remove(0);
        Some(Self {
            sandbox: sandbox.variable("AWS_ENDPOINT_URL", &server.url),
            server,
            shell: None,
            script: self::script(script),
            options: Vec::new(),
            admin: admin.to_owned(),
            first,
        })
    }

    fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    fn command(&self, step: &str, rotation: &str, value: &str) -> Command {
        let mut command = match &self.shell {
            Some(shell) => self.sandbox.other(shell),
            None => self.sandbox.other(&self.script),
        };
        command.args(self.shell.as_ref().map(|_| &self.script));
        command.arg("API_KEY").args(&self.options);
        command.env("KEYVAULT_STEP", step);
        command.env("KEYVAULT_ROTATION_ID", rotation);
        command.env("KEYVAULT_ENVIRONMENT", "dev");
        command.env("API_KEY", value);
        // As `hook set --with` has it: for those who ask for it.
        if self.options.iter().any(|option| option == "admin=ADMIN") {
            command.env("ADMIN", &self.admin);
        }
        command
    }

    fn step(&self, step: &str, rotation: &str, value: &str) -> Transcript {
        let transcript = self
            .sandbox
            .finish(&mut self.command(step, rotation, value));
        // Behind each step, so that no way to go is passed over.
        assert!(!seen(&self.sandbox).contains(CANARY), "a value was seen");
        transcript
    }

    /// Runs a step that is to go well, and returns what it printed.
    fn does(&self, step: &str, rotation: &str, value: &str) -> String {
        let done = self.step(step, rotation, value).succeeds().says_nothing();
        done.text().trim_end_matches('\n').to_owned()
    }

    /// Runs a step that is to fail with one line, and returns that.
    #[track_caller]
    fn fails(&self, step: &str, rotation: &str, value: &str) -> String {
        let failed = self.step(step, rotation, value).exits(1);
        assert_eq!(failed.stderr.lines().count(), 1, "{failed}");
        assert_eq!(failed.text(), "", "{failed}");
        failed.stderr.replace(&self.server.url, "[url]")
    }

    fn log(&self) -> String {
        self.server.log().join("\n")
    }
}

fn gitlab() -> Option<Play<Gitlab>> {
    let play = Play::new(
        "gitlab-token",
        &["curl", "jq"],
        Gitlab::new(),
        gitlab::ADMIN,
    )?;
    let url = format!("url={}", play.server.url);
    let play = play.option("admin=ADMIN").option("project=group/name");
    Some(play.option("scopes=read_api,read_repository").option(&url))
}

fn openai() -> Option<Play<Openai>> {
    let name = "openai-service-account";
    let play = Play::new(name, &["curl", "jq"], Openai::new(), openai::ADMIN)?;
    let url = format!("url={}/v1", play.server.url);
    let play = play.option("admin=ADMIN").option("project=proj_abc");
    Some(play.option(&url))
}

fn aws() -> Option<Play<Aws>> {
    let name = "aws-iam-access-key";
    let play = Play::new(name, &["aws", "jq"], Aws::new(), &Aws::admin())?;
    Some(play.option(&format!("user={}", aws::USER)))
}

fn aws_with_admin() -> Option<Play<Aws>> {
    Some(aws()?.option("admin=ADMIN"))
}

/// Creates, verifies and revokes, the latter two twice.
fn live<A: Api + 'static>(play: &Play<A>) -> String {
    let new = play.does("create", ROTATION, &play.first);
    assert!(new.contains(CANARY) && new != play.first);
    assert_eq!(play.server.live(), [play.first.clone(), new.clone()]);
    play.does("verify", ROTATION, &new);
    play.does("verify", ROTATION, &new);
    play.does("revoke", ROTATION, &play.first);
    assert_eq!(play.server.live(), std::slice::from_ref(&new));
    play.does("revoke", ROTATION, &play.first);
    assert_eq!(play.server.live(), [new]);
    assert!(!seen(&play.sandbox).is_empty(), "the tools are recorded");
    play.log()
}

#[test]
fn a_token_of_gitlab_is_replaced() {
    let Some(play) = gitlab() else { return };

    assert_snapshot!(live(&play), @"
    minted token 2 `keyvault-0123456789abcdef0123456789abcdef` (read_api read_repository as 20)
    authenticated token 2
    authenticated token 2
    revoked token 1 by itself
    ");
}

#[test]
fn a_key_of_openai_is_replaced() {
    let Some(play) = openai() else { return };

    assert_snapshot!(live(&play), @"
    minted key 2 of account `keyvault-0123456789abcdef0123456789abcdef`
    authenticated key 2
    authenticated key 2
    authenticated key 1
    revoked key 1 and left account `by hand`
    ");
}

#[test]
fn a_key_of_aws_replaces_itself() {
    let Some(play) = aws() else { return };

    assert_snapshot!(live(&play), @"
    minted key 2 of deployer by deployer
    authenticated key 2 of deployer
    authenticated key 2 of deployer
    revoked key 1 of deployer by deployer
    ");
}

#[test]
fn a_key_of_aws_is_replaced_by_one_who_manages() {
    let Some(play) = aws_with_admin() else { return };

    assert_snapshot!(live(&play), @"
    minted key 2 of deployer by admin
    authenticated key 2 of deployer
    authenticated key 2 of deployer
    revoked key 1 of deployer by admin
    ");
}

/// Where `sh` is bash, as on macOS, or zsh.
#[test]
fn the_shell_may_be_another() {
    let mut logs = Vec::new();
    for shell in ["bash", "zsh"] {
        let (Some(shell), Some(gitlab), Some(openai), Some(aws)) =
            (tool(shell), gitlab(), openai(), aws())
        else {
            return;
        };
        // zsh is a POSIX shell for those who call it so.
        let name = gitlab.sandbox.root().join("sh");
        std::os::unix::fs::symlink(shell, &name).expect("linked");
        let (mut gitlab, mut openai, mut aws) = (gitlab, openai, aws);
        gitlab.shell = Some(name.clone());
        openai.shell = Some(name.clone());
        aws.shell = Some(name.clone());
        logs.push([live(&gitlab), live(&openai), live(&aws)]);
    }
    assert_eq!(logs[0], logs[1]);
}

/// Kills a create in the middle of a mint whose answer never comes, and repeats it twice; in
/// the end, the last key is the only new one.
fn lose_output<A: Api + 'static>(play: &Play<A>) -> String {
    play.server.lose_answers(true);
    let mut command = play.command("create", ROTATION, &play.first);
    command.stdout(Stdio::null()).process_group(0);
    let mut child = command.spawn().expect("it starts");
    play.server.wait_for_minted(1);
    let group = Pid::from_child(&child);
    kill_process_group(group, Signal::KILL).expect("killed");
    child.wait().expect("gone");
    play.server.lose_answers(false);

    play.does("create", ROTATION, &play.first);
    let last = play.does("create", ROTATION, &play.first);

    assert_eq!(play.server.live(), [play.first.clone(), last.clone()]);
    play.does("verify", ROTATION, &last);
    play.log()
}

#[test]
fn a_lost_token_of_gitlab_is_revoked() {
    let Some(play) = gitlab() else { return };

    assert_snapshot!(lose_output(&play), @"
    minted token 2 `keyvault-0123456789abcdef0123456789abcdef` (read_api read_repository as 20)
    revoked token 2 by the admin
    minted token 3 `keyvault-0123456789abcdef0123456789abcdef` (read_api read_repository as 20)
    revoked token 3 by the admin
    minted token 4 `keyvault-0123456789abcdef0123456789abcdef` (read_api read_repository as 20)
    authenticated token 4
    ");
}

#[test]
fn a_lost_key_of_openai_is_revoked() {
    let Some(play) = openai() else { return };

    assert_snapshot!(lose_output(&play), @"
    minted key 2 of account `keyvault-0123456789abcdef0123456789abcdef`
    revoked key 2 with account `keyvault-0123456789abcdef0123456789abcdef`
    minted key 3 of account `keyvault-0123456789abcdef0123456789abcdef`
    revoked key 3 with account `keyvault-0123456789abcdef0123456789abcdef`
    minted key 4 of account `keyvault-0123456789abcdef0123456789abcdef`
    authenticated key 4
    ");
}

#[test]
fn a_lost_key_of_aws_is_revoked() {
    let Some(play) = aws() else { return };

    assert_snapshot!(lose_output(&play), @"
    minted key 2 of deployer by deployer
    revoked key 2 of deployer by deployer
    minted key 3 of deployer by deployer
    revoked key 3 of deployer by deployer
    minted key 4 of deployer by deployer
    authenticated key 4 of deployer
    ");
}

/// Most requests of a create, which deletes what another has lost.
const REQUESTS_MAX: usize = 6;

/// Kills a create at each of its requests, one after the other, and has what others print
/// lost; only the last is heard. What a lost one has made is what the next has to find.
fn is_killed_anywhere<A: Api + 'static>(play: &Play<A>) {
    let mut killed = 0;
    for request in 1..=REQUESTS_MAX {
        play.server.hold_request(request);
        let mut command = play.command("create", ROTATION, &play.first);
        command.stdout(Stdio::null()).process_group(0);
        let mut child = command.spawn().expect("it starts");
        while !play.server.is_held() && child.try_wait().expect("a child").is_none() {
            thread::sleep(Duration::from_millis(10));
        }
        if play.server.is_held() {
            let group = Pid::from_child(&child);
            kill_process_group(group, Signal::KILL).expect("killed");
            child.wait().expect("gone");
            killed += 1;
        }
        assert!(play.server.live().len() <= 2, "{}", play.log());
    }
    let log = play.server.log();
    let of = |what: &str| log.iter().filter(|line| line.starts_with(what)).count();
    assert!(
        killed >= 3 && of("minted") >= 2 && of("revoked") >= 1,
        "{log:?}"
    );
    play.server.hold_request(0);
    let last = play.does("create", ROTATION, &play.first);
    assert_eq!(play.server.live(), [play.first.clone(), last]);
}

#[test]
fn gitlab_keeps_no_token_of_a_create_killed_anywhere() {
    let Some(play) = gitlab() else { return };

    is_killed_anywhere(&play);
}

#[test]
fn openai_keeps_no_key_of_a_create_killed_anywhere() {
    let Some(play) = openai() else { return };

    is_killed_anywhere(&play);
}

#[test]
fn aws_keeps_no_key_of_a_create_killed_anywhere() {
    let Some(play) = aws() else { return };

    is_killed_anywhere(&play);
}

/// The orphan is where the second page begins.
#[test]
fn a_lost_key_is_found_among_many() {
    if let Some(play) = gitlab() {
        for _ in 1..100 {
            play.server.api().make("another");
        }
        play.server.api().make(&format!("keyvault-{ROTATION}"));
        play.does("create", ROTATION, "");
        assert_eq!(play.server.log().len(), 2);
        assert_eq!(play.server.log()[0], "revoked token 101 by the admin");
    }
    if let Some(play) = openai() {
        for _ in 1..100 {
            play.server.api().make("another");
        }
        let orphan = play.server.api().make(&format!("keyvault-{ROTATION}"));
        play.does("create", ROTATION, "");
        assert_eq!(play.server.log().len(), 2);
        assert!(play.log().starts_with("revoked key 101 with account"));
        // And so is the key that is to go.
        let hundred_and_third = play.server.api().make("keyvault-old");
        play.does("revoke", ROTATION, &hundred_and_third);
        assert!(
            play.log()
                .ends_with("revoked key 103 with account `keyvault-old`")
        );
        assert!(!play.server.live().contains(&orphan));
    }
}

/// A wrong managing key, and a wrong new one.
fn is_not_let_in<A: Api + 'static>(play: &mut Play<A>, wrong: &str) -> String {
    play.admin = wrong.to_owned();
    let create = play.fails("create", ROTATION, &play.first);
    let verify = play.fails("verify", ROTATION, wrong);
    assert_eq!(play.log(), "");
    assert_eq!(play.server.live(), std::slice::from_ref(&play.first));
    format!("{create}{verify}")
}

#[test]
fn who_is_not_let_in_by_gitlab_is_told() {
    let Some(mut play) = gitlab() else { return };

    assert_snapshot!(is_not_let_in(&mut play, "glpat-no-canary-of-the-tests-not-a-key"), @"
    gitlab-token: the tokens of the project cannot be listed: GitLab answered 401: 401 Unauthorized
    gitlab-token: the token is not accepted: GitLab answered 401: 401 Unauthorized
    ");
}

#[test]
fn who_is_not_let_in_by_openai_is_told() {
    let Some(mut play) = openai() else { return };

    assert_snapshot!(is_not_let_in(&mut play, "sk-no-canary-of-the-tests-not-a-key"), @"
    openai-service-account: the service accounts of the project cannot be listed: the provider answered 401: Incorrect API key provided: sk-no-...-key. You can find your API key at https://platform.openai.com/account/api-keys.
    openai-service-account: the key is not accepted: the provider answered 401: Incorrect API key provided: sk-no-...-key. You can find your API key at https://platform.openai.com/account/api-keys.
    ");
}

#[test]
fn who_is_not_let_in_by_aws_is_told() {
    let Some(mut play) = aws_with_admin() else {
        return;
    };
    let id = play.first.split('"').nth(5).expect("an id").to_owned();
    let wrong = format!(r#"{{"AccessKeyId":"{id}","SecretAccessKey":"no-{CANARY}"}}"#);

    assert_snapshot!(is_not_let_in(&mut play, &wrong), @"
    aws-iam-access-key: the keys of deployer cannot be listed: An error occurred (SignatureDoesNotMatch) when calling the ListAccessKeys operation: The request signature we calculated does not match the signature you provided.
    aws-iam-access-key: the key is not accepted: An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: The request signature we calculated does not match the signature you provided.
    ");
}

/// What each step says while the provider is ill, and when it is gone.
fn is_not_reached<A: Api + 'static>(play: Play<A>) -> String {
    play.server.fall_ill(true);
    let mut said = play.fails("create", ROTATION, &play.first);
    assert_eq!(play.log(), "");
    // A port where nobody listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let mut play = play;
    for option in &mut play.options {
        *option = option.replace(&play.server.url, &nowhere);
    }
    play.sandbox = play.sandbox.variable("AWS_ENDPOINT_URL", &nowhere);
    for step in ["create", "verify", "revoke"] {
        said += &play
            .fails(step, ROTATION, &play.first)
            .replace(&nowhere, "[url]");
    }
    said
}

#[test]
fn a_gitlab_that_is_down_is_told() {
    let Some(play) = gitlab() else { return };

    assert_snapshot!(is_not_reached(play), @"
    gitlab-token: the tokens of the project cannot be listed: GitLab answered 503
    gitlab-token: no connection to [url]
    gitlab-token: no connection to [url]
    gitlab-token: no connection to [url]
    ");
}

#[test]
fn an_openai_that_is_down_is_told() {
    let Some(play) = openai() else { return };

    assert_snapshot!(is_not_reached(play), @"
    openai-service-account: the service accounts of the project cannot be listed: the provider answered 503
    openai-service-account: no connection to [url]/v1
    openai-service-account: no connection to [url]/v1
    openai-service-account: no connection to [url]/v1
    ");
}

#[test]
fn an_aws_that_is_down_is_told() {
    let Some(play) = aws() else { return };

    assert_snapshot!(is_not_reached(play), @r#"
    aws-iam-access-key: the keys of deployer cannot be listed: Unable to parse response (syntax error: line 1, column 0), invalid XML received. Further retries may succeed: b'upstream connect error'
    aws-iam-access-key: the keys of deployer cannot be listed: Could not connect to the endpoint URL: "[url]/"
    aws-iam-access-key: the key is not accepted: Could not connect to the endpoint URL: "[url]/"
    aws-iam-access-key: the key cannot be deleted: Could not connect to the endpoint URL: "[url]/"
    "#);
}

#[test]
fn a_key_that_takes_time_to_be_known_is_waited_for() {
    if let Some(play) = openai() {
        play.server.api().refusals = 1;
        let new = play.does("create", ROTATION, &play.first);
        play.does("verify", ROTATION, &new);
    }
    if let Some(play) = aws() {
        play.server.api().refusals = 1;
        let new = play.does("create", ROTATION, &play.first);
        play.does("verify", ROTATION, &new);
    }
}

/// What is not the one key that is meant stays.
#[test]
fn openai_loses_no_key_by_mistake() {
    let Some(play) = openai() else { return };
    let one = play.server.api().make("keyvault-one");
    play.server.api().make_alike("keyvault-two");

    assert_snapshot!(play.fails("revoke", ROTATION, &one), @"openai-service-account: several keys of project proj_abc look like the old one: delete it by hand");

    assert_eq!(play.server.live().len(), 3);
    // Of an account that a person made, the key alone goes.
    play.does("revoke", ROTATION, &play.first);
    assert_eq!(
        play.server.log().last().map(String::as_str),
        Some("revoked key 1 and left account `by hand`")
    );
}

#[test]
fn aws_loses_no_key_by_mistake() {
    let Some(play) = aws() else { return };
    // The one of the last rotation, in its grace period, or a person's: never used, too.
    let other = play.server.api().make(aws::USER);
    let said = play.fails("create", ROTATION, &play.first);
    assert_snapshot!(said, @"aws-iam-access-key: deployer has two access keys, and AWS allows no more: AKIAMADEUP0000000001 and AKIAMADEUP0000000002. Wait for the grace period of the last rotation, or delete the one that nobody uses");
    assert_snapshot!(play.fails("create", ROTATION, &play.first), @"aws-iam-access-key: deployer has two access keys, and AWS allows no more: AKIAMADEUP0000000001 and AKIAMADEUP0000000002. Wait for the grace period of the last rotation, or delete the one that nobody uses");
    assert_eq!(play.server.live(), [play.first.clone(), other.clone()]);

    play.does("revoke", ROTATION, &other);
    let lost = play.does("create", ROTATION, &play.first);
    // In use, whoever uses it: it is not lost.
    play.server.api().use_all();
    assert_snapshot!(play.fails("create", ROTATION, &play.first), @"aws-iam-access-key: the key AKIAMADEUP0000000003 of deployer is new and was used: who made it? delete it by hand if nobody needs it");
    // And of another rotation, which is over for all that is known.
    assert_snapshot!(play.fails("create", ANOTHER, &play.first), @"aws-iam-access-key: deployer has two access keys, and AWS allows no more: AKIAMADEUP0000000001 and AKIAMADEUP0000000003. Wait for the grace period of the last rotation, or delete the one that nobody uses");
    assert_eq!(play.server.live(), [play.first.clone(), lost]);
}

/// A key that works, and is somebody else's.
#[test]
fn what_is_not_revoked_is_not_called_revoked() {
    let Some(play) = aws_with_admin() else { return };
    let other = play.server.api().make("somebody");

    assert_snapshot!(play.fails("revoke", ROTATION, &other), @"aws-iam-access-key: the key still works, and is none of deployer");
    assert_snapshot!(play.fails("verify", ROTATION, &other), @"aws-iam-access-key: the key is not one of deployer");
}

/// What a user's own settings would write down, or send elsewhere.
#[test]
fn the_settings_of_the_tools_are_left_out() {
    let Some(play) = gitlab() else { return };
    let trace = play.sandbox.home().join("trace");
    let settings = format!("trace-ascii = \"{}\"\n", text(&trace));
    fs::write(play.sandbox.home().join(".curlrc"), settings).expect("written");
    play.does("create", ROTATION, "");
    assert!(!trace.exists());

    let Some(play) = aws() else { return };
    let folder = play.sandbox.home().join(".aws");
    fs::create_dir(&folder).expect("made");
    fs::write(
        folder.join("config"),
        "[default]\ncli_history = enabled\nregion = nowhere\n",
    )
    .expect("written");
    play.does("create", ROTATION, &play.first);
    assert!(!folder.join("cli").exists());
}

/// A value that would end the quotes in which curl is told the token.
#[test]
fn a_value_cannot_give_curl_orders() {
    for play in [
        gitlab().map(|play| (play.script.clone(), play.sandbox)),
        openai().map(|play| (play.script.clone(), play.sandbox)),
    ] {
        let Some((script, sandbox)) = play else {
            return;
        };
        let file = sandbox.home().join("made-by-curl");
        let value = format!("a\"\noutput = \"{}\"\nheader = \"b", text(&file));
        let mut command = sandbox.other(&script);
        command
            .args(["API_KEY", "url=http://127.0.0.1:9"])
            .env("API_KEY", value)
            .env("KEYVAULT_STEP", "verify");
        sandbox
            .finish(&mut command)
            .exits(1)
            .says("API_KEY does not look like");
        assert!(!file.exists() && seen(&sandbox).is_empty());
    }
}

#[test]
fn a_random_secret_is_made_by_nobody_else() {
    let sandbox = Sandbox::empty();
    let run = |step: &str, value: &str| {
        let mut command = sandbox.other(script("random-secret"));
        command
            .arg("SESSION_KEY")
            .env("KEYVAULT_STEP", step)
            .env("SESSION_KEY", value);
        sandbox.finish(&mut command)
    };

    let one = run("create", "")
        .succeeds()
        .says_nothing()
        .text()
        .to_owned();
    let two = run("create", "").succeeds().text().to_owned();

    assert!(one.len() == 65 && one.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(one, two);
    run("verify", one.trim_end()).succeeds().says_nothing();
    run("revoke", one.trim_end()).succeeds().says_nothing();
    assert_snapshot!(run("verify", CANARY), @"
    --- stderr ---
    random-secret: SESSION_KEY is not 64 hexadecimal digits
    [exit 1]
    ");
    assert_snapshot!(run("verify", ""), @"
    --- stderr ---
    random-secret: SESSION_KEY is not 64 hexadecimal digits
    [exit 1]
    ");
}

/// Words that are missing, wrong, or would be run.
#[test]
fn what_a_script_does_not_understand_is_refused() {
    let sandbox = Sandbox::empty()
        .variable("KEYVAULT_STEP", "create")
        .variable("KEYVAULT_ROTATION_ID", ROTATION);
    let mut said = String::new();
    for name in [
        "random-secret",
        "gitlab-token",
        "openai-service-account",
        "aws-iam-access-key",
    ] {
        for words in [&[][..], &["X; echo ran"], &["API_KEY", "stray"]] {
            let refused = sandbox
                .finish(sandbox.other(script(name)).args(words))
                .exits(1);
            assert_eq!(
                (refused.text(), refused.stderr.lines().count()),
                ("", 1),
                "{refused}"
            );
            said += &refused.stderr;
        }
    }
    for (name, words) in [
        ("gitlab-token", &["API_KEY"][..]),
        ("gitlab-token", &["API_KEY", "project=1"]),
        (
            "gitlab-token",
            &["API_KEY", "url=http://gitlab.example.com"],
        ),
        (
            "gitlab-token",
            &["API_KEY", "url=https://me:you@gitlab.example.com"],
        ),
        ("openai-service-account", &["API_KEY", "project=proj_abc"]),
        ("openai-service-account", &["API_KEY", "project=../x"]),
        ("aws-iam-access-key", &["API_KEY"]),
        ("aws-iam-access-key", &["API_KEY", "user=deployer"]),
        (
            "aws-iam-access-key",
            &["API_KEY", "user=deployer", "admin=ADMIN"],
        ),
    ] {
        let refused = sandbox
            .finish(sandbox.other(script(name)).args(words))
            .exits(1);
        assert_eq!(
            (refused.text(), refused.stderr.lines().count()),
            ("", 1),
            "{refused}"
        );
        said += &refused.stderr;
    }
    assert_snapshot!(said, @"
    random-secret: usage: random-secret NAME
    random-secret: usage: random-secret NAME
    random-secret: usage: random-secret NAME
    gitlab-token: usage: gitlab-token NAME [admin=NAME] [project=ID] …
    gitlab-token: usage: gitlab-token NAME [admin=NAME] [project=ID] …
    gitlab-token: an argument is none of admin=, project=, scopes=, level=, days= and url=
    openai-service-account: usage: openai-service-account NAME [admin=NAME] [project=ID] [url=URL]
    openai-service-account: usage: openai-service-account NAME [admin=NAME] [project=ID] [url=URL]
    openai-service-account: an argument is none of admin=, project= and url=
    aws-iam-access-key: usage: aws-iam-access-key NAME user=NAME [admin=NAME]
    aws-iam-access-key: usage: aws-iam-access-key NAME user=NAME [admin=NAME]
    aws-iam-access-key: an argument is neither user= nor admin=
    gitlab-token: create needs project=
    gitlab-token: create needs admin=, and that secret by `hook set … --with`
    gitlab-token: the url is not https
    gitlab-token: the url has a name or a password in it
    openai-service-account: create needs admin=, and that secret by `hook set … --with`
    openai-service-account: the project is no id of a project
    aws-iam-access-key: user= is to name an IAM user
    aws-iam-access-key: there is no key to sign with: add the first one yourself, or name admin=
    aws-iam-access-key: the secret that admin= names was not passed on: is it in `hook set … --with`?
    ");
}
