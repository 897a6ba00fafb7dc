//! What is in flash: a validated view over a model image.

pub(crate) mod check;
pub mod format;

pub use check::crc32;

use crate::error::ImageError;
use crate::plan::{Lifetime, Mode, Placement, Room};
use crate::step::{DType, Function, Op, ParamRef, Pixels, Port, Shape, Step, Tensor, quotient};
use format::{MAX_RANK, NONE_16, NONE_32, Section, header, plan, port, step, string, tensor};

/// A validated view over a model image: immutable, two words, shared by any number of sessions.
///
/// # Contract
/// A `Model` exists only for bytes that passed every check of `model/check.rs`; with such bytes no accessor reads out
/// of bounds. Indices given to accessors must be below the matching count.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    image: &'a [u8],
    /// Moments of sequences, at most.
    moments: usize,
}

impl<'a> Model<'a> {
    /// Validates an image. A `const fn`: with [`include_model!`](crate::include_model) a broken image is a compile
    /// error.
    ///
    /// # Errors
    /// [`ImageError`] names the record and the reason.
    pub const fn new(image: &'a [u8]) -> Result<Self, ImageError> {
        match check::image(image) {
            Ok(()) => Ok(Self::new_unchecked(image)),
            Err(error) => Err(error),
        }
    }

