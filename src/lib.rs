//! The tool behind `proxyprobe`: a library with a thin `main`, so that tests reach all of it.

pub mod also;
pub mod check;
pub mod cli;
pub mod commands;
pub mod console;
pub mod exit;
#[doc(hidden)]
pub mod fuzz;
pub mod lab;
pub mod net;
mod plan;
pub mod replay;
pub mod report;
pub mod selftest;
pub mod serve;
pub mod stand;
mod upload;
mod witness;
