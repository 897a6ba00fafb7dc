//! No panic: a program that could reach one does not link.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn relprop_may_panic() -> !;
    }
    // SAFETY: nobody defines it, so it is never linked and never called.
    unsafe { relprop_may_panic() }
}