    /// A view over an image whose plans are yet to be made: validates everything else. For writers of images, whose
    /// planner asks it for lifetimes.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub const fn new_draft(image: &'a [u8]) -> Result<Self, ImageError> {
        match check::draft(image) {
            Ok(()) => Ok(Self::new_unchecked(image)),
            Err(error) => Err(error),
        }
    }

    /// A view over bytes that nobody has checked: for writers of images, who need lifetimes before there is a plan.
    ///
    /// Accessors read zeros where the bytes end, and what they return means nothing unless the image obeys the format.
    pub const fn new_unchecked(image: &'a [u8]) -> Self {
        Self { image, moments: usize::MAX }
    }

    /// The same model with shorter sequences: tensors and ports have the shapes of a run over so many moments. Plans stay
    /// what they are.
    #[must_use]
    pub const fn at_length(self, moments: usize) -> Self {
        Self { moments, ..self }
    }

    /// The most moments that a sequence of this model may have; `None` where nothing is a sequence.
    pub const fn max_length(&self) -> Option<usize> {
        let mut i = 0;
        while i < self.inputs() {
            let at = self.record(Section::Tensors, self.port_tensor(i));
            if read_u8(self.image, at + tensor::FLAGS) & tensor::SEQUENCE != 0 {
                return Some(read_size(self.image, at + tensor::HEIGHT));
            }
            i += 1;
        }
        None
    }

    /// The bytes of the image.
    pub const fn image(&self) -> &'a [u8] {
        self.image
    }

    /// Number of tensors.
    pub const fn tensors(&self) -> usize {
        self.section(Section::Tensors).1
    }

    /// Number of steps.
    pub const fn steps(&self) -> usize {
        self.section(Section::Steps).1
    }

    /// Number of inputs.
    pub const fn inputs(&self) -> usize {
        read_u16(self.image, header::INPUTS) as usize
    }

    /// Number of outputs.
    pub const fn outputs(&self) -> usize {
        read_u16(self.image, header::OUTPUTS) as usize
    }

    /// Name of the network.
    pub const fn name(&self) -> &'a str {
        self.string(read_u16(self.image, header::NAME))
    }

    /// Bytes of arena that a session in this mode needs.
    pub const fn arena_bytes(&self, mode: Mode) -> usize {
        read_size(self.image, self.plan(mode) + plan::ARENA)
    }

    /// How many tokens the embeddings know: the rows of the smallest table. None, without one.
    pub const fn tokens(&self) -> usize {
        let (mut rows, mut i) = (usize::MAX, 0);
        while i < self.steps() {
            if matches!(self.links(i).op, Op::Embedding) {
                let step = self.step(i);
                let own = quotient(step.params[0].len, self.tensor(step.output).shape.channels);
                rows = if own < rows { own } else { rows };
            }
            i += 1;
        }
        if rows == usize::MAX { 0 } else { rows }
    }

    /// The tensor with this index.
    pub const fn tensor(&self, index: usize) -> Tensor {
        let at = self.record(Section::Tensors, index);
        let dtype = match DType::from_code(read_u8(self.image, at + tensor::DTYPE)) {
            Some(dtype) => dtype,
            None => DType::F32,
        };
        let is_sequence = read_u8(self.image, at + tensor::FLAGS) & tensor::SEQUENCE != 0;
        let height = read_size(self.image, at + tensor::HEIGHT);
        Tensor {
            dtype,
            scale: read_f32(self.image, at + tensor::SCALE),
            zero_point: read_u32(self.image, at + tensor::ZERO_POINT) as i32,
            shape: Shape::new(
                if is_sequence && height > self.moments { self.moments } else { height },
                read_size(self.image, at + tensor::WIDTH),
                read_size(self.image, at + tensor::CHANNELS),
            ),
            non_negative: read_u8(self.image, at + tensor::FLAGS) & tensor::NON_NEGATIVE != 0,
            ties_to_even: read_u8(self.image, at + tensor::FLAGS) & tensor::TIES_TO_EVEN != 0,
            is_sequence,
            storage: read_u16(self.image, at + tensor::STORAGE) as usize,
            name: read_u16(self.image, at + tensor::NAME),
        }
    }

    /// The step with this index.
    pub const fn step(&self, index: usize) -> Step {
        let at = self.record(Section::Steps, index);
        let op = match Op::from_code(read_u8(self.image, at + step::OP)) {
            Some(op) => op,
            None => Op::View,
        };
        let mut params = [ParamRef { offset: 0, len: 0 }; 4];
        let mut ints = [0; 8];
        let mut floats = [0.0; 4];
        let mut i = 0;
        while i < 8 {
            ints[i] = read_u32(self.image, at + step::INTS + 4 * i);
            if i < 4 {
                floats[i] = read_f32(self.image, at + step::FLOATS + 4 * i);
                params[i] = ParamRef {
                    offset: read_size(self.image, at + step::PARAMS + 8 * i),
                    len: read_size(self.image, at + step::PARAMS + 8 * i + 4),
                };
            }
            i += 1;
        }
        Step {
            op,
            variant: read_u8(self.image, at + step::VARIANT),
            flags: read_u16(self.image, at + step::FLAGS),
            output: read_u16(self.image, at + step::OUTPUT) as usize,
            operands_first: read_size(self.image, at + step::OPERANDS_FIRST),
            operands: read_u16(self.image, at + step::OPERANDS_COUNT) as usize,
            kernel: read_u16s(self.image, at + step::KERNEL),
            stride: read_u16s(self.image, at + step::STRIDE),
            dilation: read_u16s(self.image, at + step::DILATION),
            pads: read_u16s(self.image, at + step::PADS),
            groups: read_size(self.image, at + step::GROUPS),
            params,
            floats,
            ints,
            name: read_u16(self.image, at + step::NAME),
        }
    }

    /// Op, output and operands of a step: what lifetimes are made of, without decoding the rest.
    pub(crate) const fn links(&self, index: usize) -> Links {
        let at = self.record(Section::Steps, index);
        Links {
            op: match Op::from_code(read_u8(self.image, at + step::OP)) {
                Some(op) => op,
                None => Op::View,
            },
            output: read_u16(self.image, at + step::OUTPUT) as usize,
            first: read_size(self.image, at + step::OPERANDS_FIRST),
            operands: read_u16(self.image, at + step::OPERANDS_COUNT) as usize,
        }
    }

    /// Whether an activation overwrites a tensor in place.
    pub const fn is_overwritten(&self, tensor: usize) -> bool {
        let mut i = 0;
        while i < self.steps() {
            let step = self.links(i);
            let in_place = self.reads(i, tensor) && self.storage(step.output) == self.storage(tensor);
            if matches!(step.op, Op::Activation) && in_place {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Whether a step reads a tensor.
    pub(crate) const fn reads(&self, index: usize, tensor: usize) -> bool {
        let step = self.links(index);
        let mut k = 0;
        while k < step.operands {
            if self.operand_at(step.first + k) == tensor {
                return true;
            }
            k += 1;
        }
        false
    }

    /// The tensor at this place of the operand list.
    pub(crate) const fn operand_at(&self, at: usize) -> usize {
        read_u16(self.image, self.record(Section::Operands, at)) as usize
    }

    /// The tensor whose memory this tensor uses.
    pub const fn storage(&self, index: usize) -> usize {
        read_u16(self.image, self.record(Section::Tensors, index) + tensor::STORAGE) as usize
    }

    /// The tensor that a step reads as its `k`-th operand.
    pub const fn operand(&self, step: &Step, k: usize) -> usize {
        self.operand_at(step.operands_first + k)
    }

    /// The port with this index; inputs come first, outputs after them.
    pub const fn port(&self, index: usize) -> Port {
        let at = self.record(Section::Ports, index);
        let flags = read_u8(self.image, at + port::FLAGS);
        let mut dims = [1; MAX_RANK];
        let mut order = [0; MAX_RANK];
        let mut pixels = Pixels { scale: [0.0; 4], offset: [0.0; 4], bgr: Port::has(flags, port::BGR) };
        let mut i = 0;
        while i < MAX_RANK {
            dims[i] = read_size(self.image, at + port::DIMS + 4 * i);
            order[i] = read_u8(self.image, at + port::ORDER + i);
            if i < 4 {
                pixels.scale[i] = read_f32(self.image, at + port::PIXEL_SCALE + 4 * i);
                pixels.offset[i] = read_f32(self.image, at + port::PIXEL_OFFSET + 4 * i);
            }
            i += 1;
        }
        let port_tensor = read_u16(self.image, at + port::TENSOR) as usize;
        let tensor = self.tensor(port_tensor);
        // Of at most one moment there is nothing to shorten.
        if tensor.is_sequence && self.at_length(usize::MAX).tensor(port_tensor).shape.height > 1 {
            let axis = check::moments_axis(self.image, at);
            if axis < MAX_RANK {
                dims[axis] = tensor.shape.height;
            }
        }
        Port {
            is_text: Port::has(flags, port::TEXT),
            tensor: read_u16(self.image, at + port::TENSOR) as usize,
            rank: read_u8(self.image, at + port::RANK) as usize,
            dims,
            order,
            range: if Port::has(flags, port::HAS_RANGE) {
                Some((read_f32(self.image, at + port::LOW), read_f32(self.image, at + port::HIGH)))
            } else {
                None
            },
            pixels: if Port::has(flags, port::HAS_PIXELS) { Some(pixels) } else { None },
            labels: read_u16(self.image, at + port::LABELS_COUNT) as usize,
            labels_first: read_u16(self.image, at + port::LABELS_FIRST),
            name: read_u16(self.image, at + port::NAME),
        }
    }

    /// The tensor behind a port.
    pub(crate) const fn port_tensor(&self, index: usize) -> usize {
        read_u16(self.image, self.record(Section::Ports, index) + port::TENSOR) as usize
    }

    /// The `i`-th input.
    pub const fn input(&self, i: usize) -> Port {
        self.port(i)
    }

    /// The `i`-th output.
    pub const fn output(&self, i: usize) -> Port {
        self.port(self.inputs() + i)
    }

    /// Name of a port.
    pub const fn port_name(&self, port: &Port) -> &'a str {
        self.string(port.name)
    }

    /// Name of a class, empty where the image has none.
    pub const fn label(&self, port: &Port, class: usize) -> &'a str {
        if class < port.labels { self.string(port.labels_first + class as u16) } else { "" }
    }

    /// The token that a word is; zero, which stands for all others, if the vocabulary does not have it.
    #[cfg(feature = "sequence")]
    pub fn token(&self, port: &Port, word: &crate::text::Word<'_>) -> u16 {
        let (mut low, mut high) = (1, port.labels);
        while low < high {
            let middle = low.midpoint(high);
            match word.compare(self.label(port, middle)) {
                core::cmp::Ordering::Less => high = middle,
                core::cmp::Ordering::Equal => return middle as u16,
                core::cmp::Ordering::Greater => low = middle + 1,
            }
        }
        0
    }

    /// Name of a step.
    pub const fn step_name(&self, step: &Step) -> &'a str {
        self.string(step.name)
    }

    /// Name of a tensor.
    pub const fn tensor_name(&self, tensor: &Tensor) -> &'a str {
        self.string(tensor.name)
    }

    /// The step that writes this tensor, `None` for an input.
    pub const fn producer(&self, tensor: usize) -> Option<usize> {
        let mut i = 0;
        while i < self.steps() {
            if self.links(i).output == tensor {
                return Some(i);
            }
            i += 1;
        }
        None
    }

    /// Whether a step works in the memory of its operand.
    pub const fn in_place(&self, step: &Step) -> bool {
        step.operands > 0 && self.storage(step.output) == self.storage(self.operand(step, 0))
    }

    /// The tensor at which relevance starts for an output: the output, or what a softmax there reads.
    pub const fn seed_tensor(&self, output: &Port) -> usize {
        match self.producer(output.tensor) {
            Some(index) => {
                let step = self.step(index);
                if matches!(step.op, Op::Softmax) { self.operand(&step, 0) } else { output.tensor }
            }
            None => output.tensor,
        }
    }

    /// Where a tensor's value lies in a mode's arena.
    pub const fn value_placement(&self, mode: Mode, tensor: usize) -> Placement {
        self.placement(mode, tensor, plan::VALUE_OFFSET)
    }

    /// Where a tensor's relevance lies in a mode's arena.
    pub const fn relevance_placement(&self, mode: Mode, tensor: usize) -> Placement {
        self.placement(mode, tensor, plan::RELEVANCE_OFFSET)
    }

    /// Where a step's scratch lies in a mode's arena, on the way forward or back.
    pub const fn scratch_offset(&self, mode: Mode, room: Room, step: usize) -> Option<usize> {
        let at = self.plan(mode) + plan::HEAD + self.tensors() * plan::ENTRY + step * plan::SCRATCH;
        offset(read_u32(self.image, at + 4 * room as usize))
    }

    /// Whether a step computes in int8: everything that it reads and writes is.
    pub const fn is_int8(&self, step: &Step) -> bool {
        cfg!(feature = "int8") && !step.op.is_conversion() && matches!(self.tensor(step.output).dtype, DType::I8)
    }

    /// The activation function of a step: its own, or, of an int8 step whose range begins at zero, the `ReLU` that is
    /// part of it.
    pub const fn function(&self, step: &Step) -> Option<Function> {
        let fuses = step.op.is_weighted() || matches!(step.op, Op::Add);
        if fuses && self.is_int8(step) && step.ints[0] as i32 == self.tensor(step.output).zero_point {
            return Some(Function::Relu);
        }
        step.function()
    }

    /// Whether any tensor is int8.
    pub const fn has_int8(&self) -> bool {
        let mut i = 0;
        while i < self.tensors() {
            if matches!(self.tensor(i).dtype, DType::I8) {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Whether every step computes in int8 or moves elements: such a model needs no float at all.
    pub const fn is_all_int8(&self) -> bool {
        let mut i = 0;
        while i < self.steps() {
            if !self.is_int8(&self.step(i)) {
                return false;
            }
            i += 1;
        }
        true
    }

    /// Where the ledger lies in a mode's arena.
    pub const fn ledger_offset(&self, mode: Mode) -> Option<usize> {
        offset(read_u32(self.image, self.plan(mode) + plan::LEDGER))
    }

    /// The bytes of a parameter block.
    pub const fn params(&self, block: ParamRef, element: usize) -> &'a [u8] {
        let (start, _) = self.section(Section::Params);
        slice(self.image, start + block.offset, block.len * element)
    }

    /// A parameter block of floats; empty when the image is not aligned to 4 bytes, which a session refuses.
    pub(crate) fn floats(&self, block: ParamRef) -> &'a [f32] {
        bytemuck::try_cast_slice(self.params(block, 4)).unwrap_or(&[])
    }

    /// The 8-bit weights (or the table) of an int8 step.
    pub(crate) fn bytes(&self, block: ParamRef) -> &'a [i8] {
        bytemuck::try_cast_slice(self.params(block, 1)).unwrap_or(&[])
    }

    /// The bias of an int8 step; empty when the image is not aligned.
    pub(crate) fn words(&self, block: ParamRef) -> &'a [i32] {
        bytemuck::try_cast_slice(self.params(block, 4)).unwrap_or(&[])
    }

    /// Multipliers and shifts of an int8 step; empty when the image is not aligned.
    pub(crate) fn pairs(&self, block: ParamRef) -> &'a [[i32; 2]] {
        bytemuck::try_cast_slice(self.params(block, 8)).unwrap_or(&[])
    }

    /// The table of an int8 LSTM; empty when the image is not aligned.
    pub(crate) fn halves(&self, block: ParamRef) -> &'a [u16] {
        bytemuck::try_cast_slice(self.params(block, 2)).unwrap_or(&[])
    }

    const fn placement(&self, mode: Mode, tensor: usize, field: usize) -> Placement {
        let at = self.plan(mode) + plan::HEAD + tensor * plan::ENTRY + field;
        Placement {
            offset: offset(read_u32(self.image, at)),
            lifetime: Lifetime {
                first: read_u16(self.image, at + 4) as usize,
                last: read_u16(self.image, at + 6) as usize,
            },
        }
    }

    const fn plan(&self, mode: Mode) -> usize {
        let (start, _) = self.section(Section::Plans);
        start + mode as usize * plan::table_size(self.tensors(), self.steps())
    }

    /// Offset and number of records of a section.
    pub(crate) const fn section(&self, section: Section) -> (usize, usize) {
        let at = header::SECTIONS + 8 * section as usize;
        (read_size(self.image, at), read_size(self.image, at + 4))
    }

    const fn record(&self, section: Section, index: usize) -> usize {
        self.section(section).0 + index * section.record_size()
    }

    pub(crate) const fn string_bytes(&self, index: u16) -> &'a [u8] {
        if index == NONE_16 {
            return &[];
        }
        let at = self.record(Section::Strings, index as usize);
        let (text, _) = self.section(Section::Text);
        slice(self.image, text + read_size(self.image, at + string::OFFSET), read_size(self.image, at + string::LENGTH))
    }

    const fn string(&self, index: u16) -> &'a str {
        match core::str::from_utf8(self.string_bytes(index)) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

