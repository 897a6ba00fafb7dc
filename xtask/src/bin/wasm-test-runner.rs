//! What cargo starts to run tests that are compiled to WebAssembly: in Node, or in a browser through its driver.
//!
//! It is `wasm-bindgen-test-runner`, of the version that our lock file names.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
