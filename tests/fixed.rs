//! Relevance in integers against relevance in floats, on whole networks: the same explanation, and books that close.
//!
//! Where the pack of TensorFlow Lite Micro models lies beside the repository (see [`support::shared`]), they are
//! compared, too.

use relprop::{Composite, Entry, Mode, Model, Preset, Session, Target, Whole};
use relprop_convert::{Image, Options, emit, from_tflite};
use std::path::{Path, PathBuf};
use support::presets::presets;
use support::{kernel, npy, shared};

/// `‖ΔR‖₁ / ‖R‖₁` that is meant to be kept by every composite. Ten times less is usual, a thousand times less the median.
const PROMISED: f64 = 1e-3;

/// The `k` elements of largest magnitude, in order of the elements.
fn largest(relevance: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..relevance.len()).filter(|i| relevance[*i] != 0.0).collect();
    order.sort_by(|i, j| relevance[*j].abs().total_cmp(&relevance[*i].abs()));
    order.truncate(k);
    order.sort_unstable();
    order
}

/// What one explanation in floats and one in integers say about each other.
struct Difference {
    /// `‖ΔR‖₁ / ‖R‖₁`.
    relevance: f64,
    /// The largest difference of a figure in the books of a step, over the largest figure there.
    books: f64,
    /// Of the ten largest, how many both name.
    top: (usize, usize),
}

fn books(float: &Entry, whole: &Whole, unit: f64) -> f64 {
    let floats = [float.arrived, float.left, float.bias, float.stabilizer, float.dropped, float.peak].map(f64::from);
    let wholes = [whole.arrived, whole.left, whole.bias, whole.stabilizer, whole.dropped, whole.peak];
    let most = floats.iter().fold(0.0_f64, |most, figure| most.max(figure.abs()));
    let off = floats.iter().zip(wholes).map(|(float, whole)| (float - whole as f64 * unit).abs()).fold(0.0, f64::max);
    // A unit for every column, which is all there may be.
    (off - 3.0 * unit).max(0.0) / most.max(f64::MIN_POSITIVE)
}

/// Explains the class that the network names, in both ways.
fn compare(model: &Model<'_>, input: &[i8], composite: &Composite<'_>) -> Difference {
    let (mut arena, mut arena_fixed) = (kernel::arena(model, Mode::Explain), kernel::arena(model, Mode::Explain));
    let mut floats = Session::new(model, &mut arena, Mode::Explain).unwrap();
    let mut integers = Session::new_fixed(model, &mut arena_fixed, Mode::Explain).unwrap();
    floats.run_int8(&[input]).unwrap();
    integers.run_int8(&[input]).unwrap();
    let a = floats.explain(&Target::TOP, composite).unwrap();
    let b = integers.explain(&Target::TOP, composite).unwrap();
    assert_eq!(b.ledger().imbalance(), 0);
    assert_eq!(b.ledger().totals().saturated, 0);

    let unit = f64::from(b.ledger_unit());
    let books = a.ledger().entries().zip(b.ledger().entries()).map(|(a, b)| books(&a, &b, unit)).fold(0.0, f64::max);
    let unit = f64::from(b.unit_of(0));
    let a: Vec<f64> = a.relevance().iter().map(|r| f64::from(*r)).collect();
    let b: Vec<f64> = b.relevance().iter().map(|r| f64::from(*r) * unit).collect();
    let off: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum();
    let whole: f64 = a.iter().map(|r| r.abs()).sum();
    let (top_a, top_b) = (largest(&a, 10), largest(&b, 10));
    assert_eq!(largest(&a, 1), largest(&b, 1), "the largest");
    let common = top_a.iter().filter(|i| top_b.contains(i)).count();
    Difference { relevance: off / whole.max(f64::MIN_POSITIVE), books, top: (common, top_a.len()) }
}

