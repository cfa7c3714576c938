//! Certificate and tokens that change while the server runs.

use crate::cli::Serve;
use crate::commands::values::read_file;
use crate::serve::Server;
use crate::serve::certificate;
use crate::serve::tokens::Token;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

/// How often the files are looked at: certificates are renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Where certificate and tokens come from.
pub(super) struct Sources {
    pair: Option<(PathBuf, PathBuf)>,
    token_file: Option<PathBuf>,
    /// Those that stand on the command line.
    given: Vec<Token>,
}

impl Sources {
    pub(super) fn of(flags: &Serve, given: Vec<Token>) -> Self {
        Self { pair: flags.cert.clone().zip(flags.key.clone()), token_file: flags.token_file.clone(), given }
    }

    /// All tokens.
    ///
    /// # Errors
    /// When the file cannot be read, or has none: a server that should admit some must not admit everybody.
    pub(super) fn tokens(&self) -> Result<Vec<Token>, String> {
        let mut tokens = self.given.clone();
        if let Some(file) = &self.token_file {
            let text = String::from_utf8_lossy(&read_file(file)?).into_owned();
            let read = Token::read_all(&text).map_err(|why| format!("{}: {why}", file.display()))?;
            if read.is_empty() {
                return Err(format!("{} has no token", file.display()));
            }
            tokens.extend(read);
        }
        Ok(tokens)
    }

    /// What the files hold now; none of one that cannot be read.
    fn bytes(&self) -> Vec<Option<Vec<u8>>> {
        let pair = self.pair.iter().flat_map(|(chain, key)| [chain, key]);
        pair.chain(&self.token_file).map(|file| std::fs::read(file).ok()).collect()
    }

    fn apply(&self, server: &Server) {
        if let Some((chain, key)) = &self.pair {
            let read = || certificate::from_pem(&read_file(chain)?, &read_file(key)?);
            match read() {
                Ok(new) => {
                    server.serve_certificate(new.config, new.sha256.clone());
                    server.log().line("certificate-read", &[("sha256", &new.sha256)]);
                }
                // Chain and key are two files: between the two changes they do not belong together.
                Err(why) => server.log().line("certificate-kept", &[("why", &why)]),
            }
        }
        if self.token_file.is_some() {
            match self.tokens() {
                Ok(tokens) => {
                    server.log().line("tokens-read", &[("count", &tokens.len().to_string())]);
                    server.admit(tokens);
                }
                Err(why) => server.log().line("tokens-kept", &[("why", &why)]),
            }
        }
    }
}

/// Reads the files again when they change, and when SIGHUP says so.
pub(super) async fn watch(server: Server, sources: Sources) {
    let mut known = sources.bytes();
    let mut hung_up = hang_up();
    loop {
        let asked = tokio::select! {
            () = sleep(LOOK_EVERY) => false,
            () = hung_up.next() => true,
        };
        let found = sources.bytes();
        if asked || found != known {
            known = found;
            sources.apply(&server);
        }
    }
}

#[cfg(unix)]
struct HangUp(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
fn hang_up() -> HangUp {
    HangUp(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok())
}

#[cfg(unix)]
impl HangUp {
    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct HangUp;

#[cfg(not(unix))]
fn hang_up() -> HangUp {
    HangUp
}

#[cfg(not(unix))]
impl HangUp {
    async fn next(&mut self) {
        std::future::pending().await
    }
}