/// The part of a step that the plan looks at.
#[derive(Clone, Copy)]
pub(crate) struct Links {
    pub op: Op,
    pub output: usize,
    pub first: usize,
    pub operands: usize,
}

const fn offset(value: u32) -> Option<usize> {
    if value == NONE_32 { None } else { Some(to_size(value)) }
}

/// `bytes[start..start + len]`, empty where that is out of bounds.
pub(crate) const fn slice(bytes: &[u8], start: usize, len: usize) -> &[u8] {
    match bytes.split_at_checked(start) {
        Some((_, rest)) => match rest.split_at_checked(len) {
            Some((part, _)) => part,
            None => &[],
        },
        None => &[],
    }
}

pub(crate) const fn read_u8(bytes: &[u8], at: usize) -> u8 {
    if at < bytes.len() { bytes[at] } else { 0 }
}

pub(crate) const fn read_u16(bytes: &[u8], at: usize) -> u16 {
    match slice(bytes, at, 2).first_chunk() {
        Some(chunk) => u16::from_le_bytes(*chunk),
        None => 0,
    }
}

pub(crate) const fn read_u32(bytes: &[u8], at: usize) -> u32 {
    match slice(bytes, at, 4).first_chunk() {
        Some(chunk) => u32::from_le_bytes(*chunk),
        None => 0,
    }
}

