//! Networks of one step each, whose parts do not fit together; and what is next to that and fits.

use relprop::error::{Place, Reason};
use relprop::model::format::step::{FLAG_ALL_STATES, FLAG_COUNT_PAD, FLAG_SINGLE_ROUNDING, FLAG_SUBTRACT};
use relprop::model::format::{BLOCK_INT8, MAX_BIAS_INT8, MAX_FAN_INT8, lstm_int8};
use relprop::step::{Function, Op, Shape};
use relprop_convert::network::{Int8, Layer, Port, Quantization};
use relprop_convert::{Network, Recurrent, Window};
use support::lstm_int8::Cell;

/// A network, and what it is refused for, if it is.
pub struct Part {
    pub what: String,
    pub network: Network,
    pub refused: Option<(Place, usize, Reason)>,
}

/// A sound network of one step, and what is made of it.
struct Base {
    name: &'static str,
    network: Network,
    parts: Vec<Part>,
}

impl Base {
    fn new(name: &'static str, network: Network) -> Self {
        let sound = Part { what: name.into(), network: network.clone(), refused: None };
        Self { name, network, parts: vec![sound] }
    }

    fn add(mut self, what: &str, reason: Option<Reason>, change: impl FnOnce(&mut Network)) -> Self {
        let mut network = self.network.clone();
        change(&mut network);
        // To its user every tensor is what it is.
        for port in network.inputs.iter_mut().chain(&mut network.outputs) {
            let shape = network.tensors[port.tensor].shape;
            port.dims = vec![1, shape.height, shape.width, shape.channels];
        }
        let refused = reason.map(|reason| (Place::Step, 0, reason));
        self.parts.push(Part { what: format!("{}: {what}", self.name), network, refused });
        self
    }

    fn wrong(self, what: &str, reason: Reason, change: impl FnOnce(&mut Layer)) -> Self {
        self.add(what, Some(reason), |network| change(&mut network.steps[0]))
    }

    fn right(self, what: &str, change: impl FnOnce(&mut Layer)) -> Self {
        self.add(what, None, |network| change(&mut network.steps[0]))
    }

    /// With an output of another shape.
    fn output(self, what: &str, reason: Reason, change: impl FnOnce(&mut Shape)) -> Self {
        self.add(what, Some(reason), |network| {
            let output = network.steps[0].output;
            change(&mut network.tensors[output].shape);
        })
    }

    /// With another tensor for an operand.
    fn operand(self, what: &str, reason: Reason, k: usize, change: impl FnOnce(&mut Shape)) -> Self {
        self.add(what, Some(reason), |network| {
            let operand = network.steps[0].operands[k];
            change(&mut network.tensors[operand].shape);
        })
    }
}

/// All of them.
pub fn parts() -> Vec<Part> {
    let bases = [
        weighted(),
        pools(),
        elementwise(),
        moved(),
        recurrent(),
        weighted_int8(),
        others_int8(),
        types(),
        sequences(),
    ];
    bases.into_iter().flatten().flat_map(|base| base.parts).collect()
}

/// A network of one step over one input.
pub fn one(shape: Shape, step: impl FnOnce(&mut Network, usize) -> usize) -> Network {
    let mut n = Network::named("one");
    let x = n.input("x", shape);
    let y = step(&mut n, x);
    n.output(y);
    n
}

/// The same over two inputs.
pub fn two(shapes: [Shape; 2], step: impl FnOnce(&mut Network, [usize; 2]) -> usize) -> Network {
    let mut n = Network::named("two");
    let [a, b] = [("a", shapes[0]), ("b", shapes[1])].map(|(name, shape)| n.input(name, shape));
    let y = step(&mut n, [a, b]);
    n.output(y);
    n
}

fn longer(values: &mut Vec<f32>) {
    values.push(0.5);
}

fn shorter<T>(values: &mut Vec<T>) {
    values.truncate(values.len() - 1);
}

/// A small picture.
pub const CUBE: Shape = Shape { height: 4, width: 4, channels: 4 };

