//! The scores of the first output.

use crate::object::{array, count, object};
use crate::session::Open;
use js_sys::Float32Array;
use relprop::Model;
use relprop::target::arg_max;
use wasm_bindgen::JsValue;

/// The scores of the last run, as the kernel orders them.
pub fn of(session: &Open<'_>) -> Vec<f32> {
    session.output().map(|values| values.iter().collect()).unwrap_or_default()
}

/// For JavaScript: values in the model's layout, labels, the largest.
pub fn scores(model: &Model<'_>, values: &[f32]) -> JsValue {
    let port = model.output(0);
    let mut user = values.to_vec();
    port.to_user(values, &mut user);
    let labels = (0..port.labels).map(|class| model.label(&port, class).into());
    object([
        ("values", Float32Array::from(user.as_slice()).into()),
        ("labels", array(labels)),
        ("top", count(arg_max(&user).unwrap_or(0))),
    ])
}
