//! The connector's naming: object key ⇄ (topic, partition, offset). Pure text, no I/O.
//!
//! `[<topics.dir>/]<topic>/<encoded partition>/<topic>+<partition>+<start offset><extension>`, as
//! kafka-connect-storage-common writes it. Topic names may hold dots but never `+`, so a name is
//! parsed from the right. The zero padding of the offset is a minimum: beyond 10^10 names grow, and
//! only the numbers order.

/// What lies in a partition's directory under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// A value object whose format is read.
    Value(ValueName<'a>),
    /// Record keys or headers that the connector stores beside the values.
    Sidecar,
    /// A value object of a format that is not read, with its extension (`.avro`, `.parquet`, …).
    OtherFormat(&'a str),
    /// Not a name that the connector makes.
    Foreign,
}

/// The parts of a value object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueName<'a> {
    /// The Kafka topic.
    pub topic: &'a str,
    /// The Kafka partition.
    pub partition: i32,
    /// The offset of the object's first record.
    pub offset: i64,
    /// The least number of digits that renders `offset` as it is in the name.
    pub pad: u8,
    /// How the body is encoded.
    pub encoding: Encoding,
}

/// How a body that is read is encoded; in the name it is the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// `.json`
    Plain,
    /// `.json.gz`
    Gzip,
}

impl Encoding {
    /// The extension, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Plain => ".json",
            Self::Gzip => ".json.gz",
        }
    }
}

impl<'a> Name<'a> {
    /// Parses the last component of an object key.
    pub fn parse(name: &'a str) -> Self {
        Self::parse_connector_name(name).unwrap_or(Self::Foreign)
    }

    fn parse_connector_name(name: &'a str) -> Option<Self> {
        let (before, last) = name.rsplit_once('+')?;
        let (topic, partition) = before.rsplit_once('+')?;
        let (digits, extension) = last.split_at(last.find('.')?);
        if partition.len() > 1 && partition.starts_with('0') {
            return None;
        }
        let partition = parse_digits(partition)?.try_into().ok()?;
        let offset = parse_digits(digits)?;
        if topic.is_empty() || topic.contains('+') {
            return None;
        }
        let encoding = match extension {
            ".json" => Encoding::Plain,
            ".json.gz" => Encoding::Gzip,
            _ if extension.starts_with(".keys.") || extension.starts_with(".headers.") => {
                return Some(Self::Sidecar);
            }
            _ => return Some(Self::OtherFormat(extension)),
        };
        Some(Self::Value(ValueName { topic, partition, offset, pad: pad_of(digits), encoding }))
    }
}

/// Renders the name of a value object: the inverse of [`Name::parse`].
pub fn render(into: &mut String, name: &ValueName<'_>) {
    use std::fmt::Write;
    let ValueName { topic, partition, offset, pad, encoding } = name;
    let width = usize::from(*pad);
    // Writing to a String cannot fail.
    let _ = write!(into, "{topic}+{partition}+{offset:0width$}{}", encoding.extension());
}

/// A number of ASCII digits alone: no sign, no blank, within `i64`.
fn parse_digits(text: &str) -> Option<i64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

/// The padding under which these digits come out again. Without a leading zero any padding up to
/// their number does; the connector's default of ten then keeps most names of a topic alike.
fn pad_of(digits: &str) -> u8 {
    let len = digits.len();
    let pad = if len > 10 && !digits.starts_with('0') { 10 } else { len };
    pad.min(usize::from(u8::MAX)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(name: &str) -> ValueName<'_> {
        match Name::parse(name) {
            Name::Value(value) => value,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn the_connectors_names_are_read_from_the_right() {
        let name = value("0af8d0adfd13.pin+0+0000000123.json");
        assert_eq!((name.topic, name.partition, name.offset), ("0af8d0adfd13.pin", 0, 123));
        assert_eq!(name.encoding, Encoding::Plain);
        assert_eq!(value("a.json.b+12+0000000007.json.gz").encoding, Encoding::Gzip);
        assert_eq!(value("t+0+12345678901.json").offset, 12_345_678_901);
    }

    #[test]
    fn sidecars_other_formats_and_foreign_files_are_told_apart() {
        assert_eq!(Name::parse("t+0+0000000001.keys.avro"), Name::Sidecar);
        assert_eq!(Name::parse("t+0+0000000001.headers.json"), Name::Sidecar);
        assert_eq!(Name::parse("t+0+0000000001.snappy.parquet"), Name::OtherFormat(".snappy.parquet"));
        for foreign in [
            "_SUCCESS",
            "",
            "+",
            "++",
            "t+0.json",
            "t+0+.json",
            "t+x+1.json",
            "t+0+1",
            "+0+1.json",
            "t+-1+1.json",
            "t+0+-1.json",
            "a+b+0+1.json",
            "t+0+99999999999999999999.json",
            "t+0+ 1.json",
            "t+4294967296+1.json",
            "t+00+1.json",
            "..",
            "%2B",
        ] {
            assert_eq!(Name::parse(foreign), Name::Foreign, "{foreign:?}");
        }
    }

    proptest! {
        #[test]
        fn rendering_a_parsed_name_gives_the_name(
            topic in "[a-z0-9._-]{1,20}", partition in 0..=i32::MAX, digits in "[0-9]{1,18}", gzip: bool,
        ) {
            let name = format!("{topic}+{partition}+{digits}{}", if gzip { ".json.gz" } else { ".json" });
            let mut rendered = String::new();
            render(&mut rendered, &value(&name));
            prop_assert_eq!(rendered, name);
        }

        #[test]
        fn no_name_is_too_odd(name in "\\PC{0,40}") {
            let _ = Name::parse(&name);
        }
    }
}
