//! Images that make no sense are refused, and each for its own reason: what the kernel does not check, it would have to
//! survive.

use relprop::error::{Place, Reason};
use relprop::model::format::{Section, header, plan, tensor};
use relprop::plan::Room;
use relprop::step::{Function, Op, Pixels, Shape};
use relprop::{Mode, Model};
use relprop_convert::network::Layer;
use relprop_convert::{EmitError, Network, Recurrent, Window, emit};
use support::lstm_int8::Cell;
use support::mutate::repair;

/// Tensors: 0 input, 1 convolution, 2 its activation, 3 pooled, 4 scores.
fn sensible() -> Network {
    let mut n = Network::named("sensible");
    let x = n.input("x", Shape::new(4, 4, 2));
    let y = n.conv(x, &Window::new(3, 3), 2, &[0.5; 36], &[0.1; 2]);
    let y = n.relu(y);
    let y = n.max_pool(y, &Window::new(2, 2));
    let y = n.dense(y, 3, &[0.25; 6], &[0.0; 3]);
    n.output(y);
    n
}

fn refused(network: &Network) -> (Place, Reason) {
    match emit(network) {
        Err(EmitError::Invalid(error)) => (error.place, error.reason),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// What a sensible network is refused for after a change.
fn changed(change: impl FnOnce(&mut Network)) -> (Place, Reason) {
    let mut network = sensible();
    change(&mut network);
    refused(&network)
}

/// What a network is refused for that ends with this.
fn built(build: impl FnOnce(&mut Network, usize) -> usize) -> (Place, Reason) {
    let mut n = Network::named("built");
    let x = n.input("x", Shape::new(4, 4, 2));
    let y = build(&mut n, x);
    n.output(y);
    refused(&n)
}

fn step(reason: Reason) -> (Place, Reason) {
    (Place::Step, reason)
}

fn port(reason: Reason) -> (Place, Reason) {
    (Place::Port, reason)
}

#[test]
fn the_sensible_network_is_accepted() {
    assert!(emit(&sensible()).is_ok());
    let mut flat = sensible();
    flat.inputs[0].dims = vec![32];
    assert!(emit(&flat).is_ok());
}

#[test]
fn windows_must_fit_their_tensors() {
    let shape = step(Reason::Shape);
    assert_eq!(changed(|n| n.tensors[1].shape.height = 3), shape);
    assert_eq!(changed(|n| n.steps[0].pads = [1; 4]), shape);
    assert_eq!(changed(|n| n.steps[0].kernel = [5, 3]), shape);
    assert_eq!(changed(|n| n.steps[0].stride = [0, 1]), step(Reason::Attribute));
    assert_eq!(changed(|n| n.steps[0].dilation = [1, 0]), step(Reason::Attribute));
    assert_eq!(changed(|n| n.steps[0].groups = 0), step(Reason::Attribute));
    assert_eq!(changed(|n| n.steps[0].groups = 3), shape);
    // A pooling window that sees nothing but padding has no maximum and no mean.
    let beyond = Window { pads: [2, 0, 0, 0], ..Window::new(2, 2) };
    assert_eq!(built(|n, x| n.max_pool(x, &beyond)), shape);
    assert_eq!(built(|n, x| n.average_pool(x, &beyond, true)), shape);
    let behind = Window { pads: [0, 0, 0, 2], ..Window::new(2, 2) };
    assert_eq!(built(|n, x| n.max_pool(x, &behind)), shape);
}

#[test]
fn shapes_must_fit_together() {
    let shape = step(Reason::Shape);
    assert_eq!(built(|n, x| n.view(x, Shape::new(1, 1, 31))), shape);
    assert_eq!(built(|n, x| n.pad(x, [1, 0, 0], Shape::new(4, 4, 2), 0.0)), shape);
    assert_eq!(built(|n, x| n.slice(x, [1, 0, 0], [2, 1, 1], Shape::new(3, 4, 2))), shape);
    assert_eq!(built(|n, x| n.slice(x, [0; 3], [0, 1, 1], Shape::new(1, 4, 2))), shape);
    assert_eq!(built(|n, x| n.transpose(x, [1, 4, 4, 3], [0, 1, 2, 3], Shape::new(4, 4, 2))), shape);
    assert_eq!(built(|n, x| n.transpose(x, [1, 4, 4, 2], [0, 1, 1, 3], Shape::new(4, 4, 2))), step(Reason::Attribute));
    let half = |n: &mut Network, x| n.slice(x, [0; 3], [1; 3], Shape::new(2, 4, 2));
    let both = |n: &mut Network, x: usize, join: fn(&mut Network, usize, usize) -> usize| {
        let y = half(n, x);
        join(n, x, y)
    };
    assert_eq!(built(|n, x| both(n, x, Network::add)), shape);
    assert_eq!(built(|n, x| both(n, x, Network::mul)), shape);
    assert_eq!(built(|n, x| both(n, x, |n, a, b| n.concat(&[a, b], 2))), shape);
    assert_eq!(changed(|n| n.tensors[2].shape = Shape::new(2, 1, 4)), shape);
    assert_eq!(changed(|n| n.tensors[4].shape = Shape::new(3, 1, 1)), shape);
    assert_eq!(changed(|n| n.tensors[3].shape.width = 0), (Place::Tensor, Reason::Size));
}

#[test]
fn operands_and_parameters_are_counted() {
    assert_eq!(built(|n, x| n.add(x, x)), step(Reason::Operands));
    assert_eq!(built(|n, x| n.mul(x, x)), step(Reason::Operands));
    assert_eq!(changed(|n| n.steps[1].operands.push(0)), step(Reason::Operands));
    assert_eq!(changed(|n| n.steps[1].operands.clear()), step(Reason::Operands));
    assert_eq!(changed(|n| n.steps[1].operands[0] = 99), step(Reason::Index));
    let params = step(Reason::Params);
    for block in 0..2 {
        assert_eq!(changed(|n| n.steps[0].params[block].push(1.0)), params);
        assert_eq!(changed(|n| n.steps[3].params[block].truncate(1)), params);
    }
    assert_eq!(changed(|n| n.steps[0].params[2].push(1.0)), step(Reason::Reserved));
    assert_eq!(built(|n, x| n.prelu(x, &[0.1; 3])), params);
    assert_eq!(built(|n, x| n.affine(x, &[1.0; 3], &[])), params);
    assert_eq!(built(|n, x| n.affine(x, &[1.0; 2], &[1.0; 32])), params);
}

#[test]
fn attributes_must_be_in_range() {
    let attribute = step(Reason::Attribute);
    assert_eq!(built(|n, x| n.activation(x, Function::Clip, [1.0, 0.0])), attribute);
    assert_eq!(built(|n, x| n.activation(x, Function::Elu, [f32::NAN, 0.0])), attribute);
    assert_eq!(built(|n, x| n.local_response_norm(x, 0, 1.0, 1.0, 1.0)), attribute);
    assert_eq!(built(|n, x| n.local_response_norm(x, 3, -1.0, 1.0, 1.0)), attribute);
    assert_eq!(built(|n, x| n.local_response_norm(x, 3, 1.0, 1.0, 0.0)), attribute);
    assert_eq!(built(|n, x| n.pad(x, [0; 3], Shape::new(5, 4, 2), f32::INFINITY)), attribute);
    assert_eq!(built(|n, x| n.concat(&[x], 3)), step(Reason::UnknownVariant));
    assert_eq!(changed(|n| n.steps[1].variant = 13), step(Reason::UnknownVariant));
    assert_eq!(changed(|n| n.steps[1].flags = 2), step(Reason::UnknownFlag));
    assert_eq!(changed(|n| n.steps[1].ints[7] = 1), step(Reason::Reserved));
    assert_eq!(changed(|n| n.steps[3].kernel = [1, 1]), step(Reason::Reserved));
}

/// What ends a sequence ends it for every length: a window over some moments, a factor for each or a row more do not.
#[test]
fn sequences_end_in_a_state_or_a_mean() {
    let over = |build: &dyn Fn(&mut Network, usize) -> usize| {
        let mut n = Network::named("sequence");
        let x = n.sequence_input("x", 4, 2);
        let y = build(&mut n, x);
        n.tensors[y].is_sequence = false;
        n.output(y);
        emit(&n).err().map(|_| refused(&n))
    };
    let sequence = Some(step(Reason::Sequence));
    assert_eq!(over(&|n, x| n.conv(x, &Window::new(2, 1), 2, &[0.5; 8], &[])), sequence);
    assert_eq!(over(&|n, x| n.conv(x, &Window { groups: 2, ..Window::new(3, 1) }, 2, &[0.5; 6], &[])), sequence);
    assert_eq!(over(&|n, x| n.affine(x, &[1.0; 8], &[])), sequence);
    assert_eq!(over(&|n, x| n.concat(&[x, x], 0)), sequence);
    assert_eq!(over(&|n, x| n.max_pool(x, &Window::new(4, 1))), sequence);
    assert_eq!(over(&|n, x| n.average_pool(x, &Window::new(4, 1), false)), None);
}

#[test]
fn data_must_flow() {
    assert_eq!(changed(|n| n.steps.swap(0, 1)), step(Reason::Order));
    let twice = (Place::Tensor, Reason::Order);
    assert_eq!(changed(|n| n.steps.push(n.steps[2].clone())), twice);
    assert_eq!(changed(|n| n.tensors.push(n.tensors[0].clone())), twice);
    assert_eq!(changed(|n| n.steps.push(Layer::new("into the input", Op::View, vec![0], 0))), port(Reason::Port));
    let empty = (Place::Header, Reason::Empty);
    assert_eq!(changed(|n| n.outputs.clear()), empty);
    assert_eq!(refused(&Network::named("nothing")), empty);
}

#[test]
fn ports_must_be_what_they_say() {
    assert_eq!(changed(|n| n.outputs[0] = n.inputs[0].clone()), port(Reason::Port));
    assert_eq!(changed(|n| n.outputs.push(n.outputs[0].clone())), port(Reason::Port));
    assert_eq!(changed(|n| n.inputs[0].dims = vec![1, 4, 4, 3]), port(Reason::Shape));
    assert_eq!(changed(|n| n.inputs[0].order = [0, 1, 2, 3, 4, 4]), port(Reason::Attribute));
    assert_eq!(changed(|n| n.inputs[0].range = Some((1.0, 1.0))), port(Reason::Attribute));
    assert_eq!(changed(|n| n.inputs[0].range = Some((f32::NAN, 1.0))), port(Reason::Attribute));
    let pixels = Pixels { scale: [f32::INFINITY; 4], offset: [0.0; 4], bgr: false };
    assert_eq!(changed(|n| n.inputs[0].pixels = Some(pixels)), port(Reason::Attribute));
    assert_eq!(changed(|n| n.outputs[0].labels = vec!["one".into()]), port(Reason::Attribute));
}

/// Where a section starts.
fn start(bytes: &[u8], section: Section) -> usize {
    let at = header::SECTIONS + 8 * section as usize;
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// What the image of the sensible network is refused for after bytes have changed.
fn patched(patch: impl FnOnce(&mut [u8])) -> Option<(Place, usize, Reason)> {
    let mut bytes = emit(&sensible()).unwrap().bytes().to_vec();
    patch(&mut bytes);
    repair(&mut bytes);
    Model::new(&bytes).err().map(|error| (error.place, error.index, error.reason))
}

#[test]
fn claims_about_tensors_are_checked() {
    let record = |bytes: &[u8], t: usize| start(bytes, Section::Tensors) + t * tensor::SIZE;
    let claim = |t: usize| {
        patched(|bytes| {
            let at = record(bytes, t) + tensor::FLAGS;
            bytes[at] = tensor::NON_NEGATIVE;
        })
    };
    // A convolution may be negative, what comes after a ReLU is not.
    assert_eq!(claim(1), Some((Place::Step, 0, Reason::Sign)));
    assert_eq!(claim(4), Some((Place::Step, 3, Reason::Sign)));
    assert_eq!(claim(0), Some((Place::Port, 0, Reason::Sign)));
    assert_eq!(claim(3), None);
    // Floats are not rounded to integers.
    let rounds = patched(|bytes| {
        let at = record(bytes, 0) + tensor::FLAGS;
        bytes[at] = tensor::TIES_TO_EVEN;
    });
    assert_eq!(rounds, Some((Place::Tensor, 0, Reason::Attribute)));
    let shares = |t: usize, with: u8| {
        patched(|bytes| {
            let at = record(bytes, t) + tensor::STORAGE;
            bytes[at] = with;
        })
    };
    // Only a view, or an activation after a linear layer, works in place; and not in the memory of any other tensor.
    assert_eq!(shares(3, 1), Some((Place::Tensor, 3, Reason::Storage)));
    assert_eq!(shares(2, 0), Some((Place::Tensor, 2, Reason::Storage)));
    assert_eq!(shares(0, 4), Some((Place::Tensor, 0, Reason::Storage)));
    assert_eq!(shares(2, 9), Some((Place::Tensor, 2, Reason::Index)));
}

#[test]
fn plans_are_checked() {
    let (tensors, steps) = (5, 4);
    let table =
        |bytes: &[u8], mode: Mode| start(bytes, Section::Plans) + mode as usize * plan::table_size(tensors, steps);
    let change = |mode: Mode, at: usize, value: &[u8]| {
        patched(|bytes| {
            let at = table(bytes, mode) + at;
            bytes[at..at + value.len()].copy_from_slice(value);
        })
        .map(|(place, index, reason)| {
            assert_eq!((place, index), (Place::Plan, mode as usize));
            reason
        })
    };
    let value = |t: usize| plan::HEAD + t * plan::ENTRY;
    for mode in Mode::ALL {
        assert_eq!(change(mode, plan::ARENA, &16_u32.to_le_bytes()), Some(Reason::Arena));
        assert_eq!(change(mode, plan::ARENA, &u32::MAX.to_le_bytes()), Some(Reason::Arena));
        assert_eq!(change(mode, value(0), &4_u32.to_le_bytes()), Some(Reason::Bounds));
        assert_eq!(change(mode, value(4) + plan::VALUE_FIRST, &9_u16.to_le_bytes()), Some(Reason::Lifetime));
        assert_eq!(change(mode, value(0) + plan::VALUE_LAST, &[0; 2]).is_some(), mode.explains());
        assert_eq!(change(mode, value(3), &u32::MAX.to_le_bytes()), Some(Reason::Lifetime));
    }
    // The input and what is computed from it live together.
    let image = emit(&sensible()).unwrap();
    let input = image.model().unwrap().value_placement(Mode::Infer, 0).offset.unwrap() as u32;
    let both = [value(1), value(2)];
    let overlap = patched(|bytes| {
        for at in both {
            let at = table(bytes, Mode::Infer) + at;
            bytes[at..at + 4].copy_from_slice(&input.to_le_bytes());
        }
    });
    assert_eq!(overlap, Some((Place::Plan, 0, Reason::Overlap)));
    // Two tensors in one storage have one place.
    let apart = change(Mode::Infer, value(2), &4096_u32.to_le_bytes());
    assert_eq!(apart, Some(Reason::Storage));
    assert_eq!(change(Mode::Explain, plan::LEDGER, &u32::MAX.to_le_bytes()), Some(Reason::Arena));
    let scratch = plan::HEAD + tensors * plan::ENTRY + 4 * Room::Back as usize;
    assert!(change(Mode::Explain, scratch, &u32::MAX.to_le_bytes()).is_some());
}

/// A cell over int8 with one changed field.
fn cell(change: impl FnOnce(&mut Network)) -> (Place, Reason) {
    let mut network = Cell::plain().network();
    assert!(emit(&network).is_ok());
    change(&mut network);
    refused(&network)
}

#[test]
fn cells_over_int8_have_all_they_need() {
    let (params, attribute, shape) = (step(Reason::Params), step(Reason::Attribute), step(Reason::Shape));
    assert_eq!(cell(|n| n.steps[0].int8.weights.truncate(1)), params);
    assert_eq!(cell(|n| n.steps[0].int8.weights.resize(41 + 16, 0)), params);
    assert_eq!(cell(|n| n.steps[0].int8.bias.truncate(1)), params);
    assert_eq!(cell(|n| n.steps[0].int8.rescale.truncate(1)), params);
    assert_eq!(cell(|n| n.steps[0].int8.rescale.push([0; 2])), params);
    assert_eq!(cell(|n| n.steps[0].int8.table.truncate(1)), params);
    assert_eq!(cell(|n| n.steps[0].int8.bias[3] = i32::MAX), attribute);
    assert_eq!(cell(|n| n.steps[0].int8.rescale[8][0] = -1), attribute);
    assert_eq!(cell(|n| n.steps[0].int8.rescale[0][1] = 31), attribute);
    assert_eq!(cell(|n| n.steps[0].int8.rescale[7][1] = -32), attribute);
    assert_eq!(cell(|n| n.steps[0].int8.table[0] -= 1), attribute);
    assert_eq!(cell(|n| n.steps[0].int8.table[100] -= 9999), attribute);
    assert_eq!(cell(|n| n.steps[0].ints[0] = 16), attribute);
    assert_eq!(cell(|n| n.steps[0].ints[1] = 32768), attribute);
    assert_eq!(cell(|n| n.steps[0].ints[2] = 1), step(Reason::Reserved));
    assert_eq!(cell(|n| n.steps[0].floats[0] = 1.0), step(Reason::Reserved));
    assert_eq!(cell(|n| n.steps[0].flags |= 32), step(Reason::UnknownFlag));
    assert_eq!(cell(|n| n.steps[0].flags = 0), shape);
    assert_eq!(cell(|n| n.tensors[1].shape = Shape::new(2, 2, 2)), shape);
    assert_eq!(cell(|n| n.steps[0].op = Op::Gru), step(Reason::UnknownType));
}

#[test]
fn the_bound_of_a_cell_is_not_below_zero() {
    let bounded = |bound: f32| {
        let mut n = Network::named("bounded");
        let x = n.input("x", Shape::new(2, 1, 1));
        let weights = Recurrent { weights: &[0.5; 4], recurrent: &[0.5; 4], ..Recurrent::default() };
        let y = n.lstm(x, 1, &weights);
        n.steps[0].floats[0] = bound;
        n.output(y);
        emit(&n).err()
    };
    assert_eq!(bounded(10.0), None);
    for bound in [-1.0, -0.0, f32::NAN, f32::INFINITY] {
        assert!(bounded(bound).is_some(), "{bound}");
    }
}
