//! The options of a conversion, as a caller gives them.

use js_sys::{Array, Object, Reflect};
use relprop_convert::describe::Feeding;
use relprop_convert::{Description, Options};
use wasm_bindgen::{JsCast, JsValue};

const KEYS: [&str; 8] =
    ["name", "labels", "inputScale", "inputMean", "inputLayout", "inputRange", "keepBatchNorm", "maxLength"];

/// What was given.
#[derive(Debug, Default)]
pub struct Given {
    /// What the importer hears before it reads the file.
    pub import: Options,
    /// What the file does not say.
    pub description: Description,
}

impl Given {
    /// Reads an object; `undefined` and `null` say nothing.
    ///
    /// # Errors
    /// A sentence, if an option is unknown, which would go unheard, or is not what it should be.
    pub fn read(options: &JsValue) -> Result<Self, String> {
        if options.is_null() || options.is_undefined() {
            return Ok(Self::default());
        }
        if !options.is_object() {
            return Err("options must be an object".to_owned());
        }
        let keys = Object::keys(&Object::from(options.clone()));
        if let Some(key) = keys.iter().filter_map(|key| key.as_string()).find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("options has no option `{key}`; there are {}", KEYS.join(", ")));
        }
        let layout = get(options, "inputLayout", "`rgb` or `bgr`", |value| match value.as_string()?.as_str() {
            "rgb" => Some(false),
            "bgr" => Some(true),
            _ => None,
        })?;
        let feeding = Feeding {
            scale: get(options, "inputScale", "a finite number or an array of them", numbers)?.unwrap_or_default(),
            mean: get(options, "inputMean", "a finite number or an array of them", numbers)?.unwrap_or_default(),
            bgr: layout,
        };
        Ok(Self {
            import: Options {
                name: get(options, "name", "text", JsValue::as_string)?,
                keep_batch_norm: get(options, "keepBatchNorm", "true or false", JsValue::as_bool)?.unwrap_or_default(),
                max_length: get(options, "maxLength", "a whole number above 0", length)?,
                ..Options::default()
            },
            description: Description {
                feeding,
                range: get(options, "inputRange", "two finite numbers, the smaller one first", range)?,
                labels: get(options, "labels", "an array of texts", |value| list(value, JsValue::as_string))?,
            },
        })
    }
}

/// A property, `None` where it is missing, `undefined` or `null`.
fn get<T>(
    options: &JsValue,
    key: &str,
    what: &str,
    read: impl FnOnce(&JsValue) -> Option<T>,
) -> Result<Option<T>, String> {
    match Reflect::get(options, &key.into()) {
        Ok(value) if !value.is_null() && !value.is_undefined() => {
            read(&value).map(Some).ok_or_else(|| format!("options.{key} must be {what}"))
        }
        _ => Ok(None),
    }
}

fn list<T>(value: &JsValue, read: impl Fn(&JsValue) -> Option<T>) -> Option<Vec<T>> {
    value.dyn_ref::<Array>()?.iter().map(|element| read(&element)).collect()
}

fn number(value: &JsValue) -> Option<f32> {
    value.as_f64().map(|value| value as f32).filter(|value| value.is_finite())
}

fn numbers(value: &JsValue) -> Option<Vec<f32>> {
    number(value).map(|one| vec![one]).or_else(|| list(value, number))
}

fn range(value: &JsValue) -> Option<(f32, f32)> {
    match *list(value, number)? {
        [low, high] if low < high => Some((low, high)),
        _ => None,
    }
}

fn length(value: &JsValue) -> Option<usize> {
    let is_whole = |length: &f64| *length >= 1.0 && length.fract() == 0.0 && *length <= f64::from(u32::MAX);
    value.as_f64().filter(is_whole).map(|length| length as usize)
}
