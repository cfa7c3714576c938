//! Parses, runs, prints.

use proxyprobe::cli::{self, Environment};
use proxyprobe::commands::{self, Outcome};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with code 0, mistakes to stderr with code 2.
            let code = if error.use_stderr() { proxyprobe::exit::USAGE } else { proxyprobe::exit::WORKS };
            // A mistake repeats the argument, which may be a proxy's URL that was put in the wrong place.
            let text = error.render().to_string();
            let clean = cli::without_credentials(&text);
            if clean == text {
                let _ = error.print();
            } else {
                say(clean.trim_end());
            }
            return ExitCode::from(code);
        }
    };
    let terminal = commands::Terminal { stdout: std::io::stdout().is_terminal(), stderr: std::io::stderr().is_terminal(), say };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("proxyprobe: this system gives no threads or timers: {error}"));
            return ExitCode::from(proxyprobe::exit::INCONCLUSIVE);
        }
    };
    let Outcome { print, code } = runtime.block_on(commands::run(cli, Environment::read(), terminal));
    // A closed stdout is no mistake of this program: the code says it all.
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(print.as_bytes()).and_then(|()| stdout.flush());
    // Conversations that are still under way are not waited for.
    runtime.shutdown_background();
    ExitCode::from(code)
}

/// Writes a line on stderr. A closed one must not end a server or a run.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