fn weighted() -> Vec<Base> {
    use Reason::{Attribute, Params, Shape as Extent, Size};
    // Two groups of more than a block of outputs.
    let grouped = Window { groups: 2, ..Window::new(3, 3) };
    let conv = one(CUBE, |n, x| n.conv(x, &grouped, 20, &[0.5; 20 * 2 * 9], &[0.1; 20]));
    let deconv = one(CUBE, |n, x| n.conv_transpose(x, &grouped, 20, &[0.5; 4 * 10 * 9], &[0.1; 20]));
    let depthwise = one(CUBE, |n, x| n.conv(x, &Window { groups: 4, ..Window::new(3, 2) }, 4, &[0.5; 24], &[0.1; 4]));
    let dense = one(CUBE, |n, x| n.dense(x, 3, &[0.5; 64 * 3], &[0.1; 3]));
    vec![
        // Sums of such sizes fit 32 bits, and products do not.
        Base::new(
            "long windows",
            one(Shape::new(1 << 16, 1, 1), |n, x| {
                n.max_pool(x, &Window { pads: [39_999, 0, 39_999, 0], ..Window::new(40_000, 1) })
            }),
        ),
        Base::new("conv", conv)
            .wrong("groups that do not divide the inputs", Extent, |step| step.groups = 5)
            .wrong("groups that divide the inputs only", Extent, |step| step.groups = 8)
            .wrong("more weights", Params, |step| longer(&mut step.params[0]))
            .wrong("more biases", Params, |step| longer(&mut step.params[1]))
            .right("no bias", |step| step.params[1].clear())
            .output("another width", Extent, |y| y.width = 3)
            .output("another height", Extent, |y| y.height = 1)
            .wrong("a stride that ends elsewhere", Extent, |step| step.stride[0] = 2)
            .wrong("a dilation that reaches beyond", Extent, |step| step.dilation[1] = 2)
            .wrong("padding", Extent, |step| step.pads[1] = 1)
            .wrong("padding at the end", Extent, |step| step.pads[2] = 1)
            .wrong("no stride", Attribute, |step| step.stride[1] = 0)
            .wrong("no dilation", Attribute, |step| step.dilation[0] = 0)
            .add("a window as large as its input and its padding", None, |n| {
                n.steps[0].pads = [1, 0, 1, 0];
                n.steps[0].dilation = [2, 1];
            })
            .add("a window larger than its input", Some(Extent), |n| {
                n.steps[0].kernel[0] = 5;
                n.steps[0].params[0].resize(2 * 2 * 16 * 5 * 3, 0.5);
                n.tensors[1].shape.height = 1;
            })
            // Rounding up is for pools.
            .add("a last window that is not whole", Some(Extent), |n| n.steps[0].stride = [2, 2]),
        Base::new("conv_transpose", deconv)
            .wrong("more weights", Params, |step| longer(&mut step.params[0]))
            .wrong("fewer biases", Params, |step| shorter(&mut step.params[1]))
            .add("rows that the stride leaves open", None, |n| {
                n.steps[0].stride = [2, 2];
                let y = n.steps[0].output;
                n.tensors[y].shape = Shape::new(12, 9, 20);
            })
            .add("more rows than that", Some(Extent), |n| {
                n.steps[0].stride = [2, 2];
                let y = n.steps[0].output;
                n.tensors[y].shape = Shape::new(13, 9, 20);
            })
            .add("a row more", None, |n| n.tensors[1].shape.height = 7)
            .output("two rows more", Extent, |y| y.height = 8)
            .add("rows that are cut off", Some(Extent), |n| n.steps[0].pads = [1, 0, 1, 0]),
        Base::new("depthwise", depthwise)
            .output("more channels", Extent, |y| y.channels = 5)
            .wrong("more weights", Params, |step| longer(&mut step.params[0]))
            .wrong("more biases", Params, |step| longer(&mut step.params[1]))
            .output("another width", Extent, |y| y.width = 2),
        Base::new("dense", dense)
            .output("two rows", Extent, |y| y.height = 2)
            .output("two columns", Extent, |y| y.width = 2)
            .output("more outputs", Params, |y| y.channels = 9)
            .wrong("more weights", Params, |step| longer(&mut step.params[0]))
            .wrong("more biases", Params, |step| longer(&mut step.params[1])),
        Base::new(
            "wide",
            one(Shape::new(1 << 20, 1, 1), |n, x| n.max_pool(x, &Window { stride: [1 << 12, 1], ..Window::new(1, 1) })),
        )
        .add("windows over more than fits 32 bits", Some(Size), |n| {
            let (x, y) = (n.steps[0].operands[0], n.steps[0].output);
            n.steps[0].stride[0] = 1 << 15;
            n.tensors[x].shape.height = 1 << 25;
            n.tensors[y].shape.height = 1 << 17;
        }),
    ]
}

fn pools() -> Vec<Base> {
    use Reason::Shape as Extent;
    let window = Window { stride: [2, 2], pads: [1, 1, 1, 1], ..Window::new(3, 3) };
    let of = |average: bool| {
        one(Shape::new(5, 6, 2), |n, x| if average { n.average_pool(x, &window, true) } else { n.max_pool(x, &window) })
    };
    // Taps so far apart that a window may have one on either side.
    let dilated = Window { dilation: [3, 1], pads: [3, 0, 0, 0], ..Window::new(2, 1) };
    let between = Base::new("dilated pool", one(Shape::new(1, 1, 2), |n, x| n.max_pool(x, &dilated)))
        .add("windows between the first and the last", Some(Extent), |n| {
            n.steps[0].pads[2] = 3;
            n.tensors[1].shape.height = 4;
        })
        .add("the second window", Some(Extent), |n| {
            (n.steps[0].dilation[0], n.steps[0].stride[0], n.steps[0].pads) = (4, 3, [4, 0, 4, 0]);
            (n.tensors[0].shape.height, n.tensors[1].shape.height) = (3, 3);
        });
    [("max_pool", of(false)), ("average_pool", of(true))]
        .into_iter()
        .map(|(name, network)| {
            Base::new(name, network)
                .output("more channels", Extent, |y| y.channels = 3)
                .output("one row fewer", Extent, |y| y.height = 2)
                .output("one row more", Extent, |y| y.height = 4)
                .add("a last column that is not whole", None, |n| n.tensors[1].shape.width = 4)
                .output("a column behind it", Extent, |y| y.width = 5)
                .add("a first window in the padding", Some(Extent), |n| {
                    n.steps[0].pads = [3, 1, 0, 1];
                    n.tensors[1].shape.height = 3;
                })
                .add("a last window in the padding", Some(Extent), |n| {
                    n.steps[0].pads = [0, 1, 4, 1];
                    n.tensors[1].shape.height = 4;
                })
                .add("a window larger than all", None, |n| {
                    (n.steps[0].kernel, n.steps[0].pads) = ([9, 3], [0, 1, 0, 1]);
                    n.tensors[1].shape.height = 1;
                })
                .wrong("weights of a pool", Reason::Reserved, |step| longer(&mut step.params[0]))
        })
        .chain([between])
        .collect()
}

