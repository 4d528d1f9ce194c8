//! SQL text → statements with their places, front matter and parameters.
//!
//! The tokenizer, not a search for `;`, says where a statement ends, so strings, comments and
//! dollar quotes never split one. Each statement is parsed from its own tokens, which know their
//! line and column in the whole text.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Location, ScalarValue, Span};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, Located, Place, Result, at_place, did_you_mean, syntax_error};

/// How deep expressions may nest.
const RECURSION_LIMIT: usize = 128;

/// How many operators a statement may have: a chain of them is a tree as deep as it is long, and
/// whatever walks the tree takes a stack frame a level.
const OPERATORS_MAX: usize = 5_000;

/// A text of SQL: a file, or a `-c`.
#[derive(Debug)]
pub struct Script {
    /// What names it in messages.
    pub origin: String,
    /// The text.
    pub text: String,
    /// What its first comments say.
    pub front: FrontMatter,
    /// Its statements.
    pub statements: Vec<Parsed>,
}

/// A statement of a script.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The statement.
    pub statement: Statement,
    /// The names of the parameters in it.
    pub parameters: BTreeSet<String>,
    /// All words in it, in lower case, and where they stand: what decides whether hidden columns are asked for.
    pub words: BTreeMap<String, Vec<Span>>,
    start: Span,
}

/// The comments at the head of a query file: `-- question: …`, `-- param: …`, `-- chart: …`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// The question that the query answers.
    pub question: Option<String>,
    /// How to draw the answer.
    pub chart: Option<String>,
    /// The parameters with their defaults.
    pub parameters: Vec<ParameterSpec>,
}

/// A declared parameter: `-- param: from_year BIGINT = 2018 -- first year`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Its name, without the `$`.
    pub name: String,
    /// Its type, as it is written in SQL.
    pub type_name: String,
    /// What holds when no value is given.
    pub default: Option<String>,
}

/// A parameter's value: its text and the type as which it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The text of the value.
    pub text: String,
    /// The type's name in SQL.
    pub type_name: String,
}

impl Script {
    /// Parses `text`; `origin` names it in messages.
    ///
    /// # Errors
    /// The first place that is no SQL, or front matter that cannot be understood.
    pub fn parse(origin: impl Into<String>, text: impl Into<String>) -> Result<Self> {
        let (origin, mut text) = (origin.into(), text.into());
        if let Some(without_mark) = text.strip_prefix('\u{feff}') {
            text = without_mark.to_owned();
        }
        let front = FrontMatter::parse(&origin, &text)?;
        let mut script = Self { origin, text, front, statements: vec![] };
        let tokens = Tokenizer::new(&GenericDialect {}, &script.text)
            .tokenize_with_location()
            .map_err(|error| syntax_error(&error.to_string(), &script))?;
        for tokens in tokens.split(|token| token.token == Token::SemiColon) {
            if tokens.iter().any(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)) {
                let statement = script.parse_statement(tokens)?;
                script.statements.push(statement);
            }
        }
        Ok(script)
    }

    fn parse_statement(&self, tokens: &[TokenWithSpan]) -> Result<Parsed> {
        let meant = || tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
        let mut parameters = BTreeSet::new();
        let mut words: BTreeMap<String, Vec<Span>> = BTreeMap::new();
        for token in meant() {
            match &token.token {
                Token::Placeholder(name) => drop(parameters.insert(name.trim_start_matches('$').to_owned())),
                Token::Word(word) => words.entry(word.value.to_lowercase()).or_default().push(span_of(token)),
                _ => {}
            }
        }
        let first = meant().next().map_or_else(|| Span::new(ORIGIN, ORIGIN), span_of);
        let mut tokens = tokens.to_vec();
        // A statement that ends too early is blamed on its end, not on the end of the world.
        if let Some(last) = meant().next_back() {
            tokens.push(TokenWithSpan { token: Token::EOF, span: last.span });
        }
        if meant().filter(|token| is_operator(&token.token)).count() > OPERATORS_MAX {
            let place = self.place(first);
            let hint = "put the values into a list, as in x IN (1, 2, 3), or join with them".to_owned();
            return Err(at_place(format!("a statement of more than {OPERATORS_MAX} operators"), place, Some(hint)));
        }
        let parsed = DFParserBuilder::new(tokens)
            .with_dialect(&GenericDialect {})
            .with_recursion_limit(RECURSION_LIMIT)
            .build()
            .and_then(|mut parser| {
                let statement = parser.parse_statement()?;
                match parser.parser.peek_token() {
                    TokenWithSpan { token: Token::EOF, .. } => Ok(statement),
                    more => Err(datafusion::sql::sqlparser::parser::ParserError::ParserError(format!(
                        "Expected: end of statement, found: {} at {}",
                        more.token,
                        format_args!("Line: {}, Column: {}", more.span.start.line, more.span.start.column)
                    ))
                    .into()),
                }
            });
        let within = Within { script: self, start: first, words: &words };
        let statement = parsed.map_err(|error| crate::error::from_datafusion(&error, &within, &[]))?;
        Ok(Parsed { statement, parameters, words, start: first })
    }

    /// This script as the place of errors in one of its statements.
    pub fn within<'a>(&'a self, statement: &'a Parsed) -> Within<'a> {
        Within { script: self, start: statement.start, words: &statement.words }
    }
}

