//! Reports that clients leave with the server: bounded, expiring, one file each.

use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::io::proof::hex;
use proxyprobe_probes::wire::{Kept, REPORT_BYTES};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A report is kept this long: tickets are worked on within a month.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So many reports are kept at once: with 300 KB each, 300 MB; at the very worst 8 GB.
const REPORTS: usize = 1_000;

/// A folder of reports.
pub struct Shelf {
    folder: PathBuf,
    entropy: Entropy,
    /// One report at a time is put there, so that the bound holds.
    door: Mutex<()>,
}

/// Why a report is not kept.
#[derive(Debug)]
pub(super) enum Refused {
    /// There are as many as there may be.
    Full,
    /// It is no report.
    NoReport,
    /// The file system said no.
    Failed,
}

impl Shelf {
    /// A folder for reports; it is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub fn open(folder: &Path, entropy: Entropy) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let trial = folder.join(".writable");
        std::fs::write(&trial, b"")?;
        std::fs::remove_file(trial)?;
        Ok(Self { folder: folder.to_owned(), entropy, door: Mutex::default() })
    }

    /// Keeps a report, and removes what has been kept long enough. It blocks: not for the threads that serve.
    pub(super) fn keep(&self, report: &[u8]) -> Result<Kept, Refused> {
        let document: serde_json::Value = serde_json::from_slice(report).map_err(|_| Refused::NoReport)?;
        if report.len() > REPORT_BYTES || document.get("schema").and_then(serde_json::Value::as_u64).is_none() {
            return Err(Refused::NoReport);
        }
        let _one = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::disallowed_methods, reason = "files carry the time of day")]
        let now = SystemTime::now();
        if self.sweep(now).map_err(|_| Refused::Failed)? >= REPORTS {
            return Err(Refused::Full);
        }
        // 64 bits: an id is no secret, but nobody's report is found by counting.
        let id = hex(&self.entropy.bytes::<8>());
        std::fs::write(self.folder.join(format!("{id}.json")), report).map_err(|_| Refused::Failed)?;
        Ok(Kept { id, seconds: KEPT.as_secs() })
    }

    /// Removes the reports that are older than they may be, and counts the others. Other files are left alone.
    fn sweep(&self, now: SystemTime) -> io::Result<usize> {
        let mut left = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_none_or(|end| end != "json") {
                continue;
            }
            let age = entry.metadata()?.modified()?;
            if now.duration_since(age).is_ok_and(|age| age >= KEPT) {
                std::fs::remove_file(path)?;
            } else {
                left += 1;
            }
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "files carry the time of day")]
    fn reports_are_kept_counted_and_swept() {
        let folder = std::env::temp_dir().join(format!("proxyprobe-shelf-{}", std::process::id()));
        let shelf = Shelf::open(&folder, Entropy::seeded(1)).unwrap();
        std::fs::write(folder.join("readme.txt"), "not a report").unwrap();
        assert!(matches!(shelf.keep(b"{}"), Err(Refused::NoReport)));
        assert!(matches!(shelf.keep(b"<html>"), Err(Refused::NoReport)));
        let kept = shelf.keep(b"{\"schema\": 1}").unwrap();
        assert_eq!(std::fs::read(folder.join(format!("{}.json", kept.id))).unwrap(), b"{\"schema\": 1}");
        for number in 1..REPORTS {
            std::fs::write(folder.join(format!("{number}.json")), "").unwrap();
        }
        assert!(matches!(shelf.keep(b"{\"schema\": 1}"), Err(Refused::Full)));
        assert_eq!(shelf.sweep(SystemTime::now() + KEPT + Duration::from_secs(60)).unwrap(), 0);
        assert!(folder.join("readme.txt").exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
