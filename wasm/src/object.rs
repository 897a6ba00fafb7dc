//! Plain JavaScript objects: made from Rust values, and read.

use crate::refusal::Refusal;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

/// An object with these properties.
pub fn object<const N: usize>(properties: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        // Setting a property of a new plain object does not fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// An array of what the iterator yields.
pub fn array(values: impl IntoIterator<Item = JsValue>) -> JsValue {
    values.into_iter().collect::<Array>().into()
}

/// A count or an index.
pub fn count(value: usize) -> JsValue {
    JsValue::from_f64(value as f64)
}

/// A number, `null` where there is none or it is not one.
pub fn number(value: Option<f32>) -> JsValue {
    value.filter(|value| !value.is_nan()).map_or(JsValue::NULL, JsValue::from)
}

/// Options as a caller gives them: an object, or nothing.
pub struct Options<'n> {
    given: JsValue,
    name: &'n str,
}

impl<'n> Options<'n> {
    /// Looks at an object; `undefined` and `null` have no options.
    ///
    /// # Errors
    /// It is not an object, or has a property that is not among the known ones, which would go unheard.
    pub fn new(name: &'n str, given: JsValue, known: &[&str]) -> Result<Self, Refusal> {
        if !given.is_null() && !given.is_undefined() {
            if !given.is_object() {
                return Err(Refusal::Argument(format!("{name} must be an object")));
            }
            for key in Object::keys(&Object::from(given.clone())).iter().filter_map(|key| key.as_string()) {
                if !known.contains(&key.as_str()) {
                    return Err(Refusal::Argument(format!(
                        "{name} has no option `{key}`; there are {}",
                        known.join(", ")
                    )));
                }
            }
        }
        Ok(Self { given, name })
    }

    /// A property, `None` where it is missing, `undefined` or `null`.
    pub fn get(&self, key: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.given, &key.into()).ok()?;
        (!value.is_null() && !value.is_undefined()).then_some(value)
    }

    /// Whether a property is there and true.
    pub fn is_set(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.is_truthy())
    }

    /// A property that must be text.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        self.checked(key, "text", JsValue::as_string)
    }

    /// A property that must be a finite number.
    ///
    /// # Errors
    /// It is something else.
    pub fn number(&self, key: &str) -> Result<Option<f32>, Refusal> {
        self.checked(key, "a finite number", |value| value.as_f64().map(|v| v as f32).filter(|v| v.is_finite()))
    }

    /// A property that must be an amount: not negative, and finite or not.
    ///
    /// # Errors
    /// It is something else.
    pub fn amount(&self, key: &str) -> Result<Option<u64>, Refusal> {
        // A cast saturates.
        self.checked(key, "an amount", |value| value.as_f64().filter(|v| *v >= 0.0).map(|v| v as u64))
    }

    fn checked<T>(
        &self,
        key: &str,
        what: &str,
        read: impl FnOnce(&JsValue) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match read(&value) {
            Some(value) => Ok(Some(value)),
            None => Err(Refusal::Argument(format!("{}.{key} must be {what}", self.name))),
        }
    }
}

/// A whole number that is not negative.
pub fn index(value: &JsValue) -> Option<usize> {
    value.as_f64().filter(|v| *v >= 0.0 && v.fract() == 0.0 && *v < 4_294_967_296.0).map(|v| v as usize)
}
