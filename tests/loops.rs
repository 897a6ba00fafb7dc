//! Methods of several passes, on networks for which the answer is known.

use relprop::loops::{first_input, grad_cam, gradient_x_input, integrated_gradients, occlusion, smoothgrad, uniform};
use relprop::step::{Function, Shape};
use relprop::{Composite, ExplainError, Mode, Preset, Session, Target};
use relprop_convert::{Image, Network, Window, emit};
use support::kernel;
use support::networks::numbers::{Numbers, Style};

/// `f = Σ w·x + b`, over a picture of 4 × 5 pixels and two channels.
fn linear() -> (Image, Vec<f32>) {
    let mut n = Network::named("linear");
    let x = n.input("x", Shape::new(4, 5, 2));
    let weights = Numbers::new(5, Style::Smooth).list(40);
    let y = n.dense(x, 1, &weights, &[0.5]);
    n.output(y);
    (emit(&n).unwrap(), weights)
}

/// A smooth network of two layers.
fn smooth() -> Image {
    let mut numbers = Numbers::new(9, Style::Smooth);
    let mut n = Network::named("smooth");
    let x = n.input("x", Shape::new(1, 1, 6));
    let y = n.dense(x, 8, &numbers.list(48), &numbers.list(8));
    let y = n.activation(y, Function::Tanh, [0.0; 2]);
    let y = n.dense(y, 2, &numbers.list(16), &[]);
    n.output(y);
    emit(&n).unwrap()
}

fn picture(n: usize) -> Vec<f32> {
    Numbers::new(3, Style::Smooth).list(n)
}

/// Runs a loop in a session of its own and returns what it wrote.
fn looped<E>(
    image: &Image,
    mode: Mode,
    len: usize,
    run: impl FnOnce(&mut Session<'_, '_>, &mut [f32], &mut [f32]) -> Result<(), E>,
) -> Result<Vec<f32>, E> {
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new(&model, &mut arena, mode).unwrap();
    let (mut work, mut out) = (vec![f32::NAN; len], vec![f32::NAN; len]);
    run(&mut session, &mut work, &mut out).map(|()| out)
}

fn assert_close(got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance, "element {i}: {got} for {expected}");
    }
}

#[test]
fn every_gradient_method_knows_a_linear_function() {
    let (image, weights) = linear();
    let x = picture(40);
    let target = Target::one_hot(0);
    let products: Vec<f32> = x.iter().zip(&weights).map(|(x, w)| x * w).collect();
    let got = looped(&image, Mode::Explain, 40, |s, _, out| gradient_x_input(s, &target, &x, out)).unwrap();
    assert_close(&got, &products, 1e-6);

    let baseline = vec![0.25; 40];
    let shifted: Vec<f32> = x.iter().zip(&weights).map(|(x, w)| (x - 0.25) * w).collect();
    let got =
        looped(&image, Mode::Explain, 40, |s, work, out| integrated_gradients(s, &target, &x, &baseline, 7, work, out));
    assert_close(&got.unwrap(), &shifted, 1e-5);

    let got = looped(&image, Mode::Retain, 40, |s, work, out| smoothgrad(s, &target, &x, (5, 0.5, 1), work, out));
    assert_close(&got.unwrap(), &weights, 1e-6);
}

/// The parts add up to the difference of the function at the two ends (Sundararajan et al. 2017).
#[test]
fn integrated_gradients_are_complete() {
    let image = smooth();
    let x = picture(6);
    let score = |x: &[f32]| kernel::run(&image.model().unwrap(), &[x.to_vec()], Mode::Infer)[0][1];
    for baseline in [[0.0; 6], [0.75; 6]] {
        let difference = score(&x) - score(&baseline);
        let error = |steps: usize| -> f32 {
            let target = Target::one_hot(1);
            let parts = looped(&image, Mode::Explain, 6, |s, work, out| {
                integrated_gradients(s, &target, &x, &baseline, steps, work, out)
            });
            (parts.unwrap().iter().sum::<f32>() - difference).abs()
        };
        assert!(error(500) < 0.01 * difference.abs(), "{} of {difference}", error(500));
        assert!(error(500) < error(5));
    }
}

