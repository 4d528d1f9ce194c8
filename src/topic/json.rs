//! Strict JSON (RFC 8259), one object at a time, straight from the bytes of a record.
//!
//! The scan wants three things at once that no decoder at hand gives: the members of an object
//! without a tree, a verdict on the whole text (nothing but strict JSON becomes a row), and a reason
//! that a person understands when it is not. So this is a validating pull over the text: it hands
//! out each top-level member with its raw text, checks everything it passes over, and never recurses.

use std::borrow::Cow;
use std::fmt;

/// How deep arrays and objects may nest, the record's own braces included.
pub const DEPTH_MAX: u32 = 128;

/// A member's value: scalars are told apart, containers keep their text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A string.
    String(Text<'a>),
    /// An array, as it is written.
    Array(&'a str),
    /// An object, as it is written.
    Object(&'a str),
}

/// The text between two quotes, escapes still in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

/// Why a text is not one strict JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The byte, from 0, at which it showed.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// The kinds of [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The text ended inside a value.
    Truncated,
    /// Something else was expected here.
    Expected(&'static str),
    /// There is more after the object.
    Trailing,
    /// The text is JSON, but not an object.
    NotAnObject(&'static str),
    /// A number that JSON does not know, such as `01`, `1.` or `+1`.
    Number,
    /// A backslash before something that cannot be escaped.
    Escape,
    /// A `\u` escape of half a surrogate pair.
    LoneSurrogate,
    /// A control character that stands bare in a string.
    ControlCharacter,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte = self.at + 1;
        match &self.problem {
            Problem::Truncated => write!(f, "not JSON: it ends in the middle, after byte {}", self.at),
            Problem::Expected(what) => write!(f, "not JSON: expected {what} at byte {byte}"),
            Problem::Trailing => write!(f, "more than one JSON value on the line: the second starts at byte {byte}"),
            Problem::NotAnObject("string") => f.write_str("a JSON string, not an object (an object encoded twice?)"),
            Problem::NotAnObject(kind) => write!(f, "a JSON {kind}, not an object"),
            Problem::Number => write!(f, "not JSON: a malformed number at byte {byte}"),
            Problem::Escape => write!(f, "not JSON: an unknown escape in a string at byte {byte}"),
            Problem::LoneSurrogate => write!(f, "half a surrogate pair in a string at byte {byte}: no such character"),
            Problem::ControlCharacter => write!(f, "not JSON: a bare control character in a string at byte {byte}"),
            Problem::TooDeep => write!(f, "nested more than {DEPTH_MAX} deep at byte {byte}"),
        }
    }
}

impl<'a> Text<'a> {
    /// The characters, with the escapes resolved; borrowed where there were none.
    pub fn unescaped(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// The text as it is written, without its quotes.
    pub fn raw(&self) -> &'a str {
        self.raw
    }
}

/// Checks that `text` is one strict JSON object and hands each of its members, in order, to `member`.
///
/// Duplicate names are all handed out. Members that were handed out before a fault showed have to
/// be forgotten by the caller.
pub fn read_object<'a>(text: &'a str, mut member: impl FnMut(Text<'a>, Value<'a>)) -> Result<(), Fault> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0 };
    scanner.skip_blanks();
    if scanner.peek() != Some(b'{') {
        return Err(scanner.not_an_object());
    }
    scanner.at += 1;
    scanner.skip_blanks();
    if !scanner.eat(b'}') {
        loop {
            let name = scanner.name()?;
            let value = scanner.value()?;
            member(name, value);
            scanner.skip_blanks();
            match scanner.peek() {
                Some(b',') => scanner.at += 1,
                Some(b'}') => break scanner.at += 1,
                _ => return Err(scanner.expected("',' or '}'")),
            }
            scanner.skip_blanks();
        }
    }
    scanner.skip_blanks();
    if scanner.peek().is_some() { Err(scanner.fault(Problem::Trailing)) } else { Ok(()) }
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault { at: self.at, problem }
    }

    fn expected(&self, what: &'static str) -> Fault {
        self.fault(if self.peek().is_none() { Problem::Truncated } else { Problem::Expected(what) })
    }

    /// The text does not begin with a brace: say which other value it is, if it is one at all.
    fn not_an_object(&mut self) -> Fault {
        let start = self.at;
        let kind = match self.value() {
            Ok(Value::Null) => "null",
            Ok(Value::Bool(_)) => "boolean",
            Ok(Value::Number(_)) => "number",
            Ok(Value::String(_)) => "string",
            Ok(Value::Array(_)) => "array",
            Ok(Value::Object(_)) => "object",
            Err(fault) => return fault,
        };
        self.skip_blanks();
        if self.peek().is_some() {
            return self.fault(Problem::Trailing);
        }
        Fault { at: start, problem: Problem::NotAnObject(kind) }
    }

    /// A member's name and its colon.
    fn name(&mut self) -> Result<Text<'a>, Fault> {
        if !self.eat(b'"') {
            return Err(self.expected("a field name in double quotes"));
        }
        let name = self.string()?;
        self.skip_blanks();
        if self.eat(b':') { Ok(name) } else { Err(self.expected("':'")) }
    }

    /// Any value, with blanks before it.
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        self.skip_blanks();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.container().map(|()| Value::Object(&self.text[start..self.at])),
            Some(b'[') => self.container().map(|()| Value::Array(&self.text[start..self.at])),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<Value<'a>, Fault> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Value::String)
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn literal(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, Fault> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        let truncated = word.as_bytes().starts_with(rest);
        Err(self.fault(if truncated { Problem::Truncated } else { Problem::Expected("a value") }))
    }

    /// Passes over an array or object whose opening bracket is next. A bit a level, not a stack
    /// frame a level, remembers which bracket closes it.
    fn container(&mut self) -> Result<(), Fault> {
        let mut is_object = 0_u128;
        // The record's own braces are the first level.
        let mut depth = 1;
        'value: loop {
            self.skip_blanks();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(self.fault(Problem::TooDeep));
                    }
                    self.at += 1;
                    self.skip_blanks();
                    is_object = is_object << 1 | u128::from(open == b'{');
                    if open == b'{' && self.peek() != Some(b'}') {
                        self.name()?;
                        continue 'value;
                    }
                    if open == b'[' && self.peek() != Some(b']') {
                        continue 'value;
                    }
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value has ended, or a container opened empty: close whatever closes here.
            loop {
                if depth == 1 {
                    return Ok(());
                }
                self.skip_blanks();
                match (is_object & 1, self.peek()) {
                    (1, Some(b'}')) | (0, Some(b']')) => {
                        self.at += 1;
                        is_object >>= 1;
                        depth -= 1;
                    }
                    (in_object, Some(b',')) => {
                        self.at += 1;
                        if in_object == 1 {
                            self.skip_blanks();
                            self.name()?;
                        }
                        continue 'value;
                    }
                    (1, _) => return Err(self.expected("',' or '}'")),
                    _ => return Err(self.expected("',' or ']'")),
                }
            }
        }
    }

    /// The rest of a string whose opening quote has been passed.
    fn string(&mut self) -> Result<Text<'a>, Fault> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_prefix(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault(Problem::ControlCharacter)),
                None => return Err(self.fault(Problem::Truncated)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let start = self.at;
        match self.bytes.get(start + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.code_unit(start)? {
                0xD800..=0xDBFF => {
                    let low = self.code_unit(start + 6).ok();
                    if !matches!(low, Some(0xDC00..=0xDFFF)) {
                        return Err(self.fault(Problem::LoneSurrogate));
                    }
                    self.at += 12;
                }
                0xDC00..=0xDFFF => return Err(self.fault(Problem::LoneSurrogate)),
                _ => self.at += 6,
            },
            Some(_) => return Err(self.fault(Problem::Escape)),
            None => return Err(Fault { at: self.bytes.len(), problem: Problem::Truncated }),
        }
        Ok(())
    }

    /// The UTF-16 code unit of the `\uXXXX` that starts at byte `at`.
    fn code_unit(&self, at: usize) -> Result<u16, Fault> {
        let Some(escape) = self.bytes.get(at..at + 6) else {
            return Err(Fault { at: self.bytes.len(), problem: Problem::Truncated });
        };
        hex_escape(escape).ok_or(Fault { at, problem: Problem::Escape })
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.eat(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole_digits = self.digits();
        let mut well_formed = whole_digits == 1 || (whole_digits > 1 && !leading_zero);
        if self.eat(b'.') {
            well_formed &= self.digits() > 0;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            well_formed &= self.digits() > 0;
        }
        if well_formed {
            Ok(&self.text[start..self.at])
        } else if self.peek().is_none() && !leading_zero {
            Err(self.fault(Problem::Truncated))
        } else {
            Err(Fault { at: start, problem: Problem::Number })
        }
    }

    fn digits(&mut self) -> usize {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

/// How many bytes from the start stand for themselves in a string: no quote, backslash or control
/// character. At the end eight at a time; of each mask only the lowest set bit is exact, and only that is used.
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // Long texts go by in blocks that the compiler checks at once.
    let blocks = bytes.as_chunks::<32>().0.iter();
    let has_special = |block: &[u8; 32]| block.iter().fold(false, |found, byte| found | is_special(*byte));
    let skipped = 32 * blocks.take_while(|block| !has_special(block)).count();
    let bytes = &bytes[skipped..];
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
        let special = (control | zero_in(quote) | zero_in(backslash)) & HIGHS;
        if special != 0 {
            return skipped + index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    skipped + words.len() * 8 + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

fn hex_escape(escape: &[u8]) -> Option<u16> {
    match escape {
        [b'\\', b'u', digits @ ..] if digits.len() == 4 => digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(unit << 4 | digit as u16)
        }),
        _ => None,
    }
}

/// Resolves the escapes of a string that the scanner has accepted.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest.as_bytes()[at..];
        let (character, len) = match escape.get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unescape_unit(escape),
            Some(other) => (char::from(*other), 2),
            None => break,
        };
        out.push(character);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    out
}

