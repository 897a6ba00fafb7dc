//! int8 networks against TensorFlow Lite Micro: not one integer may differ.
//!
//! Single operators are part of the repository. The models of the pack, with every activation in between, are beside
//! it; see [`support::shared`].

use relprop::{Mode, Session};
use relprop_convert::{Image, Network, Options, emit, from_tflite, tflite};
use std::path::{Path, PathBuf};
use support::npy::{self, Array};
use support::{kernel, shared};

/// Files of a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    files.sort();
    files
}

fn import(path: &Path) -> Result<Network, String> {
    let bytes = std::fs::read(path).expect("a file");
    from_tflite(&bytes, &Options::default()).map_err(|error| error.to_string())
}

fn image(network: &Network) -> Image {
    emit(network).unwrap_or_else(|error| panic!("{}: {error}", network.name))
}

/// Every output for one input.
fn run(image: &Image, mode: Mode, input: &[i8]) -> Vec<Vec<i8>> {
    let model = image.model().expect("a model");
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new(&model, &mut arena, mode).expect("a session");
    session.run_int8(&[input]).expect("a run");
    let output = |i| session.output(i).and_then(|values| values.int8().map(<[i8]>::to_vec)).expect("an output of int8");
    (0..model.outputs()).map(output).collect()
}

/// How many integers differ.
fn differing(got: &[i8], wanted: &[i8]) -> usize {
    assert_eq!(got.len(), wanted.len());
    got.iter().zip(wanted).filter(|(a, b)| a != b).count()
}

/// The elements in which the first output differs, over all items.
fn compare(image: &Image, inputs: &Array, outputs: &Array) -> usize {
    let item = |i: usize| differing(&run(image, Mode::Infer, &inputs.item(i).bytes())[0], &outputs.item(i).bytes());
    (0..inputs.shape[0]).map(item).sum()
}

/// The same network with all these tensors for outputs, too.
fn with_outputs(network: &Network, tensors: &[usize]) -> Network {
    let mut network = network.clone();
    network.outputs.clear();
    for tensor in tensors {
        network.output(*tensor);
    }
    network
}

#[test]
fn single_operators() {
    let folder = shared::data("tflm-ops");
    let models = files(&folder, ".tflite");
    for path in &models {
        let name = path.file_stem().unwrap().to_string_lossy();
        let network = import(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [inputs, outputs] = ["x", "y"].map(|which| npy::read(&folder.join(format!("{name}.{which}.npy"))));
        assert_eq!(compare(&image(&network), &inputs, &outputs), 0, "{name}: elements differ");
    }
    assert!(models.len() > 50);
}

#[test]
fn models_at_their_outputs() {
    let Some(pack) = shared::path("conformance/tflm") else { return };
    for folder in files(&pack, "").iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy();
        let network = import(&folder.join("model.tflite")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [inputs, outputs] = ["inputs", "outputs"].map(|which| npy::read(&folder.join(format!("{which}.npy"))));
        assert_eq!(compare(&image(&network), &inputs, &outputs), 0, "{name}: outputs differ");
        let logits = folder.join("logits.npy");
        if logits.exists() {
            let before = network.steps.last().expect("a softmax").operands[0];
            let image = image(&with_outputs(&network, &[before]));
            assert_eq!(compare(&image, &inputs, &npy::read(&logits)), 0, "{name}: logits differ");
        }
        println!("{name}: {} items, {} elements each", inputs.shape[0], outputs.values.len() / inputs.shape[0]);
    }
}

#[test]
fn models_layer_by_layer() {
    let Some(pack) = shared::path("conformance/tflm") else { return };
    for folder in files(&pack, "").iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy();
        let network = import(&folder.join("model.tflite")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = std::fs::read(folder.join("model.tflite")).unwrap();
        let graph = tflite::read(&bytes).unwrap();
        let arrays = npy::read_npz(&folder.join("layers.npz"));
        let inputs = npy::read(&folder.join("inputs.npy"));
        let written: Vec<usize> = network.steps.iter().map(|step| step.output).collect();
        let outputs = image(&with_outputs(&network, &written));
        let mut checked = 0;
        for row in 0..inputs.shape[0] {
            let of_row = |key: &str| key.strip_prefix(&format!("in{row}_t"))?.parse::<usize>().ok();
            let wanted: Vec<_> = arrays.iter().filter_map(|(key, array)| Some((of_row(key)?, array))).collect();
            if wanted.is_empty() {
                continue;
            }
            let values = run(&outputs, Mode::Infer, &inputs.item(row).bytes());
            for (tensor, array) in wanted {
                let tensor = &graph.tensors[tensor].name;
                let Some(at) = written.iter().position(|at| &network.tensors[*at].name == tensor) else {
                    assert!(network.inputs.iter().any(|port| &port.name == tensor), "{name}: {tensor} is nowhere");
                    continue;
                };
                assert_eq!(differing(&values[at], &array.bytes()), 0, "{name}: {tensor} differs in row {row}");
                checked += 1;
            }
        }
        println!("{name}: {checked} activations");
        assert!(checked >= 2, "{name}");
    }
}

/// The memory plan of every mode keeps what is needed, whatever lies in the arena at first.
#[test]
fn modes_agree() {
    let folder = shared::data("tflm-ops");
    for path in files(&folder, ".tflite") {
        let image = image(&import(&path).unwrap());
        let input = npy::read(&path.with_extension("x.npy")).item(0).bytes();
        let [infer, explain, retain] = [Mode::Infer, Mode::Explain, Mode::Retain].map(|mode| run(&image, mode, &input));
        assert!(infer == explain && infer == retain, "{}", path.display());
    }
}