fn elementwise() -> Vec<Base> {
    use Reason::{Attribute, Operands, Params, Shape as Extent};
    let activation = |function| one(CUBE, |n, x| n.activation(x, function, [0.25, 0.5]));
    let wide = |y: &mut Shape| y.width = 5;
    vec![
        Base::new("activation", activation(Function::LeakyRelu)).output("another shape", Extent, wide).wrong(
            "slopes",
            Params,
            |step| longer(&mut step.params[0]),
        ),
        Base::new("clip", activation(Function::Clip))
            .right("ends that meet", |step| step.floats[1] = 0.25)
            .wrong("ends that cross", Attribute, |step| step.floats[1] = 0.0)
            .wrong("slopes", Attribute, |step| longer(&mut step.params[0])),
        Base::new("prelu", one(CUBE, |n, x| n.prelu(x, &[0.5; 4])))
            .right("one slope", |step| step.params[0].truncate(1))
            .wrong("no slope", Params, |step| step.params[0].clear())
            .wrong("two slopes", Params, |step| step.params[0].truncate(2)),
        Base::new("affine", one(CUBE, |n, x| n.affine(x, &[0.5; 4], &[0.5; 4])))
            .output("another shape", Extent, wide)
            .right("no shift", |step| step.params[1].clear())
            .right("one per element", |step| (step.params[0], step.params[1]) = (vec![0.5; 64], vec![0.5; 64]))
            .wrong("a shift per element only", Params, |step| step.params[1] = vec![0.5; 64])
            .wrong("one scale", Params, |step| (step.params[0], step.params[1]) = (vec![0.5], vec![0.5])),
        Base::new("add", two([CUBE; 2], |n, [a, b]| n.add(a, b)))
            .wrong("a tensor and itself", Operands, |step| step.operands[1] = step.operands[0])
            .operand("another shape of the first", Extent, 0, wide)
            .operand("another shape of the second", Extent, 1, wide)
            .output("another shape", Extent, wide),
        Base::new("mul", two([CUBE; 2], |n, [a, b]| n.mul(a, b)))
            .wrong("a tensor and itself", Operands, |step| step.operands[1] = step.operands[0])
            .output("another shape", Extent, wide)
            .operand("another shape of the signal", Extent, 0, wide)
            .add("a gate per channel", None, |n| n.tensors[1].shape = Shape::new(1, 1, 4))
            .operand("a gate per column", Extent, 1, |gate| *gate = Shape::new(1, 4, 4))
            .operand("a gate per row", Extent, 1, |gate| *gate = Shape::new(4, 1, 4))
            .operand("a gate of fewer channels", Extent, 1, |gate| *gate = Shape::new(1, 1, 3)),
        Base::new("local_response_norm", one(CUBE, |n, x| n.local_response_norm(x, 3, 0.5, 0.75, 1.0)))
            .output("another shape", Extent, wide)
            .wrong("no window", Attribute, |step| step.ints[0] = 0)
            .right("the widest window", |step| step.ints[0] = 0xffff)
            .wrong("a wider window", Attribute, |step| step.ints[0] = 0x1_0000)
            .right("nothing of the neighbours", |step| (step.floats[0], step.floats[1]) = (0.0, 0.0))
            .wrong("a negative factor", Attribute, |step| step.floats[0] = -0.5)
            .wrong("a negative power", Attribute, |step| step.floats[1] = -0.5)
            .wrong("no bias", Attribute, |step| step.floats[2] = 0.0),
        Base::new("softmax", one(CUBE, |n, x| n.softmax(x, false))).output("another shape", Extent, wide),
        Base::new("log_softmax", one(CUBE, |n, x| n.softmax(x, true))).wrong(
            "a third kind",
            Reason::UnknownVariant,
            |step| step.variant = 2,
        ),
    ]
}

fn moved() -> Vec<Base> {
    use Reason::{Attribute, Shape as Extent};
    let concat = |axis| two([Shape::new(2, 3, 4); 2], |n, [a, b]| n.concat(&[a, b], axis));
    let pad = one(Shape::new(2, 3, 4), |n, x| n.pad(x, [1, 2, 3], Shape::new(4, 6, 8), 0.5));
    let slice = one(Shape::new(7, 8, 9), |n, x| n.slice(x, [0, 1, 2], [3, 2, 3], Shape::new(3, 4, 3)));
    let transpose = one(Shape::new(2, 3, 4), |n, x| n.transpose(x, [1, 2, 3, 4], [0, 2, 3, 1], Shape::new(3, 4, 2)));
    let mut bases = vec![
        Base::new("pad", pad)
            .output("too few rows", Extent, |y| y.height = 2)
            .output("too few columns", Extent, |y| y.width = 4)
            .output("too few channels", Extent, |y| y.channels = 6)
            .right("at the end", |step| step.ints = [2, 3, 4, 0, 0, 0, 0, 0])
            .wrong("a row beyond", Extent, |step| step.ints[0] = 3)
            .wrong("a column beyond", Extent, |step| step.ints[1] = 4)
            .wrong("a channel beyond", Extent, |step| step.ints[2] = 5),
        Base::new("slice", slice)
            .wrong("a row beyond", Extent, |step| step.ints[0] = 1)
            .wrong("a column beyond", Extent, |step| step.ints[1] = 2)
            .wrong("a channel beyond", Extent, |step| step.ints[2] = 3)
            .wrong("rows that stand still", Extent, |step| step.ints[3] = 0)
            .wrong("columns that stand still", Extent, |step| step.ints[4] = 0)
            .wrong("channels that stand still", Extent, |step| step.ints[5] = 0)
            .output("more rows", Extent, |y| y.height = 4),
        Base::new("view", one(Shape::new(2, 3, 4), |n, x| n.view(x, Shape::new(1, 1, 24)))).output(
            "more elements",
            Extent,
            |y| y.channels = 25,
        ),
        Base::new("transpose", transpose)
            .wrong("an axis twice", Attribute, |step| step.ints[7] = 2)
            .wrong("a fifth axis", Attribute, |step| step.ints[7] = 4)
            .wrong("more elements", Extent, |step| step.ints[1] = 3)
            .wrong("more elements than fit", Extent, |step| step.ints[..4].fill(1 << 30))
            .output("more elements", Extent, |y| y.height = 4),
    ];
    for (axis, name) in [(0, "concat of rows"), (1, "concat of columns"), (2, "concat of channels")] {
        let base = Base::new(name, concat(axis))
            .wrong("a fourth axis", Reason::UnknownVariant, |step| step.variant = 3)
            .output("another height", Extent, |y| y.height += 1)
            .output("another width", Extent, |y| y.width += 1)
            .output("other channels", Extent, |y| y.channels += 1)
            .operand("another height of a part", Extent, 1, |part| part.height += 1)
            .operand("another width of a part", Extent, 1, |part| part.width += 1)
            .operand("other channels of a part", Extent, 1, |part| part.channels += 1);
        bases.push(base);
    }
    bases
}

