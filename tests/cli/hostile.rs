//! Files that nobody should believe: forged, swapped, rolled back, planted,
//! damaged, and things that are no files at all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use insta::assert_snapshot;
use rustix::fs::{CWD, FileType, Mode};
use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use crate::forge;
use crate::sandbox::{CANARY, Sandbox, Transcript, skip, text, tool, value_of, without_ids};

/// What a refusal that does not read, parse or wait takes at most, on a machine
/// that has much else to do. On an idle one it is a few milliseconds.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The user to whom something of somebody else belongs.
const SOMEBODY_ELSE: u32 = 1000;

/// A moment in the life of forged files.
const FORGED_AT: &str = "2026-11-22T12:00:00Z";

/// The `age` tool, with which anybody seals and a member opens.
struct Age(PathBuf);

impl Age {
    fn find() -> Option<Self> {
        tool("age").map(Self)
    }

    fn seal(&self, recipients: &[&str], plaintext: impl AsRef<[u8]>) -> Vec<u8> {
        let sandbox = Sandbox::empty();
        let mut age = sandbox.other(&self.0);
        for recipient in recipients {
            age.args(["-r", recipient]);
        }
        sandbox
            .finish_with_stdin(&mut age, plaintext)
            .succeeds()
            .stdout
    }

    /// Opens a file with the identity of a sandbox, and returns its document and
    /// its signature.
    fn open(&self, sandbox: &Sandbox, file: &Path) -> (String, String) {
        let mut age = sandbox.other(&self.0);
        age.args(["-d", "-i", text(&sandbox.identity()), text(file)]);
        let opened = sandbox.finish(&mut age).succeeds();
        let mut lines = opened.text().lines();
        let mut line = || lines.next().expect("a line").to_owned();
        (line(), line())
    }
}

fn two_lines(document: &str, signature: &str) -> String {
    format!("{document}\n{signature}\n")
}

/// A line that looks like a signature.
fn made_up_signature() -> String {
    BASE64_STANDARD.encode([7; 64])
}

fn recipient(sandbox: &Sandbox) -> String {
    let line = sandbox.run(&["identity"]).succeeds();
    let recipient = line.text().split(' ').next();
    recipient.expect("a recipient").to_owned()
}

fn vault_id(sandbox: &Sandbox) -> String {
    let listing = sandbox.run(&["env", "list", "--json"]).succeeds().json();
    listing["vault"].as_str().expect("an id").to_owned()
}

/// Somebody who can seal and sign, and is a member of nothing.
struct Stranger {
    key: SigningKey,
    calling_themselves: &'static str,
}

impl Stranger {
    fn calling_themselves(name: &'static str) -> Self {
        Self {
            key: SigningKey::from_bytes(&[1; 32]),
            calling_themselves: name,
        }
    }

    fn sign(&self, domain: &str, text: &str) -> String {
        let signature = self.key.sign(format!("{domain}\n{text}").as_bytes());
        BASE64_STANDARD.encode(signature.to_bytes())
    }

    /// A document in which everything holds: the stranger founded its roster and
    /// signed it. Its one secret is `A`.
    fn document(&self, vault: &str, environment: &str, recipient: &str) -> String {
        let (name, at) = (self.calling_themselves, FORGED_AT);
        let signer = BASE64_STANDARD.encode(self.key.verifying_key().as_bytes());
        let members = format!(
            r#"[{{"name":"{name}","recipient":"{recipient}","signer":"{signer}","added_at":"{at}"}}]"#
        );
        let link = format!(
            r#"{{"vault":"{vault}","environment":"{environment}","previous":null,"members":{members},"by":"{name}","at":"{at}"}}"#
        );
        let signature = self.sign("keyvault/roster/v1", &link);
        format!(
            r#"{{"format":"keyvault/1","vault":"{vault}","environment":"{environment}","revision":9,"parents":[],"ancestors":[],"updated_at":"{at}","updated_by":"{name}","roster":[{{"members":{members},"by":"{name}","at":"{at}","signature":"{signature}"}}],"secrets":{{"A":{{"versions":[{{"version":1,"state":"current","created_at":"{at}","created_by":"{name}","value":"planted {CANARY}"}}]}}}}}}"#
        )
    }

    fn signed(&self, document: &str) -> String {
        two_lines(document, &self.sign("keyvault/document/v1", document))
    }
}

