//! What one server holds and what its echoes cost, beside what of its peers is installed here.
//!
//! `cargo bench --bench capacity` measures idle connections and echoes; `cargo bench --bench capacity -- idle`, `-- echo` or
//! `-- many` one thing alone. Bytes for each connection and round trips for each second of the server's own time hold on a busy
//! machine; rates by the clock on the wall do not, and none is printed.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark prints, dials, looks at the clock, and fails by panicking"
)]

#[path = "capacity/crowd.rs"]
mod crowd;
#[path = "capacity/echo.rs"]
mod echo;
#[path = "capacity/idle.rs"]
mod idle;
#[path = "capacity/many.rs"]
mod many;
#[path = "capacity/peer.rs"]
mod peer;
#[path = "capacity/process.rs"]
mod process;
#[path = "../tests/loopback/program.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod program;

fn main() {
    // Cargo says `--bench` to every benchmark.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if !cfg!(target_os = "linux") {
        println!("The memory of another process is read from /proc, which this system does not have.");
        return;
    }
    match words.as_slice() {
        // A part of this very program: it holds connections for `many`.
        ["hold", kind, count, address, ca] => many::hold(kind.parse().unwrap(), count.parse().unwrap(), address, ca),
        [] => {
            idle::measure();
            echo::measure();
        }
        ["idle"] => idle::measure(),
        ["echo"] => echo::measure(),
        ["many"] => many::measure(),
        other => panic!("{other:?} is not one of idle, echo, many"),
    }
}