fn recurrent() -> Vec<Base> {
    use Reason::{Attribute, Params, Shape as Extent, UnknownFlag};
    let cell = |gates: usize, all_states, after: bool| {
        let (weights, state, bias) = (vec![0.5; gates * 9 * 3], vec![0.5; gates * 81], vec![0.5; gates * 9]);
        let cell = Recurrent {
            weights: &weights,
            recurrent: &state,
            bias: &bias,
            recurrent_bias: after.then_some(&bias[..9]),
            reverse: false,
            all_states,
        };
        one(Shape::new(5, 1, 3), |n, x| if gates == 4 { n.lstm(x, 9, &cell) } else { n.gru(x, 9, &cell) })
    };
    let common = |name, network| {
        Base::new(name, network)
            .wrong("more weights", Params, |step| longer(&mut step.params[0]))
            .wrong("more weights of the state", Params, |step| longer(&mut step.params[1]))
            .wrong("more biases", Params, |step| longer(&mut step.params[2]))
            .right("no bias", |step| step.params[2].clear())
            .output("two columns", Extent, |y| y.width = 2)
            .output("another length", Extent, |y| y.height = 4)
            .operand("two columns of the input", Extent, 0, |x| x.width = 2)
            .operand("other elements of the input", Params, 0, |x| x.channels = 4)
            .output("other units", Params, |y| y.channels = 17)
            .wrong("a flag of pools", UnknownFlag, |step| step.flags |= FLAG_COUNT_PAD)
    };
    vec![
        common("lstm", cell(4, true, false))
            .right("a bound", |step| step.floats[0] = 0.5)
            .wrong("a negative bound", Attribute, |step| step.floats[0] = -0.5)
            .wrong("a fourth block", Reason::Reserved, |step| longer(&mut step.params[3])),
        common("last state", cell(4, false, false)).wrong("all states", Extent, |step| step.flags = FLAG_ALL_STATES),
        common("gru", cell(3, true, false)).wrong("a recurrent bias", Params, |step| longer(&mut step.params[3])),
        common("gru that resets after", cell(3, true, true))
            .wrong("more recurrent biases", Params, |step| longer(&mut step.params[3]))
            .wrong("no recurrent bias", Params, |step| step.params[3].clear()),
    ]
}

/// What integers stand for.
pub const UNIT: Quantization = Quantization { scale: 0.5, zero_point: 3 };

/// A network of one step in int8.
pub fn int8(op: Op, inputs: &[Shape], output: Shape, set: impl FnOnce(&mut Layer)) -> Network {
    let mut n = Network::named("int8");
    let operands: Vec<usize> = inputs.iter().enumerate().map(|(k, shape)| n.input(format!("x{k}"), *shape)).collect();
    let y = n.tensor("y", output);
    for tensor in &mut n.tensors {
        tensor.quantization = Some(UNIT);
    }
    let mut layer = Layer::new("step", op, operands, y);
    set(&mut layer);
    n.steps.push(layer);
    n.outputs.push(Port::new("y", y, vec![1, output.height, output.width, output.channels]));
    n
}

/// The whole range of an output.
pub fn ranged(layer: &mut Layer) {
    (layer.ints[0], layer.ints[1]) = (-128_i32 as u32, 127);
}

/// A window that moves by one.
pub fn window_of(layer: &mut Layer, kernel: [u16; 2], groups: u32) {
    (layer.kernel, layer.stride, layer.dilation, layer.groups) = (kernel, [1; 2], [1; 2], groups);
}

fn weights_of(layer: &mut Layer, weights: usize, channels: usize) {
    let rescale = vec![[1 << 30, 0]; channels];
    layer.int8 = Int8 { weights: vec![1; weights], bias: vec![0; channels], rescale, table: Vec::new() };
}