/// Makes the state that follows a vault file of one member: a reader has joined.
pub fn with_a_reader(identity_file: &str, file: &[u8]) -> Vec<u8> {
    let reader = age::x25519::Identity::generate().to_public();
    let digest = hex(&Sha256::digest(file));
    forge::resigned(identity_file, file, |document| {
        let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
        let of_link = |name: &str| value["roster"][0][name].as_str().expect("text").to_owned();
        let (by, at) = (of_link("by"), of_link("at"));
        let members = between(document, r#""roster":[{"members":"#, r#","by":"#);
        let scope = format!(
            r#"{{"vault":{},"environment":{},"previous":"#,
            value["vault"], value["environment"]
        );
        let first = format!(r#"{scope}null,"members":{members},"by":"{by}","at":"{at}"}}"#);
        let previous = hex(&Sha256::digest(first.as_bytes()));
        let joined = members.trim_end_matches(']').to_owned()
            + &format!(r#",{{"name":"reader","recipient":"{reader}","added_at":"{at}"}}]"#);
        let second = format!(r#"{scope}"{previous}","members":{joined},"by":"{by}","at":"{at}"}}"#);
        let signature = forge::signature(identity_file, "keyvault/roster/v1", &second);
        let link = format!(
            r#",{{"members":{joined},"by":"{by}","at":"{at}","signature":"{signature}"}}],"logs""#
        );
        let revision = value["revision"].as_u64().expect("a number");
        let parents = format!(r#""parents":{}"#, value["parents"]);
        document
            .replacen(
                &format!(r#""revision":{revision}"#),
                &format!(r#""revision":{}"#, revision + 1),
                1,
            )
            .replacen(&parents, &format!(r#""parents":["{digest}"]"#), 1)
            .replacen(r#"],"logs""#, &link, 1)
    })
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).expect("it begins").1;
    rest.split_once(end).expect("it ends").0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same person at another machine, which has seen nothing yet.
fn another_machine(sandbox: &Sandbox) -> Sandbox {
    let other = Sandbox::empty();
    let identity = other.identity();
    fs::create_dir_all(identity.parent().expect("a folder")).expect("made");
    fs::copy(sandbox.identity(), identity).expect("copied");
    copy_vault(sandbox, &other.project());
    other
}

fn copy_vault(sandbox: &Sandbox, to: &Path) {
    let vault = to.join(".keyvault");
    fs::create_dir_all(&vault).expect("made");
    for entry in fs::read_dir(sandbox.vault()).expect("listed").flatten() {
        fs::copy(entry.path(), vault.join(entry.file_name())).expect("copied");
    }
}

/// A vault with `A`, and its file from before `B` was added to it.
fn with_an_older_copy() -> (Sandbox, Vec<u8>) {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let older = fs::read(sandbox.dev()).expect("read");
    sandbox.add("B", &value_of("B"));
    (sandbox, older)
}

/// A vault with `A` and `B`, and a file with `A` and `C` that was saved at
/// another machine, both from the same one with `A`.
fn with_a_branch() -> (Sandbox, Vec<u8>) {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let other = another_machine(&sandbox);
    other.add("C", &value_of("C"));
    sandbox.add("B", &value_of("B"));
    let branch = fs::read(other.dev()).expect("read");
    (sandbox, branch)
}

/// A vault with `A`, and the file of another one, sealed anew so that it opens.
fn with_a_file_of_another_vault(age: &Age) -> (Sandbox, Vec<u8>) {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let other = Sandbox::with_secrets(&["A"]);
    let (document, signature) = age.open(&other, &other.dev());
    let file = age.seal(&[&recipient(&sandbox)], two_lines(&document, &signature));
    (sandbox, file)
}

#[track_caller]
fn refused(sandbox: &Sandbox, file: impl AsRef<[u8]>) -> Transcript {
    fs::write(sandbox.dev(), file).expect("written");
    let written = sandbox.refused_with_stdin(&["add", "NEW"], CANARY);
    let read = sandbox.refused(&["get", "A"]);
    assert_eq!(written.to_string(), read.to_string());
    read.exits(6)
}

#[test]
fn a_file_forged_from_the_public_recipient_is_refused() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let (vault, recipient) = (vault_id(&sandbox), recipient(&sandbox));
    let alice = Stranger::calling_themselves("alice");
    let document = alice.document(&vault, "dev", &recipient);
    let forged = |plaintext: String| refused(&sandbox, age.seal(&[&recipient], plaintext));

    assert_snapshot!(forged(document.clone()), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is forged or damaged: no member signed it
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
    assert_snapshot!(forged(two_lines(&document, "signed, alice")), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is forged or damaged: no member signed it
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
    assert_snapshot!(forged(two_lines(&document, &made_up_signature())), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is forged or damaged: the signature is not that of `alice`
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
    // Here all holds, but for who alice is.
    assert_snapshot!(forged(alice.signed(&document)), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` has a roster, founded by `alice`, that does not continue the one this machine knows
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");
}

#[test]
fn a_signature_counts_for_the_document_it_was_made_for() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let (document, signature) = age.open(&sandbox, &sandbox.dev());
    let document = document.replace(CANARY, &format!("another {CANARY}"));

    let forged = age.seal(&[&recipient(&sandbox)], two_lines(&document, &signature));

    assert_snapshot!(refused(&sandbox, forged), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is forged or damaged: the signature is not that of `alice`
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
}

#[test]
fn the_file_of_another_environment_is_refused() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let prod = fs::read(sandbox.vault().join("prod.age")).expect("read");

    assert_snapshot!(refused(&sandbox, prod), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is the file of another environment, `prod`
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
}

#[test]
fn the_file_of_another_vault_is_refused() {
    let Some(age) = Age::find() else { return };
    let (sandbox, file) = with_a_file_of_another_vault(&age);
    let known = vault_id(&sandbox);

    let refusal = refused(&sandbox, file).to_string();

    let (_, found) = refusal.split_once("another vault: ").expect("its words");
    let redacted = refusal.replace(&known, "[known]");
    assert_snapshot!(redacted.replace(&found[..known.len()], "[found]"), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` belongs to another vault: [found], and this machine knows [known] here
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");
}

#[test]
fn an_older_copy_is_refused() {
    let (sandbox, older) = with_an_older_copy();

    assert_snapshot!(refused(&sandbox, older), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is rolled back: it is revision 2, and this machine has seen revision 3
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");
}

#[test]
fn another_branch_of_history_is_refused() {
    let (sandbox, branch) = with_a_branch();

    assert_snapshot!(refused(&sandbox, branch), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is on another branch of history: its revision 3 does not come from revision 3 as this machine saw it
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");
}

#[test]
fn in_a_git_work_tree_an_older_copy_is_told_once() {
    let (sandbox, older) = with_an_older_copy();
    let newest = fs::read(sandbox.dev()).expect("read");
    sandbox.make_git_work_tree();
    fs::write(sandbox.dev(), older).expect("written");

    assert_snapshot!(sandbox.run(&["get", "A"]), @"
    --- stdout ---
    A canary-of-the-tests-not-a-key[no line feed]
    --- stderr ---
    keyvault: warning: `[sandbox]/project/.keyvault/dev.age` is rolled back: it is revision 2, and this machine has seen revision 3; in a git work tree this is taken for another commit
    [exit 0]
    ");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox.run(&["get", "B"]).exits(3);

    fs::write(sandbox.dev(), newest).expect("written");
    sandbox.run(&["get", "B"]).succeeds().says_nothing();
}

#[test]
fn in_a_git_work_tree_a_quiet_command_does_not_use_the_warning_up() {
    let (sandbox, older) = with_an_older_copy();
    sandbox.make_git_work_tree();
    fs::write(sandbox.dev(), older).expect("written");

    sandbox.run(&["get", "A", "-q"]).succeeds().says_nothing();

    sandbox.run(&["get", "A"]).succeeds().says("is rolled back");
}

#[test]
fn in_a_git_work_tree_another_branch_is_told_once_and_can_be_written() {
    let (sandbox, branch) = with_a_branch();
    let trunk = fs::read(sandbox.dev()).expect("read");
    // As in a work tree that git has added, where `.git` is a file.
    fs::write(sandbox.project().join(".git"), "gitdir: elsewhere\n").expect("written");
    fs::write(sandbox.dev(), branch).expect("written");

    assert_snapshot!(sandbox.run(&["get", "C"]), @"
    --- stdout ---
    C canary-of-the-tests-not-a-key[no line feed]
    --- stderr ---
    keyvault: warning: `[sandbox]/project/.keyvault/dev.age` is on another branch of history: its revision 3 does not come from revision 3 as this machine saw it; in a git work tree this is taken for another commit
    [exit 0]
    ");
    sandbox.run(&["get", "C"]).succeeds().says_nothing();
    sandbox.add("D", &value_of("D"));
    sandbox.run(&["get", "D"]).succeeds().says_nothing();

    fs::write(sandbox.dev(), trunk).expect("written");
    sandbox
        .run(&["get", "B"])
        .succeeds()
        .says("on another branch");
    sandbox.run(&["get", "B"]).succeeds().says_nothing();
}

#[test]
fn a_git_work_tree_excuses_no_forgery() {
    let Some(age) = Age::find() else { return };
    let (sandbox, file) = with_a_file_of_another_vault(&age);
    sandbox.make_git_work_tree();
    let (vault, recipient) = (vault_id(&sandbox), recipient(&sandbox));
    let alice = Stranger::calling_themselves("alice");
    let document = alice.document(&vault, "dev", &recipient);

    refused(&sandbox, file).says("belongs to another vault");
    let forged = age.seal(&[&recipient], alice.signed(&document));
    refused(&sandbox, forged).says("has a roster");
    let forged = age.seal(&[&recipient], document);
    refused(&sandbox, forged).says("no member signed it");
}

#[test]
fn a_planted_member_is_refused() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mallory = recipient(&Sandbox::new());
    let (document, signature) = age.open(&sandbox, &sandbox.dev());
    let member = format!(
        r#""members":[{{"name":"mallory","recipient":"{mallory}","added_at":"{FORGED_AT}"}},"#
    );
    let planted = document.replacen(r#""members":["#, &member, 1);
    assert_ne!(planted, document);

    let recipients = [&*recipient(&sandbox), &mallory];
    let forged = age.seal(&recipients, two_lines(&planted, &signature));

    assert_snapshot!(refused(&sandbox, forged), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is forged or damaged: in its roster a signature does not match
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
}

#[test]
fn a_stanza_planted_in_the_header_is_refused() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let file = fs::read(sandbox.dev()).expect("read");
    let mallory = age.seal(&[&recipient(&Sandbox::new())], "any");
    let stanza_of = |file: &[u8]| {
        let intro = file.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let end = file.windows(4).position(|window| window == b"\n---");
        (intro, end.expect("an end") + 1)
    };
    let ((_, end), (from, to)) = (stanza_of(&file), stanza_of(&mallory));

    let planted = [&file[..end], &mallory[from..to], &file[end..]].concat();

    assert_snapshot!(refused(&sandbox, planted), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is damaged: it does not decrypt
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
}

#[test]
fn what_a_member_sealed_to_more_than_the_roster_is_refused() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mallory = recipient(&Sandbox::new());
    let (document, signature) = age.open(&sandbox, &sandbox.dev());

    let recipients = [&*recipient(&sandbox), &mallory];
    let resealed = age.seal(&recipients, two_lines(&document, &signature));

    assert_snapshot!(refused(&sandbox, resealed), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is on another branch of history: its revision 2 does not come from revision 2 as this machine saw it
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");
}

/// The words for a document that the stranger changed, which must be the same
/// whether they signed it or made a signature up.
fn words_for_changed(age: &Age, from: &str, to: &str) -> String {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let recipient = recipient(&sandbox);
    let alice = Stranger::calling_themselves("alice");
    let document = alice.document(&vault_id(&sandbox), "dev", &recipient);
    let changed = document.replacen(from, to, 1);
    assert_ne!(changed, document);
    let refuse = |plaintext| refused(&sandbox, age.seal(&[&recipient], plaintext)).to_string();

    let signed = refuse(alice.signed(&changed));

    assert_eq!(signed, refuse(two_lines(&changed, &made_up_signature())));
    signed
}

#[test]
fn a_later_format_is_named() {
    let Some(age) = Age::find() else { return };

    assert_snapshot!(words_for_changed(&age, "keyvault/1", "keyvault/2"), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` has the format `keyvault/2`, which this version of keyvault does not know
    keyvault: hint: a later version of keyvault wrote it; update this one
    [exit 6]
    ");
}

#[test]
fn a_later_format_is_named_where_its_signature_is_of_another_kind() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let recipient = recipient(&sandbox);
    let alice = Stranger::calling_themselves("alice");
    let document = alice.document(&vault_id(&sandbox), "dev", &recipient);
    let later = document.replacen("keyvault/1", "keyvault/2", 1);

    for plaintext in [two_lines(&later, "two signatures, say"), later] {
        let refusal = refused(&sandbox, age.seal(&[&recipient], plaintext));
        refusal.says("has the format `keyvault/2`, which this version");
    }
}

#[test]
fn a_field_of_a_later_version_is_named_wherever_it_is() {
    let Some(age) = Age::find() else { return };
    let field = r#""later":{"a":[1]},"#;

    assert_snapshot!(words_for_changed(&age, r#""revision""#, &format!(r#"{field}"revision""#)), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` holds `later`, which this version of keyvault does not know
    keyvault: hint: a later version of keyvault wrote it; update this one
    [exit 6]
    ");
    for (from, to) in [
        (r#""versions""#, format!(r#"{field}"versions""#)),
        (r#""state""#, format!(r#"{field}"state""#)),
        (r#""recipient""#, format!(r#"{field}"recipient""#)),
        (r#""by""#, format!(r#"{field}"by""#)),
        (r#""current""#, r#""later""#.to_owned()),
    ] {
        let words = words_for_changed(&age, from, &to);
        assert!(words.contains("`later`"), "{words}");
    }
}

#[test]
fn what_a_file_says_cannot_drive_the_terminal() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let recipient = recipient(&sandbox);
    let alice = Stranger::calling_themselves("alice");
    let document = alice.document(&vault_id(&sandbox), "dev", &recipient);

    for (from, to) in [
        ("keyvault/1", r"keyvault/2\u001b[2J\u0007\n"),
        (r#""revision""#, r#""revi\u001b]0;sion\u0007""#),
        (r#""alice""#, r#""al\u001b[2Jice""#),
        (r#""dev""#, r#""de\u009bv""#),
    ] {
        let changed = document.replace(from, to);
        assert_ne!(changed, document);
        let forged = age.seal(&[&recipient], alice.signed(&changed));
        let refusal = refused(&sandbox, forged);
        let controls = |c: char| c.is_control() && c != '\n';
        assert!(!refusal.stderr.contains(controls), "{:?}", refusal.stderr);
        assert_eq!(refusal.stderr.lines().count(), 2, "{refusal}");
    }
}

#[test]
fn a_document_nested_without_end_is_refused() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);

    let nested = format!(r#"{{"format":{}"#, "[".repeat(1 << 20));
    let forged = two_lines(&nested, &made_up_signature());

    let forged = age.seal(&[&recipient(&sandbox)], forged);
    assert_snapshot!(refused(&sandbox, forged), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is damaged: its document is malformed (a field is missing or not of its kind, at byte 10)
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
}

fn first_line(transcript: &Transcript) -> String {
    let text = transcript.to_string();
    let error = text
        .lines()
        .find(|line| line.starts_with("keyvault: error: "));
    error.expect("an error").to_owned()
}

/// A damaged form of a file, with what was done to it.
struct Damage {
    what: String,
    bytes: Vec<u8>,
}

impl Damage {
    fn flip(whole: &[u8], at: usize, bit: usize) -> Self {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << bit;
        Self {
            what: format!("bit {bit} of byte {at} flipped"),
            bytes,
        }
    }

    /// A place in base64 says another digit: a flipped bit may leave none,
    /// which is damage of another kind.
    fn other_digit(whole: &[u8], at: usize) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        bytes
    }

    fn cut(whole: &[u8], at: usize) -> Self {
        Self {
            what: format!("cut at {at}"),
            bytes: whole[..at].to_vec(),
        }
    }

    /// Each bit up to a place, and one bit of each byte behind it; and each
    /// length.
    fn all(whole: &[u8], every_bit_to: usize) -> Vec<Self> {
        let flips = (0..whole.len()).flat_map(|at| {
            let bits = if at < every_bit_to {
                0..8
            } else {
                at % 8..at % 8 + 1
            };
            bits.map(move |bit| Self::flip(whole, at, bit))
        });
        flips
            .chain((0..whole.len()).map(|at| Self::cut(whole, at)))
            .collect()
    }
}

/// A copy of the project, whose vault the same user has seen too.
struct ProjectCopy<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
    pin: PathBuf,
}

impl<'a> ProjectCopy<'a> {
    /// Makes as many as there are processors.
    fn some(sandbox: &'a Sandbox) -> Vec<Self> {
        let count = thread::available_parallelism().map_or(2, usize::from);
        (0..count).map(|n| Self::make(sandbox, n)).collect()
    }

    fn make(sandbox: &'a Sandbox, n: usize) -> Self {
        let folder = sandbox.root().join(format!("copy-{n}"));
        copy_vault(sandbox, &folder);
        let pins = |sandbox: &Sandbox| -> BTreeSet<PathBuf> {
            let found = fs::read_dir(sandbox.pins()).expect("listed").flatten();
            found.map(|entry| entry.path()).collect()
        };
        let before = pins(sandbox);
        let mut copy = Self {
            sandbox,
            folder,
            pin: PathBuf::new(),
        };
        copy.get().succeeds().says("first sight");
        let mut new = pins(sandbox)
            .into_iter()
            .filter(|pin| !before.contains(pin));
        copy.pin = new.next().expect("a pin").join("dev.json");
        copy
    }

    fn vault(&self) -> PathBuf {
        self.folder.join(".keyvault")
    }

    fn get(&self) -> Transcript {
        let mut get = self.sandbox.command(&["get", "A"]);
        self.sandbox.finish(get.current_dir(&self.folder))
    }
}

/// Shares work among copies of a project, each in a thread of its own.
fn share<'a>(
    copies: &[ProjectCopy<'_>],
    all: &'a [Damage],
    work: impl Fn(&ProjectCopy<'_>, &'a Damage) + Sync,
) {
    thread::scope(|scope| {
        for (n, copy) in copies.iter().enumerate() {
            let (work, part) = (&work, all.iter().skip(n).step_by(copies.len()));
            scope.spawn(move || part.for_each(|damage| work(copy, damage)));
        }
    });
}

#[test]
fn each_flipped_byte_and_each_length_of_a_vault_file_is_refused() {
    const WORDS: [&str; 4] = [
        "is empty",
        "is not an age file",
        "is damaged: it does not decrypt",
        "is damaged: its header is not the one it was saved with",
    ];
    let sandbox = Sandbox::with_secrets(&["A"]);
    let whole = fs::read(sandbox.dev()).expect("read");
    let header = whole.windows(4).position(|window| window == b"\n---");
    let all = Damage::all(&whole, header.expect("an end") + 48);
    let copies = ProjectCopy::some(&sandbox);
    let pin = fs::read(&copies[0].pin).expect("read");

    share(&copies, &all, |copy, Damage { what, bytes }| {
        let file = copy.vault().join("dev.age");
        fs::write(&file, bytes).expect("written");
        let refusal = copy.get();
        assert_eq!(refusal.code, Some(6), "{what}: {refusal}");
        assert!(refusal.stdout.is_empty(), "{what}: {refusal}");
        let error = format!("keyvault: error: `{}` ", file.display());
        let said = refusal.stderr.strip_prefix(&error).unwrap_or_default();
        let own = WORDS.iter().any(|words| said.starts_with(words));
        assert!(own, "{what}: {refusal}");
        assert!(fs::read(&file).expect("read") == *bytes, "{what}: touched");
        let names = fs::read_dir(copy.vault()).expect("listed").count();
        assert_eq!(names, 1, "{what}: something was left behind");
    });

    for copy in &copies {
        fs::write(copy.vault().join("dev.age"), &whole).expect("written");
        assert_eq!(copy.get().succeeds().says_nothing().text(), value_of("A"));
    }
    assert!(fs::read(&copies[0].pin).expect("read") == pin);
}

#[test]
fn a_damaged_pin_lets_nothing_wrong_through() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let copies = ProjectCopy::some(&sandbox);
    let pin = fs::read(&copies[0].pin).expect("read");
    // The copies' pins are as long, and differ in their paths.
    let all = Damage::all(&pin, 0);

    share(&copies, &all, |copy, Damage { what, bytes }| {
        fs::write(&copy.pin, bytes).expect("written");
        let outcome = copy.get();
        match outcome.code {
            Some(0) => assert_eq!(outcome.text(), value_of("A"), "{what}"),
            Some(6) => {
                let error = format!("keyvault: error: `{}/dev.age` ", copy.vault().display());
                assert!(outcome.stderr.starts_with(&error), "{what}: {outcome}");
                assert!(outcome.stdout.is_empty(), "{what}: {outcome}");
            }
            _ => panic!("{what}: {outcome}"),
        }
    });
}

#[test]
fn a_damaged_pin_is_named_and_mended_by_trust() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let pin = fs::read_dir(sandbox.pins()).expect("listed").flatten();
    let [pin] = &pin.map(|entry| entry.path()).collect::<Vec<_>>()[..] else {
        panic!("one vault was seen")
    };
    fs::write(pin.join("dev.json"), "").expect("written");
    let name = pin.file_name().expect("a name").to_string_lossy();

    let refusal = sandbox.refused(&["get", "A"]).exits(6).to_string();

    assert_snapshot!(refusal.replace(&*name, "[vault]"), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` cannot be compared with what this machine saw last: `[sandbox]/home/.local/state/keyvault/pins/[vault]/dev.json` is damaged
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");
    sandbox.run(&["trust", "--yes"]).succeeds();
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
}

#[test]
fn a_damaged_identity_is_refused() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let path = sandbox.identity();
    let whole = fs::read(&path).expect("read");
    let secret = whole.windows(4).position(|window| window == b"\nAGE");
    let secret = secret.expect("a key") + 1..whole.len() - 1;
    let is_key = |bytes: &[u8]| bytes.get(secret.clone()) == Some(&whole[secret.clone()]);

    for Damage { what, bytes } in Damage::all(&whole, 0) {
        fs::write(&path, &bytes).expect("written");
        let outcome = sandbox.run(&["get", "A"]);
        match outcome.code {
            Some(0) if is_key(&bytes) => assert_eq!(outcome.text(), value_of("A"), "{what}"),
            Some(4) => {
                let error = format!("keyvault: error: identity `{}` ", path.display());
                assert!(outcome.stderr.starts_with(&error), "{what}: {outcome}");
                assert!(outcome.stdout.is_empty(), "{what}: {outcome}");
                let shown = outcome.stderr.contains("AGE-SECRET-KEY-");
                assert!(!shown, "{what}: the identity is in stderr");
            }
            _ => panic!("{what}: {outcome}"),
        }
    }
}

#[test]
fn a_damaged_identity_with_a_passphrase_is_refused() {
    let mut sandbox = Sandbox::empty();
    let passphrase = sandbox.write("passphrase", "a made-up passphrase\n");
    let sandbox = sandbox.variable("KEYVAULT_PASSPHRASE_FILE", passphrase);
    sandbox.run(&["init"]).succeeds();
    let path = sandbox.identity();
    let whole = fs::read(&path).expect("read");
    let body = whole.windows(4).position(|window| window == b"\n---");
    let body = body.expect("an end");

    let mut all: Vec<_> = [0, 1, 21, 60, body, whole.len() - 1]
        .map(|at| Damage::cut(&whole, at))
        .into();
    // The version, the salt, the work factor, the wrapped key, the MAC, the
    // payload.
    let bytes = [20, 40, body - 45, body - 10, body + 10, whole.len() - 1];
    all.extend(bytes.map(|at| Damage::flip(&whole, at, 0)));
    for Damage { what, bytes } in all {
        fs::write(&path, &bytes).expect("written");
        let outcome = sandbox.run(&["get", "A"]);
        assert_eq!(outcome.code, Some(4), "{what}: {outcome}");
        assert!(outcome.stdout.is_empty(), "{what}: {outcome}");
    }
}

/// What stands where a vault file should, and how it comes there.
type Thing = (&'static str, fn(&Path));

const NO_VAULT_FILES: [Thing; 13] = [
    ("nothing", |path| fs::write(path, "").expect("written")),
    ("text", |path| {
        fs::write(path, "A=plain\n").expect("written");
    }),
    ("folder", |path| fs::create_dir(path).expect("made")),
    ("pipe", |path| {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, path, FileType::Fifo, mode, 0).expect("made");
    }),
    ("socket", |path| {
        UnixListener::bind(path).expect("bound");
    }),
    ("link", |path| symlink("whole", path).expect("linked")),
    ("link to itself", |path| {
        symlink("dev.age", path).expect("linked");
    }),
    ("link to nothing", |path| {
        symlink("none", path).expect("linked")
    }),
    ("4 GiB of nothing", |path| {
        let file = File::create(path).expect("made");
        file.set_len(4 << 30).expect("no disk is used");
    }),
    ("400 kB of stanzas", |path| {
        let stanza = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n";
        write_header(path, &stanza.repeat(4000));
    }),
    ("400 kB in one stanza", |path| {
        write_header(path, &format!("-> X25519 {}\n", "a".repeat(400_000)));
    }),
    ("a header without end", |path| {
        write_header(path, "-> X25519 a\nb\n")
    }),
    ("sealed with a passphrase", |path| {
        write_header(
            path,
            "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\nZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n--- fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA\n",
        );
    }),
];

fn write_header(path: &Path, stanzas: &str) {
    fs::write(path, format!("age-encryption.org/v1\n{stanzas}")).expect("written");
}

#[test]
fn what_is_no_vault_file_is_refused_at_once_in_its_own_words() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let (vault, dev) = (sandbox.vault(), sandbox.dev());
    let whole = fs::read(&dev).expect("read");
    fs::rename(&dev, vault.join("whole")).expect("renamed");
    let mut words = String::new();

    for (thing, place) in NO_VAULT_FILES {
        place(&dev);
        let before = dev.symlink_metadata().expect("it is there");
        for arguments in [&["get", "A"][..], &["add", "NEW"]] {
            let start = Instant::now();
            let refusal = sandbox.run_with_stdin(arguments, CANARY).exits(6);
            let took = start.elapsed();
            assert!(took < AT_ONCE, "{thing}: {arguments:?} took {took:?}");
            assert!(refusal.stdout.is_empty(), "{thing}: {refusal}");
            if arguments[0] == "get" {
                writeln!(words, "{thing}: {}", first_line(&refusal)).expect("memory");
            }
        }
        let after = dev.symlink_metadata().expect("it is there");
        assert_eq!(before.modified().ok(), after.modified().ok(), "{thing}");
        assert_eq!(before.len(), after.len(), "{thing}");
        let names = fs::read_dir(&vault).expect("listed").count();
        assert_eq!(names, 2, "{thing}: something was left behind");
        if before.is_dir() {
            fs::remove_dir(&dev).expect("removed");
        } else {
            fs::remove_file(&dev).expect("removed");
        }
    }

    assert_snapshot!(words, @"
    nothing: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is empty
    text: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is not an age file
    folder: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is not a regular file
    pipe: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is not a regular file
    socket: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is not a regular file
    link: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is a symbolic link, and vault files are not followed out of their folder
    link to itself: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is a symbolic link, and vault files are not followed out of their folder
    link to nothing: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is a symbolic link, and vault files are not followed out of their folder
    4 GiB of nothing: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is larger than 64 MiB, more than a vault file can be
    400 kB of stanzas: keyvault: error: `[sandbox]/project/.keyvault/dev.age` has an age header beyond 64 KiB or 256 recipients
    400 kB in one stanza: keyvault: error: `[sandbox]/project/.keyvault/dev.age` has an age header beyond 64 KiB or 256 recipients
    a header without end: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is damaged: it does not decrypt
    sealed with a passphrase: keyvault: error: `[sandbox]/project/.keyvault/dev.age` is sealed with a passphrase, as no vault file is
    ");
    assert!(fs::read(vault.join("whole")).expect("read") == whole);
}

#[test]
fn trust_accepts_an_older_copy() {
    let (sandbox, older) = with_an_older_copy();
    refused(&sandbox, older);

    sandbox.refused(&["trust"]).exits(2);
    assert_snapshot!(without_ids(&sandbox.run(&["trust", "--yes"])), @"
    --- stderr ---
    environment `dev` is rolled back: it is revision 2, and this machine has seen revision 3
      seen:  vault [vault 1], revision 3, members alice
      found: vault [vault 1], revision 2, members alice
    environment `dev` is trusted as it is now (revision 2)
    [exit 0]
    ");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox.add("C", &value_of("C"));
}

#[test]
fn trust_accepts_another_branch() {
    let (sandbox, branch) = with_a_branch();
    refused(&sandbox, branch);

    assert_snapshot!(without_ids(&sandbox.run(&["trust", "--yes"])), @"
    --- stderr ---
    environment `dev` is on another branch of history: its revision 3 does not come from revision 3 as this machine saw it
      seen:  vault [vault 1], revision 3, members alice
      found: vault [vault 1], revision 3, members alice
    environment `dev` is trusted as it is now (revision 3)
    [exit 0]
    ");
    sandbox.run(&["get", "C"]).succeeds().says_nothing();
    sandbox.add("D", &value_of("D"));
}

#[test]
fn trust_accepts_another_vault() {
    let Some(age) = Age::find() else { return };
    let (sandbox, file) = with_a_file_of_another_vault(&age);
    refused(&sandbox, file);

    assert_snapshot!(without_ids(&sandbox.run(&["trust", "--yes"])), @"
    --- stderr ---
    environment `dev` belongs to another vault: [vault 1], and this machine knows [vault 2] here
      seen:  vault [vault 2], revision 2, members alice
      found: vault [vault 1], revision 2, members alice
      with another recipient or signer: alice [recipient] [signer]
    environment `dev` is trusted as it is now (revision 2)
    [exit 0]
    ");
    let got = sandbox.run(&["get", "A"]).succeeds().says_nothing();
    assert_eq!(got.text(), value_of("A"));
    // Its founder may write it, and is somebody else.
    sandbox.refused_with_stdin(&["add", "B"], CANARY).exits(4);
}

#[test]
fn trust_accepts_nothing_that_no_member_signed() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let whole = fs::read(sandbox.dev()).expect("read");
    let recipient = recipient(&sandbox);
    let stranger = Stranger::calling_themselves("alice");
    let document = stranger.document(&vault_id(&sandbox), "dev", &recipient);
    let (ours, signature) = age.open(&sandbox, &sandbox.dev());
    let prod = document.replace(r#""dev""#, r#""prod""#);
    let intro = b"\n-> X25519 ";
    let our_stanza = whole
        .windows(intro.len())
        .position(|window| window == intro);
    let our_stanza = our_stanza.expect("one is ours") + intro.len();

    for (what, file) in [
        ("its header", Damage::other_digit(&whole, our_stanza)),
        ("decrypt", Damage::flip(&whole, whole.len() - 1, 0).bytes),
        ("decrypt", Damage::cut(&whole, whole.len() - 1).bytes),
        ("not an age file", b"text".to_vec()),
        ("no member signed it", age.seal(&[&recipient], &ours)),
        (
            "not that of `alice`",
            age.seal(&[&recipient], two_lines(&ours, &made_up_signature())),
        ),
        (
            "not that of `alice`",
            age.seal(&[&recipient], two_lines(&document, &signature)),
        ),
        (
            "in its roster",
            age.seal(&[&recipient], stranger.signed(&prod)),
        ),
    ] {
        fs::write(sandbox.dev(), &file).expect("written");
        sandbox.refused(&["trust", "--yes"]).exits(6).says(what);
    }

    fs::write(sandbox.dev(), &whole).expect("written");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
}

#[test]
fn an_environment_that_a_stranger_started_is_refused_until_it_is_trusted() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let recipient = recipient(&sandbox);
    let mallory = Stranger::calling_themselves("mallory");
    let document = mallory.document(&vault_id(&sandbox), "prod", &recipient);
    let prod = age.seal(&[&recipient], mallory.signed(&document));
    fs::write(sandbox.vault().join("prod.age"), prod).expect("written");
    let get = ["get", "A", "--env", "prod"];

    assert_snapshot!(sandbox.refused(&get).exits(6), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/prod.age` was founded by `mallory`, whom this machine does not know from the vault's other environments
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env prod` to see the change and accept it
    [exit 6]
    ");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    // Not even in a work tree, where a pull may have brought it.
    sandbox.make_git_work_tree();
    sandbox.refused(&get).exits(6);
    fs::remove_dir_all(sandbox.project().join(".git")).expect("removed");

    let trusted = sandbox.run(&["trust", "--env", "prod", "--yes"]);
    assert_snapshot!(without_ids(&trusted), @"
    --- stderr ---
    environment `prod` was founded by `mallory`, whom this machine does not know from the vault's other environments
      found: vault [vault 1], revision 9, members mallory
      mallory [recipient] [signer]
    environment `prod` is trusted as it is now (revision 9)
    [exit 0]
    ");
    let got = sandbox.run(&get).succeeds().says_nothing();
    assert_eq!(got.text(), format!("planted {CANARY}"));
}

#[test]
fn an_environment_of_another_vault_is_refused_until_it_is_trusted() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let recipient = recipient(&sandbox);
    let mallory = Stranger::calling_themselves("mallory");
    let document = mallory.document(&"0".repeat(32), "prod", &recipient);
    let prod = age.seal(&[&recipient], mallory.signed(&document));
    fs::write(sandbox.vault().join("prod.age"), prod).expect("written");

    let get = ["get", "A", "--env", "prod"];
    let refusal = sandbox.refused(&get).exits(6);
    refusal.says(&format!("belongs to another vault: {}", "0".repeat(32)));
    sandbox.run(&["trust", "--env", "prod", "--yes"]).succeeds();
    sandbox.run(&get).succeeds().says_nothing();
}

#[test]
fn the_founder_s_signer_pins_it_as_well() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let (id, ours) = (vault_id(&sandbox), recipient(&sandbox));
    let listed = sandbox.run(&["env", "list", "--json"]).json();
    let founder = listed["environments"][0]["founder"].as_str();
    let line = sandbox.run(&["identity"]).succeeds();
    assert_eq!(founder, line.text().trim_end().split(' ').next_back());
    let pinned = format!("{id},{}", founder.expect("a signer"));

    let ci = another_machine(&sandbox).variable("KEYVAULT_VAULT_ID", &pinned);
    ci.run(&["get", "A"]).succeeds().says_nothing();
    ci.run(&["get", "A"]).succeeds().says_nothing();

    // Whoever knows the id and a recipient can make all the rest.
    let mallory = Stranger::calling_themselves("alice");
    let forged = age.seal(
        &[&ours],
        mallory.signed(&mallory.document(&id, "dev", &ours)),
    );
    let ci = another_machine(&sandbox).variable("KEYVAULT_VAULT_ID", &pinned);
    fs::write(ci.dev(), forged).expect("written");
    assert_snapshot!(ci.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` was founded by `alice`, with a signer that `KEYVAULT_VAULT_ID` does not name
    keyvault: hint: it was not touched; if it is to be believed, add the signer that `keyvault identity` prints for its founder, behind a comma
    [exit 6]
    ");
    ci.refused(&["trust", "--yes"]).exits(6);
    ci.refused(&["env", "remove", "dev", "--yes"]).exits(6);
}

#[test]
fn an_earlier_roster_is_read_in_a_git_work_tree_and_not_written() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let before = fs::read(sandbox.dev()).expect("read");
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    fs::write(sandbox.dev(), with_a_reader(&identity, &before)).expect("written");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    let listed = sandbox.run(&["env", "list", "--json"]).json();
    assert_eq!(listed["environments"][0]["members"][1], "reader");

    // With members as they were: the one who joined is not among them, or, the
    // other way round, one who left still is.
    fs::write(sandbox.dev(), &before).expect("written");
    sandbox.refused(&["get", "A"]).exits(6);
    sandbox.make_git_work_tree();
    sandbox
        .run(&["get", "A"])
        .succeeds()
        .says("in a git work tree");
    assert_snapshot!(sandbox.refused_with_stdin(&["add", "B"], CANARY), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` is from before its members were changed, and writing it would give it to those who have left
    keyvault: hint: it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
    [exit 6]
    ");

    sandbox.run(&["trust", "--yes"]).succeeds();
    sandbox.add("B", CANARY);
}

#[test]
fn another_identity_is_not_taken_for_damage() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let stranger = Sandbox::new();
    let identity = stranger.identity();

    let refusal = sandbox.refused(&["get", "A", "-i", text(&identity)]);

    refusal
        .exits(4)
        .says("it is not a member of environment `dev`");
}

#[test]
fn a_damaged_pin_lets_no_other_vault_in() {
    let Some(age) = Age::find() else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let ours = recipient(&sandbox);
    let mallory = Stranger::calling_themselves("mallory");
    let document = mallory.document(&vault_id(&sandbox), "prod", &ours);
    let prod = age.seal(&[&ours], mallory.signed(&document));
    fs::write(sandbox.vault().join("prod.age"), prod).expect("written");
    let pins = fs::read_dir(sandbox.pins())
        .expect("listed")
        .flatten()
        .next();
    let pin = pins.expect("a vault's").path().join("dev.json");
    fs::write(&pin, "{").expect("written");

    let get = sandbox.refused(&["get", "A", "-e", "prod"]);
    get.exits(6).says("is damaged");
    let doctor = sandbox.run(&["doctor"]).exits(8);
    assert!(doctor.text().contains("dev.json` is damaged"), "{doctor}");

    fs::remove_file(sandbox.vault().join("prod.age")).expect("removed");
    sandbox.run(&["trust", "--yes"]).succeeds();
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
}

#[test]
fn a_folder_that_is_only_named_as_git_s_excuses_nothing() {
    let (sandbox, older) = with_an_older_copy();
    fs::write(sandbox.dev(), older).expect("written");
    for folder in [sandbox.vault(), sandbox.project()] {
        fs::create_dir(folder.join(".git")).expect("made");
        sandbox.refused(&["get", "A"]).exits(6);
    }
    fs::write(sandbox.vault().join(".git/HEAD"), "ref: refs/heads/main\n").expect("written");
    sandbox.refused(&["get", "A"]).exits(6);
}

#[test]
fn the_vault_s_id_pins_it_where_nothing_was_seen_before() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let id = vault_id(&sandbox);

    let ci = another_machine(&sandbox).variable("KEYVAULT_VAULT_ID", &id);
    let got = ci.run(&["get", "A"]).succeeds().says_nothing();
    assert_eq!(got.text(), value_of("A"));

    let ci = another_machine(&sandbox).variable("KEYVAULT_VAULT_ID", "0".repeat(32));
    ci.refused(&["get", "A"]).exits(6);
    ci.refused_with_stdin(&["add", "B"], CANARY).exits(6);

    // Nor does a pin speak for it.
    let ci = another_machine(&sandbox);
    ci.run(&["get", "A"]).succeeds();
    let ci = ci.variable("KEYVAULT_VAULT_ID", "0".repeat(32));
    ci.refused(&["get", "A"]).exits(6);

    let ci = another_machine(&sandbox).variable("KEYVAULT_VAULT_ID", "the one in dev");
    assert_snapshot!(ci.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: `KEYVAULT_VAULT_ID` is not the id of a vault, 32 hexadecimal digits, with signers behind commas
    keyvault: hint: run `keyvault env list --json` where the vault is known to see both
    [exit 2]
    ");
}

#[test]
fn a_wrong_vault_id_is_said_to_come_from_the_variable() {
    let sandbox = Sandbox::with_secrets(&["A"]).variable("KEYVAULT_VAULT_ID", "0".repeat(32));

    let refusal = sandbox.refused(&["get", "A"]).exits(6);

    // `trust`, which changes what the machine knows, would not help.
    assert!(!refusal.stderr.contains("keyvault trust"), "{refusal}");
    refusal.says("KEYVAULT_VAULT_ID");
}

#[test]
fn a_vault_of_another_user_is_used_only_if_it_is_named() {
    if !geteuid().is_root() {
        return skip("only root gives a folder away");
    }
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let id = vault_id(&sandbox);
    let below = sandbox.project().join("below");
    fs::create_dir(&below).expect("made");
    chown(sandbox.vault(), Some(SOMEBODY_ELSE), None).expect("given away");
    let from_below = |sandbox: &Sandbox, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        sandbox.finish(command.current_dir(&below))
    };

    assert_snapshot!(from_below(&sandbox, &["get", "A"]), @"
    --- stderr ---
    keyvault: error: the vault found at `[sandbox]/project/.keyvault` belongs to another user, who could have put it there for you to find
    keyvault: hint: if you know it, name it: `--vault [sandbox]/project/.keyvault`
    [exit 6]
    ");
    sandbox.refused(&["get", "A"]).exits(6);
    sandbox.refused_with_stdin(&["add", "B"], CANARY).exits(6);
    sandbox.refused(&["exec", "--", "true"]).exits(125);

    let vault = sandbox.vault();
    let named = from_below(&sandbox, &["get", "A", "--vault", text(&vault)]);
    assert_eq!(named.succeeds().says_nothing().text(), value_of("A"));
    sandbox = sandbox.variable("KEYVAULT_VAULT_ID", id);
    from_below(&sandbox, &["get", "A"])
        .succeeds()
        .says_nothing();
}

#[test]
fn a_vault_that_is_a_link_is_not_followed() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let elsewhere = sandbox.root().join("elsewhere");
    fs::rename(sandbox.vault(), &elsewhere).expect("renamed");
    symlink(&elsewhere, sandbox.vault()).expect("linked");

    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault` is a symbolic link, and a project's vault is not followed out of its folder
    keyvault: hint: if you know where it leads, name it: `--vault [sandbox]/project/.keyvault`
    [exit 6]
    ");
    sandbox.refused_with_stdin(&["add", "B"], CANARY).exits(6);
    assert_snapshot!(sandbox.refused(&["init"]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault` is a symbolic link, and a project's vault is not followed out of its folder
    keyvault: hint: if you know where it leads, name it: `--vault [sandbox]/project/.keyvault`
    [exit 6]
    ");

    fs::remove_file(sandbox.vault()).expect("removed");
    symlink(sandbox.root().join("nowhere"), sandbox.vault()).expect("linked");
    sandbox.refused(&["init"]).exits(6);
    assert!(!sandbox.root().join("nowhere").exists());

    // Who names it means it.
    fs::remove_file(sandbox.vault()).expect("removed");
    symlink(&elsewhere, sandbox.vault()).expect("linked");
    let named = sandbox.run(&["get", "A", "--vault", ".keyvault"]);
    assert_eq!(named.succeeds().text(), value_of("A"));
}