/// Whether a token joins two expressions to one.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(word.keyword, Keyword::AND | Keyword::OR | Keyword::UNION | Keyword::JOIN),
        Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Period
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::EOF => false,
        other => other.to_string().bytes().all(|byte| byte.is_ascii_punctuation()),
    }
}

const ORIGIN: Location = Location { line: 1, column: 1 };

fn span_of(token: &TokenWithSpan) -> Span {
    Span::try_from_sqlparser_span(token.span).unwrap_or_else(|| Span::new(ORIGIN, ORIGIN))
}

/// A statement in its script.
#[derive(Debug)]
pub struct Within<'a> {
    script: &'a Script,
    start: Span,
    words: &'a BTreeMap<String, Vec<Span>>,
}

impl Located for Within<'_> {
    fn place(&self, span: Span) -> Option<Place> {
        self.script.place(span)
    }

    fn start(&self) -> Option<Place> {
        self.script.place(self.start)
    }

    fn find_word(&self, name: &str) -> Option<Place> {
        let mut places = self.words.get(name)?.iter();
        match (places.next(), places.next()) {
            (Some(span), None) => self.script.place(*span),
            _ => None,
        }
    }
}

impl Located for Script {
    fn place(&self, span: Span) -> Option<Place> {
        let Location { line, column } = span.start;
        let text = self.text.lines().nth(usize::try_from(line.checked_sub(1)?).ok()?)?;
        let is_one_line = span.end.line == line && span.end.column > column;
        let width = if is_one_line { span.end.column - column } else { 1 };
        Some(Place { origin: self.origin.clone(), line, column, width, text: text.to_owned() })
    }

    fn start(&self) -> Option<Place> {
        None
    }

    fn find_word(&self, _: &str) -> Option<Place> {
        None
    }
}

impl FrontMatter {
    fn parse(origin: &str, text: &str) -> Result<Self> {
        let mut front = Self::default();
        for (index, line) in text.lines().enumerate() {
            let Some(comment) = line.trim().strip_prefix("--") else {
                if line.trim().is_empty() {
                    continue;
                }
                break;
            };
            match comment.trim().split_once(':') {
                Some(("question", question)) => front.question = Some(question.trim().to_owned()),
                Some(("chart", chart)) => front.chart = Some(chart.trim().to_owned()),
                Some(("param", parameter)) => match ParameterSpec::parse(parameter) {
                    Ok(parameter) => front.parameters.push(parameter),
                    Err(problem) => return Err(Error::Usage(format!("{origin}:{}: {problem}", index + 1))),
                },
                _ => {}
            }
        }
        Ok(front)
    }
}