#[test]
fn smoothgrad_is_seeded() {
    let image = smooth();
    let x = picture(6);
    let target = Target::one_hot(0);
    let run = |n: usize, noise: f32, seed: u64| {
        looped(&image, Mode::Explain, 6, |s, work, out| smoothgrad(s, &target, &x, (n, noise, seed), work, out))
            .unwrap()
    };
    assert_eq!(run(8, 0.3, 1), run(8, 0.3, 1));
    assert_ne!(run(8, 0.3, 1), run(8, 0.3, 2));
    // One copy is the input itself, and no noise is no noise.
    let plain = run(1, 0.3, 7);
    assert_close(&run(8, 0.0, 1), &plain, 1e-6);
    // A little noise moves the gradient a little.
    assert_close(&run(64, 0.01, 1), &plain, 0.05);
    assert_ne!(run(64, 0.01, 1), plain);
}

/// The noise has the mean and the variance that it is said to have: `E (x + noise)² = x² + noise²`.
#[test]
fn smoothgrad_draws_normal_noise() {
    let mut n = Network::named("cubes");
    let x = n.input("x", Shape::new(1, 1, 2));
    let square = {
        let gate = n.affine(x, &[1.0; 2], &[]);
        n.mul(x, gate)
    };
    let cube = n.mul(square, x);
    let y = n.dense(cube, 1, &[1.0; 2], &[]);
    n.output(y);
    let image = emit(&n).unwrap();
    let target = Target::one_hot(0);
    let got = looped(&image, Mode::Explain, 2, |s, work, out| {
        smoothgrad(s, &target, &[0.0, 2.0], (20_000, 0.5, 11), work, out)
    });
    // The gradient of x³ is 3x².
    assert_close(&got.unwrap(), &[3.0 * 0.25, 3.0 * 4.25], 0.1);
}

#[test]
fn occlusion_measures_what_a_square_is_worth() {
    let (image, weights) = linear();
    let x = picture(40);
    let worth: Vec<f32> = x.iter().zip(&weights).map(|(x, w)| (x - 0.5) * w).collect();
    // Squares of one pixel: both channels together.
    let pixels: Vec<f32> = worth.chunks(2).flat_map(|c| [c[0] + c[1]; 2]).collect();
    let got = looped(&image, Mode::Infer, 40, |s, work, out| occlusion(s, 0, &x, (1, 1, 0.5), work, out));
    assert_close(&got.unwrap(), &pixels, 1e-5);
    // Squares of 2 × 2 that do not overlap; of five columns the last is never covered.
    let got = looped(&image, Mode::Infer, 40, |s, work, out| occlusion(s, 0, &x, (2, 2, 0.5), work, out)).unwrap();
    for (pixel, got) in got.chunks(2).enumerate() {
        let (row, column) = (pixel / 5, pixel % 5);
        let square = [0, 1, 5, 6].map(|offset| row / 2 * 10 + column / 2 * 2 + offset);
        let expected = if column == 4 { 0.0 } else { square.iter().map(|p| pixels[2 * p]).sum() };
        assert_close(got, &[expected; 2], 1e-5);
    }
}

/// The session is left as if the input had been run last.
#[test]
fn occlusion_leaves_the_input_behind() {
    let (image, _) = linear();
    let model = image.model().unwrap();
    let x = picture(40);
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    let (mut work, mut out) = (vec![0.0; 40], vec![0.0; 40]);
    occlusion(&mut session, 0, &x, (2, 1, 0.0), &mut work, &mut out).unwrap();
    let score = session.output(0).unwrap().iter().collect::<Vec<_>>();
    assert_eq!(session.run(&x).unwrap().floats(), Some(score.as_slice()));
}

