//! A JSON value → the declared type, without loss or with a reason: pure kernels on plain values.
//!
//! A value of another type is accepted only where nothing is lost: `"12"` and `12.0` are 12, 7 is
//! the text `7`; 1.5 is no BIGINT. Everything else rejects the record, with the field's name.

use std::borrow::Cow;

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;

use super::json::Value;

/// A declared field: what a record's value must become.
#[derive(Debug)]
pub(super) struct FieldPlan {
    /// The name in the record and of the column; compared exactly.
    pub(super) name: String,
    pub(super) data_type: DataType,
    pub(super) kind: Kind,
}

/// The ways in which values are held until their record is known to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    /// Any integer type within `i64`, with its bounds.
    Integer {
        min: i64,
        max: i64,
    },
    Float,
    Text,
    /// A type that is read from its text form, such as DATE, TIMESTAMP or DECIMAL.
    Parsed,
}

/// A value that fits its column.
#[derive(Debug)]
pub(super) enum Slot<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// In a box, so that the many slots of other types stay small.
    Parsed(Box<ScalarValue>),
}

impl FieldPlan {
    /// Plans a declared column.
    ///
    /// # Errors
    /// The types that cannot be declared, with what to do instead.
    pub(super) fn new(field: &Field) -> Result<Self, String> {
        let data_type = field.data_type().clone();
        let integer = |min: i64, max: i64| Kind::Integer { min, max };
        let kind = match &data_type {
            DataType::Boolean => Kind::Boolean,
            DataType::Int8 => integer(i8::MIN.into(), i8::MAX.into()),
            DataType::Int16 => integer(i16::MIN.into(), i16::MAX.into()),
            DataType::Int32 => integer(i32::MIN.into(), i32::MAX.into()),
            DataType::Int64 => integer(i64::MIN, i64::MAX),
            DataType::UInt8 => integer(0, u8::MAX.into()),
            DataType::UInt16 => integer(0, u16::MAX.into()),
            DataType::UInt32 => integer(0, u32::MAX.into()),
            DataType::Float32 | DataType::Float64 => Kind::Float,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
            DataType::UInt64
            | DataType::Date32
            | DataType::Date64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Interval(_)
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Kind::Parsed,
            other => {
                return Err(format!(
                    "column {}: a topic table cannot hold {other}; leave the field out of the table and read it \
                     from _rescued, which is JSON text",
                    field.name()
                ));
            }
        };
        Ok(Self { name: field.name().clone(), data_type, kind })
    }

    /// Reads `value` as this field.
    ///
    /// # Errors
    /// The reason, with the field's name, why the record has to be rejected.
    pub(super) fn read<'a>(&self, value: &Value<'a>) -> Result<Slot<'a>, String> {
        if let Value::Null = value {
            return Ok(Slot::Null);
        }
        let slot = match self.kind {
            Kind::Text => text_of(value).map(Slot::Text),
            Kind::Integer { min, max } => {
                integer_of(value).filter(|number| (min..=max).contains(number)).map(Slot::Integer)
            }
            Kind::Float => float_of(value).filter(|number| self.holds(*number)).map(Slot::Float),
            Kind::Boolean => boolean_of(value).map(Slot::Boolean),
            Kind::Parsed => text_of(value).and_then(|text| self.parse(text)).map(|value| Slot::Parsed(Box::new(value))),
        };
        slot.ok_or_else(|| format!("{}: {} is no {}", self.name, shown(value), sql_name(&self.data_type)))
    }

    /// Whether a FLOAT does not make infinity of this number; all numbers fit a DOUBLE.
    fn holds(&self, number: f64) -> bool {
        self.data_type != DataType::Float32 || (number as f32).is_finite()
    }

    fn parse(&self, text: Cow<'_, str>) -> Option<ScalarValue> {
        // The engine's cast would drop a time from a date and round what a decimal has no digits for.
        let is_lossy = match self.data_type {
            DataType::Date32 | DataType::Date64 => text.len() != "2020-02-29".len(),
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => fraction_digits(&text) > i64::from(scale),
            _ => false,
        };
        if is_lossy {
            return None;
        }
        let scalar = ScalarValue::Utf8(Some(text.into_owned()));
        scalar.cast_to(&self.data_type).ok().filter(|parsed| !parsed.is_null())
    }
}

/// Text is a string's characters; numbers and truth values are their own text.
fn text_of<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    match value {
        Value::String(text) => Some(text.unescaped()),
        Value::Number(raw) => Some(Cow::Borrowed(raw)),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer_of(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(raw) => raw.parse().ok().or_else(|| whole_number(raw)),
        Value::String(text) => text.unescaped().parse().ok(),
        _ => None,
    }
}

/// A JSON number with a point or an exponent that is a whole number all the same, exactly:
/// `12.0`, `1.5e3`; never by way of a double, which would round `9007199254740993.0`.
fn whole_number(raw: &str) -> Option<i64> {
    let (sign, raw) = raw.strip_prefix('-').map_or(("", raw), |rest| ("-", rest));
    let (mantissa, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0').len();
    if significant == 0 {
        return Some(0);
    }
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?;
    let point = usize::try_from(point).ok().filter(|point| *point <= whole.len() + 20)?;
    if significant > point {
        return None;
    }
    digits.truncate(point);
    digits.extend(std::iter::repeat_n('0', point - digits.len()));
    format!("{sign}{digits}").parse().ok()
}

/// How many digits a number needs behind its point.
fn fraction_digits(text: &str) -> i64 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let fraction = mantissa.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
    let digits = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    digits.saturating_sub(exponent.parse().unwrap_or(0))
}

