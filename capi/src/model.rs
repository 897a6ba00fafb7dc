//! What is in flash.

use crate::memory::{self, Handle, Place, content, elements, elements_mut, failure, optional};
use crate::status::{Failure, Status};
use crate::text::{Text, print};
use core::ffi::{c_char, c_void};
use relprop::step::{DType, Port as KernelPort, Tensor};
use relprop::{Limits as KernelLimits, Mode as KernelMode, Model as KernelModel};

/// A network: a validated view over an image in flash, which any number of sessions may share. What it holds is the
/// library's own.
#[repr(C)]
pub struct Model {
    /// The library's own.
    opaque: [usize; 10],
}

// SAFETY: numbers alone, and a mark of its own.
unsafe impl Handle for Model {
    type Content = KernelModel<'static>;
    const MARK: usize = 0x5e1f_a2c0;
}

/// What an arena is sized for.
#[repr(u32)]
pub enum Mode {
    /// Scores only: the smallest arena.
    Infer = 0,
    /// Scores and explanations. A second explanation of the same input repeats the inference.
    Explain = 1,
    /// Scores and explanations; several explanations share one inference.
    Retain = 2,
}

/// The kernel's mode with this number.
pub fn kernel_mode(mode: u32) -> Result<KernelMode, Status> {
    KernelMode::ALL.into_iter().find(|known| *known as u32 == mode).ok_or(Status::Unknown)
}

/// What a model may ask for at most; zero is no limit.
#[repr(C)]
pub struct Limits {
    /// Bytes of the image.
    pub image: u64,
    /// Comparisons that checking the image takes: about the square of its number of records.
    pub checks: u64,
    /// Bytes of the arena.
    pub arena: u64,
    /// Multiply-accumulates of one run, or what takes about as long.
    pub forward: u64,
    /// Of one explanation by the costliest rules; not looked at for RELPROP_MODE_INFER.
    pub explain: u64,
}

impl Limits {
    fn to_kernel(&self) -> KernelLimits {
        let most = |limit| if limit == 0 { u64::MAX } else { limit };
        KernelLimits {
            image: most(self.image),
            checks: most(self.checks),
            arena: most(self.arena),
            forward: most(self.forward),
            explain: most(self.explain),
        }
    }
}

/// What the elements of a tensor are.
#[repr(u32)]
pub enum Kind {
    /// Numbers: `float`.
    F32 = 0,
    /// Integers that stand for `(q - zero_point) * scale`: `int8_t`.
    Int8 = 1,
    /// Rows of an embedding: `uint16_t`.
    Token = 2,
}

/// An input or an output.
#[repr(C)]
pub struct Port {
    /// A `relprop_type`.
    pub r#type: u32,
    /// Rows; of a sequence, the most moments.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, of which those of one place lie side by side; of a vector, its elements.
    pub channels: usize,
    /// Elements: rows times columns times channels; of a sequence, the most.
    pub len: usize,
    /// Of int8, the real value of one unit.
    pub scale: f32,
    /// Of int8, the integer that stands for 0.
    pub zero_point: i32,
    /// It may be shorter than `height`.
    pub is_sequence: bool,
    /// It takes the words of an English text.
    pub is_text: bool,
    /// `low` and `high` are known.
    pub has_range: bool,
    /// Smallest real value that an input may take.
    pub low: f32,
    /// Largest.
    pub high: f32,
    /// `pixel_scale` and `pixel_offset` are known.
    pub has_pixels: bool,
    /// Channels of pixels are blue, green, red.
    pub is_bgr: bool,
    /// A pixel of 0 to 255 of channel c becomes the real value `pixel * pixel_scale[c] + pixel_offset[c]`.
    pub pixel_scale: [f32; 4],
    /// See `pixel_scale`.
    pub pixel_offset: [f32; 4],
    /// Names of classes that the image has, see `relprop_model_label`.
    pub labels: usize,
    /// Its name.
    pub name: Text,
}

impl Port {
    fn new(model: &KernelModel<'static>, port: &KernelPort) -> Self {
        let Tensor { dtype, shape, scale, zero_point, is_sequence, .. } = model.tensor(port.tensor);
        let (low, high) = port.range.unwrap_or_default();
        let [pixel_scale, pixel_offset] = port.pixels.map_or([[0.0; 4]; 2], |pixels| [pixels.scale, pixels.offset]);
        Self {
            r#type: match dtype {
                DType::F32 => Kind::F32,
                DType::I8 => Kind::Int8,
                DType::Token => Kind::Token,
            } as u32,
            height: shape.height,
            width: shape.width,
            channels: shape.channels,
            len: shape.elements(),
            scale,
            zero_point,
            is_sequence,
            is_text: port.is_text,
            has_range: port.range.is_some(),
            low,
            high,
            has_pixels: port.pixels.is_some(),
            is_bgr: port.pixels.is_some_and(|pixels| pixels.bgr),
            pixel_scale,
            pixel_offset,
            labels: port.labels,
            name: model.port_name(port).into(),
        }
    }
}

/// A step of the network: what an entry of the ledger is about.
#[repr(C)]
pub struct Step {
    /// Its name in the file that was converted, perhaps empty.
    pub name: Text,
    /// What it does: "conv", "dense", "max_pool" and so on.
    pub op: Text,
}

/// The image as a slice.
///
/// # Safety
/// As [`elements`], as long as the model is used.
unsafe fn bytes_of(start: *const c_void, bytes: usize) -> Result<&'static [u8], Status> {
    if !start.cast::<u32>().is_aligned() {
        return Err(Status::ImageMisaligned);
    }
    // SAFETY: by contract.
    unsafe { elements(start.cast(), bytes) }
}