/// `ReLU(Σ_c mean(∇_c)·A_c)` of a convolution, with and without the activation in its memory.
#[test]
fn grad_cam_weighs_channels_by_their_mean_gradient() {
    for rectified in [false, true] {
        let mut n = Network::named("cam");
        let x = n.input("x", Shape::new(3, 3, 1));
        let y = n.conv(x, &Window::new(1, 1), 2, &[1.0, -2.0], &[0.0, 1.0]);
        let z = if rectified { n.relu(y) } else { y };
        let head = n.dense(z, 1, &(0..18).map(|i| i as f32 / 4.0 - 2.0).collect::<Vec<_>>(), &[]);
        n.output(head);
        let image = emit(&n).unwrap();
        let x: Vec<f32> = (0..9).map(|i| i as f32 / 4.0 - 0.5).collect();
        let a: Vec<[f32; 2]> = x.iter().map(|x| [*x, 1.0 - 2.0 * x]).collect();
        let open = |a: f32| if rectified && a <= 0.0 { 0.0 } else { 1.0 };
        let mean = |c: usize| -> f32 {
            let gradient = (0..9).map(|p| ((2 * p + c) as f32 / 4.0 - 2.0) * open(a[p][c]));
            gradient.sum::<f32>() / 9.0
        };
        let weights = [mean(0), mean(1)];
        let expected: Vec<f32> = a.iter().map(|a| (a[0] * weights[0] + a[1] * weights[1]).max(0.0)).collect();
        assert!(expected.iter().any(|v| *v > 0.0) && expected.contains(&0.0));
        let cam = |mode: Mode, step: usize, len: usize| {
            looped(&image, mode, len, |s, _, out| {
                s.run(&x).unwrap();
                grad_cam(s, &Target::one_hot(0), step, out)
            })
        };
        // What was overwritten is not at hand: an error, or the right answer, but never another.
        match cam(Mode::Retain, 0, 9) {
            Err(error) => assert!(rectified && error == ExplainError::Mode),
            Ok(got) => assert_close(&got, &expected, 1e-5),
        }
        assert_eq!(cam(Mode::Explain, 0, 9), Err(ExplainError::Mode));
        assert_eq!(cam(Mode::Retain, 9, 9), Err(ExplainError::NoSuchStep));
        assert_eq!(cam(Mode::Retain, 0, 8), Err(ExplainError::BufferLength { expected: 9 }));
    }
}

#[test]
fn buffers_must_be_as_long_as_the_input() {
    let (image, _) = linear();
    let x = picture(40);
    let target = Target::TOP;
    let short = Err(ExplainError::BufferLength { expected: 40 });
    assert_eq!(looped(&image, Mode::Explain, 39, |s, _, out| gradient_x_input(s, &target, &x, out)), short);
    assert_eq!(
        looped(&image, Mode::Explain, 41, |s, work, out| smoothgrad(s, &target, &x, (1, 0.0, 0), work, out)),
        short
    );
    let missing = Err(ExplainError::NoSuchClass { class: 1, classes: 1 });
    assert_eq!(looped(&image, Mode::Explain, 40, |s, w, out| occlusion(s, 1, &x, (1, 1, 0.0), w, out)), missing);
    assert_eq!(
        looped(&image, Mode::Infer, 40, |s, _, out| gradient_x_input(s, &target, &x, out)),
        Err(ExplainError::Mode)
    );
}

/// The trivial decompositions conserve, too.
#[test]
fn trivial_decompositions_add_up() {
    let mut out = [7.0; 8];
    uniform(2.0, &mut out);
    assert_eq!(out, [0.25; 8]);
    first_input(2.0, &mut out);
    assert_eq!((out[0], out[1..].iter().sum::<f32>()), (2.0, 0.0));
    first_input(1.0, &mut []);
    uniform(1.0, &mut []);
}

/// What the loops call is what the library explains.
#[test]
fn gradient_x_input_uses_the_gradient() {
    let image = smooth();
    let x = picture(6);
    let target = Target::class(1);
    let seen = kernel::explain(
        &image.model().unwrap(),
        std::slice::from_ref(&x),
        Mode::Explain,
        &target,
        &Composite::new(Preset::Gradient),
    );
    let expected: Vec<f32> = seen.unwrap().inputs[0].iter().zip(&x).map(|(g, x)| g * x).collect();
    let got = looped(&image, Mode::Explain, 6, |s, _, out| gradient_x_input(s, &target, &x, out)).unwrap();
    assert_eq!(got, expected);
}
