//! What holds in every engine: the package's interface over the network `mnist-tiny`, on a drawn seven.

use js_sys::{Error, Float32Array, Function, Object, Reflect, Uint8Array};
use relprop_wasm::{Explainer, color, composites, pixels};
use wasm_bindgen::{JsCast, JsError, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

pub const MODEL: &[u8] = include_bytes!("../../../models/mnist-tiny.rlp");
const WORDS: &[u8] = include_bytes!("../../../models/sentiment.rlp");
const SEVEN: &[u8] = include_bytes!("../../../models/samples/7.png");
/// Checksums of the native kernel.
const GOLDEN: &str = include_str!("../../../tests/data/golden.txt");

/// A property; the path goes inwards, with dots.
pub fn get(object: &JsValue, path: &str) -> JsValue {
    path.split('.').fold(object.clone(), |inner, key| Reflect::get(&inner, &key.into()).expect("an object"))
}

pub fn number(object: &JsValue, path: &str) -> f64 {
    get(object, path).as_f64().unwrap_or_else(|| panic!("{path} is not a number"))
}

pub fn floats(object: &JsValue, path: &str) -> Vec<f32> {
    get(object, path).dyn_into::<Float32Array>().expect("a Float32Array").to_vec()
}

/// `{ key: value, … }`
fn object<const N: usize>(properties: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (key, value) in properties {
        Reflect::set(&object, &key.into(), &value).expect("a plain object");
    }
    object.into()
}

/// What is refused, in words.
fn refused<T>(result: Result<T, JsError>) -> String {
    let error = result.err().expect("a refusal");
    JsValue::from(error).dyn_into::<Error>().expect("an Error").message().into()
}

fn granted<T>(result: Result<T, JsError>) -> T {
    result.unwrap_or_else(|error| panic!("{:?}", JsValue::from(error)))
}

/// The seven, as the model says that pictures become its input.
fn seven(explainer: &Explainer) -> Float32Array {
    let recipe = get(&explainer.info(), "inputs.0.pixels");
    let [scale, offset] = ["scale.0", "offset.0"].map(|path| number(&recipe, path) as f32);
    let mut reader = png::Decoder::new(std::io::Cursor::new(SEVEN)).read_info().expect("a picture");
    let mut picture = vec![0; reader.output_buffer_size().expect("a small picture")];
    let frame = reader.next_frame(&mut picture).expect("a picture");
    let brightness = picture.chunks_exact(frame.color_type.samples()).map(|pixel| f32::from(pixel[0]));
    Float32Array::from(brightness.map(|value| value * scale + offset).collect::<Vec<_>>().as_slice())
}

/// The model, and its scores for the seven.
pub fn ran() -> (Explainer, JsValue) {
    let mut explainer = granted(Explainer::new(MODEL, JsValue::UNDEFINED));
    let input = seven(&explainer);
    let scores = granted(explainer.run(&input));
    (explainer, scores)
}

pub fn explain(explainer: &mut Explainer, options: JsValue) -> JsValue {
    granted(explainer.explain(options))
}

fn checksum(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
    format!("{:08x}", crc32fast::hash(&bytes))
}

fn golden(what: &str) -> &'static str {
    let line = GOLDEN.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no checksum of {what}"))
}

#[wasm_bindgen_test]
fn a_model_says_what_it_is() {
    let info = granted(Explainer::new(MODEL, JsValue::UNDEFINED)).info();
    assert_eq!(number(&info, "flash"), MODEL.len() as f64);
    assert_eq!(number(&info, "inputs.length"), 1.0);
    assert_eq!(get(&info, "outputs.0.labels.7").as_string().as_deref(), Some("7"));
    assert_eq!(get(&info, "inputs.0.type").as_string().as_deref(), Some("float32"));
    assert!(get(&info, "maxLength").is_null());
    let [infer, explain, retain] = ["ram.infer", "ram.explain", "ram.retain"].map(|path| number(&info, path));
    assert!(0.0 < infer && infer <= explain && explain <= retain);
}

#[wasm_bindgen_test]
fn scores_and_relevance_have_the_bits_of_the_native_kernel() {
    let (mut explainer, scores) = ran();
    assert_eq!(number(&scores, "top"), 7.0);
    assert_eq!(checksum(&floats(&scores, "values")), golden("mnist-tiny 7 scores"));
    for composite in ["epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box", "deep_taylor"] {
        let why = explain(&mut explainer, object([("composite", composite.into())]));
        assert_eq!(checksum(&floats(&why, "relevance")), golden(&format!("mnist-tiny 7 {composite}")), "{composite}");
    }
}

