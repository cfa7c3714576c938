//! What the kernel says of another process (proc(5)), and a certificate that a server of any kind can serve.

use std::path::PathBuf;

/// The clock ticks in a second in which the kernel tells the time of a process: 100 on every Linux (proc(5), times(3)).
const TICKS: f64 = 100.0;

/// The bytes of memory that a process has in use.
pub(crate) fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// The seconds of a processor that a process has used, its own and the kernel's for it.
pub(crate) fn busy(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in brackets, may have spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

/// As many descriptors as there may be.
pub(crate) fn allow_descriptors() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// Files of a benchmark, which are gone when it is over.
pub(crate) struct Files(PathBuf);

impl Files {
    /// With a certificate for 127.0.0.1 and its key.
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("proxyprobe-capacity-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self(folder)
    }

    /// The path of the certificate.
    pub(crate) fn cert(&self) -> String {
        self.0.join("cert.pem").to_str().unwrap().to_owned()
    }

    /// Where a server of ours writes its own.
    pub(crate) fn own(&self) -> String {
        self.0.join("own.pem").to_str().unwrap().to_owned()
    }

    /// The path of its key.
    pub(crate) fn key(&self) -> String {
        self.0.join("key.pem").to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
