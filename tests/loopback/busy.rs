//! A machine on which something else wants the processors.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, available_parallelism, spawn};

/// Threads that do nothing, as fast as they can, until this is dropped.
pub(crate) struct Busy {
    going: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    /// So many for each processor.
    pub(crate) fn start(each: usize) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let burn = |going: Arc<AtomicBool>| {
            move || {
                while going.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let all = each * available_parallelism().map_or(1, NonZero::get);
        let threads = (0..all).map(|_| spawn(burn(going.clone()))).collect();
        Self { going, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.going.store(false, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