/// Opens a model over an image of so many bytes, and checks all of it: whatever the bytes are, none of these functions
/// reads elsewhere. The image begins at a multiple of 4 bytes, and is not copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_open(model: *mut Model, image: *const c_void, bytes: usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { memory::open(model, || Ok(KernelModel::new(bytes_of(image, bytes)?)?)) }
}

/// The same for an image that comes from anywhere, held to limits before anything runs: a short image may ask for much
/// memory and for much time. `mode` is the `relprop_mode` of the sessions to come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_open_within(
    model: *mut Model,
    image: *const c_void,
    bytes: usize,
    mode: u32,
    limits: *const Limits,
) -> Status {
    let open = || {
        // SAFETY: pointers are what the header says.
        let limits = unsafe { optional(limits) }?.ok_or(Status::NullPointer)?;
        // SAFETY: likewise.
        let image = unsafe { bytes_of(image, bytes) }?;
        Ok(limits.to_kernel().open(image, kernel_mode(mode)?)?)
    };
    // SAFETY: pointers are what the header says.
    unsafe { memory::open(model, open) }
}

/// Opens a model without a check, which a program does not link then: for an image in flash that is the one which
/// `relprop convert` wrote. Of another one scores mean nothing, and a run may take forever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_trust(model: *mut Model, image: *const c_void, bytes: usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { memory::open(model, || Ok(KernelModel::new_unchecked(bytes_of(image, bytes)?))) }
}

/// Why the model was not opened, as a sentence that names the record: into `buffer` of `capacity` bytes, cut off where
/// it is longer, always with a zero at the end. Returns the length of the whole, as snprintf does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_error(model: *const Model, buffer: *mut c_char, capacity: usize) -> usize {
    // SAFETY: pointers are what the header says.
    unsafe { sentence(failure(model), buffer, capacity) }
}

/// Prints why.
///
/// # Safety
/// As `elements_mut`.
pub unsafe fn sentence(failure: Failure, buffer: *mut c_char, capacity: usize) -> usize {
    // SAFETY: by contract.
    print(unsafe { elements_mut(buffer.cast(), capacity) }.unwrap_or_default(), &failure)
}

/// What is in a model's handle, by value.
///
/// # Safety
/// The pointer is null, or to a handle.
pub unsafe fn opened(model: *const Model) -> Result<KernelModel<'static>, Status> {
    // SAFETY: by contract; what is open has a value.
    unsafe { content(model).map(|model| *model) }
}

/// Writes what is read from a model.
///
/// # Safety
/// Pointers are what the header says.
unsafe fn read<T>(
    model: *const Model,
    place: *mut T,
    what: impl FnOnce(KernelModel<'static>) -> Result<T, Status>,
) -> Status {
    // SAFETY: by contract.
    let read = unsafe { opened(model) }.and_then(|model| Ok((Place::new(place)?, what(model)?)));
    match read {
        Ok((place, value)) => {
            // SAFETY: by contract.
            unsafe { place.write(value) };
            Status::Ok
        }
        Err(status) => status,
    }
}

/// Bytes of arena, from a multiple of 16 bytes on, that a session over the model needs in a `relprop_mode`; relevance in
/// floats and in integers takes the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_arena(model: *const Model, mode: u32, bytes: *mut usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, bytes, |model| Ok(model.arena_bytes(kernel_mode(mode)?))) }
}

/// How many inputs the model has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_inputs(model: *const Model, count: *mut usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, count, |model| Ok(model.inputs())) }
}

/// How many outputs it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_outputs(model: *const Model, count: *mut usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, count, |model| Ok(model.outputs())) }
}

/// How many steps it has, each of which has an entry in the ledger.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_steps(model: *const Model, count: *mut usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, count, |model| Ok(model.steps())) }
}

/// Whether relevance over it can be made of integers alone: whether `relprop_fixed_open` takes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_is_int8(model: *const Model, is_int8: *mut bool) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, is_int8, |model| Ok(model.is_all_int8())) }
}

/// What the `index`-th input takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_input(model: *const Model, index: usize, port: *mut Port) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, port, |model| within(index, model.inputs()).map(|i| Port::new(&model, &model.input(i)))) }
}

/// What the `index`-th output gives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_output(model: *const Model, index: usize, port: *mut Port) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { read(model, port, |model| within(index, model.outputs()).map(|i| Port::new(&model, &model.output(i)))) }
}

/// The name of a class of an output; empty where the image has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_label(
    model: *const Model,
    output: usize,
    class_index: usize,
    label: *mut Text,
) -> Status {
    let find = |model: KernelModel<'static>| {
        let port = model.output(within(output, model.outputs())?);
        Ok(model.label(&port, class_index).into())
    };
    // SAFETY: pointers are what the header says.
    unsafe { read(model, label, find) }
}

/// What the `index`-th step is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_model_step(model: *const Model, index: usize, step: *mut Step) -> Status {
    let find = |model: KernelModel<'static>| {
        let step = model.step(within(index, model.steps())?);
        Ok(Step { name: model.step_name(&step).into(), op: step.op.name().into() })
    };
    // SAFETY: pointers are what the header says.
    unsafe { read(model, step, find) }
}

/// An index, if it is one.
fn within(index: usize, count: usize) -> Result<usize, Status> {
    if index < count { Ok(index) } else { Err(Status::NoSuchIndex) }
}
