//! Exit codes. They are part of the contract.

use proxyprobe_probes::finding::Verdict;

/// All that was tested works.
pub const WORKS: u8 = 0;
/// Something decisive is degraded or broken.
pub const FAULTY: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// Inconclusive: no transport of the deciding leg could be judged, or some could not and nothing was proven to be wrong.
pub const INCONCLUSIVE: u8 = 3;

/// The exit code of a verdict.
pub fn of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Works => WORKS,
        Verdict::Degraded | Verdict::Broken => FAULTY,
        Verdict::Inconclusive | Verdict::NotTested => INCONCLUSIVE,
    }
}
