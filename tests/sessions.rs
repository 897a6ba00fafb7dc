//! A session: the same bits whenever, wherever and in whatever order it is asked.

use proptest::prelude::*;
use relprop::rule::Bound;
use relprop::step::{Function, Shape};
use relprop::{Composite, Mode, Model, Preset, RunError, Seed, Session, SessionError, Target};
use relprop_convert::{Network, emit};
use support::cases::cases;
use support::kernel::{self, slices};
use support::networks::choices::presets;
use support::networks::graphs::graph;
use support::networks::small::heads;

fn fresh(model: &Model<'_>, inputs: &[Vec<f32>], mode: Mode, target: &Target<'_>, preset: Preset<'_>) -> Vec<u32> {
    kernel::explain(model, inputs, mode, target, &Composite::new(preset)).unwrap().bits()
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn every_mode_gives_the_same_bits(case in graph(), preset in presets()) {
        let image = case.image();
        let model = image.model().unwrap();
        let explained = fresh(&model, &case.inputs, Mode::Explain, &Target::TOP, preset);
        prop_assert_eq!(fresh(&model, &case.inputs, Mode::Retain, &Target::TOP, preset), explained);
        let outputs = Mode::ALL.map(|mode| kernel::run(&model, &case.inputs, mode));
        prop_assert_eq!(&outputs[0], &outputs[1]);
        prop_assert_eq!(&outputs[0], &outputs[2]);
    }

    #[test]
    fn the_caller_s_memory_does_not_matter(case in graph(), preset in presets(), offset in 0_usize..40, fill: u8) {
        let image = case.image();
        let model = image.model().unwrap();
        let mut memory = vec![fill; offset + model.arena_bytes(Mode::Explain) + 16 + offset];
        let mut session = Session::new(&model, &mut memory[offset..], Mode::Explain).unwrap();
        session.run_all(&slices(&case.inputs)).unwrap();
        let seen = kernel::explain_in(&mut session, &Target::TOP, &Composite::new(preset)).unwrap();
        prop_assert_eq!(seen.bits(), fresh(&model, &case.inputs, Mode::Explain, &Target::TOP, preset));
        // And nothing outside the arena was touched.
        prop_assert!(memory[..offset].iter().all(|byte| *byte == fill));
        let aligned = offset + memory[offset..].as_ptr().align_offset(16);
        prop_assert!(memory[aligned + model.arena_bytes(Mode::Explain)..].iter().all(|byte| *byte == fill));
    }

    #[test]
    fn an_arena_one_byte_too_small_says_what_is_needed(case in graph(), offset in 0_usize..16) {
        let image = case.image();
        let model = image.model().unwrap();
        for mode in Mode::ALL {
            let needed = model.arena_bytes(mode);
            let mut memory = vec![0_u128; needed / 16 + 2];
            let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
            prop_assert!(Session::new(&model, &mut memory[..needed], mode).is_ok());
            let skipped = (16 - offset) % 16;
            let tight = &mut memory[offset..offset + skipped + needed - 1];
            let error = Session::new(&model, tight, mode).err();
            prop_assert_eq!(error, Some(SessionError::ArenaTooSmall { needed, available: needed - 1 }));
            prop_assert!(error.unwrap().to_string().contains(&needed.to_string()));
        }
    }

    #[test]
    fn what_is_not_finite_is_refused_with_its_index(case in graph(), input: usize, index: usize, which in 0..3) {
        let image = case.image();
        let model = image.model().unwrap();
        let input = input % case.inputs.len();
        let index = index % case.inputs[input].len();
        let mut arena = kernel::arena(&model, Mode::Explain);
        let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
        session.run_all(&slices(&case.inputs)).unwrap();
        let mut bad = case.inputs.clone();
        bad[input][index] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][which as usize];
        prop_assert_eq!(session.run_all(&slices(&bad)).err(), Some(RunError::NotFinite { input, index }));
        // The refused inputs have changed nothing.
        let seen = kernel::explain_in(&mut session, &Target::TOP, &Composite::default()).unwrap();
        let expected = fresh(&model, &case.inputs, Mode::Explain, &Target::TOP, Preset::EpsilonPlus);
        prop_assert_eq!(seen.bits(), expected);
    }
}

/// Relevance is linear in the seed, and `k` against `l` is `k` minus `l`.
#[test]
fn relevance_is_linear_in_the_seed() {
    let image = heads();
    let model = image.model().unwrap();
    let relevance = |seed: Seed<'_>| {
        let target = Target { output: 0, seed };
        let composite = Composite::new(Preset::EpsilonGammaBox { low: Bound::Uniform(0.0), high: Bound::Uniform(2.0) });
        kernel::explain(&model, &[vec![1.0, 2.0]], Mode::Explain, &target, &composite).unwrap().inputs[0].clone()
    };
    let (k, l, contrast) = (relevance(Seed::Class(0)), relevance(Seed::Class(1)), relevance(Seed::Contrast(0, 1)));
    let (one, double) = (relevance(Seed::Values(&[0.5, -1.5])), relevance(Seed::Values(&[1.0, -3.0])));
    for i in 0..2 {
        assert!((k[i] - l[i] - contrast[i]).abs() <= 1e-6 * (k[i].abs() + l[i].abs()));
        assert_eq!(2.0 * one[i], double[i]);
    }
    assert_ne!(k, l);
}

/// The marks of what was reached are those of this explanation: a branch that does not lead to the target gets nothing.
#[test]
fn branches_that_do_not_lead_to_the_target_get_nothing() {
    let mut network = Network::named("branches");
    let a = network.input("a", Shape::new(1, 1, 2));
    let b = network.input("b", Shape::new(1, 1, 2));
    let y = network.dense(a, 2, &[1.0, 2.0, 3.0, 4.0], &[]);
    let z = network.activation(b, Function::Tanh, [0.0; 2]);
    network.output(y);
    network.output(z);
    let image = emit(&network).unwrap();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Retain);
    let mut session = Session::new(&model, &mut arena, Mode::Retain).unwrap();
    session.run_all(&[&[1.0, 2.0], &[3.0, 4.0]]).unwrap();
    for (output, idle) in [(0, 1), (1, 0), (0, 1)] {
        let target = Target { output, seed: Seed::All };
        let seen = kernel::explain_in(&mut session, &target, &Composite::default()).unwrap();
        assert_eq!(seen.inputs[idle], [0.0, 0.0]);
        assert!(seen.inputs[output].iter().all(|r| *r != 0.0));
        assert_eq!(seen.entries[idle].arrived, 0.0);
    }
}
