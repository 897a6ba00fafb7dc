//! The `relprop` command: what a network says, and why.
//!
//! A library only so that fuzzers can reach what the command reads; the command is all that is promised.

mod agreement;
mod args;
mod batch;
mod books;
mod canvas;
mod classes;
mod compare;
mod compare_text;
mod condition;
mod convert;
mod digits;
mod engine;
mod eval;
mod eval_text;
mod explain;
mod explain_text;
mod files;
#[doc(hidden)]
pub mod fuzz;
mod heatmap;
mod idx;
mod input;
mod inspect;
mod load;
mod memory;
mod npy;
mod numbers;
mod picture;
mod plan_map;
mod progress;
mod quantize;
mod refusal;
mod report;
mod run;
mod scores;
mod sentence;
mod session;
mod sketch;
mod spec;
mod sst;
mod start;
mod statistics;
mod table;
mod terminal;
mod usage;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::io;
use std::process::ExitCode;
use terminal::Terminal;

/// The command: reads its arguments, and says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut terminal = Terminal::new(cli.color);
    let command = cli.command.unwrap_or_else(|| Command::Explain(Box::default()));
    match dispatch(command, &mut terminal) {
        Ok(()) => ExitCode::SUCCESS,
        // `relprop … | head` is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(cli.color, &error);
            usage::exit_code(&error)
        }
    }
}

fn dispatch(command: Command, terminal: &mut Terminal) -> anyhow::Result<()> {
    match command {
        Command::Explain(args) => explain::explain(&args, terminal),
        Command::Compare(args) => compare::compare(&args, terminal),
        Command::Run(args) => run::run(&args, terminal),
        Command::Inspect(args) => inspect::inspect(&args, terminal),
        Command::Convert(args) => convert::convert(&args, terminal),
        Command::Quantize(args) => quantize::quantize(&args, terminal),
        Command::Eval(args) => eval::eval(&args, terminal),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "relprop", &mut io::stdout());
            Ok(())
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
