//! In a worker of a browser, with a canvas that is on no page.
#![cfg(target_arch = "wasm32")]

mod common;

use relprop_wasm::paint;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{CanvasRenderingContext2d, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
fn red_is_for_and_blue_against_off_screen() {
    let canvas = OffscreenCanvas::new(3, 1).expect("a canvas");
    let context = canvas.get_context("2d").expect("a canvas").expect("a context");
    // As a caller in JavaScript gives it.
    assert!(paint(context.unchecked_ref::<CanvasRenderingContext2d>(), &[-1.0, 0.0, 0.5], 3, None).is_ok());
    let context: OffscreenCanvasRenderingContext2d = context.unchecked_into();
    let shown = context.get_image_data(0.0, 0.0, 3.0, 1.0).expect("pixels").data().0;
    // The last lies half way between two colours of the scale.
    let [red, green, blue] =
        [(0xf4, 0xd6), (0xa5, 0x60), (0x82, 0x4d)].map(|(a, b): (u16, u16)| (a + b).div_ceil(2) as u8);
    assert_eq!(shown, [0x05, 0x30, 0x61, 255, 0xf7, 0xf7, 0xf7, 255, red, green, blue, 255]);
}
