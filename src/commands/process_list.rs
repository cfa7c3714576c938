//! Keeps secrets that were given as arguments out of the list of processes.

/// Overwrites the user and the password in an argument of this process, as others see it. Gives whether that is done: it can be on
/// Linux alone, and even there for a moment after the start they could be seen.
#[cfg(target_os = "linux")]
pub(super) fn hide(argument: &str) -> bool {
    let start = argument.find("://").map_or(0, |at| at.saturating_add(3));
    argument.rfind('@').and_then(|end| argument.get(start..end)).is_some_and(hide_all)
}

/// Whether others can see this text among the arguments of this process.
#[cfg(target_os = "linux")]
pub(super) fn shows(text: &str) -> bool {
    let seen = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    !text.is_empty() && seen.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Whether they can is not known here: it is assumed.
#[cfg(not(target_os = "linux"))]
pub(super) fn shows(_: &str) -> bool {
    true
}

/// Overwrites the whole of a text wherever it stands somewhere in the arguments.
#[cfg(target_os = "linux")]
pub(super) fn hide_all(secret: &str) -> bool {
    use std::os::unix::fs::FileExt;
    let overwrite = || -> Option<()> {
        let secret = Some(secret.as_bytes()).filter(|secret| !secret.is_empty())?;
        let seen = std::fs::read("/proc/self/cmdline").ok()?;
        // Field 48 of /proc/self/stat (proc(5)): where the arguments are. The second field may hold blanks and ends with a bracket.
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let address: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(48 - 3)?.parse().ok()?;
        let memory = std::fs::OpenOptions::new().write(true).open("/proc/self/mem").ok()?;
        let mut found = false;
        for at in (0..seen.len()).filter(|at| seen.get(*at..).is_some_and(|rest| rest.starts_with(secret))) {
            memory.write_all_at(&b"*".repeat(secret.len()), address.checked_add(u64::try_from(at).ok()?)?).ok()?;
            found = true;
        }
        found.then_some(())
    };
    overwrite().is_some()
}

/// Nothing can be done elsewhere.
#[cfg(not(target_os = "linux"))]
pub(super) fn hide(_: &str) -> bool {
    false
}

/// Nothing can be done elsewhere.
#[cfg(not(target_os = "linux"))]
pub(super) fn hide_all(_: &str) -> bool {
    false
}
