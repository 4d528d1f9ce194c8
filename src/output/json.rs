//! JSON in its two shapes: one array of objects, or an object a line. Arrow's encoders write the
//! values, so that lists and structs nest, numbers stay numbers whatever their size, and doubles
//! that JSON cannot say are null.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::StructArray;
use arrow::datatypes::{Field, SchemaRef};
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::record_batch::RecordBatch;

use super::page::is_control;
use super::{CHUNK_BYTES, Finished, Out, Result, Sink, Style, plain};

/// One array, a row a line; `[]` when there is none.
pub(super) fn array_sink<'a>(schema: &SchemaRef, style: &Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let shape = Shape { open: "[", between_rows: ",\n", row_end: "", close: "]\n" };
    Box::new(JsonSink::new(shape, schema, style, out))
}

/// An object a line.
pub(super) fn line_sink<'a>(schema: &SchemaRef, style: &Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let shape = Shape { open: "", between_rows: "", row_end: "\n", close: "" };
    Box::new(JsonSink::new(shape, schema, style, out))
}

/// What stands around the objects.
struct Shape {
    open: &'static str,
    between_rows: &'static str,
    row_end: &'static str,
    close: &'static str,
}

struct JsonSink<'a> {
    shape: Shape,
    schema: SchemaRef,
    options: EncoderOptions,
    escape_controls: bool,
    buffer: Vec<u8>,
    out: Out<'a>,
    rows: u64,
    is_open: bool,
}

impl<'a> JsonSink<'a> {
    fn new(shape: Shape, schema: &SchemaRef, style: &Style, out: Out<'a>) -> Self {
        Self {
            shape,
            schema: plain::schema(schema),
            options: EncoderOptions::default().with_explicit_nulls(true),
            escape_controls: style.escape_controls,
            buffer: Vec::new(),
            out,
            rows: 0,
            is_open: false,
        }
    }

    /// The bracket waits for the first batch: a query that fails before it leaves the output empty.
    fn open(&mut self) {
        if !self.is_open {
            self.is_open = true;
            self.put(self.shape.open);
        }
    }

    fn put(&mut self, markup: &str) {
        self.buffer.extend_from_slice(markup.as_bytes());
    }

    fn hand_over(&mut self) -> Result<()> {
        if self.escape_controls {
            let text = String::from_utf8_lossy(&self.buffer);
            self.out.write_all(escape_controls(&text).as_bytes())?;
        } else {
            self.out.write_all(&self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }
}

impl Sink for JsonSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.open();
        let rows = StructArray::from(plain::batch(batch, &self.schema)?);
        let row_field = Arc::new(Field::new_struct("", rows.fields().clone(), false));
        let options = self.options.clone();
        let mut encoder = make_encoder(&row_field, &rows, &options)?;
        for row in 0..batch.num_rows() {
            if self.rows > 0 {
                self.put(self.shape.between_rows);
            }
            encoder.encode(row, &mut self.buffer);
            self.put(self.shape.row_end);
            self.rows += 1;
            if self.buffer.len() >= CHUNK_BYTES {
                self.hand_over()?;
            }
        }
        self.hand_over()
    }

    fn finish(mut self: Box<Self>) -> Result<Finished> {
        self.open();
        self.put(self.shape.close);
        self.hand_over()?;
        self.out.flush()?;
        Ok(Finished { rows: self.rows, cut: false })
    }
}

/// JSON with the controls that it may hold as they are (it escapes those below a space itself) in
/// its own escapes. They stand in strings only, and a line feed only between rows.
fn escape_controls(json: &str) -> Cow<'_, str> {
    let is_raw = |c: char| c != '\n' && is_control(c);
    if !json.contains(is_raw) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_raw(c) {
            // Writing to a String cannot fail.
            _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{ArrayRef, DictionaryArray, Float64Array, StringArray, UInt64Array};
    use arrow::datatypes::Int32Type;
    use serde_json::{Value, json};

    use super::super::Format;
    use super::super::tests::{on_a_terminal, render, render_styled, sample, texts};
    use super::*;

    #[test]
    fn an_array() {
        let expected = r#"
[{"id":1,"price":2.5,"name":"say \"hi\", 你好 🙂","tags":["a","b"],"at":"2020-08-28T03:52:47","ok":true},
{"id":9007199254740993,"price":3.0,"name":"","tags":[],"at":"2020-08-28T03:52:47.500","ok":false},
{"id":null,"price":null,"name":null,"tags":null,"at":null,"ok":null},
{"id":-4,"price":1.0e-7,"name":"a|b\nc\td\\e<f>","tags":[null,"x"],"at":null,"ok":null}]
"#;
        let text = render(Format::Json, &[sample()]);
        assert_eq!(text, expected.trim_start());
        let rows: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[1]["id"], json!(9_007_199_254_740_993_i64));
        assert_eq!(rows[3]["name"], json!("a|b\nc\td\\e<f>"));
    }

    #[test]
    fn an_object_a_line() {
        let text = render(Format::Ndjson, &[sample()]);
        let parse = |line| serde_json::from_str(line).unwrap();
        let lines: Vec<Value> = text.lines().map(parse).collect();
        let array: Value = serde_json::from_str(&render(Format::Json, &[sample()])).unwrap();
        assert_eq!(Value::Array(lines), array);
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn what_json_cannot_say_is_null() {
        let doubles = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
        let doubles: ArrayRef = Arc::new(Float64Array::from(doubles.to_vec()));
        let batch = RecordBatch::try_from_iter([("d", doubles)]).unwrap();
        let text = render(Format::Ndjson, &[batch]);
        assert_eq!(text, "{\"d\":null}\n{\"d\":null}\n{\"d\":null}\n{\"d\":1.0e300}\n");
    }

    #[test]
    fn numbers_keep_all_digits() {
        let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        assert_eq!(render(Format::Ndjson, &[batch]), "{\"n\":18446744073709551615}\n");
    }

    #[test]
    fn a_null_among_the_values_of_a_dictionary_is_null() {
        let values = Arc::new(StringArray::from(vec![Some("a"), None]));
        let array: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(vec![0, 1].into(), values));
        let batch = RecordBatch::try_from_iter([("t", array)]).unwrap();
        assert_eq!(render(Format::Ndjson, &[batch]), "{\"t\":\"a\"}\n{\"t\":null}\n");
    }

    #[test]
    fn a_terminal_obeys_nothing_and_the_json_means_the_same() {
        let batch = texts("t", &[Some("\x1b\u{9b}\u{202e}é\n"), Some("b")]);
        let text = render_styled(Format::Json, on_a_terminal(), &[batch]);
        assert_eq!(text, "[{\"t\":\"\\u001b\\u009b\\u202eé\\n\"},\n{\"t\":\"b\"}]\n");
        let rows: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[0]["t"], json!("\x1b\u{9b}\u{202e}é\n"));
    }
}