#[wasm_bindgen_test]
fn the_books_close() {
    let (mut explainer, scores) = ran();
    let why = explain(&mut explainer, JsValue::UNDEFINED);
    let seeded = number(&why, "ledger.seeded");
    assert!((seeded - f64::from(floats(&scores, "values")[7])).abs() < 1e-6 * seeded.abs());
    let received: f64 = floats(&why, "relevance").iter().map(|value| f64::from(*value)).sum();
    let totals =
        ["bias", "stabilizer", "dropped", "rounding"].map(|what| number(&why, &format!("ledger.totals.{what}")));
    assert!((seeded - received - totals.iter().sum::<f64>()).abs() < 1e-4 * seeded.abs());
    assert_eq!(number(&why, "ledger.entries.length"), number(&explainer.info(), "steps.length"));
}

#[wasm_bindgen_test]
fn a_contrast_is_not_a_class() {
    let (mut explainer, _) = ran();
    let mut of = |target: JsValue| floats(&explain(&mut explainer, object([("target", target)])), "relevance");
    let seven = of(7.into());
    assert_eq!(seven, of("7".into()));
    assert_ne!(seven, of(object([("class", 7.into()), ("not", 2.into())])));
}

#[wasm_bindgen_test]
fn words_have_their_relevance() {
    let mut explainer = granted(Explainer::new(WORDS, JsValue::UNDEFINED));
    let scores = granted(explainer.run_text("A film, but wonderful!".into()));
    assert_eq!(number(&scores, "values.length"), 5.0);
    let why = explain(&mut explainer, object([("target", "very positive".into())]));
    let relevance = floats(&why, "relevance");
    assert_eq!(number(&why, "tokens.length"), relevance.len() as f64);
    let strongest = (0..relevance.len()).max_by(|a, b| relevance[*a].total_cmp(&relevance[*b])).expect("words");
    assert_eq!(get(&why, &format!("tokens.{strongest}.word")).as_string().as_deref(), Some("wonderful"));
}

#[wasm_bindgen_test]
fn refusals_are_errors_with_the_kernel_s_words() {
    let mut damaged = MODEL.to_vec();
    damaged[MODEL.len() - 5] ^= 1;
    assert!(refused(Explainer::new(&damaged, JsValue::UNDEFINED)).contains("checksum"));
    let held = |name, limit: f64| Explainer::new(MODEL, object([(name, limit.into())]));
    let memory = refused(held("maxMemory", 1000.0));
    assert!(memory.contains("the limit is 1000; maxMemory and maxWork raise the limits"), "{memory}");
    assert!(refused(held("maxWork", 1000.0)).contains("multiply-accumulates, the limit is 1000"));
    assert!(refused(held("maxWork", -1.0)).contains("options.maxWork must be an amount"));
    granted(held("maxWork", f64::INFINITY));
    let mut fresh = granted(Explainer::new(MODEL, JsValue::UNDEFINED));
    assert!(refused(fresh.explain(JsValue::UNDEFINED)).contains("run the model before"));
    let (mut explainer, _) = ran();
    let short = refused(explainer.run(&Float32Array::new_with_length(3)));
    assert!(short.contains("784 elements, 3 were given"), "{short}");
    assert!(refused(explainer.run(&Uint8Array::new_with_length(784))).contains("Float32Array"));
    assert!(refused(explainer.explain(object([("composite", "none".into())]))).contains("no rule for step"));
    assert!(refused(explainer.explain(object([("targt", 1.into())]))).contains("no option `targt`"));
    assert!(refused(explainer.explain(object([("target", 10.into())]))).contains("no class 10"));
    // The last run that succeeded is still the one that is explained.
    assert_eq!(number(&explain(&mut explainer, JsValue::UNDEFINED), "class"), 7.0);
}

#[wasm_bindgen_test]
fn what_was_freed_cannot_be_used() {
    let (explainer, _) = ran();
    let object = JsValue::from(explainer);
    let call = |name: &str| get(&object, name).dyn_into::<Function>().expect("a method").call0(&object);
    assert!(call("info").is_ok());
    assert!(call("free").is_ok());
    assert!(call("info").is_err());
}

#[wasm_bindgen_test]
fn colours_are_symmetric_about_a_neutral_zero() {
    assert_eq!(color(0.0), "#f7f7f7");
    let painted = pixels(&[-2.0, 0.0, 2.0], None).to_vec();
    assert_eq!(painted, [5, 48, 97, 255, 247, 247, 247, 255, 103, 0, 31, 255]);
    assert!(number(&composites(), "length") > 10.0);
}