fn unescape_unit(escape: &[u8]) -> (char, usize) {
    let unit_at = |at: usize| escape.get(at..at + 6).and_then(hex_escape);
    let units = [unit_at(0), unit_at(6)].into_iter().map_while(|unit| unit);
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => (character, if character.len_utf16() == 2 { 12 } else { 6 }),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut members = vec![];
        read_object(text, |name, value| {
            let value = match value {
                Value::String(text) => format!("{:?}", text.unescaped()),
                other => format!("{other:?}"),
            };
            members.push((name.unescaped().into_owned(), value));
        })
        .map_err(|fault| fault.to_string())?;
        Ok(members)
    }

    #[test]
    fn members_come_in_order_with_their_values() {
        let members = verdict(r#" {"a": 1, "b":"x\n\u00e9\ud83d\ude00", "a":null,"c":[1,{"d":"}"}],"e":{}} "#);
        let texts: Vec<_> = members.unwrap().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            texts,
            [
                "a=Number(\"1\")",
                "b=\"x\\né😀\"",
                "a=Null",
                "c=Array(\"[1,{\\\"d\\\":\\\"}\\\"}]\")",
                "e=Object(\"{}\")"
            ]
        );
    }

    #[test]
    fn each_fault_says_what_and_where() {
        for (text, reason) in [
            ("", "not JSON: it ends in the middle, after byte 0"),
            (r#"{"a":1"#, "not JSON: it ends in the middle, after byte 6"),
            (r#"{"a":1 "b":2}"#, "not JSON: expected ',' or '}' at byte 8"),
            (r#"{"a":1,,"b":2}"#, "not JSON: expected a field name in double quotes at byte 8"),
            (r#"{"a":1}{"a":2}"#, "more than one JSON value on the line: the second starts at byte 8"),
            (r#""{\"a\":1}""#, "a JSON string, not an object (an object encoded twice?)"),
            ("[1]", "a JSON array, not an object"),
            ("null", "a JSON null, not an object"),
            ("12", "a JSON number, not an object"),
            ("nul", "not JSON: it ends in the middle, after byte 0"),
            (r#"{"a":01}"#, "not JSON: a malformed number at byte 6"),
            (r#"{"a":"\x"}"#, "not JSON: an unknown escape in a string at byte 7"),
            (r#"{"a":"\ud800"}"#, "half a surrogate pair in a string at byte 7: no such character"),
            ("{\"a\":\"\u{1}\"}", "not JSON: a bare control character in a string at byte 7"),
            (r#"{"a":NaN}"#, "not JSON: expected a value at byte 6"),
            (r#"{'a':1}"#, "not JSON: expected a field name in double quotes at byte 2"),
            (r#"{"a":[1}}"#, "not JSON: expected ',' or ']' at byte 8"),
        ] {
            assert_eq!(verdict(text), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(verdict(&nested(127)).is_ok());
        assert_eq!(verdict(&nested(128)), Err("nested more than 128 deep at byte 133".to_owned()));
        assert!(verdict(&nested(100_000)).is_err());
        assert!(verdict(&"{\"a\":".repeat(100_000)).is_err());
    }

    /// serde_json is the independent judge; it differs in two deliberate ways only: its depth limit
    /// (not reached here) and numbers beyond a double's range, which are JSON but which it refuses.
    fn agrees_with_serde_json(text: &str) -> Result<(), TestCaseError> {
        let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        let mut ours = serde_json::Map::new();
        let verdict = read_object(text, |name, value| {
            let value = match value {
                Value::Null => serde_json::Value::Null,
                Value::Bool(value) => value.into(),
                Value::String(text) => text.unescaped().into_owned().into(),
                Value::Number(raw) | Value::Array(raw) | Value::Object(raw) => {
                    serde_json::from_str(raw).unwrap_or(serde_json::Value::Null)
                }
            };
            ours.insert(name.unescaped().into_owned(), value);
        });
        match theirs {
            Err(error) if error.to_string().contains("out of range") => {}
            Err(_) => prop_assert!(verdict.is_err(), "accepted {:?}", text),
            Ok(theirs) => {
                prop_assert_eq!(verdict, Ok(()));
                prop_assert_eq!(ours, theirs);
            }
        }
        Ok(())
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "\\PC{0,12}|[\u{0}-\u{1f}\"\\\\]{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::hash_map("\\PC{0,4}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_alike(value in json(), pretty: bool) {
            let object = serde_json::json!({"a": value.clone(), "é\n": value});
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
            agrees_with_serde_json(&text.unwrap())?;
        }

        #[test]
        fn broken_text_is_judged_alike(value in json(), at in any::<prop::sample::Index>(), put in "[\\[\\]{}\",:\\\\0-9eE.+\\-ntu \u{0}x]{0,2}", cut in 0_usize..3) {
            let mut text: Vec<char> = serde_json::json!({"a": value}).to_string().chars().collect();
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, put.chars());
            agrees_with_serde_json(&text.into_iter().collect::<String>())?;
        }

        #[test]
        fn any_soup_of_tokens_is_judged_alike(text in "([{}\\[\\],:]|\"[a-c]?\"|\\\\u[dD][89cC]00|-?[0-9.eE+]{1,4}|true|null| ){0,12}") {
            agrees_with_serde_json(&text)?;
            agrees_with_serde_json(&format!("{{\"a\":{text}}}"))?;
            agrees_with_serde_json(&format!("{{\"a\":\"{text}\"}}"))?;
        }

        #[test]
        fn plain_prefix_stops_at_the_first_special_byte(bytes: Vec<u8>) {
            let expected = bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\').unwrap_or(bytes.len());
            prop_assert_eq!(plain_prefix(&bytes), expected);
        }
    }
}
