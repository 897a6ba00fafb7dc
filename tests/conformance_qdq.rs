//! Quantised ONNX models against onnxruntime: no output may be further off than one integer.
//!
//! Not bit for bit: onnxruntime computes the nodes in floats or in integers, as its optimiser likes, and differs from
//! itself by as much.

use relprop::step::DType;
use relprop::{Mode, Session};
use relprop_convert::{Options, emit, from_onnx};
use support::{kernel, npy, shared};

/// The scale of the probabilities of `gated`.
const UNIT: f32 = 0.003_921_569;

#[test]
fn outputs_are_those_of_onnxruntime() {
    // The last ends in a softmax over floats, whose probabilities the file rounds to this unit.
    for (name, probabilities) in [("digits", None), ("residual", None), ("gated", Some(UNIT))] {
        let folder = shared::data("qdq");
        let bytes = std::fs::read(folder.join(format!("{name}.onnx"))).unwrap();
        let network = from_onnx(&bytes, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let image = emit(&network).unwrap_or_else(|error| panic!("{name}: {error}"));
        let model = image.model().unwrap();
        let floats = (0..model.steps()).filter(|&i| model.step(i).op.is_conversion()).count();
        assert_eq!(floats, usize::from(probabilities.is_some()), "{name}");
        let output = model.tensor(model.output(0).tensor);
        assert_eq!(output.dtype == DType::F32, probabilities.is_some(), "{name}");
        let unit = f64::from(probabilities.unwrap_or(output.scale));

        let [inputs, wanted] = ["x", "y"].map(|which| npy::read(&folder.join(format!("{name}.{which}.npy"))));
        let mut arena = kernel::arena(&model, Mode::Infer);
        let mut session = Session::new(&model, &mut arena, Mode::Infer).unwrap();
        let (mut same, mut worst) = (0, 0.0_f64);
        for i in 0..inputs.shape[0] {
            let mut input = vec![0.0; model.tensor(model.input(0).tensor).shape.elements()];
            model.input(0).to_kernel(&inputs.item(i).narrowed(), &mut input);
            let got = session.run(&input).unwrap();
            for (got, wanted) in got.iter().zip(wanted.item(i).values) {
                let off = ((f64::from(got) - wanted) / unit).abs().round();
                worst = worst.max(off);
                same += usize::from(off == 0.0);
            }
        }
        println!("{name}: {same} of {} outputs are the same, the others {worst} off", wanted.values.len());
        assert!(worst <= 1.0, "{name}: {worst} integers off");
    }
}
