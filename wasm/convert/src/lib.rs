//! The converter for JavaScript: an ONNX or TensorFlow Lite file in, a model image out.
//!
//! A module of its own, so that only those load it who convert. What can be called is documented where its users read
//! it, in the TypeScript declarations. `cargo xtask wasm` builds it into the package, as `relprop/convert`.

mod given;

use crate::given::Given;
use js_sys::{Array, Object, Reflect, Uint8Array};
use relprop_convert::describe::{DescribeError, summary};
use relprop_convert::{emit, from_file, is_image, tflite};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &'static str = include_str!("types.d.ts");

/// Converts a network into a model image: byte for byte the one that `relprop convert` writes.
///
/// @param file the bytes of an ONNX file, a TensorFlow Lite file, or a model image, which is planned anew and described
/// as the options say.
/// @param options what the file does not say.
/// @throws Error if the file is none of these or damaged, if it holds something that has no equal among the kernel's
/// steps (the message names all of it), or if an option is not understood.
#[wasm_bindgen(unchecked_return_type = "Conversion")]
pub fn convert(
    file: &[u8],
    #[wasm_bindgen(unchecked_optional_param_type = "ConvertOptions")] options: &JsValue,
) -> Result<JsValue, JsError> {
    converted(file, options).map_err(|message| JsError::new(&message))
}

fn converted(file: &[u8], options: &JsValue) -> Result<JsValue, String> {
    let given = Given::read(options)?;
    let mut network = from_file(file, &given.import).map_err(|error| error.to_string())?;
    let unfitting = |error: DescribeError| error.naming("options.inputScale", "options.inputMean");
    given.description.apply(&mut network).map_err(unfitting)?;
    let image = emit(&network).map_err(|error| format!("cannot convert the file: {error}"))?;
    let model = image.model().map_err(|error| error.to_string())?;
    let result = Object::new();
    let notes: Array = notes(file, &given).into_iter().map(JsValue::from).collect();
    for (key, value) in [
        ("image", Uint8Array::from(image.bytes()).into()),
        ("summary", summary(&model).into()),
        ("notes", notes.into()),
    ] {
        // Setting a property of a new plain object does not fail.
        let _ = Reflect::set(&result, &key.into(), &value);
    }
    Ok(result.into())
}

/// Options that change nothing for a file of this kind.
fn notes(file: &[u8], given: &Given) -> Vec<String> {
    let kind = match () {
        () if is_image(file) => "a model image already",
        () if tflite::is_tflite(file) => "a TensorFlow Lite file",
        () => return Vec::new(),
    };
    let idle = [("keepBatchNorm", given.import.keep_batch_norm), ("maxLength", given.import.max_length.is_some())];
    let idle = idle.into_iter().filter(|(_, is_given)| *is_given);
    idle.map(|(option, _)| format!("the file is {kind}: {option} changes nothing")).collect()
}
