//! Talk on stderr while something runs: bars on a terminal, plain lines elsewhere.

use crate::check::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Writes one line for a person; `main` gives the way to do so.
pub type Say = fn(&str);

/// Shows steps.
pub struct Console {
    say: Say,
    bar: Option<ProgressBar>,
    quiet: bool,
    ticker: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

/// How often plain lines say how much time is left.
const PLAIN_EVERY: u64 = 10;

impl Console {
    /// On a terminal or not; silent when asked to be.
    pub fn new(say: Say, terminal: bool, quiet: bool) -> Self {
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { say, bar, quiet, ticker: Mutex::default() }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.stop_ticker();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn stop_ticker(&self) {
        if let Some(ticker) = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            ticker.abort();
        }
    }

    fn bar(&self, bar: &ProgressBar, what: &str, lasts: Option<Duration>) {
        bar.set_message(what.to_owned());
        let Some(lasts) = lasts else {
            bar.set_style(ProgressStyle::default_spinner());
            return;
        };
        // The template is a constant of ours; a faulty one shows in the first run.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {pos}/{len} s") {
            bar.set_style(style);
        }
        bar.set_length(lasts.as_secs());
        bar.set_position(0);
        let bar = bar.clone();
        let ticker = tokio::spawn(async move {
            for second in 1..=lasts.as_secs() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                bar.set_position(second);
            }
        });
        *self.ticker.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticker);
    }

    fn lines(&self, what: &str, lasts: Option<Duration>) {
        let say = self.say;
        let Some(lasts) = lasts.map(|lasts| lasts.as_secs()) else {
            say(&format!("proxyprobe: {what}"));
            return;
        };
        say(&format!("proxyprobe: {what}, about {lasts} s"));
        let what = what.to_owned();
        let ticker = tokio::spawn(async move {
            let mut left = lasts;
            while left > PLAIN_EVERY {
                tokio::time::sleep(Duration::from_secs(PLAIN_EVERY)).await;
                left -= PLAIN_EVERY;
                say(&format!("proxyprobe: {what}, {left} s left"));
            }
        });
        *self.ticker.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticker);
    }
}

impl Progress for Console {
    fn step(&self, what: &str, lasts: Option<Duration>) {
        self.stop_ticker();
        if self.quiet {
            return;
        }
        match &self.bar {
            Some(bar) => self.bar(bar, what, lasts),
            None => self.lines(what, lasts),
        }
    }
}