impl ParameterSpec {
    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "expected `-- param: name TYPE = default -- what it is`";
        let declaration = text.split(" --").next().unwrap_or(text);
        let (declared, default) = match declaration.split_once('=') {
            Some((declared, default)) => (declared, Some(default.trim())),
            None => (declaration, None),
        };
        let mut words = declared.split_whitespace();
        let (Some(name), Some(type_name), None) = (words.next(), words.next(), words.next()) else {
            return Err(FORM.to_owned());
        };
        let unquoted = |text: &str| match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(inner) => inner.replace("''", "'"),
            None => text.to_owned(),
        };
        let parameter = Self {
            name: name.trim_start_matches('$').to_owned(),
            type_name: type_name.to_uppercase(),
            default: default.map(unquoted),
        };
        if let Some(default) = &parameter.default {
            check_value(&parameter.name, default, &parameter.type_name)?;
        }
        data_type(&parameter.type_name).map(|_| parameter)
    }
}

/// The type of a parameter by its name.
fn data_type(type_name: &str) -> Result<DataType, String> {
    match type_name {
        "BIGINT" | "INT" | "INTEGER" | "SMALLINT" => Ok(DataType::Int64),
        "DOUBLE" | "FLOAT" | "REAL" => Ok(DataType::Float64),
        "VARCHAR" | "TEXT" | "STRING" => Ok(DataType::Utf8),
        "BOOLEAN" | "BOOL" => Ok(DataType::Boolean),
        "DATE" => Ok(DataType::Date32),
        "TIMESTAMP" => Ok(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        other => Err(format!(
            "a parameter cannot be of type {other}; there are BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE and TIMESTAMP"
        )),
    }
}

fn check_value(name: &str, text: &str, type_name: &str) -> Result<(), String> {
    let value = ScalarValue::Utf8(Some(text.to_owned())).cast_to(&data_type(type_name)?);
    match value {
        Ok(value) if !value.is_null() => Ok(()),
        _ => Err(format!("parameter ${name} = '{text}': expected a {type_name}")),
    }
}

/// The type of a value whose parameter nobody declared: a number only if it is plainly written as one,
/// so that `007` and `1e5`, which may be codes, stay text.
fn guessed_type(text: &str) -> &'static str {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = digits == "0" || digits.starts_with("0.") || !digits.starts_with('0');
    match (text, digits.split_once('.')) {
        ("true" | "false", _) => "BOOLEAN",
        (_, None) if is_plain && is_digits(digits) && text.parse::<i64>().is_ok() => "BIGINT",
        (_, Some((whole, fraction))) if is_plain && is_digits(whole) && is_digits(fraction) => "DOUBLE",
        _ => "VARCHAR",
    }
}

/// The values of all parameters of some scripts, checked before anything runs.
///
/// # Errors
/// A parameter without a value, a value of another type, a value that no script asks for.
pub fn bind(scripts: &[Script], given: &[String]) -> Result<Vec<BTreeMap<String, Bound>>> {
    let mut values = BTreeMap::new();
    for pair in given {
        let (name, text) =
            pair.split_once('=').ok_or_else(|| Error::Usage(format!("-v {pair}: expected NAME=VALUE")))?;
        values.insert(name.trim().trim_start_matches('$'), text);
    }
    let known: BTreeSet<&str> = scripts.iter().flat_map(Script::parameter_names).collect();
    if let Some(unknown) = values.keys().find(|name| !known.contains(*name)) {
        let hint = did_you_mean(unknown, known.iter().copied()).unwrap_or_default();
        return Err(Error::Usage(format!("-v {unknown}=…: no statement has a parameter ${unknown}{hint}")));
    }
    scripts.iter().map(|script| script.bind(&values)).collect()
}

impl Script {
    fn parameter_names(&self) -> impl Iterator<Item = &str> {
        let used = self.statements.iter().flat_map(|statement| &statement.parameters).map(String::as_str);
        used.chain(self.front.parameters.iter().map(|parameter| parameter.name.as_str()))
    }

