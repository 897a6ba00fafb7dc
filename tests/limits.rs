//! What a model asks of its host is known before it runs, and refused where it is too much.

use relprop::limits::{Exceeded, Limit, OpenError};
use relprop::model::format::{Section, header, string};
use relprop::step::{Function, Shape};
use relprop::{Limits, Mode, Model, Work};
use relprop_convert::{Image, Network, Window, emit};
use std::time::Instant;
use support::mutate::repair;
use support::networks::small::tiny;

/// What a page or a phone may have patience for.
const LIMITS: Limits =
    Limits { image: 1 << 24, checks: 1 << 26, arena: 1 << 28, forward: 4_000_000_000, explain: 50_000_000_000 };

/// Whatever it is, it is said within a second.
fn opened(image: &[u8], mode: Mode) -> Result<Work, OpenError> {
    let started = Instant::now();
    let opened = LIMITS.open(image, mode).map(|model| model.work());
    assert!(started.elapsed().as_secs_f32() < 1.0, "{:?} for {opened:?}", started.elapsed());
    opened
}

fn exceeded(image: &[u8], mode: Mode) -> Exceeded {
    match opened(image, mode) {
        Err(OpenError::Exceeded(exceeded)) => exceeded,
        other => panic!("{other:?}"),
    }
}

/// One window over a picture of this extent: no weights, and so a short image.
fn bomb(height: usize, window: &Window, max: bool) -> Image {
    let mut n = Network::named("bomb");
    let x = n.input("x", Shape::new(height, 1, 1));
    let y = if max { n.max_pool(x, window) } else { n.average_pool(x, window, false) };
    n.output(y);
    emit(&n).unwrap()
}

#[test]
fn a_kilobyte_that_asks_for_minutes_is_refused_at_once() {
    // Tens of thousands of taps for each of millions of outputs.
    let window = Window { pads: [32_767, 0, 32_767, 0], ..Window::new(65_535, 1) };
    for max in [true, false] {
        let image = bomb(1 << 23, &window, max);
        assert!(image.bytes().len() < 1024, "{} bytes", image.bytes().len());
        let Exceeded { limit, needed, most } = exceeded(image.bytes(), Mode::Explain);
        assert_eq!((limit, most), (Limit::Forward, LIMITS.forward));
        assert!(needed >= (1 << 23) * 65_535, "{needed}");
    }
}

#[test]
fn a_kilobyte_that_asks_for_gigabytes_is_refused_at_once() {
    let mut n = Network::named("large");
    let x = n.input("x", Shape::new(1, 1, (1 << 29) - 64));
    let y = n.activation(x, Function::Tanh, [0.0; 2]);
    n.output(y);
    // Every tensor alone may be addressed; both of them cannot.
    assert!(emit(&n).is_err());
    let image = bomb((1 << 27) + 5, &Window { stride: [16, 1], ..Window::new(16, 1) }, true);
    assert!(image.bytes().len() < 1024);
    let Exceeded { limit, needed, most } = exceeded(image.bytes(), Mode::Infer);
    assert_eq!((limit, most), (Limit::Arena, LIMITS.arena));
    assert!(needed > 1 << 29);
}

#[test]
fn an_explanation_may_be_too_much_where_an_inference_is_not() {
    let window = Window { pads: [500, 0, 500, 0], ..Window::new(1001, 1) };
    let image = bomb(1 << 18, &window, false);
    let work = opened(image.bytes(), Mode::Infer).unwrap();
    assert!(work.forward <= LIMITS.forward && work.explain > LIMITS.explain, "{work:?}");
    assert_eq!(exceeded(image.bytes(), Mode::Explain).limit, Limit::Explain);
}

/// A header that speaks of more records than anyone has patience to compare, refused before they are.
#[test]
fn validation_is_limited_too() {
    let mut bytes = tiny().bytes().to_vec();
    bytes.resize(1 << 20, 0);
    let at = header::SECTIONS;
    bytes[at + 4..at + 8].copy_from_slice(&30_000_u32.to_le_bytes());
    repair(&mut bytes);
    let refused = exceeded(&bytes, Mode::Infer);
    assert_eq!(refused.limit, Limit::Checks);
    assert!(refused.needed >= 30_000 * 30_000);
    assert_eq!(
        refused.to_string(),
        format!("validating the image takes {} comparisons, the limit is {}", refused.needed, LIMITS.checks)
    );
}

