//! The command `towtank`; see the library's `cli` for what it does.

use std::process::ExitCode;

/// Several threads make large tables of small parts, and the C library's allocator has them wait for each other.
#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    towtank::cli::main()
}
