//! MNIST networks and relevances of the LRP toolbox, whose conventions differ from zennit's: other stabilisers, rules of
//! their own for pooling, ties that share.

use relprop::rule::{Bias, Choice, Rule, Stabilizer, Ties};
use relprop::step::Op;
use relprop::{Composite, Mode, Model, Override, Preset, Select, Session, Target};
use relprop_convert::{Image, Options, emit, from_onnx};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::slice;
use support::close::relative_to_peak;
use support::npy::{self, Array};
use support::tally::Tally;
use support::{kernel, shared, user, zennit};

/// A network, its inputs and what is expected of it.
struct Case {
    folder: PathBuf,
    json: Value,
    image: Image,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let read = |file: &str| std::fs::read(folder.join(file)).expect("the file of a case");
        let network = from_onnx(&read("model.onnx"), &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        let json = serde_json::from_slice(&read("case.json")).expect("JSON");
        Self { folder: folder.to_owned(), json, image: emit(&network).unwrap() }
    }

    fn array(&self, file: &str) -> Array {
        npy::read(&self.folder.join(file))
    }
}

fn number(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}

/// The rule of weighted nodes that a rule of `case.json` names. `w²` looks at no bias; what divides by a sum that is
/// never zero needs no stabiliser.
fn weighted(name: &str, rule: &Value) -> Choice<'static> {
    let stabilizer = Stabilizer::Signed(1e-16);
    match name {
        "epsilon" => Choice::new(Rule::Epsilon(number(&rule["epsilon"]))),
        "alphabeta" => {
            let rule = Rule::AlphaBeta { alpha: number(&rule["alpha"]), beta: number(&rule["beta"]) };
            Choice::new(rule).with_stabilizer(stabilizer)
        }
        "flat" => Choice::new(Rule::Flat).with_stabilizer(stabilizer),
        "ww" => Choice::new(Rule::WSquare).with_bias(Bias::Zero).with_stabilizer(stabilizer),
        other => panic!("unknown rule {other}"),
    }
}

/// The rule of pooling steps that goes with it.
fn pooling(rule: &Value) -> Override<'static> {
    let pool = &rule["pool"];
    match pool["rule"].as_str().expect("a rule for pooling") {
        "norm" => {
            let stabilizer = Stabilizer::Signed(number(&pool["stabilizer_on_average"]));
            (Select::Pool, Choice::new(Rule::Norm).with_stabilizer(stabilizer))
        }
        "positive share times alpha" => (Select::Pool, weighted("alphabeta", rule)),
        "uniform over the window" => (Select::Pool, Choice::new(Rule::Flat).with_stabilizer(Stabilizer::Signed(1e-16))),
        "winner, equal split among ties" => (Select::Op(Op::MaxPool), Choice::new(Rule::Winner(Ties::Split))),
        other => panic!("unknown rule {other}"),
    }
}

fn overrides(rule: &Value) -> Vec<Override<'static>> {
    let mut overrides = vec![(Select::Linear, weighted(rule["rule"].as_str().expect("a rule"), rule))];
    if let Some(first) = rule["first_weighted_node"].as_str() {
        overrides.push((Select::First, weighted(first, rule)));
    }
    if !rule["pool"].is_null() {
        overrides.push(pooling(rule));
    }
    overrides
}

/// Relevance at every tensor in between, for the first input.
fn check_layers(case: &Case, model: &Model<'_>, tally: &mut Tally) {
    let input = user::to_kernel(model, &case.array("inputs.npy").item(0));
    let target = Target::class(case.array("targets.npy").values[0] as usize);
    for (name, files) in case.json["layer_relevance"]["rules"].as_object().expect("rules") {
        let rule = &case.json["rules"][name];
        let overrides = overrides(rule);
        let composite = Composite::new(Preset::Bare).with(&overrides);
        let seen = kernel::explain(model, slice::from_ref(&input), Mode::Explain, &target, &composite).unwrap();
        for (tensor_name, file) in files.as_object().expect("files") {
            let named = |t: &usize| model.tensor_name(&model.tensor(*t)) == tensor_name;
            let tensor = (0..model.tensors()).find(named);
            let Some((tensor, got)) = tensor.and_then(|t| seen.relevance[t].as_ref().map(|r| (t, r))) else {
                tally.failures.push(format!("{name}: no relevance of a tensor {tensor_name}"));
                continue;
            };
            let got = user::channels_first(model, tensor, got);
            let error = relative_to_peak(&got, &case.array(file.as_str().expect("a file")).values);
            tally.check(&format!("{name}/{tensor_name}"), error, zennit::tolerance(rule, "f32_rel_err"));
        }
    }
}

/// Every rule for every input, in one session.
fn check_rules(case: &Case, model: &Model<'_>, tally: &mut Tally) {
    let [inputs, logits, targets] = ["inputs.npy", "logits.npy", "targets.npy"].map(|file| case.array(file));
    let rules = case.json["rules"].as_object().expect("rules");
    let references: Vec<Array> =
        rules.values().map(|rule| case.array(rule["file"].as_str().expect("a file"))).collect();
    let mut arena = kernel::arena(model, Mode::Retain);
    let mut session = Session::new(model, &mut arena, Mode::Retain).unwrap();
    for row in 0..inputs.shape[0] {
        let scores = session.run(&user::to_kernel(model, &inputs.item(row))).unwrap().floats().unwrap();
        tally.check(&format!("forward/{row}"), relative_to_peak(scores, &logits.item(row).values), 1e-5);
        let target = Target::class(targets.values[row] as usize);
        for ((name, rule), reference) in rules.iter().zip(&references) {
            let overrides = overrides(rule);
            let composite = Composite::new(Preset::Bare).with(&overrides);
            let explanation = session.explain(&target, &composite).unwrap();
            let got = user::to_user(model, explanation.relevance());
            // The figure in `case.json` is relative to the largest relevance of all inputs.
            let error = relative_to_peak(&got, &reference.item(row).values);
            tally.check(&format!("{name}/{row}"), error, zennit::tolerance(rule, "f32_rel_err"));
        }
    }
}

fn check(network: &str) {
    let Some(folder) = shared::path(&format!("conformance/toolbox_visible/{network}")) else { return };
    let case = Case::read(&folder);
    let model = case.image.model().unwrap();
    let mut tally = Tally::default();
    check_rules(&case, &model, &mut tally);
    check_layers(&case, &model, &mut tally);
    tally.report(network);
}

#[test]
fn lenet_with_sum_pooling_agrees() {
    check("lenet5");
}

#[test]
fn lenet_with_max_pooling_agrees() {
    check("lenet5_maxpool");
}

#[test]
fn dense_layers_agree() {
    check("dense_rect");
}