fn weighted_int8() -> Vec<Base> {
    use Reason::{Attribute, Params, Reserved, Shape as Extent, Size, UnknownFlag};
    let numbers = |base: Base| {
        base.right("the largest bias", |step| step.int8.bias[1] = MAX_BIAS_INT8 as i32)
            .right("the smallest bias", |step| step.int8.bias[1] = -(MAX_BIAS_INT8 as i32))
            .wrong("a larger bias", Attribute, |step| step.int8.bias[1] = MAX_BIAS_INT8 as i32 + 1)
            .wrong("the smallest number of all for a bias", Attribute, |step| step.int8.bias[0] = i32::MIN)
            .right("no multiplier", |step| step.int8.rescale[1] = [0, 30])
            .right("the smallest shift", |step| step.int8.rescale[1] = [1, -31])
            .wrong("a negative multiplier", Attribute, |step| step.int8.rescale[1][0] = -1)
            .wrong("a negative multiplier of the first", Attribute, |step| step.int8.rescale[0][0] = -1)
            .wrong("a larger shift", Attribute, |step| step.int8.rescale[1][1] = 31)
            .wrong("a smaller shift", Attribute, |step| step.int8.rescale[1][1] = -32)
            .wrong("more biases", Params, |step| step.int8.bias.push(0))
            .wrong("fewer factors", Params, |step| shorter(&mut step.int8.rescale))
            .wrong("more weights", Params, |step| step.int8.weights.resize(step.int8.weights.len() + BLOCK_INT8, 0))
            .wrong("a weight behind the last", Reserved, |step| step.int8.weights.push(1))
            .wrong("a weight in the last place", Reserved, |step| {
                let whole = step.int8.weights.len().next_multiple_of(BLOCK_INT8);
                step.int8.weights.resize(whole - 1, 0);
                step.int8.weights.push(1);
            })
            .wrong("a range that is empty", Attribute, |step| (step.ints[0], step.ints[1]) = (1, 0))
            .right("a range of one", |step| (step.ints[0], step.ints[1]) = (1, 1))
            .wrong("a range below", Attribute, |step| step.ints[0] = -129_i32 as u32)
            .wrong("a range above", Attribute, |step| step.ints[1] = 128)
            .right("one rounding", |step| step.flags = FLAG_SINGLE_ROUNDING)
            .wrong("a flag of pools", UnknownFlag, |step| step.flags = FLAG_COUNT_PAD)
            .wrong("a third attribute", Reserved, |step| step.ints[2] = 1)
            .wrong("a factor of floats", Reserved, |step| step.floats[0] = 0.5)
    };
    let conv = int8(Op::Conv, &[CUBE], Shape::new(2, 2, 6), |step| {
        ranged(step);
        window_of(step, [3, 3], 2);
        weights_of(step, 6 * 2 * 9, 6);
    });
    let deconv = int8(Op::ConvTranspose, &[CUBE], Shape::new(6, 6, 6), |step| {
        ranged(step);
        window_of(step, [3, 3], 2);
        weights_of(step, 6 * 2 * 9, 6);
    });
    let depthwise = int8(Op::Depthwise, &[CUBE], Shape::new(2, 2, 4), |step| {
        ranged(step);
        window_of(step, [3, 3], 0);
        weights_of(step, 4 * 9, 4);
    });
    let dense = |inputs, outputs| {
        int8(Op::Dense, &[Shape::new(1, 1, inputs)], Shape::new(1, 1, outputs), |step| {
            ranged(step);
            weights_of(step, inputs * outputs, outputs);
        })
    };
    vec![
        numbers(Base::new("int8 conv", conv)).wrong("other groups", Extent, |step| step.groups = 4),
        numbers(Base::new("int8 conv_transpose", deconv)).wrong("no groups", Attribute, |step| step.groups = 0),
        numbers(Base::new("int8 depthwise", depthwise)).output("more channels", Extent, |y| y.channels = 5),
        numbers(Base::new("int8 dense", dense(5, 3))),
        Base::new("wide int8 dense", dense(MAX_FAN_INT8, 1)).add("one weight more", Some(Size), |n| {
            n.tensors[0].shape.channels += 1;
            n.steps[0].int8.weights.push(1);
        }),
    ]
}

