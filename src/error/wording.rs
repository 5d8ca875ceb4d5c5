//! The words of every error, in one table: what is said, with which exit code and
//! which hint. A new variant does not compile before it stands here.

use std::io;
use std::path::PathBuf;

use insta::assert_snapshot;

use super::{Errand, Error, FailedHook, Fault, LogFault, Misfit, Origin, Renewal, Surprise};
use crate::name::{EnvironmentName, MemberName, SecretName};

fn name() -> SecretName {
    "STRIPE_KEY".parse().expect("a name")
}

fn expired(renewal: Renewal, others: &[&str]) -> Error {
    let others = others.iter().map(|name| name.parse().expect("a name"));
    Error::Expired {
        name: name(),
        version: 2,
        environment: dev(),
        at: "2026-11-22T12:00:00Z".parse().expect("a time"),
        renewal,
        others: others.collect(),
    }
}

fn dev() -> EnvironmentName {
    "dev".parse().expect("a name")
}

fn alice() -> MemberName {
    "alice".parse().expect("a name")
}

fn path(text: &str) -> PathBuf {
    text.into()
}

fn no_space() -> io::Error {
    io::Error::from_raw_os_error(28)
}

fn origin() -> Origin {
    Origin::File(path("/home/alice/.config/keyvault/identity"))
}

fn faults() -> Vec<Fault> {
    let all = vec![
        Fault::NotAFile,
        Fault::Symlink,
        Fault::TooLarge { limit: 64 << 20 },
        Fault::Empty,
        Fault::NotAge,
        Fault::HeaderTooLarge,
        Fault::PassphraseSealed,
        Fault::Corrupt,
        Fault::CorruptHeader,
        Fault::Unsigned,
        Fault::BadSignature { by: alice() },
        Fault::NotAWriter { by: alice() },
        Fault::Roster {
            what: "there is no member",
        },
        Fault::NewerFormat {
            format: "keyvault/2".to_owned(),
        },
        Fault::UnknownField {
            field: "colour".to_owned(),
        },
        Fault::Malformed {
            what: "it is no JSON, at byte 7".to_owned(),
        },
        Fault::WrongEnvironment { found: dev() },
    ];
    // Fails to compile when one is added; then it goes into the list, too.
    let listed = |fault: &Fault| match fault {
        Fault::NotAFile | Fault::Symlink | Fault::TooLarge { .. } | Fault::NotAge => {}
        Fault::HeaderTooLarge | Fault::PassphraseSealed | Fault::Corrupt => {}
        Fault::CorruptHeader | Fault::Unsigned | Fault::BadSignature { .. } => {}
        Fault::NotAWriter { .. } | Fault::Roster { .. } | Fault::NewerFormat { .. } => {}
        Fault::UnknownField { .. } | Fault::Malformed { .. } => {}
        Fault::WrongEnvironment { .. } | Fault::Empty => {}
    };
    all.iter().for_each(listed);
    all
}

fn surprises() -> Vec<Surprise> {
    let all = vec![
        Surprise::RolledBack {
            found: 40,
            seen: 42,
        },
        Surprise::Diverged {
            found: 43,
            seen: 42,
        },
        Surprise::OtherVault {
            found: "00ff".to_owned(),
            seen: "11ee".to_owned(),
        },
        Surprise::OtherRoster { founder: alice() },
        Surprise::UnknownFounder { founder: alice() },
        Surprise::EarlierRoster,
        Surprise::PinDamaged {
            pin: path("/state/pin.json"),
        },
    ];
    let listed = |surprise: &Surprise| match surprise {
        Surprise::RolledBack { .. } | Surprise::Diverged { .. } | Surprise::OtherVault { .. } => {}
        Surprise::OtherRoster { .. } | Surprise::UnknownFounder { .. } => {}
        Surprise::PinDamaged { .. } | Surprise::EarlierRoster => {}
    };
    all.iter().for_each(listed);
    all
}

/// One fault in a line each: a name that is not there, and what may have been meant.
fn unfilled(closest: &[Option<&str>]) -> Error {
    let misfits = closest.iter().enumerate().map(|(at, closest)| Misfit {
        line: at + 1,
        column: (at == 0).then_some(7),
        error: Error::NoSecret {
            name: "STRYPE_KEY".parse().expect("a name"),
            environment: dev(),
            closest: closest.map(|name| name.parse().expect("a name")),
        },
    });
    Error::Unfilled {
        path: path("app.tpl"),
        misfits: misfits.collect(),
    }
}

/// A hook that failed in each of the cases in which one is run, and one that a person
/// ended.
fn hooks() -> impl Iterator<Item = Error> {
    let failed = |(step, errand, is_interrupted)| {
        Error::HookFailed(Box::new(FailedHook {
            name: name(),
            environment: dev(),
            step,
            outcome: "ended with 3".to_owned(),
            is_interrupted,
            errand,
        }))
    };
    let all = [
        ("create", Errand::Create, false),
        ("verify", Errand::Try(4), true),
        ("--verify", Errand::Try(4), false),
        ("revoke", Errand::Abort, false),
        ("revoke", Errand::Retire, false),
        ("revoke", Errand::Revoke, false),
    ];
    all.into_iter().map(failed)
}

