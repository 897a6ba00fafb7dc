//! The images that are part of the repository for tests and examples: what is emitted is the same bytes on every host
//! and stays the same until somebody means to change it.

use relprop::Mode;
use support::networks::small::{tiny, two};
use support::{bless, kernel, shared};

#[test]
fn the_tiny_image_is_what_is_emitted() {
    let image = tiny();
    assert!(image.bytes().len() <= 2048);
    bless::check(&shared::data("tiny.rlp"), image.bytes());
}

#[test]
fn the_example_s_image_is_what_is_emitted() {
    let image = two();
    assert!(image.bytes().len() <= 2048);
    assert_eq!(kernel::run(&image.model().unwrap(), &[vec![1.0, 2.0]], Mode::Infer), [[1.75, 3.0]]);
    bless::check(&shared::data("../../kernel/tests/two.rlp"), image.bytes());
}
