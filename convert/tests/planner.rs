//! Memory plans of networks of any shape: the kernel accepts them, so nothing overlaps, and they are tight.

use proptest::prelude::*;
use relprop::{
    Mode,
    step::{Function, Shape},
};
use relprop_convert::{Network, Plan, Window, emit};

/// A step of a random network; numbers choose among the tensors at hand.
#[derive(Clone, Copy, Debug)]
enum Grow {
    Conv(usize, usize),
    Relu(usize),
    Tanh(usize),
    Pool(usize),
    Add(usize),
    Concat(usize),
    View(usize),
}

fn steps() -> impl Strategy<Value = Vec<Grow>> {
    let one = prop_oneof![
        4 => any::<(usize, usize)>().prop_map(|(a, b)| Grow::Conv(a, b)),
        3 => any::<usize>().prop_map(Grow::Relu),
        1 => any::<usize>().prop_map(Grow::Tanh),
        1 => any::<usize>().prop_map(Grow::Pool),
        2 => any::<usize>().prop_map(Grow::Add),
        2 => any::<usize>().prop_map(Grow::Concat),
        1 => any::<usize>().prop_map(Grow::View),
    ];
    prop::collection::vec(one, 1..30)
}

fn grow(steps: &[Grow]) -> Network {
    let mut network = Network::named("random");
    let mut last = network.input("x", Shape::new(8, 8, 3));
    let mut pictures = vec![last];
    for &step in steps {
        // Mostly the newest tensor, now and then an older one.
        let pick = |seed: usize| if seed.is_multiple_of(3) { pictures[seed / 3 % pictures.len()] } else { last };
        last = match step {
            Grow::Conv(from, outputs) => {
                let (from, outputs) = (pick(from), outputs % 9 + 1);
                let window = Window { pads: [1; 4], ..Window::new(3, 3) };
                let count = 9 * outputs * network.shape(from).channels;
                network.conv(from, &window, outputs, &vec![0.1; count], &[])
            }
            Grow::Relu(from) => network.relu(pick(from)),
            Grow::Tanh(from) => network.activation(pick(from), Function::Tanh, [0.0; 2]),
            Grow::Pool(from) => {
                let window = Window { pads: [1; 4], ..Window::new(3, 3) };
                network.max_pool(pick(from), &window)
            }
            Grow::Add(seed) => {
                let a = pick(seed);
                let alike = |&&b: &&usize| b != a && network.shape(b).same(network.shape(a));
                let others: Vec<usize> = pictures.iter().filter(alike).copied().collect();
                match others.get(seed / 5 % others.len().max(1)) {
                    Some(&b) => network.add(a, b),
                    None => network.relu(a),
                }
            }
            Grow::Concat(seed) => {
                let (a, b) = (pick(seed), pick(seed / 2));
                network.concat(&[a, b], 2)
            }
            Grow::View(from) => {
                let from = pick(from);
                network.view(from, network.shape(from))
            }
        };
        pictures.push(last);
        if network.shape(last).channels > 40 {
            break;
        }
    }
    let pooled = network.global_average_pool(last);
    let scores = network.dense(pooled, 5, &vec![0.1; 5 * network.shape(pooled).channels], &[0.0; 5]);
    network.output(scores);
    network
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn plans_of_random_networks(steps in steps()) {
        let image = emit(&grow(&steps)).unwrap();
        let model = image.model().unwrap();
        for mode in Mode::ALL {
            let plan = Plan::new(&model, mode);
            prop_assert!(plan.arena * 10 <= plan.lower_bound * 11, "{mode:?}: {} over {}", plan.arena, plan.lower_bound);
        }
    }
}