fn others_int8() -> Vec<Base> {
    use Reason::{Attribute, Params, Reserved, Scale, Shape as Extent, Size, UnknownFlag};
    let flat = |op, inputs: usize, factors: usize| {
        int8(op, &[CUBE; 2][..inputs], CUBE, |step| {
            ranged(step);
            step.int8.rescale = vec![[1 << 30, 0]; factors];
        })
    };
    let pool = |op| {
        int8(op, &[CUBE], Shape::new(3, 3, 4), |step| {
            ranged(step);
            window_of(step, [2, 2], 0);
        })
    };
    let other_unit = |n: &mut Network| n.tensors[0].quantization = Some(Quantization { scale: 0.25, ..UNIT });
    let other_zero = |n: &mut Network| n.tensors[0].quantization = Some(Quantization { zero_point: 4, ..UNIT });
    let structural = |op, input: Shape, output, ints: [u32; 8]| {
        Base::new(op_name(op), int8(op, &[input], output, |step| step.ints = ints))
            .add("another unit", Some(Scale), other_unit)
            .add("another zero", Some(Scale), other_zero)
    };
    vec![
        Base::new("int8 add", flat(Op::Add, 2, 3))
            .wrong("two factors", Params, |step| shorter(&mut step.int8.rescale))
            .wrong("a weight", Params, |step| step.int8.weights.push(1))
            .wrong("a bias", Params, |step| step.int8.bias.push(1))
            .wrong("a negative multiplier", Attribute, |step| step.int8.rescale[2][0] = -1)
            .wrong("a range that is empty", Attribute, |step| (step.ints[0], step.ints[1]) = (1, 0))
            .right("a difference, with one rounding", |step| step.flags = FLAG_SUBTRACT | FLAG_SINGLE_ROUNDING)
            .wrong("a flag of pools", UnknownFlag, |step| step.flags = FLAG_COUNT_PAD)
            .wrong("one operand", Reason::Operands, |step| step.operands.truncate(1)),
        Base::new("int8 mul", flat(Op::Mul, 2, 1))
            .wrong("no factor", Params, |step| step.int8.rescale.clear())
            .wrong("a bias", Params, |step| step.int8.bias.push(1))
            .wrong("a negative multiplier", Attribute, |step| step.int8.rescale[0][0] = -1)
            .wrong("a flag of pools", UnknownFlag, |step| step.flags = FLAG_COUNT_PAD)
            .wrong("one operand", Reason::Operands, |step| step.operands.truncate(1)),
        Base::new("int8 max_pool", pool(Op::MaxPool))
            .wrong("a range that is empty", Attribute, |step| (step.ints[0], step.ints[1]) = (1, 0))
            .add("another unit", Some(Scale), other_unit)
            .add("another zero", Some(Scale), other_zero)
            .wrong("a weight", Reserved, |step| step.int8.weights.push(1))
            .wrong("a third attribute", Reserved, |step| step.ints[2] = 1)
            .add("beside another of another unit", None, |n| {
                let (x, y) = (n.input("other", CUBE), n.tensor("other", Shape::new(3, 3, 4)));
                for tensor in [x, y] {
                    n.tensors[tensor].quantization = Some(Quantization { scale: 0.25, ..UNIT });
                }
                let mut other = n.steps[0].clone();
                (other.operands, other.output) = (vec![x], y);
                n.steps.push(other);
                n.output(y);
            }),
        Base::new("int8 average_pool", pool(Op::AveragePool))
            .right("padding counts", |step| step.flags = FLAG_COUNT_PAD | FLAG_SINGLE_ROUNDING)
            .add("another unit", Some(Scale), other_unit)
            .add("another zero", Some(Scale), other_zero)
            .add("another unit, and a factor", None, |n| {
                other_unit(n);
                n.steps[0].int8.rescale.push([1 << 30, 1]);
            })
            .wrong("a negative factor", Attribute, |step| step.int8.rescale.push([-1, 0]))
            .wrong("two factors", Params, |step| step.int8.rescale = vec![[1, 0]; 2])
            .wrong("a weight", Params, |step| step.int8.weights.push(1))
            .wrong("a bias", Params, |step| step.int8.bias.push(1))
            .output("more channels", Extent, |y| y.channels = 5)
            .add("a window of more than may be added", Some(Size), |n| {
                n.tensors[0].shape = Shape::new(256, 129, 1);
                n.tensors[1].shape = Shape::new(1, 1, 1);
                n.steps[0].kernel = [256, 129];
            })
            .add("a window of as many as may be added", None, |n| {
                n.tensors[0].shape = Shape::new(256, 128, 1);
                n.tensors[1].shape = Shape::new(1, 1, 1);
                n.steps[0].kernel = [256, 128];
            }),
        Base::new("int8 activation", int8(Op::Activation, &[CUBE], CUBE, |step| step.int8.weights = vec![1; 256]))
            .wrong("a longer table", Params, |step| step.int8.weights.push(1))
            .output("another shape", Extent, |y| y.width = 5)
            .right("the last function", |step| step.variant = Function::Softplus as u8)
            .wrong("a function that nobody knows", Reason::UnknownVariant, |step| step.variant = 13)
            .wrong("an attribute", Reserved, |step| step.ints[0] = 1)
            .right("attributes of its function", |step| (step.floats[0], step.floats[1]) = (0.5, 0.5)),
        Base::new(
            "int8 softmax",
            int8(Op::Softmax, &[CUBE], CUBE, |step| step.ints = [1 << 30, 4, -100_i32 as u32, 0, 0, 0, 0, 0]),
        )
        .right("the largest numbers", |step| (step.ints[0], step.ints[1], step.ints[2]) = (i32::MAX as u32, 30, 0))
        .wrong("a negative multiplier", Attribute, |step| step.ints[0] = 1 << 31)
        .wrong("a larger shift", Attribute, |step| step.ints[1] = 31)
        .wrong("a bound above zero", Attribute, |step| step.ints[2] = 1)
        .wrong("a logarithm", Reason::UnknownVariant, |step| step.variant = 1)
        .output("another shape", Extent, |y| y.width = 5),
        structural(Op::Pad, CUBE, Shape::new(5, 5, 5), [1, 1, 1, 3, 0, 0, 0, 0])
            .right("the smallest number", |step| step.ints[3] = -128_i32 as u32)
            .wrong("a smaller number", Attribute, |step| step.ints[3] = -129_i32 as u32)
            .wrong("a larger number", Attribute, |step| step.ints[3] = 128),
        structural(Op::Slice, CUBE, Shape::new(2, 2, 2), [0, 0, 0, 1, 1, 1, 0, 0]),
        structural(Op::View, CUBE, Shape::new(1, 1, 64), [0; 8]),
        structural(Op::Transpose, CUBE, CUBE, [1, 4, 4, 4, 0, 2, 1, 3]),
        Base::new("int8 concat", int8(Op::Concat, &[CUBE; 2], Shape::new(4, 4, 8), |step| step.variant = 2))
            .add("another unit of the first", Some(Scale), other_unit)
            .add("another zero of the second", Some(Scale), |n| {
                n.tensors[1].quantization = Some(Quantization { zero_point: 4, ..UNIT });
            }),
        Base::new("int8 lstm", Cell::plain().network())
            .wrong("more weights", Params, |step| step.int8.weights.resize(step.int8.weights.len() + BLOCK_INT8, 0))
            .wrong("a weight behind the last", Reserved, |step| step.int8.weights.push(1))
            .wrong("more biases", Params, |step| step.int8.bias.push(0))
            .wrong("more factors", Params, |step| step.int8.rescale.push([1, 0]))
            .wrong("a longer table", Params, |step| step.int8.table.push(0xffff))
            .wrong("a negative multiplier", Attribute, |step| step.int8.rescale[8][0] = -1)
            .wrong("a larger bias", Attribute, |step| step.int8.bias[7] = i32::MAX)
            .wrong("a table that begins elsewhere", Attribute, |step| step.int8.table[0] = 1)
            .wrong("a table that falls", Attribute, |step| step.int8.table[lstm_int8::TABLE - 1] = 1 << 15)
            .wrong("a table that falls at once", Attribute, |step| step.int8.table[1] = 1)
            .right("a table that is flat", |step| step.int8.table.fill(1 << 15))
            .right("the largest cell", |step| (step.ints[0], step.ints[1]) = (15, i16::MAX as u32))
            .output("another length", Extent, |y| y.height = 3)
            .operand("two columns", Extent, 0, |x| x.width = 2),
        Base::new(
            "wide int8 lstm",
            Cell {
                inputs: MAX_FAN_INT8,
                units: 1,
                weights: vec![1; 4 * (MAX_FAN_INT8 + 1)],
                bias: vec![0; 4],
                ..Cell::plain()
            }
            .network(),
        )
        .add("one input more", Some(Size), |n| {
            n.tensors[0].shape.channels += 1;
            n.steps[0].int8.weights.resize(4 * (MAX_FAN_INT8 + 2), 1);
        }),
    ]
}

