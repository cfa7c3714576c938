//! Memory that nobody uses any more, and that glibc's allocator keeps: after peaks of different kinds that is more than half of it.

use super::Server;
use std::time::Duration;
use tokio::time::sleep;

/// How often it is given back: twice within a minute of quiet.
const EVERY: Duration = Duration::from_secs(25);

/// Gives it back to the system whenever nobody is connected, until the server stops. At other times the allocator's locks would make
/// somebody's times late, and what is kept is soon used again.
pub(super) async fn in_quiet_times(server: Server) {
    let stop = server.stopping();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(EVERY) => {}
        }
        if server.0.door.connections() == 0 {
            give_back();
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    #[expect(unsafe_code, reason = "malloc_trim has no safe wrapper in the libraries that are used here")]
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators decide by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
