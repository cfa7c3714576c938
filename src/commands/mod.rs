//! What each command does: from flags to a text and an exit code.

mod advise;
mod also;
mod check;
mod embedded;
mod judge;
mod lab;
mod process_list;
mod questions;
mod route;
mod selftest;
mod serve;
mod values;

use crate::cli::{self, Cli, Command, Environment};
use crate::console::Say;
use crate::exit;
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::untrusted::Untrusted;

/// What is printed on stdout, and the exit code.
pub struct Outcome {
    /// The report, or nothing.
    pub print: String,
    /// One of [`exit`]'s.
    pub code: u8,
}

/// What the program's ends are connected to.
#[derive(Clone, Copy)]
pub struct Terminal {
    /// Whether stdout is a terminal.
    pub stdout: bool,
    /// Whether stderr is one.
    pub stderr: bool,
    /// Writes a line on stderr.
    pub say: Say,
}

/// Runs a command.
pub async fn run(cli: Cli, environment: Environment, terminal: Terminal) -> Outcome {
    let result = match cli.command {
        Command::Check(flags) => check::check_command(*flags, environment, terminal).await,
        Command::Serve(flags) => serve::serve_command(*flags, environment, terminal).await,
        Command::Judge(flags) => judge::judge(&flags, &environment, terminal),
        Command::Diff(flags) => judge::diff(&flags),
        Command::Advise(flags) => advise::advise(&flags, terminal),
        Command::Lab(cli::Lab::List { verbose }) => Ok(lab::list(verbose)),
        Command::Lab(cli::Lab::Run(flags)) => lab::run(flags, terminal).await,
        Command::Lab(cli::Lab::Replay(flags)) => lab::replay(flags, terminal).await,
        Command::Selftest(flags) => selftest::selftest(&flags, terminal),
        Command::Explain { code } => explain(&code),
    };
    result.unwrap_or_else(|mistake| {
        (terminal.say)(&format!("proxyprobe: {mistake}"));
        Outcome { print: String::new(), code: exit::USAGE }
    })
}

fn explain(code: &str) -> Result<Outcome, String> {
    let all = || ProbeId::ALL.iter().flat_map(|probe| probe.codes().iter());
    match all().find(|known| known.id == code) {
        Some(known) => Ok(Outcome { print: known.page.to_owned(), code: exit::WORKS }),
        None => {
            let ids: Vec<&str> = all().map(|known| known.id).collect();
            Err(format!("there is no finding `{}`; there are:\n  {}", Untrusted::new(code), ids.join("\n  ")))
        }
    }
}

/// Waits until somebody wants the program to end. Signals are caught from this call on, not only from the first poll: who has
/// read our address may send one at once.
#[cfg(unix)]
fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [signal(SignalKind::interrupt()), signal(SignalKind::terminate())];
    async move {
        let [mut interrupt, mut terminate] = signals.map(Result::ok);
        let one = async |signal: &mut Option<tokio::signal::unix::Signal>| match signal {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        };
        tokio::select! {
            _ = one(&mut interrupt) => {}
            _ = one(&mut terminate) => {}
        }
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
