#!/usr/bin/env bash
# Builds the library without its default features for WebAssembly, asks it about a request in Node, and holds the answer against
# the program's. TOWTANK is the program (default: target/release/towtank); WASM_RUSTC a compiler that has the target
# (Debian: rustc-web with libstd-rust-web-dev). Says "skipped" and why where that can't be had.
set -euo pipefail
cd "$(dirname "$0")/../.."

towtank=${TOWTANK:-target/release/towtank}
target=wasm32-unknown-unknown

skip() { echo "skipped: $*"; exit 0; }

has_target() { [ -d "$("$1" --print sysroot 2>/dev/null)/lib/rustlib/$target/lib" ]; }

command -v node >/dev/null || skip "there is no node"
rustc=
for candidate in ${WASM_RUSTC:-} rustc /usr/bin/rustc; do
    if command -v "$candidate" >/dev/null && has_target "$candidate"; then
        rustc=$candidate
        break
    fi
done
[ -n "$rustc" ] || skip "no compiler here has the target $target (rustup target add $target, or Debian's rustc-web)"

built=${CARGO_TARGET_DIR:-target}/wasm
RUSTC=$rustc cargo build --quiet --locked --manifest-path tests/wasm/Cargo.toml --target "$target" --target-dir "$built"

scenario=scenarios/match-priority
files=("$scenario"/scenario.yaml "$scenario"/manifests/*.yaml)
compare() {
    local inside outside
    inside=$(node tests/wasm/answer.mjs "$built/$target/debug/towtank_wasm.wasm" "$1" "${files[@]}")
    outside=$(printf '%s\n' "$1" | "$towtank" explain "$scenario" -o jsonl --requests -)
    diff <(printf '%s\n' "$inside") <(printf '%s\n' "$outside") || { echo "WebAssembly answers otherwise"; exit 1; }
}
compare '{"authority": "reviews", "path": "/beta", "headers": [["x-user", "jason"]]}'
compare '{"authority": "reviews", "path": "/items/42"}'
compare '{"authority": "ratings", "path": "/stars", "method": "POST"}'
compare '{"authority": "elsewhere.example", "path": "/"}'
echo "the library answers in WebAssembly as the program does here"
