//! What the probes share: everything that the kernel offers, reached through values that the compiler cannot know.
//!
//! A probe's entry takes its data as arguments, so that neither a rule nor a layer can be optimised away. It is never
//! run; `cargo xtask size` links it and looks at what came out.

#![no_std]

use relprop::{Composite, Mode, Model, Session, Target, loops};

/// What a firmware gets from the world.
pub struct World<'a> {
    /// A model image.
    pub image: &'a [u8],
    /// Memory for a session.
    pub arena: &'a mut [u8],
    /// What the arena is for.
    pub mode: Mode,
    /// An input.
    pub input: &'a [f32],
    /// A second one, as long.
    pub other: &'a [f32],
    /// As long as the input.
    pub work: &'a mut [f32],
    /// As long as the input.
    pub out: &'a mut [f32],
    /// What is explained.
    pub target: Target<'a>,
    /// How.
    pub composite: Composite<'a>,
    /// Any numbers.
    pub numbers: [usize; 4],
}

/// Everything, from a checked image to every kind of explanation. `None` where any of it fails.
pub fn everything(world: &mut World<'_>, mut text: impl FnMut(&str)) -> Option<f32> {
    let World { image, arena, mode, input, other, work, out, target, composite, numbers } = world;
    let [n, index, ..] = *numbers;
    let model = Model::new(image).ok()?;
    describe(&model, index, &mut text);
    let mut session = Session::new(&model, arena, *mode).ok()?;
    session.run(input).ok()?;
    session.run_all(&[input, other]).ok()?;
    let mut sum = session.output(index)?.iter().sum::<f32>();

    let explanation = session.explain(target, composite).ok()?;
    sum += explanation.relevance_of(index).iter().sum::<f32>() + explanation.amplification() + explanation.value();
    sum += explanation.top::<8>().iter().map(|(_, r)| r).sum::<f32>();
    let ledger = explanation.ledger();
    sum += ledger.imbalance() + ledger.entries().map(|entry| entry.condition).sum::<f32>();
    model.input(index).to_kernel(input, work);
    model.output(index).to_user(work, out);
    let mut seen = 0.0;
    session.explain_with(target, composite, |o| seen += o.relevance.iter().sum::<f32>()).ok()?;

    loops::gradient_x_input(&mut session, target, input, out).ok()?;
    loops::integrated_gradients(&mut session, target, input, other, n, work, out).ok()?;
    loops::smoothgrad(&mut session, target, input, (n, sum, index as u64), work, out).ok()?;
    loops::occlusion(&mut session, index, input, (n, n, sum), work, out).ok()?;
    loops::grad_cam(&mut session, target, index, out).ok()?;
    loops::uniform(sum, out);
    loops::first_input(sum, out);
    Some(sum + seen)
}

/// Names, labels, shapes and places.
fn describe(model: &Model<'_>, index: usize, text: &mut impl FnMut(&str)) {
    text(model.name());
    let (port, step, tensor) = (model.output(index), model.step(index), model.tensor(index));
    for name in [model.port_name(&port), model.label(&port, index), model.step_name(&step), model.tensor_name(&tensor)]
    {
        text(name);
    }
    text(step.op.name());
    text(step.function().map_or("", relprop::step::Function::name));
    for mode in Mode::ALL {
        let places = [model.value_placement(mode, index), model.relevance_placement(mode, index)];
        if places.iter().any(|place| place.offset == model.scratch_offset(mode, relprop::plan::Room::Back, index))
        {
            text("same");
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
