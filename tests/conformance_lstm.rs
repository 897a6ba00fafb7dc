//! A bidirectional LSTM over sentences against the reference code of Arras et al. 2017, with all that is left at the
//! initial states.

use relprop::rule::{Bias, Choice, Rule};
use relprop::step::Op;
use relprop::{Composite, Mode, Model, Preset, Select, Session, Target};
use relprop_convert::{Image, Options, emit, from_onnx};
use serde_json::Value;
use std::path::Path;
use support::close::relative_to_peak;
use support::npy::{self, Array};
use support::tally::Tally;
use support::{kernel, shared, user, zennit};

fn image(folder: &Path, most: usize) -> Image {
    let options = Options { max_length: Some(most), ..Options::default() };
    let network = from_onnx(&std::fs::read(folder.join("model.onnx")).unwrap(), &options);
    emit(&network.unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

/// One ε for every linear step, the recurrent ones among them.
fn choice(epsilon: f32, redistribute: bool) -> Choice<'static> {
    let bias = if redistribute { Bias::Redistribute } else { Bias::Absorb };
    Choice::new(Rule::Epsilon(epsilon)).with_bias(bias)
}

/// An explanation of the last run.
struct Explained {
    /// In the user's order.
    relevance: Vec<f32>,
    /// What the recurrent steps left at their initial states, the forward direction first.
    initial: Vec<f64>,
    /// What the books are off by.
    imbalance: f64,
}

fn explained(session: &mut Session<'_, '_>, target: usize, choice: Choice<'_>) -> Explained {
    let model = *session.model();
    let overrides = [(Select::All, choice)];
    let composite = Composite::new(Preset::EpsilonPlus).with(&overrides);
    let explanation = session.explain(&Target::class(target), &composite).unwrap();
    let dropped = explanation.ledger().entries().enumerate();
    let recurrent = dropped.filter(|(i, _)| model.step(*i).op == Op::Lstm);
    Explained {
        initial: recurrent.map(|(_, entry)| f64::from(entry.dropped)).collect(),
        imbalance: f64::from(explanation.ledger().imbalance()),
        relevance: user::to_user(&model, explanation.relevance()),
    }
}

/// The state and the cell of each direction, summed.
fn initial(array: &Array) -> Vec<f64> {
    let row = |i: usize| array.item(i).values.iter().sum::<f64>();
    vec![row(0) + row(1), row(2) + row(3)]
}

fn peak(array: &Array) -> f64 {
    array.values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

fn check_sentence(session: &mut Session<'_, '_>, folder: &Path, sentence: &Value, tally: &mut Tally) {
    let name = sentence["dir"].as_str().expect("a folder");
    let read = |file: &str| npy::read(&folder.join(name).join(file));
    let x = read("x.npy");
    let model: Model<'_> = session.model().at_length(x.shape[0]);
    let input = user::to_kernel(&model, &x);
    let scores: Vec<f32> = session.run(&input).unwrap().iter().collect();
    tally.check(&format!("{name} scores"), relative_to_peak(&scores, &read("scores.npy").values), 1e-5);
    let target = sentence["target"].as_u64().expect("a class") as usize;
    for (factor, redistribute) in [("bf0", false), ("bf1", true)] {
        let reference = read(&format!("relevance_{factor}.npy"));
        let tolerance = zennit::tolerance(&sentence["runs"][factor], "f32_rel_err");
        session.run(&input).unwrap();
        let seen = explained(session, target, choice(0.001, redistribute));
        let what = format!("{name} {factor}");
        tally.check(&what, relative_to_peak(&seen.relevance, &reference.values), tolerance);
        if redistribute {
            let largest = peak(&reference);
            for (got, wanted) in seen.initial.iter().zip(initial(&read("initial_state_bf1.npy"))) {
                // A sum over as many numbers as there are units.
                tally.check(&format!("{what} initial"), (got - wanted).abs() / largest, 10.0 * tolerance);
            }
            let seeded = f64::from(scores[target]).abs();
            tally.check(&format!("{what} books"), seen.imbalance.abs() / seeded, 1e-6);
            let magnitude: f64 = seen.relevance.iter().map(|r| f64::from(r.abs())).sum();
            let sum: f64 = seen.relevance.iter().map(|r| f64::from(*r)).sum::<f64>() + seen.initial.iter().sum::<f64>();
            tally.check(&format!("{what} sum"), (sum - f64::from(scores[target])).abs() / magnitude, 1e-5);
        }
    }
}

#[test]
fn sentences_agree() {
    let Some(folder) = shared::path("conformance/lstm_visible") else { return };
    let index: Value = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let image = image(&folder, 60);
    let model = image.model().unwrap();
    let mut tally = Tally::default();
    for mode in [Mode::Explain, Mode::Retain] {
        // One session for all lengths.
        let mut arena = kernel::arena(&model, mode);
        let mut session = Session::new(&model, &mut arena, mode).unwrap();
        for sentence in index["sentences"].as_array().expect("sentences") {
            check_sentence(&mut session, &folder, sentence, &mut tally);
        }
    }
    tally.report("sentences");
}