fn log_faults() -> Vec<LogFault> {
    let all = vec![
        LogFault::Edited { line: 7 },
        LogFault::Removed { first: 7, last: 7 },
        LogFault::Removed { first: 7, last: 9 },
        LogFault::Reordered { line: 7 },
        LogFault::Cut { first: 7, last: 9 },
        LogFault::Torn { line: 7 },
        LogFault::HeadLost { line: 7 },
        LogFault::HeadEdited,
        LogFault::BegunAnew { lines: 120 },
        LogFault::PastChanged { line: 7 },
        LogFault::WentBack {
            by: alice(),
            environment: dev(),
            found: 100,
            seen: 120,
        },
    ];
    let listed = |fault: &LogFault| match fault {
        LogFault::Edited { .. } | LogFault::Removed { .. } | LogFault::Reordered { .. } => {}
        LogFault::Cut { .. } | LogFault::Torn { .. } | LogFault::HeadLost { .. } => {}
        LogFault::HeadEdited | LogFault::BegunAnew { .. } | LogFault::WentBack { .. } => {}
        LogFault::PastChanged { .. } => {}
    };
    all.iter().for_each(listed);
    all
}

/// Returns each error, with made-up names.
pub fn errors() -> Vec<Error> {
    let file = || path("/project/.keyvault/dev.age");
    let vault = || path("/project/.keyvault");
    let mut all = vec![
        Error::Io {
            doing: "write",
            path: file(),
            source: no_space(),
        },
        Error::Unconfirmed {
            path: file(),
            source: io::Error::from_raw_os_error(5),
        },
        Error::EnvironmentFull {
            environment: dev(),
            limit: 64 << 20,
        },
        Error::Output(no_space()),
        Error::NoRandomness,
        Error::NoHome,
        Error::Unlogged {
            what: "no space left on device".to_owned(),
        },
        Error::VerifyFailed {
            name: name(),
            outcome: "ended with 3".to_owned(),
        },
        Error::Unverifiable {
            name: name(),
            what: "what is wrong with it".to_owned(),
        },
        Error::Usage {
            message: "a message".to_owned(),
            hint: "a hint".to_owned(),
        },
        Error::ValueOnCommandLine {
            verb: "add",
            name: name(),
        },
        Error::NoWorkTree {
            from: path("/project"),
        },
        Error::SilentGit,
        Error::HookInTheWay {
            path: path("/project/.git/hooks/pre-commit"),
            what: "it is a symbolic link".to_owned(),
            way: "what to do".to_owned(),
        },
        Error::BadScanConfig {
            path: path("/project/.keyvault-scan.toml"),
            line: Some(7),
            what: "what is wrong with it".to_owned(),
        },
        Error::BadScanConfig {
            path: path("/project/.keyvault-scan.toml"),
            line: None,
            what: "it is no text".to_owned(),
        },
        Error::Unasked {
            question: "`Sure?`".to_owned(),
            flag: "--yes",
        },
        Error::Declined,
        Error::BadValue {
            what: "what is wrong",
            hint: "what to do",
        },
        Error::Uncarried {
            name: name(),
            format: "docker",
            what: "it holds a line feed".to_owned(),
        },
        unfilled(&[Some("STRIPE_KEY")]),
        unfilled(&[Some("STRIPE_KEY"), None]),
        Error::InTheWay {
            path: path("/project/.env"),
            what: "it is a symbolic link",
        },
        Error::NotALayer {
            environment: "prod".parse().expect("a name"),
            layers: vec!["base".parse().expect("a name"), dev()],
        },
        Error::NoVault {
            from: path("/project"),
        },
        Error::NoVaultAt { path: path("/a b") },
        Error::NoEnvironment {
            name: dev(),
            vault: vault(),
            closest: None,
        },
        Error::NoEnvironment {
            name: dev(),
            vault: vault(),
            closest: "dav".parse().ok(),
        },
        Error::WhichEnvironment {
            names: vec!["prod".parse().expect("a name"), dev()],
        },
        Error::WhichEnvironment { names: Vec::new() },
        Error::NoSecret {
            name: name(),
            environment: dev(),
            closest: None,
        },
        Error::NoSecret {
            name: name(),
            environment: dev(),
            closest: "STRYPE_KEY".parse().ok(),
        },
        Error::NoVersion {
            name: name(),
            environment: dev(),
            wanted: "version 7".to_owned(),
        },
        Error::BadManifest {
            path: path("/p/.env.example"),
            what: "is larger than 1 MiB".to_owned(),
        },
        Error::Lacking {
            names: vec![name()],
            environment: dev(),
        },
        Error::Lacking {
            names: ["A", "B", "C", "D", "E", "F", "G"]
                .map(|name| name.parse().expect("a name"))
                .into(),
            environment: dev(),
        },
        Error::NoMatch {
            option: "--only",
            pattern: "X*".to_owned(),
            environment: dev(),
        },
        Error::NoIdentity {
            path: path("/home/alice/.config/keyvault/identity"),
        },
        Error::IdentityAsPath {
            option: "KEYVAULT_IDENTITY_FILE",
        },
        Error::IdentityExposed {
            path: path("/home/al ice/identity"),
            mode: 0o644,
        },
        Error::BadIdentity {
            origin: origin(),
            what: "it is empty".to_owned(),
        },
        Error::NoPrompt {
            origin: origin(),
            forbidden: false,
        },
        Error::NoPrompt {
            origin: Origin::Variable("KEYVAULT_IDENTITY"),
            forbidden: true,
        },
        Error::NoNewPassphrase { forbidden: false },
        Error::WrongPassphrase { origin: origin() },
        Error::PassphraseSource {
            variable: "KEYVAULT_PASSPHRASE_FILE",
            what: "it is empty".to_owned(),
        },
        Error::NotAMember {
            environment: dev(),
            path: file(),
        },
        Error::NotAWriter { environment: dev() },
        Error::NoSessionCache {
            what: "permission denied".to_owned(),
        },
        Error::Revoked {
            name: name(),
            version: 2,
            environment: dev(),
            reason: "leaked".parse().ok(),
            is_replaced: false,
        },
        Error::Revoked {
            name: name(),
            version: 2,
            environment: dev(),
            reason: None,
            is_replaced: true,
        },
        expired(Renewal::Rotate, &[]),
        expired(Renewal::Rotate, &["A", "B"]),
        expired(Renewal::Resume, &[]),
        expired(Renewal::Current, &[]),
        Error::Destroyed {
            name: name(),
            version: 2,
            environment: dev(),
        },
        Error::RevokedValue {
            name: name(),
            revoked: "OLD_KEY".parse().expect("a name"),
            version: 2,
            environment: dev(),
        },
        Error::SecretExists {
            name: name(),
            environment: dev(),
        },
        Error::SameValue {
            name: name(),
            version: 2,
            environment: dev(),
        },
        Error::RotationUnderWay {
            name: name(),
            environment: dev(),
            pending: None,
        },
        Error::RotationUnderWay {
            name: name(),
            environment: dev(),
            pending: Some(4),
        },
        Error::RotationRunning {
            name: name(),
            environment: dev(),
        },
        Error::RotationOvertaken {
            name: name(),
            environment: dev(),
            kept: None,
        },
        Error::RotationOvertaken {
            name: name(),
            environment: dev(),
            kept: Some(4),
        },
        Error::ImportConflict {
            names: vec![name()],
            environment: dev(),
        },
        Error::ImportConflict {
            names: vec![name(), "OLD_KEY".parse().expect("a name")],
            environment: dev(),
        },
        Error::NotSeen {
            name: name(),
            environment: dev(),
        },
        Error::NotReadBack {
            name: name(),
            environment: dev(),
        },
        Error::NotShredded {
            path: path("/project/.env"),
        },
        Error::BadImport {
            path: path("/project/.env"),
            place: Some("line 3".to_owned()),
            what: "a quote that is opened and not closed".to_owned(),
            hint: None,
        },
        Error::BadImport {
            path: path("/project/.env"),
            place: None,
            what: "it grew while it was read".to_owned(),
            hint: Some("run it again"),
        },
        Error::OtherVault {
            path: file(),
            found: "00112233445566778899aabbccddeeff".to_owned(),
            expected: "ffeeddccbbaa99887766554433221100".to_owned(),
        },
        Error::OtherFounder {
            path: file(),
            founder: alice(),
        },
        Error::LinkedVault {
            path: path("/project/.keyvault"),
        },
        Error::ForeignVault { path: vault() },
        Error::EnvironmentExists {
            name: dev(),
            vault: vault(),
        },
        Error::VaultExists { path: vault() },
        Error::LockHeld {
            path: vault(),
            seconds: 30,
        },
        Error::Interrupted,
        Error::Dangerous {
            secrets: vec![(
                "PATH".parse().expect("a name"),
                "PATH".parse().expect("a name"),
            )],
        },
        Error::Dangerous {
            secrets: vec![("PATH".parse().expect("a name"), name())],
        },
        Error::Dangerous {
            secrets: ["NODE_OPTIONS", "PATH"]
                .map(|name| name.parse().expect("a name"))
                .map(|name: SecretName| (name.clone(), name))
                .into(),
        },
        Error::DangerousSetting {
            variables: ["LD_PRELOAD", "PATH"]
                .map(|name| name.parse().expect("a name"))
                .into(),
            path: path("app.env"),
        },
        Error::NulInValue {
            name: name(),
            environment: dev(),
        },
        Error::EnvironmentTooLarge {
            name: name(),
            environment: dev(),
            size: 200_000,
        },
        Error::NotForShell {
            name: name(),
            what: "holds a NUL byte, which no environment variable can carry",
        },
        Error::NotForClipboard {
            name: name(),
            what: "it holds a NUL byte, which cannot be pasted".to_owned(),
        },
        Error::ProgramNotFound {
            program: "nmp".to_owned(),
        },
        Error::ProgramNotFound {
            program: "npm start".to_owned(),
        },
        Error::CannotExecute {
            program: "/etc/passwd".to_owned(),
            source: io::Error::from_raw_os_error(13),
        },
        Error::NoPlaceForFiles,
        Error::NoGit(io::Error::from_raw_os_error(2)),
        Error::NotARepository,
        Error::BadRange,
        Error::GitFailed {
            said: "unable to read what it should".to_owned(),
        },
        Error::NotAPush { line: 2 },
        Error::Unattended(io::Error::from_raw_os_error(24)),
        Error::Unprinted(io::Error::from_raw_os_error(28)),
        Error::Exec(Box::new(Error::NoVault {
            from: path("/project"),
        })),
    ];
    all.extend(faults().into_iter().map(|fault| Error::Untrusted {
        path: file(),
        fault,
    }));
    all.extend(surprises().into_iter().map(|surprise| Error::Unexpected {
        path: file(),
        environment: dev(),
        surprise,
    }));
    all.extend(hooks());
    all.extend([
        Error::UnfitForHook {
            name: name(),
            what: "what is wrong with it",
        },
        Error::HookNotAccepted {
            name: name(),
            environment: dev(),
        },
        Error::ClockDoubted {
            doubt: "what is odd about the clock".to_owned(),
        },
        Error::NoCreateHook {
            name: name(),
            environment: dev(),
        },
        Error::NoRotation {
            name: name(),
            environment: dev(),
        },
        Error::NoHook {
            name: name(),
            environment: dev(),
            step: Some("create"),
        },
        Error::NoHook {
            name: name(),
            environment: dev(),
            step: None,
        },
    ]);
    all.extend(log_faults().into_iter().map(|fault| Error::BrokenLog {
        path: path("/home/alice/.local/state/keyvault/audit/00ff"),
        fault,
    }));
    // Fails to compile when one is added; then it goes into the list, too.
    let listed = |error: &Error| match error {
        Error::Unlogged { .. } | Error::BrokenLog { .. } => {}
        Error::Io { .. }
        | Error::Unconfirmed { .. }
        | Error::EnvironmentFull { .. }
        | Error::Output(_)
        | Error::NoRandomness
        | Error::NoHome
        | Error::VerifyFailed { .. }
        | Error::Unverifiable { .. } => {}
        Error::Usage { .. } | Error::ValueOnCommandLine { .. } | Error::Unasked { .. } => {}
        Error::NoWorkTree { .. } | Error::SilentGit => {}
        Error::HookInTheWay { .. } | Error::BadScanConfig { .. } => {}
        Error::Declined | Error::BadValue { .. } | Error::NoVault { .. } => {}
        Error::NoVaultAt { .. } | Error::NoEnvironment { .. } | Error::WhichEnvironment { .. } => {}
        Error::NoSecret { .. } | Error::NoVersion { .. } | Error::NoMatch { .. } => {}
        Error::IdentityAsPath { .. } => {}
        Error::BadManifest { .. } | Error::Lacking { .. } => {}
        Error::NoIdentity { .. } | Error::IdentityExposed { .. } | Error::BadIdentity { .. } => {}
        Error::NoPrompt { .. } | Error::NoNewPassphrase { .. } | Error::WrongPassphrase { .. } => {}
        Error::PassphraseSource { .. } | Error::NotAMember { .. } | Error::NotAWriter { .. } => {}
        Error::HookFailed(_) | Error::UnfitForHook { .. } | Error::HookNotAccepted { .. } => {}
        Error::ClockDoubted { .. } | Error::RotationRunning { .. } => {}
        Error::NoCreateHook { .. } | Error::NoRotation { .. } | Error::NoHook { .. } => {}
        Error::RotationUnderWay { .. } | Error::RotationOvertaken { .. } => {}
        Error::NoSessionCache { .. } | Error::Revoked { .. } | Error::Expired { .. } => {}
        Error::Destroyed { .. } | Error::RevokedValue { .. } | Error::Untrusted { .. } => {}
        Error::Unexpected { .. } | Error::SecretExists { .. } | Error::SameValue { .. } => {}
        Error::ImportConflict { .. } | Error::NotReadBack { .. } => {}
        Error::NotSeen { .. } => {}
        Error::NotShredded { .. } | Error::BadImport { .. } => {}
        Error::OtherFounder { .. } | Error::OtherVault { .. } | Error::ForeignVault { .. } => {}
        Error::LinkedVault { .. } | Error::EnvironmentExists { .. } => {}
        Error::VaultExists { .. } | Error::LockHeld { .. } | Error::Interrupted => {}
        Error::Dangerous { .. } | Error::NulInValue { .. } => {}
        Error::EnvironmentTooLarge { .. } | Error::ProgramNotFound { .. } => {}
        Error::NotForShell { .. } | Error::NotForClipboard { .. } => {}
        Error::CannotExecute { .. } | Error::Unattended(_) | Error::Exec(_) => {}
        Error::Unprinted(_) => {}
        Error::Uncarried { .. } | Error::Unfilled { .. } | Error::InTheWay { .. } => {}
        Error::NotALayer { .. } | Error::DangerousSetting { .. } => {}
        Error::NoPlaceForFiles => {}
        Error::NoGit(_) | Error::NotARepository | Error::BadRange => {}
        Error::GitFailed { .. } | Error::NotAPush { .. } => {}
    };
    all.iter().for_each(listed);
    all
}