    fn bind(&self, values: &BTreeMap<&str, &str>) -> Result<BTreeMap<String, Bound>> {
        let mut bound = BTreeMap::new();
        for name in self.parameter_names().collect::<BTreeSet<_>>() {
            let declared = self.front.parameters.iter().find(|parameter| parameter.name == name);
            let given = values.get(name).map(|text| (*text).to_owned());
            let text = given.or_else(|| declared.and_then(|parameter| parameter.default.clone()));
            let text = text.ok_or_else(|| {
                Error::Usage(format!("{}: parameter ${name} has no value; give one with -v {name}=…", self.origin))
            })?;
            let type_name = declared.map_or_else(|| guessed_type(&text).to_owned(), |it| it.type_name.clone());
            check_value(name, &text, &type_name).map_err(Error::Usage)?;
            bound.insert(name.to_owned(), Bound { text, type_name });
        }
        Ok(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script> {
        Script::parse("q.sql", text)
    }

    #[test]
    fn only_a_real_semicolon_ends_a_statement() {
        let script = parse("SELECT ';' -- ;\n; /* ; */ SELECT $$;$$ AS \";\";;\n-- the end;").unwrap();
        assert_eq!(script.statements.len(), 2);
        assert_eq!(parse(" -- nothing ; here\n").unwrap().statements.len(), 0);
    }

    #[test]
    fn errors_point_into_the_whole_text() {
        let error = parse("SELECT 1;\n\nSELECT FROM x WHERE;").unwrap_err().to_string();
        assert!(error.starts_with("q.sql:3:"), "{error}");
        let error = parse("SELECT 1;\nSELEC 2").unwrap_err().to_string();
        assert!(error.starts_with("q.sql:2:1: syntax error") && error.ends_with("   | ^"), "{error}");
        let error = parse("SELECT 1 SELECT 2").unwrap_err().to_string();
        assert!(error.starts_with("q.sql:1:10: syntax error"), "{error}");
        assert!(parse("SELECT 'open").is_err());
        assert!(parse(&format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000))).is_err());
    }

    const YEARS: &str =
        "-- question: Which?\n-- param: from_year BIGINT = 2018 -- the first\n-- chart: bar a b\n\nSELECT $from_year";

    #[test]
    fn front_matter_is_read() {
        let script = parse(YEARS).unwrap();
        assert_eq!(script.front.question.as_deref(), Some("Which?"));
        assert_eq!(script.front.chart.as_deref(), Some("bar a b"));
        assert_eq!(script.front.parameters[0].default.as_deref(), Some("2018"));
        assert!(
            parse("-- param: x BIGINT = soon\nSELECT 1").unwrap_err().to_string().starts_with("q.sql:1: parameter $x")
        );
        assert!(parse("-- param: x POINT\nSELECT 1").is_err());
        assert!(parse("-- param: x\nSELECT 1").is_err());
    }

    #[test]
    fn parameters_are_checked_before_anything_runs() {
        let bind = |text: &str, given: &[&str]| {
            let given: Vec<_> = given.iter().map(|pair| (*pair).to_owned()).collect();
            bind(&[parse(text).unwrap()], &given).map(|mut bound| bound.remove(0))
        };
        let value = |text: &str, type_name: &str| Bound { text: text.to_owned(), type_name: type_name.to_owned() };
        assert_eq!(bind(YEARS, &[]).unwrap()["from_year"], value("2018", "BIGINT"));
        assert_eq!(bind(YEARS, &["from_year=2020"]).unwrap()["from_year"], value("2020", "BIGINT"));
        for (text, given, expected) in [
            (YEARS, &["from_year=x"][..], "parameter $from_year = 'x': expected a BIGINT"),
            (YEARS, &["form_year=1"], "no statement has a parameter $form_year; did you mean 'from_year'?"),
            (YEARS, &["from_year"], "expected NAME=VALUE"),
            ("SELECT $x", &[], "parameter $x has no value"),
        ] {
            let error = bind(text, given).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for (text, type_name) in [
            ("1e5", "VARCHAR"),
            ("0.5", "DOUBLE"),
            ("7", "BIGINT"),
            ("-7", "BIGINT"),
            ("1.5", "DOUBLE"),
            ("007", "VARCHAR"),
            ("true", "BOOLEAN"),
            ("x", "VARCHAR"),
        ] {
            assert_eq!(bind("SELECT $x", &[&format!("x={text}")]).unwrap()["x"], value(text, type_name));
        }
    }
}
