//! Every case of the zennit pack: the network through the ONNX importer, the forward pass, and every rule, composite and
//! gradient method at every target.
//!
//! A dozen cases are part of the repository, the others are beside it; see [`support::shared`].

use relprop::{Composite, Mode, Model, Preset, Select, Session, Target, loops};
use serde_json::Value;
use std::path::Path;
use std::slice;
use support::close::relative_to_peak;
use support::npy::{self, Array};
use support::tally::Tally;
use support::zennit::{self, Assignment, Case};
use support::{kernel, shared, user};

fn target(rule: &Value, class: usize) -> Target<'static> {
    if rule["seed"] == "one_hot" { Target::one_hot(class) } else { Target::class(class) }
}

/// One explanation of the input, in the user's order.
fn relevance(model: &Model<'_>, input: &[f32], target: &Target<'_>, composite: &Composite<'_>) -> Vec<f32> {
    let seen = kernel::explain(model, &[input.to_vec()], Mode::Explain, target, composite);
    user::to_user(model, &seen.unwrap_or_else(|error| panic!("{error}")).inputs[0])
}

/// Methods of several passes, in the user's order.
fn looped(case: &Case, model: &Model<'_>, name: &str, class: usize) -> Vec<f32> {
    let (input, target) = (case.input(model), Target::one_hot(class));
    let mut arena = kernel::arena(model, Mode::Explain);
    let mut session = Session::new(model, &mut arena, Mode::Explain).unwrap();
    let (mut out, mut work) = (vec![0.0; input.len()], vec![0.0; input.len()]);
    match name {
        "gradient_x_input" => loops::gradient_x_input(&mut session, &target, &input, &mut out).unwrap(),
        "integrated_gradients" => {
            let baseline = vec![0.0; input.len()];
            loops::integrated_gradients(&mut session, &target, &input, &baseline, 20, &mut work, &mut out).unwrap();
        }
        "smoothgrad" => {
            // The loop of the library draws its own noise; the reference has some of its own.
            let noise = npy::read(&case.folder.join("smoothgrad_noise.npy"));
            let n = noise.shape[0];
            for k in 0..n {
                let noise = user::to_kernel(model, &noise.item(k));
                let noisy: Vec<f32> = input.iter().zip(noise).map(|(x, noise)| x + noise).collect();
                session.run(&noisy).unwrap();
                let gradient = session.explain(&target, &Composite::new(Preset::Gradient)).unwrap();
                for (out, g) in out.iter_mut().zip(gradient.relevance()) {
                    *out += g / n as f32;
                }
            }
        }
        other => panic!("unknown method {other}"),
    }
    user::to_user(model, &out)
}

fn check_rules(case: &Case, model: &Model<'_>, tally: &mut Tally) {
    let input = case.input(model);
    let bounds = case.bounds();
    let bounds = [zennit::bound(&bounds[0]), zennit::bound(&bounds[1])];
    let name = case.folder.file_name().unwrap_or_default().to_string_lossy();
    let addition: Vec<_> = case.addition().into_iter().collect();
    for (rule_name, rule) in case.rules() {
        for (class, expected) in zennit::targets(rule) {
            let file = case.folder.join(expected["file"].as_str().expect("a file"));
            let reference = npy::read(&file).values;
            let tolerance = zennit::tolerance(expected, "zennit_f32_rel_err");
            let what = format!("{name}/{rule_name}/{class}");
            let target = target(rule, class);
            if rule["family"] == "gradient" {
                let got = match zennit::gradient(rule_name) {
                    Some(composite) => relevance(model, &input, &target, &composite),
                    None => looped(case, model, rule_name, class),
                };
                tally.check(&what, relative_to_peak(&got, &reference), tolerance);
                continue;
            }
            let assignment = Assignment::of(case, rule);
            let overrides = assignment.overrides();
            let composite = Composite::new(Preset::Bare).with(&overrides);
            let got = relevance(model, &input, &target, &composite);
            tally.check(&what, relative_to_peak(&got, &reference), tolerance);
            if let Some(preset) = zennit::preset(rule_name, bounds) {
                let composite = Composite::new(preset).with(&addition);
                let got = relevance(model, &input, &target, &composite);
                tally.check(&format!("{what} as {preset:?}"), relative_to_peak(&got, &reference), tolerance);
            }
        }
    }
}

