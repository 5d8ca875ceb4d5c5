//! How findings are told: to a person, to a program, to those that take SARIF, and to
//! GitHub; on stdout or into a file.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

use crate::context::Context;
use crate::error::Error;
use crate::scan::findings::{Finding, Found};
use crate::scan::{github, sarif};
use crate::store::output_file::{Access, OutputFile};
use crate::ui::{Format, Report, Ui, table};

/// For whom findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScanFormat {
    /// A person.
    Human,
    /// A program: keyvault's own JSON.
    Json,
    /// Code hosts and editors: SARIF 2.1.0.
    Sarif,
    /// GitHub Actions, as annotations.
    Github,
}

/// How a scan answers, and where.
pub struct Answer {
    format: ScanFormat,
    place: Option<OutputFile>,
}

impl Answer {
    /// Finds out, before anything is scanned. `-` is stdout.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`], where two formats are asked for; as [`OutputFile::at`].
    pub fn to(cx: &Context, format: Option<ScanFormat>, output: Option<&Path>) -> Result<Self> {
        let is_json = cx.ui.format == Format::Json;
        let format = match format {
            Some(format) if is_json && format != ScanFormat::Json => {
                return Err(Error::Usage {
                    message: "`--json` does not go with another format".to_owned(),
                    hint: "leave one of them away".to_owned(),
                }
                .into());
            }
            Some(format) => format,
            None if is_json => ScanFormat::Json,
            None => ScanFormat::Human,
        };
        let output = output.filter(|path| *path != Path::new("-"));
        let place = output.map(OutputFile::at).transpose()?;
        Ok(Self { format, place })
    }

    /// Gives the findings out; for a person, what was scanned and what to do about it are
    /// news.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn give(&self, cx: &Context, found: &Found) -> Result<()> {
        let ui = Ui {
            format: match self.format {
                ScanFormat::Json => Format::Json,
                _ => Format::Human,
            },
            ..cx.ui.clone()
        };
        let text = match self.format {
            ScanFormat::Human | ScanFormat::Json => ui.written(found),
            ScanFormat::Sarif => serde_json::to_vec_pretty(&sarif::log(found))
                .map(|text| [&text[..], b"\n"].concat())
                .map_err(io::Error::from),
            ScanFormat::Github => {
                let mut text = Vec::new();
                github::write(found, &mut text).map(|()| text)
            }
        };
        let text = text.map_err(Error::Output)?;
        match &self.place {
            Some(place) => place.write(Access::Private, &text)?,
            None => {
                let mut out = io::stdout().lock();
                let written = out.write_all(&text).and_then(|()| out.flush());
                // Who reads no further knows enough; whoever asks how it ended does not.
                match written {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    written => written.map_err(Error::Output)?,
                }
            }
        }
        if self.format == ScanFormat::Human {
            self.tell(cx, found);
        }
        Ok(())
    }

    fn tell(&self, cx: &Context, found: &Found) {
        for advice in found.advice() {
            cx.ui.note(&advice);
        }
        for unread in &found.scanned.unread {
            let path = crate::error::shown(&unread.path);
            cx.ui
                .warn(&format!("`{path}` was not scanned: {}", unread.why));
        }
        let summary = found.summary();
        match found.findings.is_empty() && found.scanned.bytes > 0 {
            true => cx.ui.note(&summary),
            false => cx.ui.warn(&summary),
        }
    }
}

fn row(finding: &Finding) -> Vec<String> {
    let masked = finding.masked.clone().unwrap_or_default();
    let id = finding.id.map(|id| id.to_string()).unwrap_or_default();
    vec![
        finding.place(),
        finding.severity().as_str().to_owned(),
        finding.what.to_string(),
        masked,
        id,
    ]
}

impl Report for Found {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.findings.is_empty() {
            return Ok(());
        }
        let rows = self.findings.iter().map(row).collect();
        table::write(out, &["PLACE", "SEVERITY", "WHAT", "SHOWN", "ID"], rows)
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut findings = self.findings.iter();
        findings.try_for_each(|finding| writeln!(out, "{}", finding.place()))
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::scan::findings::samples;

    #[test]
    fn a_person_sees_where_what_and_by_which_id() {
        let mut text = Vec::new();
        samples::found().human(&mut text).expect("written");
        assert_snapshot!(String::from_utf8(text).expect("a text"), @r"
        PLACE                     SEVERITY  WHAT                                       SHOWN                       ID
        src/a b.ts:12:15          error     OpenAI project API key                     sk-proj-… (164 characters)  0123456789abcdef
        89e6c98d92:notes.md:1:1   warning   previous value of `STRIPE_KEY@2` in `dev`                              fedcba9876543210
        apps/web/.env             error     `.env` file with values in plaintext
        �.key                     error     private key in plaintext
        89e6c98d92 (message):3:7  error     current value of `STRIPE_KEY@2` in `dev`                               fedcba9876543210
        v1 (tag):1:9              warning   OpenAI project API key                     sk-proj-… (164 characters)  0123456789abcdef
        -:2:1                     error     OpenAI project API key                     sk-proj-… (164 characters)  0123456789abcdef
        a,b:c%\n\u{1b}[2J.ts:1:1  error     OpenAI project API key                     sk-proj-… (164 characters)  0123456789abcdef
        ");
    }
}