/// A size or a place; where addresses have 16 bits and it has more, one that no check accepts.
pub(crate) const fn read_size(bytes: &[u8], at: usize) -> usize {
    to_size(read_u32(bytes, at))
}

const fn to_size(value: u32) -> usize {
    if size_of::<usize>() < size_of::<u32>() && value >> 16 != 0 { usize::MAX } else { value as usize }
}

pub(crate) const fn read_f32(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(read_u32(bytes, at))
}

const fn read_u16s<const N: usize>(bytes: &[u8], at: usize) -> [u16; N] {
    let mut values = [0; N];
    let mut i = 0;
    while i < N {
        values[i] = read_u16(bytes, at + 2 * i);
        i += 1;
    }
    values
}

/// Bytes aligned as the kernel wants them: for images and arenas in statics.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// A model compiled in from a file: `include_model!("m.rlp")` is a constant expression of type
/// [`Model<'static>`](crate::Model), aligned, and validated at compile time. A path that is not absolute is relative
/// to the file that names it, as with [`include_bytes!`].
///
/// ```
/// use relprop::{Arena, Mode, Model, include_model};
/// const MODEL: Model<'static> = include_model!("../../tests/two.rlp");
/// static ARENA: Arena<{ MODEL.arena_bytes(Mode::Explain) }> = Arena::new();
/// # let _ = &ARENA;
/// ```
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        static IMAGE: &$crate::model::Aligned<[u8]> = &$crate::model::Aligned(*include_bytes!($path));
        #[allow(long_running_const_eval)]
        const MODEL: $crate::Model<'static> = match $crate::Model::new(&IMAGE.0) {
            Ok(model) => model,
            Err(error) => panic!("{}", error.reason.message()),
        };
        MODEL
    }};
}

/// Bytes whose alignment suits any tensor: the caller's memory for a session.
///
/// `Arena<{ MODEL.arena_bytes(Mode::Explain) }>` in a `static` is the whole RAM that the kernel uses.
pub type Arena<const N: usize> = Aligned<[u8; N]>;

impl<const N: usize> Arena<N> {
    /// Zeroed memory.
    pub const fn new() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Default for Arena<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::ops::Deref for Arena<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> core::ops::DerefMut for Arena<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