const fn op_name(op: Op) -> &'static str {
    match op {
        Op::Pad => "int8 pad",
        Op::Slice => "int8 slice",
        Op::View => "int8 view",
        _ => "int8 transpose",
    }
}

/// Conversions, and types that a step does not take.
fn types() -> Vec<Base> {
    use Reason::{Operands, Params, Shape as Extent, UnknownType, UnknownVariant};
    let conversion = |op, [from, to]: [Option<Quantization>; 2]| {
        let mut n = Network::named("conversion");
        let x = n.input("x", CUBE);
        let y = n.tensor("y", CUBE);
        (n.tensors[x].quantization, n.tensors[y].quantization) = (from, to);
        n.steps.push(Layer::new("step", op, vec![x], y));
        n.output(y);
        n
    };
    let tokens = |dimensions, table: &[f32]| {
        let mut n = Network::named("tokens");
        let x = n.token_input("x", 5);
        let y = n.embedding(x, dimensions, table);
        n.output(y);
        n
    };
    let is_tokens = |n: &mut Network, tensor: usize| {
        n.tensors[tensor].is_tokens = true;
        n.tensors[tensor].quantization = None;
    };
    vec![
        Base::new("quantize", conversion(Op::Quantize, [None, Some(UNIT)]))
            .output("another shape", Extent, |y| y.width = 5)
            .add("of integers", Some(UnknownType), |n| n.tensors[0].quantization = Some(UNIT))
            .add("to floats", Some(UnknownType), |n| n.tensors[1].quantization = None)
            .add("the other way", Some(UnknownType), |n| {
                (n.tensors[0].quantization, n.tensors[1].quantization) = (Some(UNIT), None);
            })
            .add("of tokens", Some(UnknownType), |n| is_tokens(n, 0))
            .wrong("two operands", Operands, |step| step.operands.push(0)),
        Base::new("dequantize", conversion(Op::Dequantize, [Some(UNIT), None]))
            .output("another shape", Extent, |y| y.width = 5)
            .add("of floats", Some(UnknownType), |n| n.tensors[0].quantization = None)
            .add("the other way", Some(UnknownType), |n| {
                (n.tensors[0].quantization, n.tensors[1].quantization) = (None, Some(UNIT));
            })
            .add("to tokens", Some(UnknownType), |n| is_tokens(n, 1)),
        Base::new("relu", one(CUBE, Network::relu))
            .add("of integers", Some(UnknownType), |n| n.tensors[0].quantization = Some(UNIT))
            .add("of tokens", Some(UnknownType), |n| is_tokens(n, 0))
            .add("to tokens", Some(UnknownType), |n| is_tokens(n, 1)),
        Base::new("embedding", tokens(2, &[0.5; 6]))
            .add("of floats", Some(UnknownType), |n| n.tensors[0].is_tokens = false)
            .add("of integers", Some(UnknownType), |n| {
                n.tensors[0].is_tokens = false;
                n.tensors[0].quantization = Some(UNIT);
            })
            .add("of two columns", Some(Extent), |n| n.tensors[0].shape.width = 2)
            .add("of two channels", Some(Extent), |n| n.tensors[0].shape.channels = 2)
            .output("fewer rows", Extent, |y| y.height = 4)
            .output("two columns", Extent, |y| y.width = 2)
            .output("rows of another length", Params, |y| y.channels = 4)
            .wrong("an empty table", Params, |step| step.params[0].clear())
            .wrong("a scale", Reason::Attribute, |step| step.floats[0] = 0.5)
            .wrong("a third kind", UnknownVariant, |step| step.variant = 2),
        Base::new("as many tokens as there may be", tokens(2, &[0.5; 2 << 16]))
            .wrong("one more", Params, |step| step.params[0].extend([0.5; 2])),
        Base::new("embedding of integers", {
            let mut n = Network::named("tokens");
            let x = n.token_input("x", 5);
            let y = n.embedding_int8(x, 2, &[1; 6], 0.5);
            n.output(y);
            n
        })
        .wrong("no scale", Reason::Attribute, |step| step.floats[0] = 0.0)
        .wrong("a negative scale", Reason::Attribute, |step| step.floats[0] = -0.5)
        .right("the smallest scale", |step| step.floats[0] = f32::MIN_POSITIVE)
        .wrong("a smaller scale", Reason::Attribute, |step| step.floats[0] = f32::MIN_POSITIVE / 2.0)
        .wrong("rows that are not whole", Params, |step| step.int8.weights.push(1)),
    ]
}