/// Relevance at every tensor in between, where a case has it.
fn check_layers(case: &Case, model: &Model<'_>, tally: &mut Tally) {
    let layers = &case.json["layer_relevance"];
    let Some(rules) = layers["rules"].as_object() else { return };
    let class = layers["target"].as_u64().expect("a class") as usize;
    let input = case.input(model);
    for (rule_name, files) in rules {
        let rule = &case.json["rules"][rule_name];
        let expected = &rule["targets"][class.to_string()];
        let assignment = Assignment::of(case, rule);
        let overrides = assignment.overrides();
        let composite = Composite::new(Preset::Bare).with(&overrides);
        let seen =
            kernel::explain(model, slice::from_ref(&input), Mode::Explain, &target(rule, class), &composite).unwrap();
        let mut found = 0;
        for tensor in 0..model.tensors() {
            let tensor_name = model.tensor_name(&model.tensor(tensor));
            let (Some(file), Some(relevance)) = (files[tensor_name].as_str(), &seen.relevance[tensor]) else {
                continue;
            };
            let got = user::channels_first(model, tensor, relevance);
            let error = relative_to_peak(&got, &npy::read(&case.folder.join(file)).values);
            let what = format!("{}/{rule_name}/{tensor_name}", case.folder.display());
            tally.check(&what, error, zennit::tolerance(expected, "zennit_f32_rel_err"));
            found += 1;
        }
        // Folding takes tensors away (a convolution and its batch norm become one), but not many.
        let there = files.as_object().expect("files").len();
        if 3 * found < 2 * there {
            tally.failures.push(format!("{}: only {found} of {there} tensors by name", case.folder.display()));
        }
    }
}

fn check_forward(case: &Case, model: &Model<'_>, tally: &mut Tally) {
    let Array { values, .. } = npy::read(&case.folder.join("output.npy"));
    let outputs = kernel::run(model, &[case.input(model)], Mode::Infer);
    let what = format!("{} forward", case.folder.display());
    tally.check(&what, relative_to_peak(&outputs[0], &values), 1e-5);
}

/// The ε-rule through recurrent layers, where gates get nothing, and gradients.
fn check_recurrent(case: &Case, model: &Model<'_>, tally: &mut Tally) {
    let input = case.input(model);
    let class = case.json["target"].as_u64().expect("a class") as usize;
    let name = case.folder.file_name().unwrap_or_default().to_string_lossy();
    for (rule_name, rule) in case.rules() {
        let reference = npy::read(&case.folder.join(rule["file"].as_str().expect("a file"))).values;
        let (target, tolerance) = (target(rule, class), zennit::tolerance(rule, "f32_rel_err"));
        let what = format!("{name}/{rule_name}");
        let got = if rule["family"] == "gradient" {
            match zennit::gradient(rule_name) {
                Some(composite) => relevance(model, &input, &target, &composite),
                None => looped(case, model, rule_name, class),
            }
        } else {
            let overrides = [(Select::All, zennit::recurrent_choice(rule))];
            let composite = Composite::new(Preset::Epsilon(1e-6)).with(&overrides);
            let seen = kernel::explain(model, slice::from_ref(&input), Mode::Explain, &target, &composite).unwrap();
            // What recurrent steps drop is what is left at their initial states.
            let initial: f64 = seen.entries.iter().map(|entry| f64::from(entry.dropped)).sum();
            let wanted = rule["initial_state_relevance"].as_f64().expect("a number");
            let peak = rule["max_abs"].as_f64().expect("a number");
            tally.check(&format!("{what} initial"), (initial - wanted).abs() / peak, 10.0 * tolerance);
            user::to_user(model, &seen.inputs[0])
        };
        tally.check(&what, relative_to_peak(&got, &reference), tolerance);
    }
}

fn check_pack(pack: &Path) {
    let mut tally = Tally::default();
    let recurrent = zennit::recurrent(pack);
    for folder in &recurrent {
        let case = Case::read(folder);
        let model = case.image.model().unwrap();
        check_forward(&case, &model, &mut tally);
        check_recurrent(&case, &model, &mut tally);
    }
    let folders = zennit::folders(pack);
    for folder in &folders {
        let case = Case::read(folder);
        let model = case.image.model().unwrap();
        check_forward(&case, &model, &mut tally);
        check_rules(&case, &model, &mut tally);
        check_layers(&case, &model, &mut tally);
    }
    assert!(!folders.is_empty() && !recurrent.is_empty(), "no cases");
    tally.report(&format!("{} cases", folders.len() + recurrent.len()));
}

#[test]
fn the_cases_beside_the_repository_agree() {
    if let Some(pack) = shared::path("conformance/zennit_visible") {
        check_pack(&pack);
    }
}

#[test]
fn the_cases_of_the_repository_agree() {
    check_pack(&shared::data("zennit"));
}
