//! What is explained, and by which rules.

use crate::memory::{Place, elements, optional, text};
use crate::status::Status;
use core::ffi::c_char;
use relprop::{
    Bound, Composite as KernelComposite, Preset as KernelPreset, Seed as KernelSeed, Target as KernelTarget,
};

/// Rules from the literature, by step; docs/which-rule.md says which to choose.
#[repr(u32)]
pub enum Preset {
    /// LRP-epsilon on dense layers, z+ on convolutions.
    EpsilonPlus = 0,
    /// The same, flat on the first layer with weights.
    EpsilonPlusFlat = 1,
    /// LRP-epsilon on dense layers, alpha=2 beta=1 on convolutions.
    EpsilonAlpha2Beta1 = 2,
    /// The same, flat on the first layer with weights.
    EpsilonAlpha2Beta1Flat = 3,
    /// z^B on the first convolution, gamma = 0.25 on the others, LRP-epsilon on dense layers; needs `low` and `high`.
    EpsilonGammaBox = 4,
    /// LRP-epsilon on all layers with weights, with `epsilon`.
    Epsilon = 5,
    /// Deep Taylor decomposition; needs `low` and `high`.
    DeepTaylor = 6,
    /// beta=0 on convolutions, epsilon=0.01 on dense layers.
    BinderHybrid = 7,
    /// Excitation backprop.
    ExcitationBackprop = 8,
    /// The gradient; in integers only where no function but ReLU has one.
    Gradient = 9,
    /// Guided backpropagation.
    GuidedBackprop = 10,
    /// Deconvnet.
    Deconvnet = 11,
}

/// By which rules. All zeros are `epsilon_plus`.
#[repr(C)]
pub struct Composite {
    /// A `relprop_preset`.
    pub preset: u32,
    /// Of `RELPROP_PRESET_EPSILON`: what is added to denominators; zero stands for 1e-6.
    pub epsilon: f32,
    /// Of presets with a box: the smallest real value that an input may take.
    pub low: f32,
    /// The largest.
    pub high: f32,
    /// Measure how well every step is conditioned, in floats only: one more sweep over the weights.
    pub measure_condition: bool,
}

/// By the names that the `relprop` command uses. A `match` on a number and one on a name would have to agree.
const NAMES: [&[u8]; 12] = [
    b"epsilon_plus",
    b"epsilon_plus_flat",
    b"epsilon_alpha2_beta1",
    b"epsilon_alpha2_beta1_flat",
    b"epsilon_gamma_box",
    b"epsilon",
    b"deep_taylor",
    b"binder_hybrid",
    b"excitation_backprop",
    b"gradient",
    b"guided_backprop",
    b"deconvnet",
];

impl Composite {
    /// As the kernel takes it.
    fn to_kernel(&self) -> Result<KernelComposite<'static>, Status> {
        let (low, high) = (Bound::Uniform(self.low), Bound::Uniform(self.high));
        // Zero of either sign, by its bits: a comparison of floats would be a call where there is no unit for them, and
        // the compiler makes one of a test of bits that it sees to be a float's.
        let bits = core::hint::black_box(self.epsilon.to_bits());
        let epsilon = if bits << 1 == 0 { 1e-6 } else { self.epsilon };
        let preset = match self.preset {
            0 => KernelPreset::EpsilonPlus,
            1 => KernelPreset::EpsilonPlusFlat,
            2 => KernelPreset::EpsilonAlpha2Beta1,
            3 => KernelPreset::EpsilonAlpha2Beta1Flat,
            4 => KernelPreset::EpsilonGammaBox { low, high },
            5 => KernelPreset::Epsilon(epsilon),
            6 => KernelPreset::DeepTaylor { low, high },
            7 => KernelPreset::BinderHybrid,
            8 => KernelPreset::ExcitationBackprop,
            9 => KernelPreset::Gradient,
            10 => KernelPreset::GuidedBackprop,
            11 => KernelPreset::Deconvnet,
            _ => return Err(Status::Unknown),
        };
        let composite = KernelComposite::new(preset);
        Ok(if self.measure_condition { composite.with_condition() } else { composite })
    }

    /// What the caller chose; null stands for `epsilon_plus`.
    ///
    /// # Safety
    /// The pointer is null, or to one.
    pub unsafe fn read(composite: *const Self) -> Result<KernelComposite<'static>, Status> {
        // SAFETY: by contract.
        let given = unsafe { optional(composite) }?;
        given.map_or_else(|| Ok(KernelComposite::new(KernelPreset::EpsilonPlus)), Self::to_kernel)
    }
}