fn float_of(value: &Value<'_>) -> Option<f64> {
    let text = match value {
        Value::Number(raw) => Cow::Borrowed(*raw),
        Value::String(text) => text.unescaped(),
        _ => return None,
    };
    // Rust also parses "inf" and "nan", which are no numbers in JSON.
    let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| numeric && number.is_finite())
}

fn boolean_of(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.unescaped().parse().ok(),
        _ => None,
    }
}

/// The value for a reason: short enough for a line.
fn shown(value: &Value<'_>) -> String {
    const SHOWN_CHARS: usize = 40;
    let (text, quote) = match value {
        Value::Null => (Cow::Borrowed("null"), ""),
        Value::Bool(true) => (Cow::Borrowed("true"), ""),
        Value::Bool(false) => (Cow::Borrowed("false"), ""),
        Value::Number(raw) => (Cow::Borrowed(*raw), ""),
        Value::String(text) => (Cow::Borrowed(text.raw()), "\""),
        Value::Array(_) => return "an array".to_owned(),
        Value::Object(_) => return "an object".to_owned(),
    };
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{quote}{shown}{quote}")
}

/// The type as it is written in SQL.
fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::read_object;
    use super::*;
    use arrow::datatypes::TimeUnit;
    use proptest::prelude::*;

    fn read(data_type: DataType, json: &str) -> Result<String, String> {
        let plan = FieldPlan::new(&Field::new("f", data_type, true)).unwrap();
        let object = format!("{{\"f\":{json}}}");
        let mut slot = None;
        read_object(&object, |_, value| slot = Some(plan.read(&value).map(|slot| format!("{slot:?}")))).unwrap();
        slot.unwrap()
    }

    #[test]
    fn integers_are_read_without_loss_or_not_at_all() {
        for (json, number) in [
            ("12", 12_i64),
            ("-0", 0),
            ("12.0", 12),
            ("1.5e3", 1500),
            ("-120e-1", -12),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("0e999999999", 0),
            ("\"12\"", 12),
            ("\"-7\"", -7),
        ] {
            assert_eq!(read(DataType::Int64, json), Ok(format!("Integer({number})")), "{json}");
        }
        for (json, reason) in [
            ("1.5", "f: 1.5 is no BIGINT"),
            ("9223372036854775808", "f: 9223372036854775808 is no BIGINT"),
            ("1e400", "f: 1e400 is no BIGINT"),
            ("1e-1", "f: 1e-1 is no BIGINT"),
            ("\" 12\"", "f: \" 12\" is no BIGINT"),
            ("\"124k\"", "f: \"124k\" is no BIGINT"),
            ("true", "f: true is no BIGINT"),
            ("{\"a\":1}", "f: an object is no BIGINT"),
        ] {
            assert_eq!(read(DataType::Int64, json), Err(reason.to_owned()), "{json}");
        }
        assert!(read(DataType::Int8, "127").is_ok());
        assert!(read(DataType::Int8, "128").is_err());
        assert!(read(DataType::UInt32, "-1").is_err());
    }

    #[test]
    fn other_types() {
        assert_eq!(read(DataType::Float64, "\"-1.5\""), Ok("Float(-1.5)".to_owned()));
        for json in ["\"nan\"", "\"inf\"", "1e400", "\"\"", "[]"] {
            assert!(read(DataType::Float64, json).is_err(), "{json}");
        }
        assert_eq!(read(DataType::Utf8View, "1.50"), Ok("Text(\"1.50\")".to_owned()));
        assert_eq!(read(DataType::Utf8View, "[1]"), Err("f: an array is no VARCHAR".to_owned()));
        assert_eq!(read(DataType::Boolean, "\"true\""), Ok("Boolean(true)".to_owned()));
        assert!(read(DataType::Boolean, "1").is_err());
        assert!(read(DataType::Date32, "\"2020-02-29\"").is_ok());
        assert_eq!(read(DataType::Date32, "\"2021-02-29\""), Err("f: \"2021-02-29\" is no DATE".to_owned()));
        assert!(read(DataType::Timestamp(TimeUnit::Nanosecond, None), "\"2020-08-28T03:52:47\"").is_ok());
        assert!(read(DataType::Decimal128(5, 2), "1.250").is_ok());
        assert!(read(DataType::Decimal128(5, 2), "1.255").is_err(), "it would be rounded");
        assert!(read(DataType::Date32, "\"2020-02-29T23:00:00\"").is_err(), "the time would be lost");
        assert!(read(DataType::Float32, "1e300").is_err(), "it would be infinite");
        assert_eq!(read(DataType::Int64, "null"), Ok("Null".to_owned()));
        let list = DataType::new_list(DataType::Int64, true);
        assert!(FieldPlan::new(&Field::new("l", list, true)).unwrap_err().contains("_rescued"));
    }

    proptest! {
        #[test]
        fn whole_numbers_agree_with_decimal_arithmetic(number in any::<i32>(), zeros in 0_usize..6, exponent in 0_u32..6) {
            prop_assert_eq!(whole_number(&format!("{number}.{}", "0".repeat(zeros + 1))), Some(number.into()));
            prop_assert_eq!(whole_number(&format!("{number}e{exponent}")), Some(i64::from(number) * 10_i64.pow(exponent)));
            let scaled = i64::from(number) * 10_i64.pow(exponent);
            prop_assert_eq!(whole_number(&format!("{scaled}E-{exponent}")), Some(number.into()));
        }
    }
}
