//! An image as a header for C.

use relprop::step::DType;
use relprop::{Mode, Model};
use std::fmt::Write;

/// Words of the image in one line.
const WORDS_PER_LINE: usize = 8;

/// A header for C: the image as a constant array, aligned as the kernel wants it, and macros for what a program has to
/// know before it is compiled: bytes of arena, shapes of inputs, number of outputs and classes, names of the classes.
///
/// Everything in it begins with `name`, which is what a C program may call it; other characters become `_`.
pub fn c_header(model: &Model<'_>, name: &str) -> String {
    let name = identifier(name);
    let upper = name.to_uppercase();
    let mut text = String::new();
    // Writing into a string never fails.
    let _ = write(&mut text, model, &name, &upper);
    text
}

fn write(text: &mut String, model: &Model<'_>, name: &str, upper: &str) -> std::fmt::Result {
    let image = model.image();
    writeln!(text, "/* The network {}, made by `relprop convert --c-header`; do not edit.", quoted(model.name()))?;
    writeln!(text, " * To be included in one file of a program; see relprop.h. */\n")?;
    writeln!(text, "#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n")?;

    writeln!(
        text,
        "/* Bytes of arena, from a multiple of 16 on: RELPROP_ALIGNED static uint8_t arena[{upper}_ARENA_EXPLAIN];"
    )?;
    writeln!(
        text,
        " * to run; to run and explain, in floats or in integers; the same, and explain again without running again. */"
    )?;
    for (mode, what) in [(Mode::Infer, "INFER"), (Mode::Explain, "EXPLAIN"), (Mode::Retain, "RETAIN")] {
        writeln!(text, "#define {upper}_ARENA_{what} {}", model.arena_bytes(mode))?;
    }
    writeln!(text, "\n/* Whether relevance can be made of integers alone: relprop_fixed_open takes it. */")?;
    writeln!(text, "#define {upper}_IS_INT8 {}", u8::from(model.is_all_int8()))?;

    writeln!(text, "\n#define {upper}_INPUTS {}", model.inputs())?;
    for i in 0..model.inputs() {
        port(text, model, (model.input(i).tensor, &format!("{upper}_INPUT_{i}")), model.port_name(&model.input(i)))?;
    }
    writeln!(text, "\n#define {upper}_OUTPUTS {}", model.outputs())?;
    for i in 0..model.outputs() {
        port(text, model, (model.output(i).tensor, &format!("{upper}_OUTPUT_{i}")), model.port_name(&model.output(i)))?;
    }
    if model.outputs() > 0 {
        labels(text, model, name, upper)?;
    }

    writeln!(text, "\n/* Little-endian words: as the kernel wants it aligned, for relprop_model_open. */")?;
    writeln!(text, "#define {upper}_IMAGE_BYTES {}", image.len())?;
    writeln!(text, "static const uint32_t {name}_image[{}] = {{", image.len().div_ceil(4))?;
    for line in image.chunks(4 * WORDS_PER_LINE) {
        let words = line.chunks(4).map(|bytes| {
            let word = bytes.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
            format!("0x{word:08x},")
        });
        writeln!(text, "    {}", words.collect::<Vec<_>>().join(" "))?;
    }
    writeln!(text, "}};\n\n#endif /* {upper}_H */")
}

/// Shape and type of an input or output.
fn port(text: &mut String, model: &Model<'_>, (tensor, prefix): (usize, &str), name: &str) -> std::fmt::Result {
    let tensor = model.tensor(tensor);
    let shape = tensor.shape;
    let what = match tensor.dtype {
        DType::F32 => "float".to_owned(),
        DType::I8 => format!("int8_t q, which stands for (q {:+}) * {:e}", -tensor.zero_point, tensor.scale),
        DType::Token => "uint16_t, the number of a token".to_owned(),
    };
    let most = if tensor.is_sequence { "; at most so many moments" } else { "" };
    writeln!(text, "\n/* {}: rows, columns, channels; {what}{most}. */", quoted(name))?;
    for (what, size) in [("HEIGHT", shape.height), ("WIDTH", shape.width), ("CHANNELS", shape.channels)] {
        writeln!(text, "#define {prefix}_{what} {size}")?;
    }
    writeln!(text, "#define {prefix}_LEN {}", shape.elements())
}

/// Names of the classes of the first output.
fn labels(text: &mut String, model: &Model<'_>, name: &str, upper: &str) -> std::fmt::Result {
    let output = model.output(0);
    if output.labels == 0 {
        return Ok(());
    }
    writeln!(text, "\n/* Names of the classes of the first output. */")?;
    writeln!(text, "#define {upper}_CLASSES {}", output.labels)?;
    writeln!(text, "static const char *const {name}_classes[{}] = {{", output.labels)?;
    for class in 0..output.labels {
        writeln!(text, "    {},", quoted(model.label(&output, class)))?;
    }
    writeln!(text, "}};")
}

/// A name that C takes.
fn identifier(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain } else { format!("model_{plain}") }
}

/// A string literal of C, whose bytes outside ASCII, and those that might end a comment or begin a trigraph, are in octal.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b' ' | b'_' | b'-' | b'.' | b',' | b':' | b'(' | b')' | b'\'' => {
                literal.push(char::from(byte));
            }
            _ => {
                let _ = write!(literal, "\\{byte:03o}");
            }
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::{c_header, identifier, quoted};
    use crate::{Network, emit};
    use relprop::Mode;
    use relprop::step::Shape;

    #[test]
    fn a_header_says_what_the_model_says() {
        let mut network = Network::named("a */ b");
        let x = network.input("x", Shape::new(2, 1, 3));
        let score = network.dense(x, 2, &[1.0; 12], &[0.5, 0.25]);
        network.output(score);
        network.outputs[0].labels = vec!["yes".into(), "\"no\"?".into()];
        let image = emit(&network).unwrap();
        let model = image.model().unwrap();
        let header = c_header(&model, "tiny");
        for line in [
            format!("#define TINY_ARENA_INFER {}", model.arena_bytes(Mode::Infer)),
            format!("#define TINY_ARENA_EXPLAIN {}", model.arena_bytes(Mode::Explain)),
            format!("#define TINY_ARENA_RETAIN {}", model.arena_bytes(Mode::Retain)),
            "#define TINY_IS_INT8 0".into(),
            "#define TINY_INPUTS 1".into(),
            "#define TINY_INPUT_0_HEIGHT 2".into(),
            "#define TINY_INPUT_0_CHANNELS 3".into(),
            "#define TINY_INPUT_0_LEN 6".into(),
            "#define TINY_OUTPUT_0_LEN 2".into(),
            "#define TINY_CLASSES 2".into(),
            "    \"\\042no\\042\\077\",".into(),
        ] {
            assert!(header.lines().any(|own| own == line), "{line} is not in\n{header}");
        }
        assert!(!header.contains("a */ b"), "the comment ends early");

        // The words are the image.
        let (_, words) = header.split_once("tiny_image[").unwrap();
        let words = words.split("0x").skip(1).map(|word| u32::from_str_radix(&word[..8], 16).unwrap());
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        assert_eq!(bytes[..image.bytes().len()], *image.bytes());
        assert!(bytes.len() < image.bytes().len() + 4);
    }

    #[test]
    fn names_are_what_c_takes() {
        assert_eq!(identifier("mnist-tiny.int8"), "mnist_tiny_int8");
        assert_eq!(identifier("7up"), "model_7up");
        assert_eq!(identifier(""), "model_");
        assert_eq!(quoted("\u{e9}1"), "\"\\303\\2511\"");
    }
}
