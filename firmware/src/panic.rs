//! No panic.
//!
//! The handler calls a function that does not exist: a program that could panic anywhere does not link.

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn something_here_may_panic() -> !;
    }
    // SAFETY: never linked, so never called.
    unsafe { something_here_may_panic() }
}