/// Steps over sequences whose length may change.
fn sequences() -> Vec<Base> {
    let over = |name, step: &dyn Fn(&mut Network, usize) -> usize| {
        let mut n = Network::named("sequence");
        let x = n.sequence_input("x", 5, 3);
        let y = step(&mut n, x);
        n.output(y);
        Base::new(name, n)
    };
    // What it makes of a sequence is no sequence; or the other way round.
    let turned = |base: Base| {
        base.add("turned", Some(Reason::Sequence), |n| {
            let y = n.steps[0].output;
            n.tensors[y].is_sequence = !n.tensors[y].is_sequence;
        })
    };
    let refused = |base: Base| {
        let mut base = base;
        base.parts[0].refused = Some((Place::Step, 0, Reason::Sequence));
        base
    };
    let point = Window { groups: 1, ..Window::new(1, 1) };
    let conv = |n: &mut Network, x| n.conv(x, &point, 2, &[0.5; 6], &[]);
    let depthwise = |n: &mut Network, x| n.conv(x, &Window { groups: 3, ..point }, 3, &[0.5; 3], &[]);
    let cell = |n: &mut Network, x, all_states| {
        n.lstm(x, 1, &Recurrent { weights: &[0.5; 12], recurrent: &[0.5; 4], all_states, ..Recurrent::default() })
    };
    let both = |n: &mut Network, x: usize, step: &dyn Fn(&mut Network, usize, usize) -> usize| {
        let other = n.sequence_input("other", 5, 3);
        step(n, x, other)
    };
    let mut bases = vec![
        turned(over("relu of a sequence", &|n, x| n.relu(x))),
        turned(over("softmax of a sequence", &|n, x| n.softmax(x, false))),
        turned(over("norm of a sequence", &|n, x| n.local_response_norm(x, 3, 0.5, 0.75, 1.0))),
        turned(over("affine of a sequence", &|n, x| n.affine(x, &[0.5; 3], &[]))),
        refused(over("affine of every element of a sequence", &|n, x| n.affine(x, &[0.5; 15], &[]))),
        turned(over("conv of a sequence", &conv))
            .add("two moments at once", Some(Reason::Sequence), |n| {
                n.steps[0].kernel[0] = 2;
                n.steps[0].params[0] = vec![0.5; 2 * 3 * 8];
                n.tensors[1].shape.height = 4;
            })
            .add("every second moment", Some(Reason::Sequence), |n| {
                n.steps[0].stride[0] = 2;
                n.tensors[1].shape.height = 3;
            })
            .add("three moments at once, as many as there were", Some(Reason::Sequence), |n| {
                (n.steps[0].kernel[0], n.steps[0].pads) = (3, [1, 0, 1, 0]);
                n.steps[0].params[0] = vec![0.5; 3 * 3 * 8];
            })
            .add("the moment before, too", Some(Reason::Sequence), |n| {
                (n.steps[0].kernel[0], n.steps[0].pads) = (2, [1, 0, 0, 0]);
                n.steps[0].params[0] = vec![0.5; 2 * 3 * 8];
            })
            .add("the moment behind, too", Some(Reason::Sequence), |n| {
                (n.steps[0].kernel[0], n.steps[0].pads) = (2, [0, 0, 1, 0]);
                n.steps[0].params[0] = vec![0.5; 2 * 3 * 8];
            })
            .add("every second moment of more", Some(Reason::Sequence), |n| {
                (n.steps[0].stride[0], n.steps[0].pads) = (2, [2, 0, 2, 0]);
            })
            .add("padding before", Some(Reason::Sequence), |n| {
                n.steps[0].pads[0] = 1;
                n.tensors[1].shape.height = 6;
            })
            .add("padding behind", Some(Reason::Sequence), |n| {
                n.steps[0].pads[2] = 1;
                n.tensors[1].shape.height = 6;
            }),
        turned(over("depthwise of a sequence", &depthwise)).add("every second moment", Some(Reason::Sequence), |n| {
            n.steps[0].stride[0] = 2;
            n.tensors[1].shape.height = 3;
        }),
        turned(over("states of a sequence", &|n, x| cell(n, x, true))),
        turned(over("last state of a sequence", &|n, x| cell(n, x, false))),
        turned(over("mean of a sequence", &|n, x| n.average_pool(x, &Window::new(5, 1), false)))
            .add("of a part", Some(Reason::Sequence), |n| {
                n.steps[0].kernel[0] = 4;
                n.tensors[1].shape.height = 2;
            })
            .add("of a part, once", Some(Reason::Sequence), |n| (n.steps[0].kernel[0], n.steps[0].stride[0]) = (4, 2))
            .add("with padding before", Some(Reason::Sequence), |n| {
                (n.steps[0].pads[0], n.steps[0].stride[0]) = (1, 2);
            })
            .add("with padding behind", Some(Reason::Sequence), |n| {
                (n.steps[0].pads[2], n.steps[0].stride[0]) = (1, 2);
            }),
        refused(over("maximum of a sequence", &|n, x| n.max_pool(x, &Window::new(5, 1)))),
        refused(over("dense over a sequence", &|n, x| n.dense(x, 1, &[0.5; 15], &[]))),
        refused(over("view of a sequence", &|n, x| n.view(x, Shape::new(5, 3, 1)))),
        refused(over("slice of a sequence", &|n, x| n.slice(x, [0; 3], [1; 3], Shape::new(5, 1, 2)))),
        refused(over("a sequence alone, one after the other", &|n, x| n.concat(&[x], 0))),
        refused(over("sequences one after the other", &|n, x| both(n, x, &|n, a, b| n.concat(&[a, b], 0)))),
    ];
    for (name, step) in [
        ("sum of sequences", (&|n: &mut Network, a, b| n.add(a, b)) as &dyn Fn(&mut Network, usize, usize) -> usize),
        ("product of sequences", &|n: &mut Network, a, b| n.mul(a, b)),
        ("sequences side by side", &|n: &mut Network, a, b| n.concat(&[a, b], 2)),
    ] {
        let base = turned(over(name, &|n, x| both(n, x, step)));
        bases.push(base.add("the second is none", Some(Reason::Sequence), |n| n.tensors[1].is_sequence = false).add(
            "the first is none",
            Some(Reason::Sequence),
            |n| n.tensors[0].is_sequence = false,
        ));
    }
    let gate = |n: &mut Network, x: usize| {
        let gate = n.input("gate", Shape::new(1, 1, 3));
        n.mul(x, gate)
    };
    bases.push(turned(over("a gate for every moment", &gate)));
    bases.push(over("a sequence beside a picture", &|n, x| {
        let y = n.relu(x);
        n.output(y);
        let picture = n.input("picture", CUBE);
        n.relu(picture)
    }));
    bases.push(Base::new("no sequence", one(Shape::new(5, 1, 3), Network::relu)).add(
        "becomes one",
        Some(Reason::Sequence),
        |n| n.tensors[1].is_sequence = true,
    ));
    bases
}