/// Every string may be all of the text: short records that have megabytes read, over and over.
#[test]
fn strings_that_share_their_bytes_are_counted() {
    let mut bytes = tiny().bytes().to_vec();
    let (strings, size) = (bytes.len(), 1 << 20);
    bytes.resize(size, 0);
    let at = header::SECTIONS + 8 * Section::Strings as usize;
    bytes[at..at + 4].copy_from_slice(&(strings as u32).to_le_bytes());
    bytes[at + 4..at + 8].copy_from_slice(&60_000_u32.to_le_bytes());
    for record in bytes[strings..].chunks_exact_mut(string::SIZE).take(60_000) {
        record[string::LENGTH..].copy_from_slice(&500_000_u32.to_le_bytes());
    }
    let refused = exceeded(&bytes, Mode::Infer);
    assert_eq!(refused.limit, Limit::Checks);
    assert!(refused.needed >= 60_000 * 500_000, "{refused}");
}

/// The largest image of the tree has a vocabulary, and is no trouble.
#[test]
fn what_is_shipped_is_within_every_limit() {
    for name in ["mnist-tiny", "mnist-tiny.int8", "mnist-cnn", "mnist-cnn.int8", "sentiment"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/").to_owned() + name + ".rlp";
        let image = Image::from_bytes(&std::fs::read(path).unwrap());
        let limits = Limits { checks: 1 << 22, ..LIMITS };
        assert!(limits.open(image.bytes(), Mode::Retain).is_ok(), "{name}");
    }
}

#[test]
fn limits_and_needs_are_named() {
    let image = tiny();
    let model = image.model().unwrap();
    let none = Limits::NONE;
    assert_eq!(none.check(&model, Mode::Retain), Ok(()));
    let arena = model.arena_bytes(Mode::Explain) as u64;
    let exact = Limits { arena, forward: model.work().forward, explain: model.work().explain, ..none };
    assert_eq!(exact.check(&model, Mode::Explain), Ok(()));
    let refused = |limits: Limits| limits.check(&model, Mode::Explain).unwrap_err();
    let tight = refused(Limits { arena: arena - 1, ..exact });
    assert_eq!(tight, Exceeded { limit: Limit::Arena, needed: arena, most: arena - 1 });
    assert_eq!(tight.to_string(), format!("the model needs an arena of {arena} bytes, the limit is {}", arena - 1));
    assert_eq!(refused(Limits { forward: 10, ..exact }).limit, Limit::Forward);
    assert_eq!(refused(Limits { explain: 10, ..exact }).limit, Limit::Explain);
    let short = Limits { image: 100, ..none };
    assert!(matches!(
        short.open(image.bytes(), Mode::Infer),
        Err(OpenError::Exceeded(Exceeded { limit: Limit::Image, .. }))
    ));
    assert!(matches!(none.open(b"rubbish", Mode::Infer), Err(OpenError::Image(_))));
}

/// What is counted is what the layers do: multiply-accumulates, with channels rounded up to a block of eight.
#[test]
fn work_is_that_of_the_layers() {
    let model = |build: &dyn Fn(&mut Network, usize) -> usize, shape: Shape| {
        let mut n = Network::named("one");
        let x = n.input("x", shape);
        let y = build(&mut n, x);
        n.output(y);
        emit(&n).unwrap()
    };
    let forward = |image: Image| image.model().unwrap().work().forward;
    let dense = model(&|n, x| n.dense(x, 16, &[0.5; 160], &[]), Shape::new(1, 1, 10));
    assert_eq!(forward(dense), 160);
    let conv = model(&|n, x| n.conv(x, &Window::new(3, 3), 8, &[0.5; 144], &[]), Shape::new(6, 6, 2));
    // 6 × 6 pixels bound the 4 × 4 of the output.
    assert_eq!(forward(conv), 36 * 9 * 2 * 8);
    let pool = model(&|n, x| n.max_pool(x, &Window { stride: [2, 2], ..Window::new(2, 2) }), Shape::new(4, 4, 8));
    assert_eq!(forward(pool), 16 * 8 * 4);
    let relu = model(&|n, x| n.relu(x), Shape::new(1, 1, 7));
    assert_eq!(forward(relu), 7 * 16);
}

/// Longest first: nothing that a session may be asked for is left out.
#[test]
fn work_of_a_sequence_is_that_of_the_longest() {
    let mut n = Network::named("sequence");
    let x = n.sequence_input("x", 50, 4);
    let y = n.average_pool(x, &Window::new(50, 1), false);
    n.output(y);
    let image = emit(&n).unwrap();
    let model = image.model().unwrap();
    assert_eq!(model.work(), Model::new(image.bytes()).unwrap().at_length(3).work());
    assert!(model.work().forward >= 50 * 4);
}