/// A digit as an int8 network takes it.
fn digit(model: &Model<'_>, picture: &Path) -> Vec<i8> {
    let (port, tensor) = (model.input(0), model.tensor(model.input(0).tensor));
    let pixels = port.pixels.expect("a model that takes pictures");
    let picture = image::open(picture).expect("a picture").into_luma8();
    picture.iter().map(|p| tensor.quantized(f32::from(*p) * pixels.scale[0] + pixels.offset[0])).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn integers_say_what_floats_say_about_digits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in ["mnist-tiny", "mnist-cnn"] {
        let image = Image::from_bytes(&std::fs::read(folder.join(format!("{name}.int8.rlp"))).unwrap());
        let model = image.model().unwrap();
        for picture in files(&folder.join("samples")).iter().filter(|p| p.extension().is_some_and(|e| e == "png")) {
            let input = digit(&model, picture);
            for (preset_name, preset) in presets(0.0, 1.0) {
                let seen = compare(&model, &input, &Composite::new(preset));
                let what = format!("{name}, {preset_name}, {}", picture.display());
                // The promise is much wider.
                assert!(seen.relevance <= 2e-5, "{what}: off by {}", seen.relevance);
                assert!(seen.books <= 1e-5, "{what}: books off by {}", seen.books);
                assert_eq!(seen.top.0, seen.top.1, "{what}: the ten largest");
            }
        }
    }
}

/// Twenty-seven layers whose biases take a thousand times what reaches the input: finer units than those of the start.
#[test]
fn integers_do_not_run_out_where_biases_take_most() {
    let Some(pack) = shared::path("conformance/tflm/vww") else { return };
    let network = from_tflite(&std::fs::read(pack.join("model.tflite")).unwrap(), &Options::default()).unwrap();
    let image = emit(&network).unwrap();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new_fixed(&model, &mut arena, Mode::Explain).unwrap();
    session.run_int8(&[&npy::read(&pack.join("inputs.npy")).item(0).bytes()]).unwrap();
    let explanation = session.explain(&Target::TOP, &Composite::default()).unwrap();
    assert!(explanation.unit_of(0) < explanation.ledger_unit() / 1024.0);
    assert!(explanation.relevance().iter().any(|r| *r > 1 << 20));
}

#[test]
fn integers_say_what_floats_say_about_the_models_of_the_pack() {
    let Some(pack) = shared::path("conformance/tflm") else { return };
    for folder in files(&pack).iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy();
        let bytes = std::fs::read(folder.join("model.tflite")).unwrap();
        let network = match from_tflite(&bytes, &Options::default()) {
            Err(refused) => {
                println!("skipped: {name}: {refused}");
                continue;
            }
            Ok(network) => network,
        };
        let image = emit(&network).unwrap();
        let model = image.model().unwrap();
        let mut arena = kernel::arena(&model, Mode::Explain);
        if let Err(refused) = Session::new_fixed(&model, &mut arena, Mode::Explain) {
            println!("skipped: {name}: {refused}");
            continue;
        }
        let inputs = npy::read(&folder.join("inputs.npy"));
        // A box on the grid of the integers: elsewhere its ends are rounded, and halves either way.
        let tensor = model.tensor(model.input(0).tensor);
        let [low, high] = [i8::MIN, i8::MAX].map(|q| tensor.real(q));
        let mut worst = 0.0_f64;
        // Of a recurrent step there are no derivatives.
        let recurrent = (0..model.steps()).any(|i| model.step(i).op.is_recurrent());
        for row in 0..inputs.shape[0].min(if recurrent { 20 } else { 2 }) {
            let input = inputs.item(row).bytes();
            for (preset_name, preset) in presets(low, high) {
                if recurrent && matches!(preset, Preset::Gradient | Preset::GuidedBackprop | Preset::Deconvnet) {
                    continue;
                }
                let seen = compare(&model, &input, &Composite::new(preset));
                let what = format!("{name}, row {row}, {preset_name}");
                assert!(seen.relevance <= PROMISED, "{what}: off by {}", seen.relevance);
                assert!(seen.books <= PROMISED, "{what}: books off by {}", seen.books);
                assert_eq!(seen.top.0, seen.top.1, "{what}: the ten largest");
                worst = worst.max(seen.relevance);
            }
        }
        println!("{name}: ‖ΔR‖₁/‖R‖₁ at most {worst:.1e}");
    }
}
