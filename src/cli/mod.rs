//! The command line: a thin user of `embed`. Parses, runs one command, prints what went wrong with a hint, and returns the
//! exit code. One file a command; `args.rs` has all of them with their help.

mod args;
mod ask;
mod audit;
mod batch;
mod demo;
mod describe;
mod exit;
mod inspect;
mod lab;
mod letters;
mod progress;
mod schema;
mod service;
mod show;
mod signal;
mod start;
mod state;
mod topics;
mod view;

use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Cli, Command};
use crate::error::{Exit, Failure};

pub use exit::{all_codes, exit_codes};

/// Stack of the threads that run calls.
const STACK: usize = 8 << 20;

/// How long what is left on the runtime has to end; the end of the process would tear down what it uses.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Runs the command that the process was started with.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output and is no mistake; clap knows which is which.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    // Unoptimized futures are large; what is not used costs nothing.
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    let runtime = match threads {
        Ok(runtime) => runtime,
        Err(error) => {
            show::line_to_stderr(&format!("no threads could be started: {error}"));
            return Exit::Internal;
        }
    };
    let ended = runtime.block_on(run(cli));
    // Blocking reads of standard input may never return; nothing else takes long to end.
    runtime.shutdown_timeout(END_WITHIN);
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            show::failure(failure.as_ref());
            failure.code().exit
        }
    }
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    let layers = cli.layers;
    match cli.command {
        Command::Run(run) if run.input.is_some() => batch::run(&layers, run).await,
        Command::Run(run) => service::run(&layers, &run).await,
        Command::Demo(demo) => demo::run(&layers, demo).await,
        Command::Lab(options) => lab::run(options).await,
        Command::Collect(collect) => ask::run(&layers, collect).await,
        Command::Validate(validate) => inspect::validate(&layers, &validate).await,
        Command::Graph(graph) => inspect::graph(&layers, &graph),
        Command::List(list) => describe::list(&layers, &list),
        Command::Schema(command) => schema::run(&layers, command).await,
        Command::Topics(command) => topics::run(&layers, command).await,
        Command::Audit(args) => audit::run(&layers, args).await,
        Command::State(command) => state::run(&layers, command).await,
        Command::DeadLetters(command) => letters::run(&layers, command).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "domainflow", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    }
}
