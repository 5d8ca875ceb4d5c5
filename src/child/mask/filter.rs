//! One stream on its way through the masks.

use zeroize::Zeroizing;

use crate::child::mask::{GIVEN_AWAY, Masks};

/// How much is looked at at once, and so how much room a filter needs besides the
/// longest form. What is read at once should not be more.
pub const PIECE: usize = 64 * 1024;

/// Looks for values in one stream.
pub struct Filter<'a> {
    masks: &'a Masks,
    /// What was not decided yet: empty, or the beginning of a form.
    held: Zeroizing<Vec<u8>>,
    /// How many of these bytes were given out before it was decided.
    shown: usize,
    /// The length of the form for which a label was given out, although a longer one
    /// may follow.
    announced: usize,
    /// Whether all was given out that may be.
    settled: bool,
}

impl<'a> Filter<'a> {
    /// Begins a stream.
    pub fn new(masks: &'a Masks) -> Self {
        Self {
            held: Zeroizing::new(Vec::with_capacity(masks.forms.longest() + PIECE)),
            masks,
            shown: 0,
            announced: 0,
            settled: true,
        }
    }

    /// Takes what has come, and gives out what is decided.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.chunks(PIECE) {
            self.settled = false;
            if self.held.is_empty() {
                let from = self.decide(piece, false, out);
                self.held.extend_from_slice(&piece[from..]);
            } else {
                self.held.extend_from_slice(piece);
                self.decide_held(false, out);
            }
        }
    }

    /// Returns how many bytes nobody has seen of those that are held back, once
    /// [`Filter::settle`] would do something about it.
    pub fn waiting(&self) -> usize {
        if self.settled {
            0
        } else {
            self.held.len() - self.shown
        }
    }

    /// Gives out what may be given out before it is decided: nothing has come for a
    /// while.
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        self.settled = true;
        if self.held.is_empty() || self.announced > 0 {
            return;
        }
        if let Some((length, label)) = self.masks.forms.look(&self.held).form {
            // Whatever follows, this much is a value.
            self.announced = length;
            out.extend_from_slice(self.masks.labels[label].as_bytes());
            return;
        }
        let mut end = self.held.len().min(GIVEN_AWAY);
        for (at, _) in self.held.iter().enumerate().take(GIVEN_AWAY) {
            let rest = &self.held[at..];
            if self.masks.forms.look(rest).form.is_some() {
                end = end.min(at);
            }
            if let Some(given_away) = self.masks.given_away(rest) {
                end = end.min(at + given_away);
            }
        }
        if end > self.shown {
            out.extend_from_slice(&self.held[self.shown..end]);
            self.shown = end;
        }
    }

    /// Gives out the rest: nothing comes any more.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.decide_held(true, out);
        self.settled = true;
    }

    fn decide_held(&mut self, is_last: bool, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut *self.held);
        let from = self.decide(&held, is_last, out);
        held.copy_within(from.., 0);
        held.truncate(held.len() - from);
        *self.held = held;
    }

    /// Gives out what is decided of a text, and returns where the rest begins.
    fn decide(&mut self, text: &[u8], is_last: bool, out: &mut Vec<u8>) -> usize {
        // The first byte that was not given out.
        let mut start = self.shown;
        let mut at = 0;
        let hold = loop {
            let Some(next) = self.masks.forms.next(text, at) else {
                break text.len();
            };
            at = next;
            let found = self.masks.forms.look(&text[at..]);
            if found.is_open && !is_last {
                break at;
            }
            let Some((length, label)) = found.form else {
                at += 1;
                continue;
            };
            if start < at {
                out.extend_from_slice(&text[start..at]);
            }
            if at > 0 || length != self.announced {
                out.extend_from_slice(self.masks.labels[label].as_bytes());
            }
            at += length;
            start = start.max(at);
        };
        if start < hold {
            out.extend_from_slice(&text[start..hold]);
        }
        self.shown = start.saturating_sub(hold);
        if hold > 0 {
            self.announced = 0;
        }
        hold
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::name::SecretName;
    use crate::secret_value::SecretValue;

    fn masks(secrets: &[(&str, &str)]) -> Masks {
        let secrets: Vec<(SecretName, SecretValue)> = secrets
            .iter()
            .map(|(name, value)| {
                let value = SecretValue::from_text((*value).to_owned());
                (name.parse().expect("a name"), value)
            })
            .collect();
        Masks::new(secrets.iter().map(|(name, value)| (name, value))).0
    }

    /// Filters pieces, with a pause behind each of those that end in `|`.
    fn filtered(masks: &Masks, pieces: &[&str]) -> String {
        let mut filter = Filter::new(masks);
        let mut out = Vec::new();
        for piece in pieces {
            let pause = piece.strip_suffix('|');
            filter.push(pause.unwrap_or(piece).as_bytes(), &mut out);
            if pause.is_some() {
                filter.settle(&mut out);
            }
        }
        filter.finish(&mut out);
        String::from_utf8(out).expect("text")
    }

    /// The rule as it is written down: at each place the longest form, or else a byte.
    fn replaced(masks: &Masks, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let fitting = masks.forms.all().filter(|(form, _)| rest.starts_with(form));
            let Some((form, label)) = fitting.max_by_key(|(form, _)| form.len()) else {
                out.push(rest[0]);
                rest = &rest[1..];
                continue;
            };
            out.extend_from_slice(masks.labels[label].as_bytes());
            rest = &rest[form.len()..];
        }
        out
    }

    #[test]
    fn what_can_be_decided_is_given_out_at_once() {
        let masks = masks(&[
            ("A", "sk-live-0123456789"),
            ("B", "sk-live-0123456789-long"),
        ]);
        let mut filter = Filter::new(&masks);
        let mut given_out = |piece: &str| {
            let mut out = Vec::new();
            filter.push(piece.as_bytes(), &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(given_out("no secret: "), "no secret: ");
        assert_eq!(given_out("password: s"), "password: ");
        assert_eq!(given_out("k-"), "");
        assert_eq!(given_out("sk-live"), "sk-");
        assert_eq!(given_out("r"), "sk-liver");
        assert_eq!(given_out("sk-live-0123456789"), "");
        assert_eq!(given_out("-lo"), "");
        assert_eq!(given_out("st"), "[A]-lost");
        assert_eq!(given_out("sk-live-0123456789-long"), "[B]");
        assert_eq!(given_out("sk-live-0123456789!"), "[A]!");
    }

    #[test]
    fn a_pause_gives_a_small_part_away_and_the_rest_is_masked() {
        let one = masks(&[("A", "sk-live-0123456789-0123456789-0123456789")]);
        for (pieces, expected) in [
            (&["password: s|", "\n"][..], "password: s\n"),
            (
                &["s|", "k|", "-live-0123456789-0123456789-0123456789"],
                "sk[A]",
            ),
            (
                &["sk-live-0123456789|", "-0123456789-0123456789"],
                "sk-live-[A]",
            ),
            (&["sk-live-0123|", "|", "|", "-"], "sk-live-0123-"),
            (
                &["sk-live-01|", "sk-live-0123456789-0123456789-0123456789"],
                "sk-live-01[A]",
            ),
            (
                &["sk-li|", "sk-live-0123456789-0123456789-0123456789|"],
                "sk-li[A]",
            ),
            (&["sk-live-0123|"], "sk-live-0123"),
        ] {
            assert_eq!(filtered(&one, pieces), expected, "{pieces:?}");
        }

        let short = masks(&[("PIN", "0815x")]);
        assert_eq!(filtered(&short, &["0815|", "x"]), "0[PIN]");

        // A form that begins within what was given out, and one that ends there.
        let two = masks(&[
            ("A", "abcdefghijklmnopqrstuvwxyz_0123456789"),
            ("B", "defgx-and-more-of-it"),
        ]);
        assert_eq!(filtered(&two, &["abcdefghij|", "k"]), "abcdefghijk");
        assert_eq!(
            filtered(&two, &["abcdefg|", "x-and-more-of-it"]),
            "abcdefg[B]"
        );
        let inner = masks(&[
            ("A", "abcdefghijklmnopqrstuvwxyz_0123456789"),
            ("B", "cdefg"),
        ]);
        assert_eq!(filtered(&inner, &["abcdefghij|", "."]), "ab[B]hij.");
    }

    #[test]
    fn a_pause_behind_a_form_gives_its_name_out() {
        let masks = masks(&[
            ("A", "sk-live-0123456789"),
            ("B", "sk-live-0123456789-long"),
        ]);
        for (pieces, expected) in [
            (&["sk-live-0123456789|"][..], "[A]"),
            (&["sk-live-0123456789|", "|", "."], "[A]."),
            (&["sk-live-0123456789|", "-long"], "[A][B]"),
            (&["sk-live-0123456789|", "-lo|", "st"], "[A]-lost"),
            (&["sk|", "-live-0123456789|", "-lo|", "st"], "sk[A]-lost"),
        ] {
            assert_eq!(filtered(&masks, pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn what_waits_is_known() {
        let masks = masks(&[("A", "sk-live-0123456789")]);
        let mut filter = Filter::new(&masks);
        let mut out = Vec::new();
        assert_eq!(filter.waiting(), 0);
        filter.push(b"nothing", &mut out);
        assert_eq!(filter.waiting(), 0);
        filter.push(b"sk-live-0", &mut out);
        assert_eq!(filter.waiting(), 9);
        filter.settle(&mut out);
        assert_eq!(filter.waiting(), 0);
        filter.push(b"1", &mut out);
        assert_eq!(filter.waiting(), 6);
        filter.push(b".", &mut out);
        assert_eq!(filter.waiting(), 0);
        assert_eq!(out, b"nothingsk-live-01.");
    }

    #[test]
    fn what_is_as_long_as_it_likes_is_passed_on() {
        let masks = masks(&[
            ("A", &"a".repeat(1000)),
            ("B", &format!("{}b", "ab".repeat(500))),
        ]);
        let text = format!("{}{}", "ab".repeat(PIECE), "x".repeat(3 * PIECE + 1));
        let expected = replaced(&masks, text.as_bytes());
        assert_eq!(filtered(&masks, &[&text]).into_bytes(), expected);
    }

    #[test]
    fn without_secrets_everything_is_passed_on() {
        let none = masks(&[("SHORT", "abc"), ("TRIVIAL", "true")]);
        assert_eq!(filtered(&none, &["true|", "abc", "", "|"]), "trueabc");
    }

    /// Texts of few letters, so that beginnings of forms are frequent.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let letter = prop::sample::select(b"ab\n\r\"/ ".to_vec());
        let part = prop_oneof![
            vec(letter, 0..12),
            prop::sample::select(vec!["YWJ", "61620a", "%0A", "a%20b", "\\n", "abab"])
                .prop_map(|part| part.as_bytes().to_vec()),
        ];
        vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    /// Short ones, and such as are long enough for places to be passed over.
    fn values() -> impl Strategy<Value = Vec<String>> {
        prop_oneof![vec("[ab\n\"/ ]{4,9}", 1..5), vec("[ab\n\"/ ]{14,18}", 1..4),]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn it_is_the_same_in_whatever_pieces_it_comes(
            values in values(),
            texts in vec(text(), 1..4),
            shown in vec(0..5_usize, 0..4),
            cuts in vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let names = ["A", "B", "C", "D", "E"];
            let secrets: Vec<_> = names.iter().zip(&values).map(|(name, value)| (*name, value.as_str())).collect();
            let masks = masks(&secrets);
            let mut text = texts.concat();
            // Some forms as they are, too.
            for n in shown {
                let mut all = masks.forms.all();
                if let Some((form, _)) = all.nth(n * 7 % all.len().max(1)) {
                    text.extend_from_slice(form);
                }
            }
            let expected = replaced(&masks, &text);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut all: Vec<Vec<usize>> = (0..=text.len()).map(|cut| vec![0, cut, text.len()]).collect();
            all.push((0..=text.len()).collect());
            all.push(cuts);
            for cuts in all {
                let mut filter = Filter::new(&masks);
                let mut out = Vec::new();
                for piece in cuts.windows(2) {
                    filter.push(&text[piece[0]..piece[1]], &mut out);
                    // Held back is the beginning of a form, and the first that there is.
                    let held = &*filter.held;
                    let begins = |rest: &[u8]| masks.forms.all().any(|(form, _)| form.starts_with(rest) && form.len() > rest.len());
                    prop_assert!(held.is_empty() || begins(held));
                }
                filter.finish(&mut out);
                prop_assert_eq!(&out, &expected);
            }
        }

        #[test]
        fn with_pauses_no_more_than_a_part_is_given_away(
            value in "[a-z]{4,40}",
            before in "[a-z]{0,3}",
            pauses in vec(any::<bool>(), 50),
        ) {
            let masks = masks(&[("A", &value)]);
            let text = format!("{before}{value}");
            let expected = replaced(&masks, text.as_bytes());
            let mut filter = Filter::new(&masks);
            let mut out = Vec::new();
            for (byte, pause) in text.bytes().zip(pauses) {
                filter.push(&[byte], &mut out);
                if pause {
                    filter.settle(&mut out);
                }
            }
            filter.finish(&mut out);
            let extra = out.len() - expected.len();
            prop_assert!(extra <= GIVEN_AWAY.min(value.len() / 4), "{}", extra);
            prop_assert!(out.ends_with(b"[A]") || expected == text.as_bytes());
        }
    }
}