fn table() -> String {
    let lines = errors().into_iter().map(|error| {
        let hint = error
            .hint()
            .map(|hint| format!("      {hint}\n"))
            .unwrap_or_default();
        format!("{:>3}   {error}\n{hint}", error.code() as u8)
    });
    lines.collect()
}

#[test]
fn each_error_has_its_words_its_code_and_its_hint() {
    assert_snapshot!(table(), @"
      1   cannot write `/project/.keyvault/dev.age`: no space left on device
      1   `/project/.keyvault/dev.age` is changed, but the disk did not confirm it: input/output error
          see whether the disk is well; a power failure could still undo the change
      1   environment `dev` would be larger than 64 MiB, more than a vault file can be
          nothing was changed; run `keyvault policy --keep-versions 2 --env dev` to keep fewer old values, or `keyvault remove NAME --env dev` for what is not needed
      1   cannot write the answer: no space left on device
      1   the system gives no random bytes
      1   there is no home folder to keep anything in
          set `HOME`
      1   `KEYVAULT_AUDIT=required`, and this cannot be written to the audit log: no space left on device
          nothing was given out or saved; make room for the log, or unset `KEYVAULT_AUDIT`
      1   the new value of `STRIPE_KEY` was not accepted: the command of `--verify` ended with 3
          nothing was changed; mend the value or the command and run it again
      2   no command can verify the new value of `STRIPE_KEY`: what is wrong with it
          nothing was changed; run it without `--verify`
      2   a message
          a hint
      2   a value is never taken from the command line, where `ps` and the shell's history show it; it was not read
          run `keyvault add STRIPE_KEY` and type it, or pipe it in: `… | keyvault add STRIPE_KEY`; if it was a real one, clear it from the history
      3   git finds no work tree at `/project` or above it
          go to the folder of a project, or run `git init` to make this one of git's; where there is one, `git status` says why
      1   git does not answer
          see whether `git --version` does; git has to be on the PATH
      7   nothing is added to `/project/.git/hooks/pre-commit`: it is a symbolic link
          nothing was changed; what to do
      1   `/project/.keyvault-scan.toml` line 7: what is wrong with it
          nothing was changed; correct it: it may have `salt`, `[[rule]]` and `[[allow]]`, as README shows
      1   `/project/.keyvault-scan.toml`: it is no text
          nothing was changed; correct it: it may have `salt`, `[[rule]]` and `[[allow]]`, as README shows
      2   `Sure?` was not asked: there is no terminal, or input is switched off
          pass `--yes` to say yes beforehand
      1   not done
      2   what is wrong
          what to do
      1   the value of `STRIPE_KEY` cannot be written as `docker`: it holds a line feed
          nothing was written; leave it out with `--except STRIPE_KEY`, or take another format: `json` has any text, `k8s` any bytes
      3   one reference in `app.tpl` cannot be filled in
      1:7 no secret named `STRYPE_KEY` in environment `dev`
          did you mean `STRIPE_KEY`?
      3   2 references in `app.tpl` cannot be filled in
      1:7 no secret named `STRYPE_KEY` in environment `dev` (did you mean `STRIPE_KEY`?)
      line 2: no secret named `STRYPE_KEY` in environment `dev`
      7   `/project/.env` is not replaced: it is a symbolic link
          nothing was written; name another file, or leave `--output` away to write to stdout
      3   environment `prod` was not asked for, and a reference opens no other than `base`, `dev`
          if it is to be opened, name it: `--env prod,base,dev`
      3   no vault in `/project` or above it, and no personal one
          run `keyvault init` to make one here
      3   no vault at `/a b`
          run `keyvault init --vault '/a b'` to make one there
      3   no environment `dev` in `/project/.keyvault`
          run `keyvault env list` to see those there are, or `keyvault env create dev`
      3   no environment `dev` in `/project/.keyvault`
          did you mean `--env dav`?
      3   there is no environment `dev` to fall back on, and none was named
          name one of `prod`, `dev`, as in `--env prod`
      3   there is no environment `dev` to fall back on, and none was named
          run `keyvault env create dev` to make it
      3   no secret named `STRIPE_KEY` in environment `dev`
          run `keyvault list --env dev` to see its secrets
      3   no secret named `STRIPE_KEY` in environment `dev`
          did you mean `STRYPE_KEY`?
      3   `STRIPE_KEY` has no version 7 in environment `dev`
          run `keyvault history STRIPE_KEY --env dev` to see its versions
      1   `/p/.env.example` is larger than 1 MiB
          correct it, or write it anew with `keyvault export --example -o .env.example`
      3   `.env.example` lists `STRIPE_KEY`, which environment `dev` lacks
          run `keyvault add STRIPE_KEY --env dev`, or take out of `.env.example` what is not needed
      3   `.env.example` lists `A`, `B`, `C`, `D`, `E` and 2 more, which environment `dev` lacks
          run `keyvault add A --env dev`, or take out of `.env.example` what is not needed
      3   `--only X*` matches no secret in environment `dev`
          run `keyvault list --env dev` to see its secrets
      4   no identity at `/home/alice/.config/keyvault/identity`
          run `keyvault init` to make one, or name yours with `--identity FILE`
      2   `KEYVAULT_IDENTITY_FILE` names a file, and was given a private key
          pass the identity itself in `KEYVAULT_IDENTITY`; if others may have seen this one, make a new one
      4   identity `/home/al ice/identity` can be read by others (mode 0644)
          run `chmod 600 '/home/al ice/identity'`
      4   identity `/home/alice/.config/keyvault/identity` cannot be used: it is empty
          an age identity, plain or with a passphrase, or an ssh-ed25519 private key opens a vault
      4   identity `/home/alice/.config/keyvault/identity` wants its passphrase, and there is no terminal to ask on
          set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
      4   the identity in `KEYVAULT_IDENTITY` wants its passphrase, and input is switched off
          set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
      4   a new identity wants a passphrase, and there is no terminal to ask on
          pass `--no-passphrase` to do without, or set `KEYVAULT_PASSPHRASE_FILE`
      4   wrong passphrase for identity `/home/alice/.config/keyvault/identity`
      4   no passphrase from `KEYVAULT_PASSPHRASE_FILE`: it is empty
      4   this identity does not open `/project/.keyvault/dev.age`: it is not a member of environment `dev`
          run `keyvault identity` and send its line to a member, who can add you
      4   this identity may read environment `dev` and not write it
          run `keyvault identity` and send its line to a member, who can make you a writer
      4   the kernel keeps no unlocked identity for this session: permission denied
          the passphrase is asked each time; `KEYVAULT_PASSPHRASE_FILE` serves scripts
      5   `STRIPE_KEY` in environment `dev` is revoked (version 2: leaked)
          run `keyvault rotate STRIPE_KEY --env dev` to give it a new value
      5   `STRIPE_KEY` in environment `dev` is revoked (version 2)
          run `keyvault get STRIPE_KEY --env dev` for the current one
      5   `STRIPE_KEY` in environment `dev` has expired (version 2, at 2026-11-22T12:00:00Z)
          run `keyvault rotate STRIPE_KEY --env dev` to give it a new value, or `keyvault expire STRIPE_KEY@2 30d --env dev` if it is good for longer
      5   `STRIPE_KEY` in environment `dev` has expired (version 2, at 2026-11-22T12:00:00Z), and so have `A`, `B`
          run `keyvault rotate STRIPE_KEY --env dev` to give it a new value, or `keyvault expire STRIPE_KEY@2 30d --env dev` if it is good for longer
      5   `STRIPE_KEY` in environment `dev` has expired (version 2, at 2026-11-22T12:00:00Z)
          run `keyvault rotate STRIPE_KEY --resume --env dev` to go on with its rotation, or `keyvault expire STRIPE_KEY@2 30d --env dev` if it is good for longer
      5   `STRIPE_KEY` in environment `dev` has expired (version 2, at 2026-11-22T12:00:00Z)
          run `keyvault get STRIPE_KEY --env dev` for the current one, or `keyvault expire STRIPE_KEY@2 30d --env dev` if it is good for longer
      5   the value of `STRIPE_KEY` version 2 in environment `dev` was destroyed; its record is kept
          run `keyvault get STRIPE_KEY --env dev` for the current one
      5   this value for `STRIPE_KEY` was revoked before, as version 2 of `OLD_KEY` in environment `dev`, and is not taken again
          get a new one where the old one came from
      7   `STRIPE_KEY` is in environment `dev` already
          run `keyvault rotate STRIPE_KEY --env dev` to give it a new value
      7   `STRIPE_KEY` in environment `dev` has this value already (version 2)
          nothing was changed; give it the new value
      7   a rotation of `STRIPE_KEY` in environment `dev` is under way, without a new value yet
          run `keyvault rotate STRIPE_KEY --resume --env dev` to go on, or `keyvault rotate STRIPE_KEY --abort --env dev` to give it up
      7   a rotation of `STRIPE_KEY` in environment `dev` is under way, with version 4 pending
          run `keyvault rotate STRIPE_KEY --resume --env dev` to go on, or `keyvault rotate STRIPE_KEY --abort --env dev` to give it up
      7   another keyvault on this machine is rotating or revoking `STRIPE_KEY` in environment `dev` just now
          nothing was changed; run it again once the other is done
      7   somebody else went on with the rotation of `STRIPE_KEY` in environment `dev`, or ended it
          nothing was changed; run `keyvault list --env dev` to see where it stands
      7   somebody else went on with the rotation of `STRIPE_KEY` in environment `dev`, or ended it
          the value that was made is kept as version 4, pending; run `keyvault rotate STRIPE_KEY --resume --env dev` to go on, or `keyvault rotate STRIPE_KEY --abort --env dev` to give it up
      7   `STRIPE_KEY` is in environment `dev` already, with another value
          nothing was changed; pass `--on-conflict rotate` for the new values, or `--on-conflict skip` for the old ones
      7   `STRIPE_KEY`, `OLD_KEY` are in environment `dev` already, with other values
          nothing was changed; pass `--on-conflict rotate` for the new values, or `--on-conflict skip` for the old ones
      1   a program that was started with the secrets of `dev` did not see `STRIPE_KEY` as its file has it
          no file was removed; compare it with `keyvault exec --only STRIPE_KEY --env dev -- printenv STRIPE_KEY`
      7   `STRIPE_KEY` in environment `dev` does not have the value that was imported: another keyvault may have changed it since
          the file was kept; run `keyvault list --env dev`, and import it again
      7   `/project/.env` has changed since it was read, and was kept
          its old values are in the vault; import it again
      1   `/project/.env` line 3: a quote that is opened and not closed
          nothing was imported; mend the file and run it again
      1   `/project/.env`: it grew while it was read
          run it again
      6   `/project/.keyvault/dev.age` is of the vault 00112233445566778899aabbccddeeff, and `KEYVAULT_VAULT_ID` names ffeeddccbbaa99887766554433221100
          it was not touched; correct `KEYVAULT_VAULT_ID`, or unset it
      6   `/project/.keyvault/dev.age` was founded by `alice`, with a signer that `KEYVAULT_VAULT_ID` does not name
          it was not touched; if it is to be believed, add the signer that `keyvault identity` prints for its founder, behind a comma
      6   `/project/.keyvault` is a symbolic link, and a project's vault is not followed out of its folder
          if you know where it leads, name it: `--vault /project/.keyvault`
      6   the vault found at `/project/.keyvault` belongs to another user, who could have put it there for you to find
          if you know it, name it: `--vault /project/.keyvault`
      7   environment `dev` is in `/project/.keyvault` already
          run `keyvault list --env dev` to see its secrets
      7   there is a vault at `/project/.keyvault` already
          run `keyvault env list` to see its environments, or `keyvault env create NAME` for another
      7   another keyvault has kept `/project/.keyvault` locked for 30 seconds
          nothing was changed; run it again once the other is done
    130   interrupted
      2   a secret named `PATH` would take the program over, and is not passed on
          leave out what you do not need with `--except PATH`, or pass `--allow-dangerous PATH` if that is what you want
      2   a secret named `PATH` would take the program over, and is not passed on
          map to other names, or leave out, what you do not need, or pass `--allow-dangerous PATH` if that is what you want
      2   secrets named `NODE_OPTIONS`, `PATH` would take the program over, and are not passed on
          leave out what you do not need with `--except NODE_OPTIONS,PATH`, or pass `--allow-dangerous NODE_OPTIONS,PATH` if that is what you want
      2   `app.env` sets `LD_PRELOAD`, `PATH`, which would take the program over
          take it out of the file, or pass `--allow-dangerous LD_PRELOAD,PATH` if that is what you want
    125   the value of `STRIPE_KEY` in environment `dev` holds a NUL byte, which no environment variable can carry
          pass it on in a file with `--file STRIPE_KEY`, or leave it out with `--except STRIPE_KEY`
    126   the environment is too large for the system; the largest secret is `STRIPE_KEY` in environment `dev` with 200000 bytes
          pass it on in a file with `--file STRIPE_KEY`, or leave it out with `--except STRIPE_KEY`
      1   `STRIPE_KEY` holds a NUL byte, which no environment variable can carry, and nothing is loaded into a shell with it
          remove it, or run programs by `keyvault exec --except STRIPE_KEY`
      1   `STRIPE_KEY` does not go to the clipboard: it holds a NUL byte, which cannot be pasted
          run `keyvault get STRIPE_KEY` to have it on stdout
    127   no program `nmp`
    127   no program `npm start`
          pass the program and its arguments as words of their own, or run a shell: `keyvault exec -- sh -c '…'`
    126   cannot execute `/etc/passwd`: permission denied
    125   there is no folder for the files of `--file`: none can be written that others could not replace them in
          name one of yours, as in `XDG_RUNTIME_DIR=/run/user/1000` or `TMPDIR=~/tmp`
      1   `git` cannot be started: no such file or directory
          install git; `keyvault scan .` reads files without it
      3   this folder is in no git repository
          run `keyvault scan .` for the files in it
      2   git knows no such range of commits
          name what `git log` would take, as in `keyvault scan --history main..topic`
      1   git failed: unable to read what it should
          run `git status`, which says more, or `git fsck` where something is damaged
      2   line 2 of the standard input is not what git tells its `pre-push` hook
          let git run it: `keyvault scan install --pre-push`
    125   cannot stay with the program: too many open files
    125   cannot write what the program printed: no space left on device
    125   no vault in `/project` or above it, and no personal one
          run `keyvault init` to make one here
      6   `/project/.keyvault/dev.age` is not a regular file
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is a symbolic link, and vault files are not followed out of their folder
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is larger than 64 MiB, more than a vault file can be
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is empty
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is not an age file
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` has an age header beyond 64 KiB or 256 recipients
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is sealed with a passphrase, as no vault file is
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is damaged: it does not decrypt
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is damaged: its header is not the one it was saved with
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is forged or damaged: no member signed it
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is forged or damaged: the signature is not that of `alice`
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is forged: `alice` is not a writer in its roster
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is forged or damaged: in its roster there is no member
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` has the format `keyvault/2`, which this version of keyvault does not know
          a later version of keyvault wrote it; update this one
      6   `/project/.keyvault/dev.age` holds `colour`, which this version of keyvault does not know
          a later version of keyvault wrote it; update this one
      6   `/project/.keyvault/dev.age` is damaged: its document is malformed (it is no JSON, at byte 7)
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is the file of another environment, `dev`
          it was not touched; restore it from git or a backup
      6   `/project/.keyvault/dev.age` is rolled back: it is revision 40, and this machine has seen revision 42
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      6   `/project/.keyvault/dev.age` is on another branch of history: its revision 43 does not come from revision 42 as this machine saw it
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      6   `/project/.keyvault/dev.age` belongs to another vault: 00ff, and this machine knows 11ee here
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      6   `/project/.keyvault/dev.age` has a roster, founded by `alice`, that does not continue the one this machine knows
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      6   `/project/.keyvault/dev.age` was founded by `alice`, whom this machine does not know from the vault's other environments
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      6   `/project/.keyvault/dev.age` is from before its members were changed, and writing it would give it to those who have left
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      6   `/project/.keyvault/dev.age` cannot be compared with what this machine saw last: `/state/pin.json` is damaged
          it was not touched; if you know why, run `keyvault trust --env dev` to see the change and accept it
      1   the `create` hook of `STRIPE_KEY` in environment `dev` ended with 3
          the rotation is saved, without a new value; run `keyvault rotate STRIPE_KEY --resume --env dev` to go on, or `keyvault rotate STRIPE_KEY --abort --env dev` to give it up
    130   the `verify` hook of `STRIPE_KEY` in environment `dev` ended with 3
          the new value is saved as version 4, pending; run `keyvault rotate STRIPE_KEY --resume --env dev` to go on, or `keyvault rotate STRIPE_KEY --abort --env dev` to give it up
      1   the command of `--verify` for `STRIPE_KEY` in environment `dev` ended with 3
          the new value is saved as version 4, pending; run `keyvault rotate STRIPE_KEY --resume --env dev` to go on, or `keyvault rotate STRIPE_KEY --abort --env dev` to give it up
      1   the `revoke` hook of `STRIPE_KEY` in environment `dev` ended with 3
          nothing was destroyed; run `keyvault rotate STRIPE_KEY --abort --env dev` again, or with `--no-hooks` if the value is no more where it came from
      1   the `revoke` hook of `STRIPE_KEY` in environment `dev` ended with 3
          the new value is in use and the old one is kept; run `keyvault rotate STRIPE_KEY --resume --env dev` to try again
      1   the `revoke` hook of `STRIPE_KEY` in environment `dev` ended with 3
          nothing was destroyed; run it again, or with `--no-hooks` if the value is no more where it came from
      2   `STRIPE_KEY` cannot be given to a hook: what is wrong with it
          leave it out of `--with`, or see `keyvault hook show STRIPE_KEY`; with `--no-hooks` no hook is run
      2   the hooks of `STRIPE_KEY` in environment `dev` were not accepted on this machine, and there is no terminal to ask on
          run `keyvault hook accept STRIPE_KEY --env dev` at a terminal, to see them and accept them
      1   nothing is destroyed because its time has come: what is odd about the clock
          nothing was changed; set the clock, or pass `--yes` if it is right
      2   the rotation of `STRIPE_KEY` in environment `dev` has no new value, and there is no `create` hook to make one
          run `keyvault rotate STRIPE_KEY --abort --env dev`, and rotate it with a value
      3   no rotation of `STRIPE_KEY` in environment `dev` is under way
          run `keyvault rotate STRIPE_KEY --env dev` to begin one
      3   `STRIPE_KEY` in environment `dev` has no `create` hook
          run `keyvault hook show --env dev` to see those that there are
      3   `STRIPE_KEY` in environment `dev` has no hooks
          run `keyvault hook show --env dev` to see those that there are
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: line 7 was edited
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: line 7 was removed
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: lines 7 to 9 were removed
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: line 7 is not in its place
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: lines 7 to 9 were cut off
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: line 7 was not written whole
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: its head was lost at line 7, and lines may have been cut off there
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: its head was edited, and lines may have been cut off
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: it was begun anew, and another one with 120 lines or more is gone
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: what stands before line 7 was accepted as broken there, and was changed since
          it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
      6   the audit log `/home/alice/.local/state/keyvault/audit/00ff` is not what was written: the log of `alice` had 120 lines, and environment `dev` now tells of 100
          the log itself is on the machine of `alice`: have `keyvault audit verify` run there
    ");
}

#[test]
fn the_voice_is_kept() {
    for error in errors() {
        let message = error.to_string();
        let first = message.chars().next().expect("it says something");
        assert!(!first.is_uppercase(), "{message}");
        assert!(!message.ends_with('.'), "{message}");
        assert!(message.matches('`').count().is_multiple_of(2), "{message}");
    }
}

/// The words stand in audit logs, and mean for ever what they mean now.
#[test]
fn each_error_has_a_word_for_the_audit_log() {
    let errors = errors();
    let mut words: Vec<String> = errors.iter().map(Error::kind).collect();
    words.dedup();
    assert_snapshot!(words.join("\n"), @"
    io
    unconfirmed
    environment-full
    output
    no-randomness
    no-home
    unlogged
    verify-failed
    unverifiable
    usage
    value-on-command-line
    no-work-tree
    silent-git
    hook-in-the-way
    bad-scan-config
    unasked
    declined
    bad-value
    uncarried
    unfilled
    in-the-way
    not-a-layer
    no-vault
    no-vault-at
    no-environment
    which-environment
    no-secret
    no-version
    bad-manifest
    lacking
    no-match
    no-identity
    identity-as-path
    identity-exposed
    bad-identity
    no-prompt
    no-new-passphrase
    wrong-passphrase
    passphrase-source
    not-a-member
    not-a-writer
    no-session-cache
    revoked
    expired
    destroyed
    revoked-value
    secret-exists
    same-value
    rotation-under-way
    rotation-running
    rotation-overtaken
    import-conflict
    not-seen
    not-read-back
    not-shredded
    bad-import
    other-vault
    other-founder
    linked-vault
    foreign-vault
    environment-exists
    vault-exists
    lock-held
    interrupted
    dangerous
    dangerous-setting
    nul-in-value
    environment-too-large
    not-for-shell
    not-for-clipboard
    program-not-found
    cannot-execute
    no-place-for-files
    no-git
    not-a-repository
    bad-range
    git-failed
    not-a-push
    unattended
    unprinted
    no-vault
    untrusted
    unexpected
    hook-failed
    unfit-for-hook
    hook-not-accepted
    clock-doubted
    no-create-hook
    no-rotation
    no-hook
    broken-log
    ");
}

/// What an error says of itself, in the form of `{:?}`: the words behind a field.
fn named<'a>(error: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
    let ends = error
        .match_indices(field)
        .map(|(at, field)| at + field.len());
    ends.filter_map(|end| error[end..].split('"').next())
}

#[test]
fn the_audit_log_is_told_of_each_secret_and_environment_that_an_error_names() {
    let mut told = 0;
    for error in errors() {
        let text = format!("{error:?}");
        let (environments, names) = error.subject();
        for field in ["name: SecretName(\"", "names: [SecretName(\""] {
            for name in named(&text, field) {
                let is_it = |subject: &String| subject.split('@').next() == Some(name);
                assert!(names.iter().any(is_it), "{text}");
                told += 1;
            }
        }
        for field in [
            "environment: EnvironmentName(\"",
            "name: EnvironmentName(\"",
        ] {
            // Of another member's log it is an environment that tells, which is no use of it.
            for name in named(&text, field).filter(|_| !matches!(error, Error::BrokenLog { .. })) {
                let is_it = |subject: &EnvironmentName| subject.as_str() == name;
                assert!(environments.iter().any(is_it), "{text}");
                told += 1;
            }
        }
    }
    assert!(told > 50, "{told}: the form of `{{:?}}` is another one");
}
