//! In a page of a browser, with a canvas.
#![cfg(target_arch = "wasm32")]

mod common;

use common::{explain, floats, ran};
use relprop_wasm::{paint, pixels};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

wasm_bindgen_test_configure!(run_in_browser);

const SIDE: u32 = 28;

fn context() -> CanvasRenderingContext2d {
    let document = web_sys::window().and_then(|window| window.document()).expect("a page");
    let canvas: HtmlCanvasElement = document.create_element("canvas").expect("an element").unchecked_into();
    canvas.set_width(SIDE);
    canvas.set_height(SIDE);
    canvas.get_context("2d").expect("a canvas").expect("a context").unchecked_into()
}

fn shown(context: &CanvasRenderingContext2d) -> Vec<u8> {
    let side = f64::from(SIDE);
    context.get_image_data(0.0, 0.0, side, side).expect("pixels").data().0
}

#[wasm_bindgen_test]
fn a_heat_map_is_on_the_canvas() {
    let (mut explainer, _) = ran();
    let relevance = floats(&explain(&mut explainer, JsValue::UNDEFINED), "relevance");
    let context = context();
    assert!(shown(&context).iter().all(|byte| *byte == 0));
    assert!(paint(&context, &relevance, SIDE, None).is_ok());
    assert_eq!(shown(&context), pixels(&relevance, None).to_vec());
    // Half of the scale, and every colour is nearer to white.
    let peak = relevance.iter().fold(0.0, |peak: f32, r| peak.max(r.abs()));
    assert!(paint(&context, &relevance, SIDE, Some(2.0 * peak)).is_ok());
    assert_ne!(shown(&context), pixels(&relevance, None).to_vec());
}

#[wasm_bindgen_test]
fn rows_that_are_not_whole_are_refused() {
    let context = context();
    assert!(paint(&context, &[0.5; 30], SIDE, None).is_err());
    assert!(shown(&context).iter().all(|byte| *byte == 0));
}
