//! Recurrent ONNX models against onnxruntime, at several lengths: outputs, and the books of an explanation.

use relprop::rule::{Bias, Choice, Rule};
use relprop::step::DType;
use relprop::{Composite, Mode, Model, Preset, Select, Session, Target};
use relprop_convert::{Image, Options, emit, from_onnx, parse};
use std::path::{Path, PathBuf};
use support::close::relative_to_peak;
use support::npy::{self, Array};
use support::shared;
use support::tally::Tally;

/// The networks of the folder, by name.
fn networks() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(shared::data("recurrent")).unwrap().map(|entry| entry.unwrap().path());
    let mut networks: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "onnx")).collect();
    networks.sort();
    networks
}

fn image(path: &Path, options: &Options) -> Image {
    let network = from_onnx(&std::fs::read(path).unwrap(), options);
    emit(&network.unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Inputs and outputs by length.
fn cases(path: &Path) -> Vec<(usize, [Array; 2])> {
    let file = |length: usize, end: &str| path.with_extension(format!("{length}.{end}.npy"));
    let lengths = (1..20).filter(|&length| file(length, "x").exists());
    lengths.map(|length| (length, ["x", "y"].map(|end| npy::read(&file(length, end))))).collect()
}

/// The session's outputs; tokens that are words are looked up.
fn run(session: &mut Session<'_, '_>, x: &Array) -> Vec<f32> {
    let input = session.model().input(0);
    if session.model().tensor(input.tensor).dtype != DType::Token {
        return session.run(&x.narrowed()).unwrap().iter().collect();
    }
    let tokens: Vec<u16> = x.values.iter().map(|&token| token as u16).collect();
    let places = if input.is_text { places(session.model()) } else { (0..).take(100).collect() };
    let tokens: Vec<u16> = tokens.iter().map(|&token| places[usize::from(token)]).collect();
    session.run_tokens(&tokens).unwrap().iter().collect()
}

/// Where the words of `lstm_words` are in the image.
fn places(model: &Model<'_>) -> Vec<u16> {
    let port = model.input(0);
    let labels: Vec<&str> = (0..port.labels).map(|word| model.label(&port, word)).collect();
    assert_eq!(labels, ["<unk>", ".", "Z", "a", "film", "is", "the"]);
    let place = |word| labels.iter().position(|label| *label == word).unwrap() as u16;
    ["<unk>", "the", ".", "a", "film", "Z", "is"].map(place).to_vec()
}

#[test]
fn outputs_are_those_of_onnxruntime_at_every_length() {
    let mut tally = Tally::default();
    for path in networks() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let image = image(&path, &Options { max_length: Some(11), ..Options::default() });
        let model = image.model().unwrap();
        let fixed = name.contains("static");
        assert_eq!(model.max_length(), if fixed { None } else { Some(11) }, "{name}");
        for mode in [Mode::Infer, Mode::Retain] {
            let mut arena = support::kernel::arena(&model, mode);
            let mut session = Session::new(&model, &mut arena, mode).unwrap();
            for (length, [x, y]) in cases(&path) {
                let got = run(&mut session, &x);
                tally.check(&format!("{name} {length}"), relative_to_peak(&got, &y.values), 1e-5);
                let dims = session.model().input(0).dims;
                assert_eq!(dims[..x.shape.len()], x.shape, "{name}");
            }
        }
    }
    tally.report("recurrent");
}

/// With everything redistributed, what the inputs get and what is left at the initial states is what there was.
#[test]
fn nothing_is_lost() {
    let choice = Choice::new(Rule::Epsilon(0.01)).with_bias(Bias::Redistribute);
    let overrides = [(Select::All, choice)];
    let composite = Composite::new(Preset::EpsilonPlus).with(&overrides);
    for path in networks() {
        let image = image(&path, &Options::default());
        let model = image.model().unwrap();
        let mut arena = support::kernel::arena(&model, Mode::Explain);
        let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
        for (length, [x, _]) in cases(&path) {
            run(&mut session, &x);
            let explanation = session.explain(&Target::class(0), &composite).unwrap();
            let seeded = explanation.ledger().seeded().abs().max(0.1);
            let largest = explanation.relevance().iter().fold(seeded, |most, r| most.max(r.abs()));
            let imbalance = explanation.ledger().imbalance();
            assert!(imbalance.abs() <= 1e-5 * largest, "{} {length}: {imbalance}", path.display());
        }
    }
}

#[test]
fn an_image_keeps_sequences_words_and_labels() {
    for path in networks() {
        let image = image(&path, &Options::default());
        let network = parse(&image.model().unwrap());
        assert_eq!(emit(&network).unwrap(), image, "{}", path.display());
    }
    let words = image(&shared::data("recurrent/lstm_words.onnx"), &Options::default());
    let model = words.model().unwrap();
    assert_eq!(model.max_length(), Some(12));
    assert_eq!([0, 1].map(|class| model.label(&model.output(0), class)), ["bad", "good"]);
    assert!(model.input(0).is_text);
    let one = image(&shared::data("recurrent/words_mean.onnx"), &Options::default());
    assert_eq!(one.model().unwrap().max_length(), Some(128));
}

/// The last state is one, and nothing is made of the others.
#[test]
fn exported_heads_become_no_more_steps_than_they_need() {
    let ops = |name: &str| {
        let image = image(&shared::data(&format!("recurrent/{name}.onnx")), &Options::default());
        let model = image.model().unwrap();
        (0..model.steps()).map(|i| model.step(i).op.name()).filter(|op| *op != "view").collect::<Vec<_>>()
    };
    assert_eq!(ops("lstm_last"), ["lstm", "dense"]);
    assert_eq!(ops("lstm_layers"), ["lstm", "lstm", "dense"]);
    assert_eq!(ops("lstm_both"), ["lstm", "lstm", "concat", "lstm", "lstm", "concat", "dense"]);
    assert_eq!(ops("gru_all"), ["gru", "gru", "conv"]);
    assert_eq!(ops("gru_mean"), ["gru", "gru", "concat", "average_pool", "dense"]);
    assert_eq!(ops("words_gru"), ["embedding", "gru", "dense"]);
    assert_eq!(ops("words_mean"), ["embedding", "average_pool", "dense"]);
}