/// The composite with a name ("epsilon_plus"), with the default epsilon and an empty box.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_composite_named(name: *const c_char, composite: *mut Composite) -> Status {
    // SAFETY: pointers are what the header says.
    let name = match unsafe { text(name) } {
        Ok(name) => name.to_bytes(),
        Err(status) => return status,
    };
    let place = match Place::new(composite) {
        Ok(place) => place,
        Err(status) => return status,
    };
    let Some(preset) = (0..).zip(NAMES).find(|(_, known)| *known == name).map(|(preset, _)| preset) else {
        return Status::Unknown;
    };
    // SAFETY: pointers are what the header says.
    unsafe { place.write(Composite { preset, epsilon: 0.0, low: 0.0, high: 0.0, measure_condition: false }) };
    Status::Ok
}

/// How relevance starts at an output, f being the output before any softmax.
#[repr(u32)]
pub enum Seed {
    /// The largest element, with its value.
    Top = 0,
    /// The element `class_index`, with its value.
    Class = 1,
    /// The element `class_index`, with one.
    OneHot = 2,
    /// All elements, with their values.
    All = 3,
    /// Why `class_index` and not `other`: the value of the one, minus that of the other.
    Contrast = 4,
    /// The caller's own relevance: `values`.
    Values = 5,
}

/// What is explained. All zeros are the largest element of the first output.
#[repr(C)]
pub struct Target {
    /// A `relprop_seed`.
    pub seed: u32,
    /// Which output.
    pub output: usize,
    /// Which class, where the seed is about one.
    pub class_index: usize,
    /// The class that it is told from, for `RELPROP_SEED_CONTRAST`.
    pub other: usize,
    /// For `RELPROP_SEED_VALUES`: relevance, in real numbers.
    pub values: *const f32,
    /// For `RELPROP_SEED_VALUES`: its elements, as many as the output has.
    pub len: usize,
}

impl Target {
    /// What the caller asks; null stands for the top class.
    ///
    /// # Safety
    /// The pointer is null, or to one whose `values` are what the header says.
    pub unsafe fn read<'c>(target: *const Self) -> Result<KernelTarget<'c>, Status> {
        // SAFETY: by contract.
        let Some(given) = unsafe { optional(target) }? else { return Ok(KernelTarget::TOP) };
        let seed = match given.seed {
            0 => KernelSeed::Top,
            1 => KernelSeed::Class(given.class_index),
            2 => KernelSeed::OneHot(given.class_index),
            3 => KernelSeed::All,
            4 => KernelSeed::Contrast(given.class_index, given.other),
            // SAFETY: by contract.
            5 => KernelSeed::Values(unsafe { elements(given.values, given.len) }?),
            _ => return Err(Status::Unknown),
        };
        Ok(KernelTarget { output: given.output, seed })
    }
}

#[cfg(test)]
mod tests {
    use super::{Composite, NAMES, Preset};
    use relprop::Preset as Kernel;

    #[test]
    fn numbers_and_names_are_those_of_the_presets() {
        let preset = |number| {
            let composite = Composite { preset: number, epsilon: 0.5, low: 0.0, high: 0.0, measure_condition: true };
            composite.to_kernel().map(|composite| composite.preset)
        };
        for (number, name) in (0..).zip(NAMES) {
            // `EpsilonAlpha2Beta1Flat { … }` is epsilon_alpha2_beta1_flat.
            let written = format!("{:?}", preset(number).unwrap());
            let word: String = written.chars().take_while(char::is_ascii_alphanumeric).collect();
            assert_eq!(word.to_lowercase(), String::from_utf8_lossy(name).replace('_', ""));
        }
        assert!(preset(12).is_err());
        assert_eq!(preset(Preset::Epsilon as u32).unwrap(), Kernel::Epsilon(0.5));
        assert_eq!(preset(Preset::Deconvnet as u32).unwrap(), Kernel::Deconvnet);
    }
}
