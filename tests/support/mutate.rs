//! Damaging images and networks, field by field.

use proptest::prelude::*;
use relprop::model::crc32;
use relprop::model::format::{Section, header};
use relprop::step::{Op, Shape};
use relprop_convert::{Network, Window};

/// A change of one field.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    section: usize,
    record: usize,
    field: usize,
    width: usize,
    value: u32,
    /// Adds to what is there instead of replacing it.
    add: bool,
}

/// Values at which readers go wrong.
const EDGES: [u32; 14] = [0, 1, 2, 3, 7, 8, 16, 255, 0x7fff, 0xffff, 0x8000, 0x7fff_ffff, 0x8000_0000, u32::MAX];

prop_compose! {
    /// Changes of fields of 1, 2 or 4 bytes, to edge values, to small ones or by one.
    pub fn mutations()(
        // Steps and tensors are what the kernel looks at most.
        section in prop_oneof![4 => Just(1_usize), 2 => Just(0), 4 => 2_usize..10],
        record: usize,
        field: usize,
        width in prop::sample::select(vec![1_usize, 2, 4]),
        (edge, value) in (prop::sample::select(EDGES.to_vec()), any::<u32>()),
        how in 0..5,
    ) -> Mutation {
        let (value, add) = match how {
            0 => (value, false),
            1 => (1, true),
            2 => (u32::MAX, true),
            3 => (value % 32, false),
            _ => (edge, false),
        };
        Mutation { section, record, field, width, value, add }
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
}

impl Mutation {
    /// Changes an image.
    pub fn apply(&self, bytes: &mut [u8]) {
        // Most fields lie in records of sections; the rest of the draws goes to the header and anywhere.
        let section = Section::ALL.get(self.section);
        let (start, size) = match section {
            Some(section) => {
                let entry = header::SECTIONS + 8 * *section as usize;
                let (offset, count) = (word(bytes, entry), word(bytes, entry + 4));
                let size = if *section == Section::Plans { 4 } else { section.record_size() };
                let records = count.saturating_mul(section.record_size()) / size;
                (offset.saturating_add((self.record % records.max(1)).saturating_mul(size)), size)
            }
            None if self.section == 8 => (0, header::SIZE),
            None => (0, bytes.len()),
        };
        let at = start.saturating_add(self.field % (size / self.width).max(1) * self.width);
        let Some(field) = bytes.get_mut(at..at.saturating_add(self.width)) else { return };
        let mut old = [0; 4];
        old[..self.width].copy_from_slice(field);
        let value = if self.add { u32::from_le_bytes(old).wrapping_add(self.value) } else { self.value };
        field.copy_from_slice(&value.to_le_bytes()[..self.width]);
    }
}

/// Makes the checksum right, as a malicious writer would.
pub fn repair(bytes: &mut [u8]) {
    if bytes.len() >= header::CRC_START {
        let crc = crc32(&bytes[header::CRC_START..]);
        bytes[header::CRC..header::CRC + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// A change of a network, before its memory is planned: sizes that fit nothing, or fit where nobody thought they would.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    step: usize,
    field: usize,
    value: u32,
}

prop_compose! {
    /// Changes of networks.
    pub fn edits()(
        step: usize,
        field in 0_usize..40,
        value in prop_oneof![6 => 0_u32..6, 1 => prop::sample::select(EDGES.to_vec())],
    ) -> Edit {
        Edit { step, field, value }
    }
}

impl Edit {
    /// Changes a network.
    pub fn apply(&self, network: &mut Network) {
        let at = self.step % network.steps.len();
        let has_window = network.steps[at].kernel[0] > 0;
        if has_window && !self.field.is_multiple_of(4) {
            self.move_window(network, at);
        } else {
            self.change(network, at);
        }
    }

    /// Another window, and the output that it makes.
    fn move_window(&self, network: &mut Network, at: usize) {
        let layer = &mut network.steps[at];
        let value = self.value as u16;
        match self.field % 11 {
            k @ (0 | 1) => layer.stride[k] = value,
            k @ (2 | 3) => layer.dilation[k - 2] = value,
            k @ (4..=7) => layer.pads[k - 4] = value,
            8 => layer.pads = [value; 4],
            9 => layer.dilation = [value; 2],
            _ => layer.stride = [value; 2],
        }
        let (op, input, output) = (layer.op, layer.operands[0], layer.output);
        let (kernel, stride, dilation, pads) = (layer.kernel, layer.stride, layer.dilation, layer.pads);
        let window = Window { kernel, stride, dilation, pads, groups: layer.groups, ceil: false };
        let shape = network.shape(input);
        let [height, width] =
            if op == Op::ConvTranspose { window.transposed_output(shape) } else { window.output(shape) };
        network.tensors[output].shape.height = height;
        network.tensors[output].shape.width = width;
    }

    /// One field, whether or not that makes sense.
    fn change(&self, network: &mut Network, at: usize) {
        let tensors = network.tensors.len();
        let layer = &mut network.steps[at];
        let size = (self.value as usize).min(1 << 20);
        let resized = |extent: &mut Shape| match self.value % 3 {
            0 => extent.height = size,
            1 => extent.width = size,
            _ => extent.channels = size,
        };
        match self.field {
            0..=5 => layer.ints[self.field] = self.value,
            6..=8 => layer.floats[self.field - 6] = f32::from_bits(self.value << 24),
            9..=12 => layer.flags = self.value as u16,
            13..=16 => layer.variant = self.value as u8,
            17..=19 => layer.params[0].resize(size, 1e30),
            20..=22 => layer.params[1].resize(size, -1e30),
            23 => layer.params[0].fill(f32::NAN),
            24..=28 => resized(&mut network.tensors[layer.output].shape),
            29..=33 => resized(&mut network.tensors[layer.operands[0]].shape),
            34 => layer.operands[0] = size % tensors,
            35 => layer.output = size % tensors,
            _ => layer.groups = self.value,
        }
    }
}
