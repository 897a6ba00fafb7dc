//! What a model is.

use crate::layout;
use crate::object::{array, count, number, object};
use relprop::step::{DType, Pixels, Port, Tensor};
use relprop::{Mode, Model};
use wasm_bindgen::JsValue;

/// Everything about a model.
pub fn info(model: &Model<'_>) -> JsValue {
    let longest = model.at_length(usize::MAX);
    object([
        ("name", model.name().into()),
        ("inputs", array((0..longest.inputs()).map(|i| input(&longest, &longest.input(i))))),
        ("outputs", array((0..longest.outputs()).map(|i| output(&longest, &longest.output(i))))),
        ("steps", array((0..longest.steps()).map(|i| step(&longest, i)))),
        ("maxLength", longest.max_length().map_or(JsValue::NULL, count)),
        ("ram", ram(model)),
        ("flash", count(model.image().len())),
    ])
}

fn ram(model: &Model<'_>) -> JsValue {
    let bytes = |mode| count(model.arena_bytes(mode));
    object([("infer", bytes(Mode::Infer)), ("explain", bytes(Mode::Explain)), ("retain", bytes(Mode::Retain))])
}

fn shape(port: &Port) -> JsValue {
    array(port.dims.iter().take(port.rank).map(|dim| count(*dim)))
}

fn dtype(model: &Model<'_>, port: &Port) -> JsValue {
    match model.tensor(port.tensor).dtype {
        DType::F32 => "float32",
        DType::I8 => "int8",
        DType::Token => "token",
    }
    .into()
}

fn input(model: &Model<'_>, port: &Port) -> JsValue {
    let range = port.range.map_or(JsValue::NULL, |(low, high)| array([low.into(), high.into()]));
    let channels = model.tensor(port.tensor).shape.channels;
    object([
        ("name", model.port_name(port).into()),
        ("shape", shape(port)),
        ("type", dtype(model, port)),
        ("text", port.is_text.into()),
        ("range", range),
        ("pixels", port.pixels.map_or(JsValue::NULL, |recipe| pixels(&recipe, channels))),
        ("quantization", quantization(&model.tensor(port.tensor))),
        ("grid", grid(model, port)),
    ])
}

fn quantization(tensor: &Tensor) -> JsValue {
    if tensor.dtype != DType::I8 {
        return JsValue::NULL;
    }
    object([("scale", tensor.scale.into()), ("zeroPoint", tensor.zero_point.into())])
}

fn grid(model: &Model<'_>, port: &Port) -> JsValue {
    let shape = model.tensor(port.tensor).shape;
    let Some(strides) = layout::strides(port, shape) else { return JsValue::NULL };
    object([
        ("height", count(shape.height)),
        ("width", count(shape.width)),
        ("channels", count(shape.channels)),
        ("strides", array(strides.map(count))),
    ])
}

fn pixels(recipe: &Pixels, channels: usize) -> JsValue {
    let numbers = |values: &[f32]| array(values.iter().take(channels).map(|value| number(Some(*value))));
    object([
        ("scale", numbers(&recipe.scale)),
        ("offset", numbers(&recipe.offset)),
        ("order", if recipe.bgr { "bgr" } else { "rgb" }.into()),
    ])
}

fn output(model: &Model<'_>, port: &Port) -> JsValue {
    object([
        ("name", model.port_name(port).into()),
        ("shape", shape(port)),
        ("type", dtype(model, port)),
        ("labels", array((0..port.labels).map(|class| model.label(port, class).into()))),
        ("softmax", (model.seed_tensor(port) != port.tensor).into()),
    ])
}

fn step(model: &Model<'_>, index: usize) -> JsValue {
    let step = model.step(index);
    let shape = model.tensor(step.output).shape;
    object([
        ("name", model.step_name(&step).into()),
        ("op", step.op.name().into()),
        ("function", model.function(&step).map_or(JsValue::NULL, |function| function.name().into())),
        ("shape", array([shape.height, shape.width, shape.channels].map(count))),
    ])
}
